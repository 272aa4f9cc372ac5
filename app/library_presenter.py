"""Joins the list of conversations with what it is a list of: groups, search, folders, export and import, undo.

Knows the list, the two controllers of conversations and the window's notes; knows nothing of the chat page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from app.controllers.conversation import ConversationController
from app.controllers.library import ExportFormat, LibraryController
from app.item_models.conversations import ConversationListModel, Group
from app.storage.conversations import ConversationStore, Deletion
from app.storage.records import SearchHit
from app.views.conversation_list import ConversationList
from app.views.notice import Notice

MAX_UNDOS = 20


@dataclass(frozen=True)
class LibraryParts:
    """What the presenter joins.

    Attributes:
        chats: the open conversation.
        library: all conversations.
        model, view: the list.
        notice: where notes are shown; its parent is the parent of dialogs.
    """

    chats: ConversationController
    library: LibraryController
    model: ConversationListModel
    view: ConversationList
    notice: Notice


class LibraryPresenter(QObject):
    """Keeps the list as the store is, and does what is asked of it."""

    def __init__(self, store: ConversationStore, parts: LibraryParts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._parts = parts
        documents = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation))
        self._folder = documents if documents.is_dir() else Path.home()
        self._undos: list[Callable[[], object]] = []  # the newest last
        chats, library, view = parts.chats, parts.library, parts.view
        chats.list_changed.connect(self.refresh)
        chats.opened.connect(self._select_current)
        chats.messages_deleted.connect(self._offer_undo)
        chats.save_failed.connect(self._tell_unsaved)
        chats.saved_again.connect(self._tell_saved)
        library.list_changed.connect(self.refresh)
        library.search_found.connect(self._show_hits)
        library.exported.connect(self._tell_exported)
        library.imported.connect(self._show_imported)
        library.failed.connect(self._say)
        parts.model.renamed.connect(chats.rename)
        parts.model.folder_renamed.connect(library.rename_folder)
        parts.model.folder_toggled.connect(library.set_folder_open)
        view.search_changed.connect(self.refresh)
        view.delete_requested.connect(self.delete)
        view.pin_requested.connect(library.set_pinned)
        view.move_requested.connect(self.move)
        view.view.drag_ended.connect(self._select_current)
        view.folder_requested.connect(self.make_folder)
        view.folder_delete_requested.connect(library.delete_folder)
        view.export_requested.connect(self.export)
        view.import_requested.connect(self.import_chats)

    @Slot()
    def refresh(self) -> None:
        """Reads the list again, or searches again while something is searched for."""
        query = self._parts.view.search.text().strip()
        self._parts.library.search(query)
        if not query:
            library = self._parts.library
            self._parts.model.show(library.conversations(), date.today(), library.folders())
            self._select_current()

    @Slot(int)
    def delete(self, conversation_id: int) -> None:
        """Deletes a conversation and offers to undo it."""
        conversation = self._store.conversation(conversation_id)
        if conversation is None:
            return
        chats = self._parts.chats
        chats.delete(conversation_id)
        words = self.tr("Deleted “{0}”.").format(conversation.title)
        self._offer(words, partial(chats.undelete, conversation_id))

    @Slot(int, object)
    def move(self, conversation_id: int, group: Group) -> None:
        """Puts a conversation where it is wanted in the list, and offers to undo it."""
        old = self._store.conversation(conversation_id)
        if old is None:
            return
        pins = group.kind == "pinned"
        self._place(conversation_id, pins, old.folder_id if pins else group.folder_id)
        undo = partial(self._place, conversation_id, old.pinned, old.folder_id)
        self._offer(self._moved_words(old.title, group), undo)

    def _place(self, conversation_id: int, pinned: bool, folder_id: int | None) -> None:
        self._parts.library.set_pinned(conversation_id, pinned)
        self._parts.library.move_to_folder(conversation_id, folder_id)

    def _moved_words(self, title: str, group: Group) -> str:
        if group.kind == "pinned":
            return self.tr("“{0}” is pinned.").format(title)
        names = {each.id: each.name for each in self._parts.library.folders()}
        if group.folder_id is None:
            return self.tr("“{0}” is in no folder now.").format(title)
        return self.tr("“{0}” is in the folder “{1}” now.").format(title, names.get(group.folder_id, ""))

    @Slot(int)
    def make_folder(self, conversation_id: int) -> None:
        """Makes a folder, for a conversation or empty for 0, and lets the user type its name."""
        taken = {each.name for each in self._parts.library.folders()}
        plain = self.tr("New folder")
        names = [plain, *(f"{plain} {number}" for number in range(2, len(taken) + 2))]
        name = next(each for each in names if each not in taken)
        if self._parts.view.search.text():
            self._parts.view.search.clear()
        if conversation_id:
            self._parts.library.set_pinned(conversation_id, False)  # pinned, it would not be seen in the folder
        folder = self._parts.library.create_folder(name, conversation_id or None)
        if folder is not None:
            self._parts.view.edit_folder(folder.id)

    @Slot(int, str)
    def export(self, conversation_id: int, ending: ExportFormat) -> None:
        """Asks for a file and writes the conversation into it."""
        kinds = {"md": self.tr("Markdown"), "html": self.tr("Web page"), "json": self.tr("Espalier chat")}
        start = self._folder / self._parts.library.suggested_file_name(conversation_id, ending)
        picked, _ = QFileDialog.getSaveFileName(
            self._window(), self.tr("Export the chat"), str(start), f"{kinds[ending]} (*.{ending})"
        )
        if picked:
            path = Path(picked)
            self._folder = path.parent
            self._parts.library.export(conversation_id, ending, path)

    @Slot()
    def import_chats(self) -> None:
        """Asks for files and adds their chats."""
        picked, _ = QFileDialog.getOpenFileNames(
            self._window(), self.tr("Import chats"), str(self._folder), f"{self.tr('Espalier chat')} (*.json)"
        )
        if picked:
            self._folder = Path(picked[0]).parent
            self._parts.library.import_files([Path(each) for each in picked])

    def _window(self) -> QWidget:
        return self._parts.notice.window()

    @Slot()
    def _select_current(self) -> None:
        self._parts.view.select(self._parts.chats.current_id)

    @Slot(str, list)
    def _show_hits(self, query: str, hits: list[SearchHit]) -> None:
        if query == self._parts.view.search.text().strip():
            self._parts.model.show_hits(hits)

    @Slot(object)
    def _offer_undo(self, deletion: Deletion) -> None:
        one, many = self.tr("Deleted 1 message."), self.tr("Deleted {0} messages.").format(deletion.num_messages)
        chats = self._parts.chats
        words = one if deletion.num_messages == 1 else many
        self._offer(words, partial(chats.undo_delete, deletion.id))

    def _offer(self, words: str, undo: Callable[[], object]) -> None:
        """Says what was done; it can be undone from the note, and afterwards by `undo`."""
        self._undos = [*self._undos, undo][-MAX_UNDOS:]
        self._say(words, self.tr("Undo"), partial(self._undo, undo))

    def _undo(self, undo: Callable[[], object]) -> None:
        if undo in self._undos:
            self._undos.remove(undo)
            undo()

    @Slot()
    def undo(self) -> None:
        """Takes back what was deleted or moved last, as often as there is something."""
        if not self._undos:
            self._say(self.tr("There is nothing to undo."))
            return
        self._parts.notice.hide()
        self._undo(self._undos[-1])

    @Slot(str)
    def _tell_unsaved(self, reason: str) -> None:
        words = self.tr("The chat could not be saved ({0}). Make room on the disk; saving is tried again.")
        words = words.format(reason)

        def open_folder() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._store.path.parent)))
            self._tell_unsaved(reason)  # the note stands until there is room

        self._parts.notice.say(words, self.tr("Open the folder"), open_folder, stay=True)

    @Slot()
    def _tell_saved(self) -> None:
        self._say(self.tr("The chat is saved now."))

    @Slot(object)
    def _tell_exported(self, path: Path) -> None:
        self._say(self.tr("Exported to {0}.").format(path.name))

    @Slot(int)
    def _show_imported(self, conversation_id: int) -> None:
        conversation = self._store.conversation(conversation_id)
        if conversation is not None:
            chats = self._parts.chats
            words = self.tr("Imported “{0}”.").format(conversation.title)
            self._say(words, self.tr("Open"), lambda: chats.open(conversation_id))

    @Slot(str)
    def _say(self, text: str, button: str = "", action: Callable[[], object] | None = None) -> None:
        self._parts.notice.say(text, button, action)
