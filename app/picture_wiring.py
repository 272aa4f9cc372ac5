"""Connects what has to do with images: choosing, dropping, showing and saving them, their cost, models that are blind.

A part of the wiring diagram; the window's own is in `application`. Knows nothing of how an image is decoded.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, Slot
from PySide6.QtWidgets import QApplication, QFileDialog

from app.background import Background
from app.controllers.conversation import ConversationController
from app.controllers.models import ModelController
from app.error_words import error_line, error_words
from app.late_pages import LatePages
from app.pictures.costs import PictureCosts, first_that_sees
from app.pictures.desk import PictureDesk
from app.pictures.work import Source
from app.storage.turns import Attached
from app.views.chat.composer import Composer
from app.views.chat.message_editor import MessageEditor
from app.views.chat.picture_input import file_pattern
from app.views.chat.sight_notice import Way
from app.views.inspector import Inspector
from app.views.main_window import MainWindow
from app.views.pages import Page
from app.views.picture_viewer import PictureViewer
from engine.errors import EngineError
from engine.hub.hub_cache import shown_name


class PictureWiring(QObject):
    """Attributes:
    viewer: shows an image over the window.
    costs: what images cost the loaded model.
    """

    def __init__(
        self, window: MainWindow, chats: ConversationController, models: ModelController, late: LatePages,
        desk: PictureDesk, panel: Inspector, demo_folder: Path, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window, self._chats, self._models, self._late, self._desk = window, chats, models, late, desk
        self._panel, self._demo_folder = panel, demo_folder
        self._page = window.parts.chat
        self._composer: Composer = self._page.composer
        self._seeing: Path | None = None  # an installed model that sees, once one was found
        self._looking = Background("models-that-see", self)
        self._folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation))
        self.costs = PictureCosts(models, self)
        self.viewer = PictureViewer(window.theme, desk, window)
        self._connect()
        self._on_model()

    def shut_down(self) -> bool:
        """Ends the threads; False when one did not end in time."""
        ended = (self.costs.shut_down(), self._looking.shut_down())
        return all(ended)

    @Slot()
    def choose(self) -> None:
        """Lets the user pick image files for the message that is being written; a blind model is told of first."""
        self._window.show_page(Page.CHAT)
        target = self._target()
        if self._is_blind and target is self._composer:
            self._say_blind()
            self._page.sight_notice.insist()
            return
        start = str(self._folder if self._folder.is_dir() else Path.home())
        pattern = f"{self.tr('Images')} ({file_pattern()});;{self.tr('All files')} (*)"
        picked, _ = QFileDialog.getOpenFileNames(self._window, self.tr("Add images"), start, pattern)
        if picked:
            self._folder = Path(picked[0]).parent
            self.add([Source(Path(each).name, path=Path(each)) for each in picked])

    @Slot(list)
    def add(self, sources: list[Source]) -> None:
        """Adds images to the message that is being written."""
        self._window.show_page(Page.CHAT)
        target = self._target()
        target.add_pictures(sources)
        (target.input if isinstance(target, Composer) else target.field).setFocus()

    @Slot()
    def insist(self) -> None:
        """A message with images was to be sent to a model that sees none."""
        self._say_blind()
        self._page.sight_notice.insist()

    def _connect(self) -> None:
        page, composer, chats = self._page, self._composer, self._chats
        composer.attach_requested.connect(self.choose)
        page.transcript.attach_requested.connect(self.choose)
        self._window.pictures_dropped.connect(self.add)
        self._window.address_dropped.connect(self._tell_address)
        composer.tray.changed.connect(self._show_sight)
        composer.tray.opened.connect(self.viewer.open)
        page.transcript.pictures_opened.connect(self.viewer.open)
        self.viewer.save_requested.connect(self._save)
        self._models.state_changed.connect(self._on_model)
        self.costs.changed.connect(self._show_costs)
        chats.setup_changed.connect(self._show_costs)
        chats.setup_changed.connect(self._show_detail)
        self._panel.image_detail.chosen.connect(chats.set_image_pixels)

    def _target(self) -> Composer | MessageEditor:
        """The message that is being changed where the keyboard is, else the composer."""
        widget = QApplication.focusWidget()
        while widget is not None:
            if isinstance(widget, MessageEditor) and widget.tray is not None:
                return widget
            widget = widget.parentWidget()
        return self._composer

    # -- models that see ----------------------------------------------------------------------------------------------

    @property
    def _is_blind(self) -> bool:
        info = self._models.info
        return self._models.is_ready and info is not None and not info.sees

    @Slot()
    def _on_model(self) -> None:
        info = self._models.info
        blind = self._is_blind and info is not None
        self._composer.set_sight(not blind, error_words(info.why_blind) if blind and info else self.tr("Add images"))
        self._page.sight_notice.hide()
        self._show_sight()
        self._show_detail()

    @Slot()
    def _show_sight(self) -> None:
        notice = self._page.sight_notice
        if self._is_blind and self._composer.tray.num_pictures:
            if notice.isHidden():
                self._say_blind()
        else:
            notice.hide()

    def _say_blind(self) -> None:
        info = self._models.info
        if info is None:
            return
        installed = [each.path for each in self._late.model_pages.library.library.models]
        others = [path for path in (*installed, self._demo_folder) if path != info.path]
        self._looking.do(partial(first_that_sees, others), self._take_seeing)
        self._tell_blind()

    def _take_seeing(self, path: Path | None) -> None:
        self._seeing = path
        if self._page.sight_notice.isVisible():
            had_focus = self._page.sight_notice.isAncestorOf(QApplication.focusWidget() or self._window)
            self._tell_blind()
            if had_focus:
                self._page.sight_notice.insist()

    def _tell_blind(self) -> None:
        info, composer = self._models.info, self._composer
        if info is None:
            return
        stays = self.tr("The images stay in your message until a model that sees is loaded.")
        words = error_words(info.why_blind)
        ways: list[Way] = []
        if self._seeing is not None:
            load = self.tr("Load {0}").format(shown_name(self._seeing))
            load = self.tr("Load the demo model") if self._seeing == self._demo_folder else load
            ways.append((load, partial(self._models.load, self._seeing)))
        ways.append((self.tr("Find a model that sees"), self._find))
        if composer.tray.num_pictures:
            words = f"{words} {stays}"
            ways.append((self.tr("Remove the images"), composer.tray.take))
        self._page.sight_notice.say(words, ways)

    def _find(self) -> None:
        self._late.model_pages.browser.page.filters.vision.setChecked(True)
        self._late.model_pages.show_find()

    @Slot()
    def _tell_address(self) -> None:
        words = self.tr(
            "Only the address of the image came along, and nothing is fetched. Copy the image, then paste it."
        )
        self._window.notice.say(words)

    # -- cost and detail ----------------------------------------------------------------------------------------------

    @Slot()
    def _show_costs(self) -> None:
        self._composer.tray.set_costs(self._tokens_of)

    def _tokens_of(self, width: int, height: int) -> int | None:
        return self.costs.tokens(width, height, self._chats.shown_pixels)

    @Slot()
    def _show_detail(self) -> None:
        info = self._models.info if self._models.is_ready else None
        budget = info.image_budget if info else None
        automatic = budget.automatic(info.context_tokens) if budget is not None and info is not None else 0
        self._panel.image_detail.show_budget(budget, self._chats.image_pixels, automatic)

    # -- files --------------------------------------------------------------------------------------------------------

    @Slot(object)
    def _save(self, picture: Attached) -> None:
        kept = self._desk.folder.path(picture.name)
        name = Path(picture.words).name or self.tr("Image")
        name = name if Path(name).suffix else f"{name}{kept.suffix}"
        start = (self._folder if self._folder.is_dir() else Path.home()) / name
        picked, _ = QFileDialog.getSaveFileName(self._window, self.tr("Save the image"), str(start))
        if picked:
            self._folder = Path(picked).parent
            self._desk.copy_to(picture.name, Path(picked), self._tell_saved, self._tell_error)

    def _tell_saved(self, path: Path) -> None:
        self._window.notice.say(self.tr("Saved as {0}.").format(path.name))

    def _tell_error(self, error: EngineError) -> None:
        self._window.notice.say(error_line(error))
