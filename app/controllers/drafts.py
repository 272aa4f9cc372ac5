"""What is begun in each chat and not sent yet: kept while one looks at another chat, and for the next start.

A draft is a message as it would be stored, with its pictures. Knows nothing of widgets.
"""

from __future__ import annotations

import contextlib
import sqlite3

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.conversation import ConversationController
from app.storage.conversations import ConversationStore
from app.storage.rows import storable
from app.storage.turns import Attached, join_turn, split_turn

SAVE_DELAY_MS = 400
NEW = 0  # the key of a chat that is not stored yet; others have their conversation's id


class Drafts(QObject):
    """Signals:
    shown: a draft to be put into the composer, and the key of its chat.
    renamed: the chat that is open has this key now; its draft stays.
    """

    shown = Signal(str, int)
    renamed = Signal(int)

    def __init__(self, store: ConversationStore, chats: ConversationController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._chats = store, chats
        self._key = NEW
        self._content = self._kept = ""
        self._awaits_chat = False
        self._timer = QTimer(self, interval=SAVE_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self.save)
        chats.opened.connect(self._on_opened)
        chats.message_added.connect(self._on_message)

    def await_chat(self) -> None:
        """The chat of the last window is about to be opened: what is typed until then is meant for it."""
        self._awaits_chat = True

    @Slot(str)
    def note(self, content: str) -> None:
        """Takes what the composer holds now; written soon."""
        if content != self._content:
            self._content = content
            self._timer.start()

    @Slot()
    def save(self) -> None:
        """Writes the draft that is on view."""
        self._timer.stop()
        if self._content != self._kept and self._write(self._key, self._content):
            self._kept = self._content

    @Slot(object, object)
    def add_late(self, key: int, picture: Attached) -> None:
        """A picture has come for a chat that is not on view any more."""
        if key == self._key:
            return
        turn = split_turn(self._read(key))
        self._write(key, join_turn((*turn.pictures, picture), turn.text))

    @Slot()
    def _on_opened(self) -> None:
        key = self._chats.current_id or NEW
        early = self._content if self._awaits_chat and key != NEW and self._content != self._kept else ""
        if early:
            self._content = self._kept
        self.save()
        self._awaits_chat = self._awaits_chat and key == NEW
        self._key = key
        self._content = self._kept = self._read(key)
        content = self._content or early
        self.shown.emit(content, key)
        self.note(content)

    @Slot()
    def _on_message(self) -> None:
        """A new chat is stored with its first message, and what is written from then on belongs to it."""
        key = self._chats.current_id or NEW
        if key != self._key:
            self._write(self._key, "")
            self._key, self._kept = key, ""
            self.renamed.emit(key)

    def _read(self, key: int) -> str:
        with contextlib.suppress(sqlite3.Error):
            return self._store.draft(key or None)
        return ""

    def _write(self, key: int, content: str) -> bool:
        with contextlib.suppress(sqlite3.Error):  # a full disk is told of when a message is sent
            self._store.set_draft(key or None, storable(content))
            return True
        return False
