"""Builds what models are found, fetched and kept with, and connects it: the wiring diagram of the model pages.

Knows nothing of chats; the window's own wiring is in `application`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from app.controllers.load_settings import LoadSettings
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.hub_access import HubAccess
from app.launch import Launch
from app.theme.theme import Theme
from app.views.downloads.page import DownloadsPage
from app.views.main_window import MainWindow
from app.views.models_page import ModelsPage
from app.views.my_models.page import MyModelsPage
from app.views.pages import Page


class ModelPages(QObject):
    """Attributes:
    hub: the way to the hub, for all that asks it.
    """

    def __init__(
        self, theme: Theme, launch: Launch, preferences: Preferences, load_settings: LoadSettings,
        models: ModelController, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.hub = HubAccess(preferences, launch.endpoint_of, launch.paths.folder, launch.cache_folder, self)
        self.my_models = MyModelsPage(theme)
        self.models_page = ModelsPage(theme)
        self.models_page.add_tab(self.tr("On this computer"), self.my_models)
        self.downloads_page = DownloadsPage(theme)

    def connect_window(
        self, window: MainWindow, load: Callable[[Path], object], choose_folder: Callable[[], object]
    ) -> None:
        """Connects the pages with the window that stands by now."""
        self._window = window
        self.downloads_page.find_requested.connect(self._show_find)

    def start(self) -> None:
        """Begins with what needs a thread: reading the disk, the downloads that were left."""

    def shut_down(self) -> bool:
        """Ends every thread; False when one did not end in time."""
        return True

    @Slot()
    def _show_find(self) -> None:
        self._window.show_page(Page.MODELS)
