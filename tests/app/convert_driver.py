"""The Convert page under test, as a user sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from app.controllers.conversion import ConversionController, Phase
from app.views.confirm import ConfirmDialog
from app.views.convert.page import ConvertPage
from app.views.pages import Page
from tests.app.driver import Window
from tests.fakes.fake_convert import Behaviour

QUICK = Behaviour(step_s=0.04)
SLOW = Behaviour(step_s=0.6)


class Driver:
    """The page under test, as a user sees it."""

    def __init__(self, window: Window) -> None:
        self.window = window
        window.app.window.show_page(Page.CONVERT)
        self.until(lambda: window.app.late.converting.page.isVisible())

    @property
    def page(self) -> ConvertPage:
        return self.window.app.late.converting.page

    @property
    def controller(self) -> ConversionController:
        return self.window.app.late.converting.controller

    @property
    def phase(self) -> Phase:
        return self.controller.progress.phase

    def until(self, condition: Callable[[], bool], timeout_ms: int = 10_000) -> None:
        self.window.until(condition, timeout_ms)

    def choose(self, folder: Path) -> None:
        self.window.app.late.converting.convert(folder)
        self.until(lambda: self.page.rate.isVisible() or self.page.source.trouble.isVisible())

    def start(self) -> None:
        self.page.start.start_button.click()
        assert self.phase is Phase.RUNNING

    def run_to(self, phase: Phase) -> None:
        self.until(lambda: self.phase is phase, 20_000)

    def note(self) -> str:
        notice = self.window.app.window.notice
        return " ".join(each.text() for each in notice.findChildren(QLabel)) if notice.isVisible() else ""

    def answer(self, verb: str) -> None:
        dialog = self.window.app.window.findChild(ConfirmDialog)
        assert dialog is not None
        next(each for each in dialog.findChildren(QPushButton) if each.text() == verb).click()


def visible_buttons(widget: QWidget) -> list[str]:
    return [each.text() for each in widget.findChildren(QPushButton) if each.isVisible()]
