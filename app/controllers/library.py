"""The list of all conversations: folders, pins, search over everything, export and import.

Searching and file work happen in one thread beside the window. Knows nothing of widgets.
"""

from __future__ import annotations

import contextlib
import sqlite3
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal, Slot

from app.error_words import error_line
from app.storage.chat_file import (
    ChatFile,
    ChatFileError,
    as_json,
    import_chat,
    load_chat_file,
    stored_chat,
    take_in_pictures,
)
from app.storage.conversations import ConversationStore
from app.storage.export import Words, as_html, as_markdown, file_name
from app.storage.pictures import PictureFolder
from app.storage.records import Conversation, Folder, SearchHit
from app.storage.search import SearchReader

ExportFormat = Literal["md", "html", "json"]


class LibraryController(QObject):
    """What can be done with conversations that need not be open.

    Signals:
        list_changed: folders, pins or the number of conversations are different.
        search_found: the query and a list of `SearchHit`; only ever for the newest query.
        exported: the path of a file that was written.
        imported: id of a conversation that came out of a file.
        failed: a sentence about a file that could not be written or read.
        crashed: a traceback out of the thread: a fault of the program.
    """

    list_changed = Signal()
    search_found = Signal(str, list)
    exported = Signal(object)
    imported = Signal(int)
    failed = Signal(str)
    crashed = Signal(str)
    _found = Signal(int, str, list)
    _loaded = Signal(object)

    def __init__(self, store: ConversationStore, pictures: PictureFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._pictures = pictures
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="library")
        self._reader: SearchReader | None = None  # made and used in the thread
        self._newest = 0
        self._found.connect(self._on_found)
        self._loaded.connect(self._on_loaded)

    def close(self) -> None:
        """Ends the thread; what is being written is finished first."""
        self._newest += 1
        self._interrupt()
        self._submit(self._close_reader)
        self._thread.shutdown()

    def _submit(self, job: Callable[..., None], *arguments: object) -> None:
        self._thread.submit(job, *arguments).add_done_callback(self._look_for_faults)

    def _look_for_faults(self, done: Future[None]) -> None:
        fault = None if done.cancelled() else done.exception()
        if fault is not None:
            self.crashed.emit("".join(traceback.format_exception(fault)))

    # -- the list -----------------------------------------------------------------------------------------------------

    def conversations(self) -> list[Conversation]:
        """All conversations, pinned ones first, then by last use."""
        return self._store.conversations()

    def folders(self) -> list[Folder]:
        """All folders by name."""
        return self._store.folders()

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Keeps a conversation at the top of the list, or no longer."""
        self._store.set_pinned(conversation_id, pinned)
        self.list_changed.emit()

    def create_folder(self, name: str, conversation_id: int | None = None) -> Folder | None:
        """Adds a folder, with a conversation in it; a name that exists gives that folder, an empty one none."""
        wanted = " ".join(name.split())
        if not wanted:
            return None
        same = [each for each in self._store.folders() if each.name.casefold() == wanted.casefold()]
        folder = same[0] if same else self._store.create_folder(wanted)
        if conversation_id is not None:
            self._store.move_to_folder(conversation_id, folder.id)
        self.list_changed.emit()
        return folder

    def rename_folder(self, folder_id: int, name: str) -> None:
        """Gives a folder another name; an empty one is ignored."""
        if name.strip():
            self._store.rename_folder(folder_id, " ".join(name.split()))
            self.list_changed.emit()

    def set_folder_open(self, folder_id: int, is_open: bool) -> None:
        """Shows or hides what is in a folder."""
        self._store.set_folder_open(folder_id, is_open)
        self.list_changed.emit()

    def delete_folder(self, folder_id: int) -> None:
        """Removes a folder; its conversations stay."""
        self._store.delete_folder(folder_id)
        self.list_changed.emit()

    def move_to_folder(self, conversation_id: int, folder_id: int | None) -> None:
        """Puts a conversation into a folder, or out of any (None)."""
        self._store.move_to_folder(conversation_id, folder_id)
        self.list_changed.emit()

    # -- search -------------------------------------------------------------------------------------------------------

    def search(self, query: str) -> None:
        """Searches titles and messages; `search_found` comes unless another search follows. "" only ends the last."""
        self._newest += 1
        self._interrupt()
        if query.strip():
            self._submit(self._search, self._newest, query)

    def _search(self, number: int, query: str) -> None:
        if number != self._newest:
            return
        hits: list[SearchHit] = []
        with contextlib.suppress(sqlite3.Error):  # the file may be gone or damaged: the list itself still works
            if self._reader is None:
                self._reader = SearchReader(self._store.path)
            hits = self._reader.search(query)
        self._found.emit(number, query, hits)

    def _interrupt(self) -> None:
        if self._reader is not None:
            self._reader.interrupt()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()

    @Slot(int, str, list)
    def _on_found(self, number: int, query: str, hits: list[SearchHit]) -> None:
        if number == self._newest:
            self.search_found.emit(query, hits)

    # -- files --------------------------------------------------------------------------------------------------------

    def suggested_file_name(self, conversation_id: int, ending: ExportFormat) -> str:
        """A file name made of the title."""
        conversation = self._store.conversation(conversation_id)
        return file_name(conversation.title if conversation else "", ending)

    def export_text(self, conversation_id: int, ending: ExportFormat) -> str:
        """The chat as text: Markdown and HTML of the branch shown, JSON of everything."""
        return self._writer(conversation_id, ending)()

    def export(self, conversation_id: int, ending: ExportFormat, path: Path) -> None:
        """Writes the chat as it is now into a file; `exported` or `failed` tells how it went."""
        self._submit(self._write, path, self._writer(conversation_id, ending))

    def _writer(self, conversation_id: int, ending: ExportFormat) -> Callable[[], str]:
        """Reads the chat and leaves the slow part, its text, to whoever calls what is returned."""
        if ending == "json":
            return partial(as_json, stored_chat(self._store, conversation_id), self._pictures)
        conversation = self._store.conversation(conversation_id)
        assert conversation is not None, conversation_id
        write = as_markdown if ending == "md" else as_html
        return partial(write, conversation, self._store.branch(conversation_id), self._words(), self._pictures)

    def import_files(self, paths: Sequence[Path]) -> None:
        """Adds the chats of our own JSON files; `imported` or `failed` comes for each."""
        for path in paths:
            self._submit(self._load, path)

    def _write(self, path: Path, make_text: Callable[[], str]) -> None:
        part = path.with_name(path.name + ".part")  # an older export is replaced only by a whole one
        try:
            part.write_text(make_text(), encoding="utf-8", newline="\n")
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            self.failed.emit(self.tr("{0} could not be written: {1}.").format(path.name, error.strerror))
            return
        self.exported.emit(path)

    def _load(self, path: Path) -> None:
        try:
            self._loaded.emit(take_in_pictures(load_chat_file(path), self._pictures, path.parent))
        except ChatFileError as error:
            self.failed.emit(error_line(error))

    @Slot(object)
    def _on_loaded(self, chat: ChatFile) -> None:
        number = import_chat(self._store, chat)
        self.list_changed.emit()
        self.imported.emit(number)

    def _words(self) -> Words:
        return Words(
            self.tr("You"), self.tr("Assistant"), self.tr("System prompt"), self.tr("interrupted"), self.tr("image"),
            self.tr("Thoughts"),
        )  # fmt: skip
