"""Connects what goes on beside the chats: the computer's memory on the strip, and the card that is freed when idle.

Knows nothing of how either is measured or shown.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from app.controllers.conversation import ConversationController
from app.controllers.idle_unload import IdleUnload
from app.controllers.models import ModelController
from app.controllers.preferences import Preferences
from app.engine_bridge import EngineBridge
from app.machine_watch import MachineWatch
from app.views.chat.composer import Composer
from app.views.main_window import MainWindow


class MachineWiring(QObject):
    """Starts with the window and ends with it."""

    def __init__(
        self, window: MainWindow, preferences: Preferences, models: ModelController, chats: ConversationController,
        engine: EngineBridge, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._window = window
        self._composer: Composer = window.parts.chat.composer
        self.watch = MachineWatch(self)
        self.watch.read.connect(window.status.show_machine)
        self.idle = IdleUnload(preferences, models, self)
        self.idle.freed.connect(self._say_freed)
        chats.busy_changed.connect(self._on_busy)
        engine.status_changed.connect(self.idle.on_status)
        self._composer.input.textChanged.connect(self._on_typing)
        window.closing.connect(self.watch.shut_down)

    def start(self) -> None:
        """Begins to look at the computer's memory."""
        self.watch.start()

    @Slot(bool)
    def _on_busy(self, _busy: bool) -> None:
        self.idle.touch()

    @Slot()
    def _on_typing(self) -> None:
        if self._composer.input.toPlainText():
            self.idle.on_typing()

    @Slot(int)
    def _say_freed(self, minutes: int) -> None:
        words = self.tr(
            "The model was unloaded after {0} minutes without use. It is loaded again when you write."
        ).format(minutes)
        self._window.notice.say(words, self.tr("Load it now"), self.idle.load_again, stay=True)
