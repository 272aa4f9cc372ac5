"""Builds what models are converted with, and connects it: the wiring diagram of the Convert page.

Knows nothing of the pages beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QVBoxLayout

from app.controllers.conversion import ConversionController
from app.controllers.models import ModelController
from app.convert_presenter import ConvertPresenter, Ways
from app.model_pages import ModelPages
from app.theme.theme import Theme
from app.views.confirm import ConfirmDialog
from app.views.convert.page import ConvertPage
from app.views.convert.words import kept_text
from app.views.main_window import MainWindow
from app.views.pages import Page

RECORD_NAME = "conversion.json"


class ConvertPlace(QFrame):
    """Where the page stands in the window; it is built when it is first shown.

    Signals:
        entered: it comes into view.
    """

    entered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "page")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def take(self, page: ConvertPage) -> None:
        """Shows the page."""
        self._layout.addWidget(page)

    def showEvent(self, event: QShowEvent) -> None:
        self.entered.emit()
        super().showEvent(event)


class Converting(QObject):
    """Attributes:
        place: to be put into the window.

    Signals:
        crashed: a bug in its thread, as a traceback.
    """

    crashed = Signal(str)

    def __init__(
        self, theme: Theme, command: Sequence[str], data: Path, window: MainWindow, pages: ModelPages,
        models: ModelController, load: Callable[[Path], object],
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._theme, self._window, self._pages = theme, window, pages
        self._models, self._load = models, load
        self._page: ConvertPage | None = None
        self._question: ConfirmDialog | None = None
        self.controller = ConversionController(command, data / RECORD_NAME, self)
        self.place = ConvertPlace()
        self.place.entered.connect(self._build)
        self.controller.crashed.connect(self.crashed)
        pages.my_models.convert_wanted.connect(self.convert)
        window.may_close = self.may_close

    @property
    def page(self) -> ConvertPage:
        """The page, built when it is first asked for."""
        self._build()
        assert self._page is not None
        return self._page

    @Slot()
    def _build(self) -> None:
        if self._page is None:
            pages = self._pages
            self._page = ConvertPage(self._theme)
            ways = Ways(self._window.notice.say, self._load, self._show, self._pick_folder, self._pick_text)
            self._presenter = ConvertPresenter(
                self._page, self.controller, pages.browser.card, self._models, pages.library, ways
            )  # fmt: skip
            self._presenter.find_wanted.connect(pages.show_find)
            self.place.take(self._page)

    def start(self) -> None:
        """Looks for a conversion that was begun earlier."""
        self.controller.start()

    def shut_down(self) -> bool:
        """Ends the conversion, which goes on later; False when something did not end in time."""
        return self.controller.shut_down()

    @Slot(object)
    def convert(self, path: Path) -> None:
        """Shows the page with an original model's folder, or the folder that a file lies in."""
        self._window.show_page(Page.CONVERT)
        self._build()
        self._presenter.choose(path.parent if path.is_file() else path)

    def may_close(self) -> bool:
        """Whether the window may close now; asks first while a conversion goes on."""
        progress = self.controller.progress
        if not progress.is_active:
            return True
        if self._question is None:
            words = self.tr("A conversion goes on only while the window is open. What is finished is kept, and the "
                            "Convert page offers to go on at the next start.")  # fmt: skip
            kept = kept_text(progress)
            question = ConfirmDialog(
                self._theme, self.tr("Close while a conversion goes on?"), f"{kept}. {words}" if kept else words,
                self.tr("Close the window"), self._close, self._window,
            )  # fmt: skip
            question.keep_button.setText(self.tr("Keep it open"))
            question.finished.connect(self._on_answer)
            self._question = question
            question.open()
        return False

    @Slot()
    def _on_answer(self) -> None:
        self._question = None

    def _close(self) -> None:
        self.controller.stop()
        self._window.close()

    def _show(self) -> None:
        self._window.show_page(Page.CONVERT)

    def _pick_folder(self, title: str, start: Path) -> Path | None:
        picked = QFileDialog.getExistingDirectory(self._window, title, str(start))
        return Path(picked) if picked else None

    def _pick_text(self, title: str, start: Path) -> Path | None:
        picked, _filter = QFileDialog.getOpenFileName(self._window, title, str(start))
        return Path(picked) if picked else None
