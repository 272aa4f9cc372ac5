"""Conversations in one SQLite file: trees of messages, safe against a kill at any moment.

Knows nothing of Qt or of the engine's work. Every public method is one transaction. The write-ahead log is copied back
by `checkpoint`, which may run in another thread, so that a slow disk never stops the caller of a write.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from app.storage.records import Conversation, ErrorText, MessageState, ReplyStats, StoredMessage
from app.storage.set_aside import set_aside
from engine.errors import EngineError
from engine.requests import Role, SamplingSettings

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE conversations (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL,
  created_s REAL NOT NULL,
  updated_s REAL NOT NULL,
  leaf_id INTEGER REFERENCES messages(id) ON DELETE SET NULL,
  system_prompt TEXT NOT NULL DEFAULT '',
  sampling TEXT,
  deleted_s REAL
);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
  parent_id INTEGER REFERENCES messages(id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  created_s REAL NOT NULL,
  state TEXT NOT NULL,
  model_name TEXT NOT NULL DEFAULT '',
  stats TEXT,
  error TEXT
);
CREATE INDEX messages_by_conversation ON messages(conversation_id);
CREATE INDEX messages_by_parent ON messages(parent_id);
"""

_MESSAGE_COLUMNS = "id, conversation_id, parent_id, role, content, created_s, state, model_name, stats, error"
_CONVERSATION_COLUMNS = "id, title, created_s, updated_s, leaf_id, system_prompt, sampling"


class NewerStoreError(EngineError):
    """The store was written by a newer version of the program."""


class ConversationStore:
    """The open store. Use it from one thread.

    Attributes:
        damaged: where a damaged file was put aside at opening, or None.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the store.

        Raises:
            NewerStoreError: the file belongs to a newer version.
            OSError: a damaged file cannot be renamed.
            sqlite3.Error: the folder cannot be written.
        """
        self._path = path
        self.damaged: Path | None = None
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            if not path.is_file() or isinstance(error, sqlite3.OperationalError):
                raise
            self.damaged = set_aside(path)
            for suffix in ("-wal", "-shm"):  # they belong to the file that was moved
                side = path.with_name(path.name + suffix)
                if side.exists():
                    side.rename(self.damaged.with_name(self.damaged.name + suffix))
            self._db = _open(path)
        self._repair_after_kill()

    def close(self) -> None:
        """Copies the log back and closes the file."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def conversations(self, title_part: str = "") -> list[Conversation]:
        """All conversations whose title contains `title_part`, the most recently used first."""
        rows = self._db.execute(
            f"SELECT {_CONVERSATION_COLUMNS} FROM conversations"
            " WHERE deleted_s IS NULL ORDER BY updated_s DESC, id DESC"
        )
        wanted = title_part.casefold()
        return [each for each in map(_conversation, rows) if wanted in each.title.casefold()]

    def conversation(self, conversation_id: int) -> Conversation | None:
        """One conversation, or None when it does not exist."""
        row = self._db.execute(
            f"SELECT {_CONVERSATION_COLUMNS} FROM conversations WHERE id = ?", (conversation_id,)
        ).fetchone()
        return _conversation(row) if row else None

    def branch(self, conversation_id: int) -> list[StoredMessage]:
        """The messages from the first one to the conversation's leaf."""
        query = f"SELECT {_MESSAGE_COLUMNS} FROM messages WHERE conversation_id = ?"
        rows = self._db.execute(query, (conversation_id,))
        messages = {each.id: each for each in map(_message, rows)}
        conversation = self.conversation(conversation_id)
        path: list[StoredMessage] = []
        step = conversation.leaf_id if conversation else None
        while step is not None and step in messages:
            path.append(messages.pop(step))  # popped: a damaged tree with a ring still ends
            step = path[-1].parent_id
        return path[::-1]

    def message(self, message_id: int) -> StoredMessage | None:
        """One message, or None when it does not exist."""
        row = self._db.execute(f"SELECT {_MESSAGE_COLUMNS} FROM messages WHERE id = ?", (message_id,)).fetchone()
        return _message(row) if row else None

    def create_conversation(
        self, title: str, system_prompt: str = "", sampling: SamplingSettings | None = None
    ) -> Conversation:
        """Adds an empty conversation."""
        now = time.time()
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO conversations (title, created_s, updated_s, system_prompt, sampling)"
                " VALUES (?, ?, ?, ?, ?)",
                (title, now, now, system_prompt, _sampling_text(sampling)),
            )
        return Conversation(_row_id(cursor), title, now, now, None, system_prompt, sampling)

    def rename(self, conversation_id: int, title: str) -> None:
        """Changes the title; the place in the list stays."""
        with self._db:
            self._db.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, conversation_id))

    def set_system_prompt(self, conversation_id: int, text: str) -> None:
        """Changes the system prompt of later replies."""
        with self._db:
            self._db.execute("UPDATE conversations SET system_prompt = ? WHERE id = ?", (text, conversation_id))

    def set_sampling(self, conversation_id: int, sampling: SamplingSettings | None) -> None:
        """Changes the sampling of later replies; None takes what the model recommends."""
        values = (_sampling_text(sampling), conversation_id)
        with self._db:
            self._db.execute("UPDATE conversations SET sampling = ? WHERE id = ?", values)

    def set_deleted(self, conversation_id: int, deleted: bool) -> None:
        """Hides a conversation, or brings it back; `purge_deleted` makes it final."""
        values = (time.time() if deleted else None, conversation_id)
        with self._db:
            self._db.execute("UPDATE conversations SET deleted_s = ? WHERE id = ?", values)

    def purge_deleted(self) -> None:
        """Removes hidden conversations for good."""
        with self._db:
            self._db.execute("DELETE FROM conversations WHERE deleted_s IS NOT NULL")

    def add_message(
        self,
        conversation_id: int,
        parent_id: int | None,
        role: Role,
        content: str,
        state: MessageState = "complete",
        model_name: str = "",
    ) -> StoredMessage:
        """Adds a message under `parent_id` and makes it the conversation's leaf; it is on disk when this returns."""
        now = time.time()
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO messages (conversation_id, parent_id, role, content, created_s, state, model_name)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (conversation_id, parent_id, role, content, now, state, model_name),
            )
            self._db.execute(
                "UPDATE conversations SET leaf_id = ?, updated_s = ? WHERE id = ?",
                (_row_id(cursor), now, conversation_id),
            )
        return StoredMessage(_row_id(cursor), conversation_id, parent_id, role, content, now, state, model_name)

    def save_reply(self, message_id: int, content: str) -> None:
        """Keeps what has arrived of a reply that still streams."""
        with self._db:
            self._db.execute("UPDATE messages SET content = ? WHERE id = ?", (content, message_id))

    def finish_reply(
        self,
        message_id: int,
        content: str,
        state: MessageState,
        stats: ReplyStats | None = None,
        error: ErrorText | None = None,
    ) -> None:
        """Keeps a whole reply with its figures, or with the error that ended it."""
        values = (
            content,
            state,
            json.dumps(asdict(stats)) if stats else None,
            json.dumps(asdict(error)) if error else None,
            message_id,
        )
        with self._db:
            self._db.execute("UPDATE messages SET content = ?, state = ?, stats = ?, error = ? WHERE id = ?", values)

    def checkpoint(self) -> None:
        """Copies the log back into the file over a connection of its own; may run in any thread."""
        try:
            with contextlib.closing(sqlite3.connect(self._path)) as db:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError:
            return  # busy: the log stays a little longer and the next copy takes it along

    def _repair_after_kill(self) -> None:
        with self._db:
            self._db.execute("UPDATE messages SET state = 'interrupted' WHERE state = 'streaming'")
        self.purge_deleted()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise NewerStoreError(
                f"{path.name} was written by a newer version of Espalier (schema {version}).",
                "Start the newer version, or move the file away to begin with an empty list.",
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        if version == 0:
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        problems = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problems != "ok":
            raise sqlite3.DatabaseError(problems)
    except BaseException:
        db.close()
        raise
    return db


def _conversation(row: Sequence[Any]) -> Conversation:
    number, title, created_s, updated_s, leaf_id, system_prompt, sampling = row
    return Conversation(number, title, created_s, updated_s, leaf_id, system_prompt, _sampling(sampling))


def _message(row: Sequence[Any]) -> StoredMessage:
    number, conversation_id, parent_id, role, content, created_s, state, model_name, stats, error = row
    return StoredMessage(
        number,
        conversation_id,
        parent_id,
        role,
        content,
        created_s,
        state,
        model_name,
        ReplyStats(**json.loads(stats)) if stats else None,
        ErrorText(**json.loads(error)) if error else None,
    )


def _sampling_text(sampling: SamplingSettings | None) -> str | None:
    return None if sampling is None else json.dumps(asdict(sampling))


def _sampling(text: str | None) -> SamplingSettings | None:
    if not text:
        return None
    names = {each.name for each in fields(SamplingSettings)}
    try:
        raw = {name: value for name, value in json.loads(text).items() if name in names}
        known: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()}
        return SamplingSettings(**known)
    except (ValueError, TypeError, AttributeError, EngineError):
        return None  # written by another version: the model's own settings are a safe place to go back to


def _row_id(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None
    return cursor.lastrowid
