"""Builds what models are found, fetched and kept with, and connects it: the wiring diagram of the model pages.

Knows nothing of chats; the window's own wiring is in `application`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from app.controllers.downloads import DownloadController
from app.controllers.load_settings import LoadSettings
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.hub_access import HubAccess
from app.item_models.downloads import DownloadListModel
from app.launch import Launch
from app.theme.theme import Theme
from app.views.downloads.page import DownloadsPage
from app.views.main_window import MainWindow
from app.views.models_page import ModelsPage
from app.views.my_models.page import MyModelsPage
from app.views.pages import Page
from engine.errors import EngineError
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.types import RepoId

QUEUE_NAME = "downloads.json"


class ModelPages(QObject):
    """Attributes:
        hub: the way to the hub, for all that asks it.

    Signals:
        crashed: a bug in a thread of the pages, as a traceback.
    """

    crashed = Signal(str)

    def __init__(
        self, theme: Theme, launch: Launch, preferences: Preferences, load_settings: LoadSettings,
        models: ModelController, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window: MainWindow | None = None
        self._load: Callable[[Path], object] = models.load
        self.hub = HubAccess(preferences, launch.endpoint_of, launch.paths.folder, launch.cache_folder, self)
        self.downloads = DownloadController(self.hub, launch.paths.folder / QUEUE_NAME, launch.transfer, self)
        self.download_model = DownloadListModel(self)
        self.downloads_page = DownloadsPage(theme, self.download_model)
        self.my_models = MyModelsPage(theme)
        self.models_page = ModelsPage(theme)
        self.models_page.add_tab(self.tr("On this computer"), self.my_models)
        self._connect_downloads()

    def connect_window(
        self, window: MainWindow, load: Callable[[Path], object], choose_folder: Callable[[], object]
    ) -> None:
        """Connects the pages with the window that stands by now.

        Args:
            load: loads a model's folder and shows the chat.
            choose_folder: lets the user open a model's folder.
        """
        self._window, self._load = window, load
        self.downloads_page.show_offline(self.hub.is_offline)

    def start(self) -> None:
        """Begins with what needs a thread: reading the disk, the downloads that were left."""
        self.downloads.start()

    def shut_down(self) -> bool:
        """Ends every thread; False when one did not end in time."""
        return self.downloads.shut_down()

    def _connect_downloads(self) -> None:
        page, downloads = self.downloads_page, self.downloads
        downloads.listed.connect(self.download_model.show_list)
        downloads.progressed.connect(self.download_model.show_progress)
        downloads.completed.connect(self._on_completed)
        downloads.failed.connect(self._say_error)
        downloads.crashed.connect(self.crashed)
        page.pause_requested.connect(downloads.pause)
        page.resume_requested.connect(downloads.resume)
        page.cancel_requested.connect(downloads.cancel)
        page.remove_requested.connect(downloads.forget)
        page.move_requested.connect(downloads.move)
        page.pause_all_requested.connect(downloads.pause_all)
        page.resume_all_requested.connect(downloads.resume_all)
        page.clear_requested.connect(downloads.forget_finished)
        page.load_requested.connect(self._on_load)
        page.page_requested.connect(self._open_page)
        page.find_requested.connect(self._show_find)
        page.online_requested.connect(lambda: self.hub.set_offline(False))
        self.hub.offline_changed.connect(page.show_offline)

    @Slot(object)
    def _on_completed(self, plan: DownloadPlan) -> None:
        words = self.tr("{0} is downloaded and verified.").format(plan.name)
        self._say(words, self.tr("Chat with it"), lambda: self._load(plan.folder))

    @Slot(object)
    def _on_load(self, folder: Path) -> None:
        self._load(folder)

    @Slot(object)
    def _open_page(self, repo: RepoId) -> None:
        try:
            QDesktopServices.openUrl(QUrl(self.hub.endpoint().page_of(repo)))
        except EngineError as error:
            self._say_error(error)

    @Slot(object)
    def _say_error(self, error: EngineError) -> None:
        self._say(str(error))

    def _say(self, text: str, button: str = "", action: Callable[[], object] | None = None) -> None:
        if self._window is not None:
            self._window.notice.say(text, button, action)

    @Slot()
    def _show_find(self) -> None:
        if self._window is not None:
            self._window.show_page(Page.MODELS)
