"""Builds what the first look at the window does not show, in steps after its first paint: all pages but the chat.

Modules that only these pages need are imported here, in the steps. Knows nothing of what the pages do. Whoever asks for
a page before its turn gets it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot

from app.card_watch import CardWatch
from app.controllers.load_settings import LoadSettings
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.launch import Launch
from app.storage.paths import is_portable
from app.theme.theme import Theme
from app.views.main_window import MainWindow
from app.views.pages import Page

if TYPE_CHECKING:
    from app.controllers.hub_settings import HubSettingsController
    from app.converting import Converting
    from app.first_steps import FirstSteps
    from app.model_pages import ModelPages
    from app.settings_wiring import SettingsWiring
    from app.views.settings_page import SettingsPage

MODULES = (  # a few at a time: all of them in one turn would be felt
    "markdown_it",  # for the first message
    "psutil",  # for the strip: its library is not to be opened while torch's are
    "email.utils",
    "email.parser",
    "http.client",
    "engine.hub.transfer.connection",
    "engine.hub.transfer.source",
    "engine.hub.transfer.download",
    "engine.hub.queue",
    "app.controllers.downloads",
    "engine.fit.plan",
    "engine.fit.experience",
    "engine.fit.estimate",
    "app.controllers.model_library",
    "app.views.settings_page",
    "engine.fit.offers",
    "app.controllers.browser",
    "app.item_models.hub_models",
    "app.views.model_browser.detail_pane",
    "app.views.model_browser.page",
    "app.model_browser",
    "app.my_models_presenter",
    "app.model_pages",
    "app.controllers.conversion",
    "app.views.convert.page",
    "app.converting",
)
ROWS_A_STEP = 3  # of the settings
UNPAINTED_MS = 500  # a window that starts as an icon is not painted, and its downloads go on all the same


@dataclass(frozen=True)
class PageNeeds:
    """What the pages are built on.

    Attributes:
        load: loads a model's folder and shows the chat.
        choose_folder: lets the user open a model's folder.
    """

    window: MainWindow
    theme: Theme
    launch: Launch
    preferences: Preferences
    load_settings: LoadSettings
    models: ModelController
    cards: CardWatch
    load: Callable[[Path], object]
    choose_folder: Callable[[], object]


class LatePages(QObject):
    """The pages and those who work for them; an attribute that is asked for is there.

    Signals:
        built: everything stands.
        finished: it stands and the window is painted; after `begin` only.
    """

    built = Signal()
    finished = Signal()

    def __init__(self, needs: PageNeeds, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._needs = needs
        self._steps: Iterator[None] | None = self._build()
        self._has_begun = False
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._step)
        needs.window.page_wanted.connect(self.finish)

    @property
    def settings_page(self) -> SettingsPage:
        self.finish()
        return self._settings_page

    @property
    def model_pages(self) -> ModelPages:
        self.finish()
        return self._model_pages

    @property
    def converting(self) -> Converting:
        self.finish()
        return self._converting

    @property
    def hub_settings(self) -> HubSettingsController:
        self.finish()
        return self._hub_settings

    @property
    def settings_wiring(self) -> SettingsWiring:
        self.finish()
        return self._settings_wiring

    @property
    def first_steps(self) -> FirstSteps:
        self.finish()
        return self._first_steps

    def begin(self) -> None:
        """Builds once the window is painted; what was built before is finished now."""
        self._has_begun = True
        if self._steps is None:
            self.finished.emit()
            return
        self._needs.window.installEventFilter(self)
        QTimer.singleShot(UNPAINTED_MS, self._timer, self._timer.start)

    @Slot()
    def finish(self) -> None:
        """Builds at once what is not built yet."""
        while self._steps is not None:
            self._step()

    def shut_down(self) -> bool:
        """Ends the threads of the pages, and builds no more; False when one did not end in time."""
        self._timer.stop()
        self._needs.window.removeEventFilter(self)
        is_built = self._steps is None
        self._steps = None
        if not is_built:
            return True
        ended = (self._converting.shut_down(), self._model_pages.shut_down())
        return all(ended)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._needs.window.removeEventFilter(self)
            self._timer.start()  # fires when this paint is done
        return False

    @Slot()
    def _step(self) -> None:
        if self._steps is not None and next(self._steps, self) is not self:
            return
        self._timer.stop()
        if self._steps is not None:
            self._steps = None
            self.built.emit()
            if self._has_begun:
                self.finished.emit()

    def _build(self) -> Iterator[None]:
        for name in MODULES:
            import_module(name)
            yield
        yield from self._build_settings()
        yield from self._build_models()
        self._build_converting()
        yield
        self._connect()

    def _build_settings(self) -> Iterator[None]:
        from app.views.hub_settings import HubSettingsCards
        from app.views.settings_page import SettingsPage, build_rows

        needs, rows = self._needs, {}
        for number, (key, row) in enumerate(build_rows(needs.theme)):
            rows[key] = row
            if number % ROWS_A_STEP == ROWS_A_STEP - 1:
                yield
        hub = HubSettingsCards(needs.theme)
        yield
        self._settings_page = SettingsPage(
            needs.theme, needs.launch.paths.folder, is_portable(), rows=rows, hub=hub
        )  # fmt: skip
        yield
        needs.window.add_page(Page.SETTINGS, self._settings_page)
        yield

    def _build_models(self) -> Generator[None, None, None]:
        from app.model_pages import ModelPages, build_views

        needs = self._needs
        views = yield from build_views(needs.theme)
        self._model_pages = pages = ModelPages(
            views, needs.launch, needs.preferences, needs.load_settings, needs.models, needs.cards
        )
        yield
        needs.window.add_page(Page.MODELS, pages.models_page)
        needs.window.add_page(Page.DOWNLOADS, pages.downloads_page)
        pages.connect_window(needs.window, needs.load, needs.choose_folder)
        yield

    def _build_converting(self) -> None:
        from app.converting import Converting

        needs, pages = self._needs, self._model_pages
        self._converting = Converting(
            needs.theme, needs.launch.convert_command, needs.launch.paths.folder, needs.window, pages, needs.models,
            needs.load,
        )  # fmt: skip
        needs.window.add_page(Page.CONVERT, self._converting.place)

    def _connect(self) -> None:
        from app.first_steps import FirstSteps
        from app.hub_settings_wiring import connect_hub_settings
        from app.settings_wiring import SettingsWiring

        needs, page, pages = self._needs, self._settings_page, self._model_pages
        self._first_steps = FirstSteps(needs.window, pages, needs.load_settings, self)
        self._hub_settings = connect_hub_settings(page.hub, pages, needs.preferences, needs.launch, needs.window)
        self._settings_wiring = SettingsWiring(
            page, needs.preferences, needs.load_settings, self._hub_settings, needs.window.notice, self
        )
