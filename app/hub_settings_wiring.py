"""Connects the settings about the hub: their cards, what takes them, and the pages that go by them."""

from __future__ import annotations

from app.controllers.hub_settings import HubSettingsController
from app.controllers.preferences import Preferences
from app.launch import Launch
from app.model_pages import ModelPages
from app.views.hub_settings import HubSettingsCards
from app.views.main_window import MainWindow
from app.views.pages import Page


def connect_hub_settings(
    cards: HubSettingsCards, pages: ModelPages, preferences: Preferences, launch: Launch, window: MainWindow
) -> HubSettingsController:
    """Builds the controller of the cards; its thread ends when the window closes."""
    controller = HubSettingsController(preferences, pages.hub, launch.first_models_folder, parent=window)
    cards.opened.connect(controller.refresh)
    cards.opened.connect(controller.look_for_token)
    cards.address_entered.connect(controller.set_address)
    cards.offline_chosen.connect(controller.set_offline)
    cards.parallel_chosen.connect(controller.set_parallel_downloads)
    cards.token_entered.connect(controller.save_token)
    cards.check_requested.connect(controller.check_token)
    cards.remove_requested.connect(controller.remove_token)
    cards.folders_requested.connect(lambda: _show_folders(pages, window))
    controller.changed.connect(cards.show_state)
    controller.address_refused.connect(cards.show_address_error)
    controller.token_kept.connect(cards.token.clear)
    controller.token_said.connect(cards.show_token_words)
    controller.parallel_changed.connect(pages.downloads.set_parallel_downloads)
    pages.library.listed.connect(controller.refresh)
    controller.parallel_changed.connect(pages.downloads.set_parallel_downloads)
    controller.crashed.connect(pages.crashed)
    pages.browser.presenter.token_wanted.connect(cards.show_token_field)
    pages.downloads_page.token_requested.connect(cards.show_token_field)
    window.closing.connect(controller.shut_down)
    controller.refresh()
    return controller


def _show_folders(pages: ModelPages, window: MainWindow) -> None:
    """The page on which folders of models are added and removed."""
    pages.models_page.show_tab(pages.my_models)
    window.show_page(Page.MODELS)
