"""Builds what works for the model browser's page: its controller, the card it judges for, and what joins them.

Knows nothing of the window around it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject

from app.browser_presenter import BrowserPresenter
from app.card_watch import CardWatch
from app.controllers.browser import BrowserController
from app.controllers.load_settings import LoadSettings
from app.controllers.plan_card import PlanCard
from app.hub_access import HubAccess
from app.resources_paths import starter_models_path
from app.views.model_browser.page import ModelBrowserPage
from engine.fit.experience import Experience
from engine.fit.starters import read_starters


class ModelBrowser(QObject):
    """Attributes:
    page: to be put into the window.
    controller: its signal `plan_made` hands on what is to be downloaded.
    presenter: its signal `token_wanted` asks for the place where a token is entered.
    """

    def __init__(
        self, page: ModelBrowserPage, hub: HubAccess, settings: LoadSettings, watch: CardWatch,
        models_folder: Callable[[], Path], cache_folder: Path, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.card = PlanCard(settings, watch, Experience(cache_folder), self)
        self.controller = BrowserController(
            hub, models_folder, lambda: read_starters(starter_models_path()), self.card.memory, self
        )
        self.page, self.list_model = page, page.model
        self.presenter = BrowserPresenter(self.page, self.list_model, self.controller, self.card)

    def start(self) -> None:
        """Reads the list of models to start with; the hub is asked nothing."""
        self.controller.start()

    def shut_down(self) -> bool:
        """Ends every thread; False when one did not end in time."""
        return self.controller.shut_down()
