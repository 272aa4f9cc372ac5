"""Conversations in one SQLite file: trees of messages, safe against a kill at any moment.

Knows nothing of Qt or of the engine's work. Every public method is one transaction. The write-ahead log is copied back
by `checkpoint`, which may run in another thread, so that a slow disk never stops the caller of a write.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from app.storage import message_tree
from app.storage.database import open_database
from app.storage.records import (
    Conversation,
    ErrorText,
    Folder,
    MessageState,
    ReplyStats,
    StoredMessage,
    Versions,
)
from app.storage.rows import CONVERSATION_COLUMNS, MESSAGE_COLUMNS, conversation_of, message_of, text_of
from app.storage.words import has_all
from engine.requests import Role, SamplingSettings


@dataclass(frozen=True)
class Deletion:
    """What a deletion took out.

    Attributes:
        id: for `ConversationStore.restore_messages`.
        conversation_id: where it was.
        num_messages: how many messages went.
    """

    id: int
    conversation_id: int
    num_messages: int


class ConversationStore:
    """The open store. Use it from one thread; `app.storage.search` reads beside it from another.

    Attributes:
        path: the file.
        damaged: where a damaged file was put aside at opening, or None.
        backup: the copy that was made before this version changed an older file, or None.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the store.

        Raises:
            NewerStoreError: the file belongs to a newer version.
            MigrationError: an older file could not be brought up to date.
            OSError: a damaged file cannot be renamed.
            sqlite3.Error: the folder cannot be written.
        """
        opened = open_database(path)
        self.path = path
        self.damaged = opened.damaged
        self.backup = opened.backup
        self._db = opened.db
        with self._db:
            self._db.execute("UPDATE messages SET state = 'interrupted' WHERE state = 'streaming'")
        self.purge_deleted()

    def close(self) -> None:
        """Copies the log back and closes the file."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    # -- the list of conversations ------------------------------------------------------------------------------------

    def conversations(self, title_part: str = "") -> list[Conversation]:
        """All conversations with the words of `title_part` in their titles: pinned ones first, then by last use."""
        rows = self._db.execute(
            f"SELECT {CONVERSATION_COLUMNS} FROM conversations"
            " WHERE deleted_s IS NULL ORDER BY pinned DESC, updated_s DESC, id DESC"
        )
        listed = map(conversation_of, rows)
        return [each for each in listed if has_all(title_part, each.title)] if title_part else list(listed)

    def conversation(self, conversation_id: int) -> Conversation | None:
        """One conversation, or None when it does not exist."""
        row = self._db.execute(
            f"SELECT {CONVERSATION_COLUMNS} FROM conversations WHERE id = ?", (conversation_id,)
        ).fetchone()
        return conversation_of(row) if row else None

    def create_conversation(
        self,
        title: str,
        system_prompt: str = "",
        sampling: SamplingSettings | None = None,
        folder_id: int | None = None,
        image_pixels: int | None = None,
    ) -> Conversation:
        """Adds an empty conversation."""
        with self._db:
            number = self._insert_conversation(title, system_prompt, sampling, folder_id, image_pixels)
        made = self.conversation(number)
        assert made is not None
        return made

    def rename(self, conversation_id: int, title: str) -> None:
        """Changes the title; the place in the list stays."""
        self._set(conversation_id, "title", title)

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Keeps a conversation at the top of the list, or no longer."""
        self._set(conversation_id, "pinned", int(pinned))

    def move_to_folder(self, conversation_id: int, folder_id: int | None) -> None:
        """Puts a conversation into a folder, or out of any."""
        self._set(conversation_id, "folder_id", folder_id)

    def set_system_prompt(self, conversation_id: int, text: str) -> None:
        """Changes the system prompt of later replies."""
        self._set(conversation_id, "system_prompt", text)

    def set_sampling(self, conversation_id: int, sampling: SamplingSettings | None) -> None:
        """Changes the sampling of later replies; None takes what the model recommends."""
        self._set(conversation_id, "sampling", text_of(sampling))

    def set_image_pixels(self, conversation_id: int, pixels: int | None) -> None:
        """Changes how many pixels of a picture the model is shown in later replies; None leaves it to the model."""
        self._set(conversation_id, "image_pixels", pixels)

    def set_deleted(self, conversation_id: int, deleted: bool) -> None:
        """Hides a conversation, or brings it back; `purge_deleted` makes it final."""
        self._set(conversation_id, "deleted_s", time.time() if deleted else None)

    def purge_deleted(self) -> None:
        """Removes hidden conversations and deleted messages for good."""
        gone = "SELECT id FROM conversations WHERE deleted_s IS NOT NULL"
        with self._db:
            self._db.execute(f"DELETE FROM messages WHERE conversation_id IN ({gone})")
            self._db.execute("DELETE FROM conversations WHERE deleted_s IS NOT NULL")
            message_tree.purge(self._db)
            self._db.execute("DELETE FROM deletions")
            self._db.execute(
                "DELETE FROM drafts WHERE conversation_id <> 0"
                " AND conversation_id NOT IN (SELECT id FROM conversations)"
            )

    # -- drafts -------------------------------------------------------------------------------------------------------

    def draft(self, conversation_id: int | None) -> str:
        """What was begun and not sent in a conversation, or in a new one (None)."""
        row = self._db.execute("SELECT content FROM drafts WHERE conversation_id = ?", (conversation_id or 0,))
        found = row.fetchone()
        return str(found[0]) if found else ""

    def set_draft(self, conversation_id: int | None, content: str) -> None:
        """Keeps what is begun in a conversation, or in a new one (None); nothing takes the draft away."""
        with self._db:
            self._db.execute("DELETE FROM drafts WHERE conversation_id = ?", (conversation_id or 0,))
            if content:
                self._db.execute("INSERT INTO drafts VALUES (?, ?)", (conversation_id or 0, content))

    # -- folders ------------------------------------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """All folders by name."""
        rows = self._db.execute("SELECT id, name, is_open FROM folders")
        folders = [Folder(number, name, bool(is_open)) for number, name, is_open in rows]
        return sorted(folders, key=lambda each: (each.name.casefold(), each.id))

    def create_folder(self, name: str) -> Folder:
        """Adds an empty folder."""
        with self._db:
            return Folder(_row_id(self._db.execute("INSERT INTO folders (name) VALUES (?)", (name,))), name)

    def rename_folder(self, folder_id: int, name: str) -> None:
        """Gives a folder another name."""
        with self._db:
            self._db.execute("UPDATE folders SET name = ? WHERE id = ?", (name, folder_id))

    def set_folder_open(self, folder_id: int, is_open: bool) -> None:
        """Remembers whether the list shows what is in a folder."""
        with self._db:
            self._db.execute("UPDATE folders SET is_open = ? WHERE id = ?", (int(is_open), folder_id))

    def delete_folder(self, folder_id: int) -> None:
        """Removes a folder; its conversations stay, outside of it."""
        with self._db:
            self._db.execute("DELETE FROM folders WHERE id = ?", (folder_id,))

    # -- messages -----------------------------------------------------------------------------------------------------

    def branch(self, conversation_id: int) -> list[StoredMessage]:
        """The messages from the first one to the conversation's leaf."""
        conversation = self.conversation(conversation_id)
        if conversation is None:
            return []
        shape = message_tree.parents(self._db, conversation_id)
        return message_tree.messages(self._db, message_tree.path_ids(shape, conversation.leaf_id))

    def tree(self, conversation_id: int) -> list[StoredMessage]:
        """All messages of a conversation, parents before children."""
        return message_tree.messages(self._db, message_tree.parents(self._db, conversation_id))

    def versions(self, conversation_id: int) -> dict[int, Versions]:
        """The place of every message of a conversation that has other versions."""
        return message_tree.versions(message_tree.parents(self._db, conversation_id))

    def message(self, message_id: int) -> StoredMessage | None:
        """One message, or None when it does not exist or is deleted."""
        row = self._db.execute(
            f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE id = ? AND deletion_id IS NULL", (message_id,)
        ).fetchone()
        return message_of(row) if row else None

    def add_message(
        self,
        conversation_id: int,
        parent_id: int | None,
        role: Role,
        content: str,
        state: MessageState = "complete",
        model_name: str = "",
        thought_s: float | None = None,
    ) -> StoredMessage:
        """Adds a message under `parent_id` and makes it the conversation's leaf; it is on disk when this returns."""
        now = time.time()
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO messages (conversation_id, parent_id, role, content, created_s, state, model_name,"
                " thought_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (conversation_id, parent_id, role, content, now, state, model_name, thought_s),
            )
            number = _row_id(cursor)
            message_tree.move_leaf(self._db, conversation_id, number, parent_id)
            self._db.execute("UPDATE conversations SET updated_s = ? WHERE id = ?", (now, conversation_id))
        plain = (number, conversation_id, parent_id, role, content, now, state, model_name)
        return StoredMessage(*plain, thought_s=thought_s)

    def edit_message(self, message_id: int, content: str) -> StoredMessage:
        """Adds another version of a message, with other words, and shows it; what followed stays with the old one."""
        old = self.message(message_id)
        assert old is not None, message_id
        plain = (old.conversation_id, old.parent_id, old.role, content)
        return self.add_message(*plain, "complete", old.model_name, old.thought_s)

    def show_version(self, message_id: int) -> None:
        """Shows the branch through a message, down to where it was last read, else to its newest end."""
        message = self.message(message_id)
        assert message is not None, message_id
        with self._db:
            message_tree.move_leaf(self._db, message.conversation_id, message_id)  # remembers the branch that is left
            leaf_id = message_tree.descend(self._db, message.conversation_id, message_id)
            message_tree.move_leaf(self._db, message.conversation_id, leaf_id, message_id)

    def branch_here(self, message_id: int, title: str) -> Conversation:
        """Makes a new conversation of the messages up to one, with the same folder, prompt and sampling."""
        message = self.message(message_id)
        assert message is not None, message_id
        source = self.conversation(message.conversation_id)
        assert source is not None
        with self._db:
            plain = (title, source.system_prompt, source.sampling, source.folder_id, source.image_pixels)
            number = self._insert_conversation(*plain)
            leaf_id = message_tree.copy_path(self._db, message_id, number)
            self._db.execute("UPDATE conversations SET leaf_id = ? WHERE id = ?", (leaf_id, number))
        made = self.conversation(number)
        assert made is not None
        return made

    def delete_message(self, message_id: int) -> Deletion:
        """Takes a message and all below it out of the tree; `restore_messages` puts them back until the next start."""
        message = self.message(message_id)
        assert message is not None, message_id
        with self._db:
            deletion_id, count = message_tree.delete(self._db, message.conversation_id, message_id)
        return Deletion(deletion_id, message.conversation_id, count)

    def restore_messages(self, deletion_id: int) -> int | None:
        """Undoes a deletion of messages; the conversation's id, or None when it is too late."""
        with self._db:
            return message_tree.restore(self._db, deletion_id)

    def save_reply(self, message_id: int, content: str, thought_s: float | None = None) -> None:
        """Keeps what has arrived of a reply that still streams, and how long it has thought."""
        values = (content, thought_s, message_id)
        with self._db:
            self._db.execute("UPDATE messages SET content = ?, thought_s = ? WHERE id = ?", values)

    def resume_reply(self, message_id: int) -> None:
        """Marks a reply as streaming again, because it is being continued; its words stay."""
        with self._db:
            self._db.execute(
                "UPDATE messages SET state = 'streaming', stats = NULL, error = NULL WHERE id = ?", (message_id,)
            )

    def finish_reply(
        self,
        message_id: int,
        content: str,
        state: MessageState,
        stats: ReplyStats | None = None,
        error: ErrorText | None = None,
        thought_s: float | None = None,
    ) -> None:
        """Keeps a whole reply with its figures and its time of thinking, or with the error that ended it."""
        values = (content, state, text_of(stats), text_of(error), thought_s, message_id)
        columns = "content = ?, state = ?, stats = ?, error = ?, thought_s = ?"
        with self._db:
            self._db.execute(f"UPDATE messages SET {columns} WHERE id = ?", values)

    def checkpoint(self) -> None:
        """Forces what was written to the disk and copies the log back; may run in any thread."""
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as db:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError:
            return  # busy: the log stays a little longer and the next copy takes it along

    # -- imports ------------------------------------------------------------------------------------------------------

    def insert_tree(self, conversation: Conversation, messages: list[StoredMessage], chosen: dict[int, int]) -> int:
        """Adds a whole conversation out of a file; its own ids only say what belongs together. Returns the new id.

        Args:
            conversation: title, times, prompt, sampling, pin, and the leaf in the file's ids.
            messages: parents before their children.
            chosen: message -> which child of it was last shown.
        """
        with self._db:
            plain = (conversation.title, conversation.system_prompt, conversation.sampling)
            number = self._insert_conversation(*plain, image_pixels=conversation.image_pixels)
            new = message_tree.insert(self._db, number, messages, chosen)
            leaf_id = new[conversation.leaf_id] if conversation.leaf_id is not None else None
            values = (conversation.created_s, conversation.updated_s, leaf_id, int(conversation.pinned), number)
            self._db.execute(
                "UPDATE conversations SET created_s = ?, updated_s = ?, leaf_id = ?, pinned = ? WHERE id = ?", values
            )
        return number

    def chosen_children(self, conversation_id: int) -> dict[int, int]:
        """Message -> which child of it was last shown, where one was remembered."""
        return message_tree.chosen_children(self._db, conversation_id)

    def _insert_conversation(
        self, title: str, system_prompt: str, sampling: SamplingSettings | None, folder_id: int | None = None,
        image_pixels: int | None = None,
    ) -> int:  # fmt: skip
        now = time.time()
        cursor = self._db.execute(
            "INSERT INTO conversations (title, created_s, updated_s, system_prompt, sampling, folder_id, image_pixels)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (title, now, now, system_prompt, text_of(sampling), folder_id, image_pixels),
        )
        return _row_id(cursor)

    def _set(self, conversation_id: int, column: str, value: object) -> None:
        with self._db:
            self._db.execute(f"UPDATE conversations SET {column} = ? WHERE id = ?", (value, conversation_id))


def _row_id(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None
    return cursor.lastrowid
