"""Shows the loaded model on the chat page and the status strip: its name, its progress, its state in words.

Joins the controllers of models and chats with these views; knows nothing of how a model is loaded.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot

from app.actions import ActionRegistry
from app.controllers.conversation import ConversationController
from app.controllers.load_settings import LoadSettings
from app.controllers.models import ModelController, ModelState
from app.controllers.preferences import Preferences
from app.views.chat.page import ChatPage
from app.views.status_strip import StatusStrip
from engine.events import EngineStatus, LoadProgress
from engine.hub.hub_cache import shown_name


class ModelPresenter(QObject):
    """Follows the model and the chats; nobody calls it but for `show`."""

    def __init__(
        self, models: ModelController, chats: ConversationController, settings: LoadSettings, preferences: Preferences,
        page: ChatPage, strip: StatusStrip, actions: ActionRegistry, demo_folder: Path,
    ) -> None:  # fmt: skip
        super().__init__(strip)
        self._models = models
        self._chats = chats
        self._settings = settings
        self._preferences = preferences
        self._page = page
        self._strip = strip
        self._actions = actions
        self._demo_folder = demo_folder
        models.state_changed.connect(self.show)
        models.progress.connect(self._show_progress)
        chats.busy_changed.connect(self._show_words)
        page.processor_accepted.connect(models.load_on_processor)

    @Slot()
    def show(self) -> None:
        """Shows the state as it is now."""
        models, page = self._models, self._page
        if models.state is ModelState.READY and models.info is not None:
            page.show_model(models.info, models.is_demo)
            self._preferences.update(last_model=str(models.info.path))
        elif models.state in (ModelState.LOADING, ModelState.CANCELLING) and models.loading_path is not None:
            is_demo = models.loading_path == self._demo_folder
            name = self.tr("the demo model") if is_demo else shown_name(models.loading_path)
            page.show_loading(name, models.state is ModelState.CANCELLING)
            self._strip.show_nothing("")
        elif models.state is ModelState.UNLOADING:
            page.model_bar.show_unloading()
        else:
            page.show_no_model(models.has_demo)
            self._strip.show_nothing("")
            if models.error is not None:
                page.show_load_error(models.error, models.wanted_processor)
        self._show_words()

    @Slot(object)
    def show_status(self, status: EngineStatus) -> None:
        """Shows the engine's live figures."""
        if self._models.is_ready:
            self._strip.show_status(status)

    @Slot(object)
    def _show_progress(self, progress: LoadProgress) -> None:
        self._page.model_bar.show_progress(progress, on_card=self._settings.expected_card is not None)

    @Slot()
    def _show_words(self) -> None:
        words = {
            ModelState.NONE: self.tr("No model loaded"),
            ModelState.LOADING: self.tr("Loading…"),
            ModelState.CANCELLING: self.tr("Cancelling…"),
            ModelState.READY: self.tr("Writing a reply") if self._chats.busy else self.tr("Ready"),
            ModelState.UNLOADING: self.tr("Unloading…"),
        }
        self._strip.show_state(words[self._models.state])
        can_ask = not self._chats.busy and self._chats.current_id is not None  # a model is loaded for it
        self._actions.set_enabled("regenerate", can_ask)
        self._actions.set_enabled("continue", can_ask)
