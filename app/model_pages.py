"""Builds what models are found, fetched and kept with, and connects it: the wiring diagram of the model pages.

Knows nothing of chats; the window's own wiring is in `application`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from app.card_watch import CardWatch
from app.controllers.downloads import DownloadController
from app.controllers.load_settings import LoadSettings
from app.controllers.model_library import ModelLibraryController
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.error_words import error_line
from app.figures import file_amount
from app.hub_access import HubAccess
from app.item_models.downloads import DownloadListModel
from app.launch import Launch
from app.model_browser import ModelBrowser
from app.my_models_presenter import MyModelsPresenter
from app.theme.theme import Theme
from app.views.downloads.page import DownloadsPage
from app.views.main_window import MainWindow
from app.views.model_browser.page import ModelBrowserPage, build_parts
from app.views.models_page import ModelsPage
from app.views.my_models.page import MyModelsPage
from app.views.pages import Page
from engine.errors import EngineError
from engine.hub.model_store import InstalledModel, VerifyReport
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.types import RepoId

QUEUE_NAME = "downloads.json"


@dataclass(frozen=True)
class ModelViews:
    """What the pages show, before anything works for it."""

    download_model: DownloadListModel
    downloads: DownloadsPage
    my_models: MyModelsPage
    models: ModelsPage
    browser: ModelBrowserPage


def build_views(theme: Theme) -> Generator[None, None, ModelViews]:
    """Builds the views in steps, since all of them in one turn would be felt; returns them."""
    parts = yield from build_parts(theme)
    browser = ModelBrowserPage(theme, parts=parts)
    yield
    my_models, models = MyModelsPage(theme), ModelsPage(theme)
    yield
    download_model = DownloadListModel(models)
    downloads = DownloadsPage(theme, download_model)
    yield
    return ModelViews(download_model, downloads, my_models, models, browser)


class ModelPages(QObject):
    """Attributes:
        hub: the way to the hub, for all that asks it.

    Signals:
        crashed: a bug in a thread of the pages, as a traceback.
    """

    crashed = Signal(str)

    def __init__(
        self, views: ModelViews, launch: Launch, preferences: Preferences, load_settings: LoadSettings,
        models: ModelController, cards: CardWatch, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window: MainWindow | None = None
        self._models = models
        self._load: Callable[[Path], object] = models.load
        self.hub = HubAccess(preferences, launch.endpoint_of, launch.paths.folder, launch.cache_folder, self)
        self.library = ModelLibraryController(
            preferences, load_settings, launch.first_models_folder, launch.hub_cache, self
        )  # fmt: skip
        self.downloads = DownloadController(
            self.hub,
            launch.paths.folder / QUEUE_NAME,
            launch.transfer,
            lambda: self.library.folders,
            preferences.settings.parallel_downloads,
            self,
        )
        self.download_model, self.downloads_page = views.download_model, views.downloads
        self.my_models, self.models_page = views.my_models, views.models
        self.browser = ModelBrowser(
            views.browser, self.hub, load_settings, cards, self.library.default_folder, launch.cache_folder, self
        )  # fmt: skip
        self.models_page.add_tab(self.tr("Find"), self.browser.page)
        self.models_page.add_tab(self.tr("On this computer"), self.my_models)
        self.my_models_presenter = MyModelsPresenter(
            self.my_models,
            self.library,
            load_settings,
            models,
            self.browser.card,
            self._say,
            self._choose_models_folder,
        )
        self._connect_downloads()
        self._connect_library()
        self.browser.controller.plan_made.connect(self._on_plan)
        self.downloads.listed.connect(self.browser.presenter.show_downloads)
        self.library.listed.connect(self.browser.presenter.show_library)
        self.browser.controller.plan_failed.connect(self._say_error)
        self.browser.presenter.token_wanted.connect(self._show_settings)
        self.browser.presenter.chat_wanted.connect(self._chat_with)
        self.browser.presenter.downloads_wanted.connect(self._show_downloads)

    def connect_window(
        self, window: MainWindow, load: Callable[[Path], object], choose_folder: Callable[[], object]
    ) -> None:
        """Connects the pages with the window that stands by now.

        Args:
            load: loads a model's folder and shows the chat.
            choose_folder: lets the user open a model's folder.
        """
        self._window, self._load = window, load
        self.my_models.open_wanted.connect(choose_folder)
        self.downloads_page.show_offline(self.hub.is_offline)

    def start(self) -> None:
        """Begins with what needs a thread: reading the disk, the downloads that were left."""
        self.library.start()
        self.downloads.start()
        self.browser.start()

    def shut_down(self) -> bool:
        """Ends every thread; False when one did not end in time."""
        ended = (self.downloads.shut_down(), self.library.shut_down(), self.browser.shut_down())
        return all(ended)

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
        page.load_requested.connect(self._chat_with)
        page.page_requested.connect(self._open_page)
        page.find_requested.connect(self.show_find)
        page.online_requested.connect(self._go_online)
        page.token_requested.connect(self._show_settings)
        self.hub.offline_changed.connect(page.show_offline)

    def _connect_library(self) -> None:
        page, library = self.my_models, self.library
        page.load_wanted.connect(self._chat_with)
        page.find_wanted.connect(self.show_find)
        library.failed.connect(self._say_error)
        library.crashed.connect(self.crashed)
        library.verified.connect(self._on_verified)
        library.deleted.connect(lambda model, _freed: self.downloads.forget_folder(model.path))
        library.moved.connect(lambda source, _destination: self.downloads.forget_folder(source))
        self.my_models_presenter.repair_wanted.connect(self._repair)

    @Slot(object, object)
    def _on_verified(self, model: InstalledModel, report: VerifyReport) -> None:
        if not report.is_whole:
            self.downloads.reopen_folder(model.path)

    @Slot(object)
    def _repair(self, plan: DownloadPlan) -> None:
        self.downloads.add(plan)
        self._show_downloads()

    @Slot(object)
    def _on_plan(self, plan: DownloadPlan) -> None:
        self.downloads.add(plan)
        words = self.tr("{0} is being downloaded: {1}.").format(plan.name, file_amount(plan.total_bytes))
        self._say(words, self.tr("Show downloads"), self._show_downloads)

    def _choose_models_folder(self) -> Path | None:
        start = str(self.library.default_folder())
        picked = QFileDialog.getExistingDirectory(self._window, self.tr("Choose a folder for models"), start)
        return Path(picked) if picked else None

    @Slot(object)
    def _on_completed(self, plan: DownloadPlan) -> None:
        self.library.refresh()
        words = self.tr("{0} is downloaded and verified.").format(plan.name)
        self._say(words, self.tr("Chat with it"), lambda: self._chat_with(plan.folder))

    @Slot()
    def _go_online(self) -> None:
        self.hub.set_offline(False)
        if self.hub.is_offline:
            self._say(self.tr("The variable HF_HUB_OFFLINE keeps this program offline. Start it without."))

    @Slot(object)
    def _chat_with(self, folder: Path) -> None:
        """Shows the chat; loads the model unless it is loaded as its settings say."""
        info = self._models.info
        is_there = self._models.is_ready and info is not None and info.path == folder
        if is_there and not self._models.needs_reload and self._window is not None:
            self._window.show_page(Page.CHAT)
        else:
            self._load(folder)

    @Slot(object)
    def _open_page(self, repo: RepoId) -> None:
        try:
            QDesktopServices.openUrl(QUrl(self.hub.endpoint().page_of(repo)))
        except EngineError as error:
            self._say_error(error)

    @Slot(object)
    def _say_error(self, error: EngineError) -> None:
        self._say(error_line(error))

    def _say(self, text: str, button: str = "", action: Callable[[], object] | None = None, stay: bool = False) -> None:
        if self._window is not None:
            self._window.notice.say(text, button, action, stay)

    @Slot()
    def show_find(self) -> None:
        """Shows where models are found."""
        if self._window is not None:
            self._window.show_page(Page.MODELS)
            self.models_page.show_tab(self.browser.page)

    @Slot()
    def _show_settings(self) -> None:
        if self._window is not None:
            self._window.show_page(Page.SETTINGS)

    @Slot()
    def _show_downloads(self) -> None:
        if self._window is not None:
            self._window.show_page(Page.DOWNLOADS)
