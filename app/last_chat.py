"""Remembers which chat is open, and opens it again with the next window. Knows nothing of how a chat is shown."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from app.controllers.conversation import ConversationController
from app.controllers.preferences import Preferences
from app.storage.conversations import ConversationStore


class LastChat(QObject):
    """Attributes:
    is_awaited: a chat will be opened unless the user is faster.
    """

    def __init__(
        self, store: ConversationStore, chats: ConversationController, preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._store, self._chats, self._preferences = store, chats, preferences
        self._wanted = 0
        chats.opened.connect(self._remember)
        chats.message_added.connect(self._remember)

    @property
    def is_awaited(self) -> bool:
        return self._wanted != 0

    def find(self) -> None:
        """Looks for the chat that was open when the last window ended, in whichever way."""
        settings = self._preferences.settings
        wanted = settings.last_chat if settings.open_last_chat else 0
        self._wanted = wanted if any(each.id == wanted for each in self._store.conversations()) else 0

    @Slot()
    def open(self) -> None:
        """Opens it; not before the first paint, because what messages are laid out with takes its time to import."""
        wanted, self._wanted = self._wanted, 0
        if wanted and self._chats.current_id is None:
            self._chats.open(wanted)
        self._remember()

    @Slot()
    def forget(self) -> None:
        """The user wants something else."""
        self._wanted = 0

    @Slot()
    def _remember(self) -> None:
        if not self._wanted:
            self._preferences.update(last_chat=self._chats.current_id or 0)
