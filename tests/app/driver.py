"""What the window's tests do again and again: wait, send a message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.application import Application
from tests.fakes.fake_session import Script


@dataclass
class Window:
    """The application under test and the engine it talks to."""

    app: Application
    script: Script
    model: Path
    qtbot: QtBot

    def until(self, condition: Callable[[], bool], timeout_ms: int = 5000) -> None:
        self.qtbot.waitUntil(condition, timeout=timeout_ms)

    def ready(self) -> None:
        self.until(lambda: self.app.models.is_ready)

    def say(self, text: str, wait: bool = True) -> None:
        self.app.chat.composer.set_text(text)
        self.app.chat.composer.submit()
        if wait:
            self.until(lambda: not self.app.chats.busy)
