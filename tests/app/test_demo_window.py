"""The whole road with the real engine: the embedded demo model talks in the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application, Launch
from app.storage.paths import data_paths
from app.views.chat.error_card import ErrorCard
from app.views.chat.messages import ReplyMessage
from app.views.chip import Chip
from engine.events import GenerationStarted
from tests.app.dropping import drag_over, drop, mime

LOAD_LIMIT_MS = 240_000  # a first start compiles the kernels


@pytest.fixture
def demo_window(qapp: QApplication, qtbot: QtBot, tmp_path: Path, demo_model: Path) -> Iterator[Application]:
    app = Application(qapp, Launch(data_paths(tmp_path / "data"), demo_folder=demo_model))
    app.start()
    qtbot.waitUntil(lambda: app.models.is_ready, timeout=LOAD_LIMIT_MS)
    yield app
    app.close()
    app.window.deleteLater()
    app.deleteLater()


def test_the_demo_model_answers_stops_and_explains_what_it_cannot_do(
    demo_window: Application, qtbot: QtBot, tmp_path: Path
) -> None:
    app = demo_window
    assert app.models.is_demo
    app.inspector.fields["temperature"].editor.setValue(0.0)  # type: ignore[union-attr]
    qtbot.keyClicks(app.chat.composer.input, "My name is Clara. What is my name?")
    qtbot.keyClick(app.chat.composer.input, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not app.chats.busy, timeout=60_000)
    reply = app.chat.transcript.message_widgets[-1]
    assert isinstance(reply, ReplyMessage)
    assert "Clara" in reply.text()
    assert "stopped by itself" in reply.meta.text()
    assert app.chat.context_row.words.text().endswith("tokens")

    app.chat.composer.set_text("Tell me a story about a fox and a lantern")
    app.chat.composer.submit()
    qtbot.waitUntil(lambda: len(app.chat.transcript.message_widgets[-1].text()) > 10, timeout=60_000)
    qtbot.keyClick(app.chat.composer.input, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not app.chats.busy, timeout=10_000)
    stopped = app.chat.transcript.message_widgets[-1]
    assert isinstance(stopped, ReplyMessage)
    assert "stopped by you" in stopped.meta.text()

    app.chat.composer.set_text("too long " * 4000)
    app.chat.composer.submit()
    qtbot.waitUntil(lambda: not app.chats.busy, timeout=60_000)
    failed = app.chat.transcript.message_widgets[-1]
    assert isinstance(failed, ReplyMessage)
    assert failed.error_card is not None

    no_model = tmp_path / "no model here"
    no_model.mkdir()
    app.load(no_model)
    qtbot.waitUntil(lambda: bool(app.chat.findChildren(ErrorCard)), timeout=60_000)
    assert not app.models.is_ready


def test_the_demo_model_sees_a_picture_that_is_dropped(demo_window: Application, qtbot: QtBot, tmp_path: Path) -> None:
    app = demo_window
    started: list[GenerationStarted] = []
    app.chats.reply_started.connect(lambda _, event: started.append(event))
    app.inspector.fields["temperature"].editor.setValue(0.0)  # type: ignore[union-attr]
    picture = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(picture).ellipse((90, 50, 230, 190), fill="red")
    picture.save(tmp_path / "picture.png")

    def asked(words: str) -> str:
        qtbot.keyClicks(app.chat.composer.input, words)
        qtbot.keyClick(app.chat.composer.input, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: not app.chats.busy, timeout=60_000)
        reply = app.chat.transcript.message_widgets[-1]
        assert isinstance(reply, ReplyMessage)
        assert reply.error_card is None
        return reply.text()

    data = mime(tmp_path / "picture.png")
    assert drag_over(app.window, data)
    drop(app.window, data)
    tray = app.chat.composer.tray
    qtbot.waitUntil(lambda: len(tray.pictures) == 1 and not tray.is_reading, timeout=30_000)
    assert "red circle" in asked("What is in the picture?")
    assert "red" in asked("What colour is the circle?")
    first, second = started
    assert first.cached_tokens == 0
    assert second.cached_tokens >= first.prompt_tokens  # the picture was not looked at again


def test_the_example_with_a_picture(demo_window: Application, qtbot: QtBot) -> None:
    app = demo_window
    chips = [each for each in app.chat.empty.findChildren(Chip) if "picture" in each.text()]
    for _ in range(2):  # a second click adds no second picture
        qtbot.mouseClick(chips[0], Qt.MouseButton.LeftButton)
    tray = app.chat.composer.tray
    qtbot.waitUntil(lambda: len(tray.pictures) == 1 and not tray.is_reading, timeout=30_000)
    app.inspector.fields["temperature"].editor.setValue(0.0)  # type: ignore[union-attr]
    qtbot.keyClick(app.chat.composer.input, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not app.chats.busy, timeout=60_000)
    reply = app.chat.transcript.message_widgets[-1]
    assert isinstance(reply, ReplyMessage)
    for words in ("red circle", "blue square", "green triangle"):
        assert words in reply.text()
