"""The conversation list as a Qt model: pins, folders and days with conversations under them, or what a search found.

Knows nothing of painting or of the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.storage.records import Conversation, Folder, SearchHit

Index = QModelIndex | QPersistentModelIndex

ID_ROLE = int(Qt.ItemDataRole.UserRole)
"""The conversation's id; None for headings and folders."""
HEADING_ROLE = ID_ROLE + 1
"""Whether the row only parts others."""
FOLDER_ROLE = ID_ROLE + 2
"""The folder's id; None for all other rows."""
OPEN_ROLE = ID_ROLE + 3
"""Whether a folder shows its conversations."""
INSIDE_ROLE = ID_ROLE + 4
"""Whether a conversation stands under a folder's row."""
CONVERSATION_ROLE = ID_ROLE + 5
"""The `Conversation` of a row; None for what a search found."""
HIT_ROLE = ID_ROLE + 6
"""The `SearchHit` of a row; None when nothing is searched for."""


@dataclass(frozen=True)
class _Row:
    text: str
    conversation: Conversation | None = None
    inside: bool = False
    folder: Folder | None = None
    is_open: bool = False
    spoken: str = ""
    hit: SearchHit | None = None

    @property
    def conversation_id(self) -> int | None:
        if self.hit is not None:
            return self.hit.conversation_id
        return self.conversation.id if self.conversation else None

    @property
    def is_heading(self) -> bool:
        return self.conversation_id is None and self.folder is None


class ConversationListModel(QAbstractListModel):
    """Rows of headings, folders and conversations.

    Signals:
        renamed: conversation id and the title that the user typed.
        folder_renamed: folder id and the name that the user typed.
    """

    renamed = Signal(int, str)
    folder_renamed = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._closed: set[int] = set()  # folders
        self._shown: tuple[tuple[Conversation, ...], tuple[Folder, ...], date] | None = None

    def show(self, conversations: Sequence[Conversation], today: date, folders: Sequence[Folder] = ()) -> None:
        """Lists pinned conversations, then folders with theirs, then the rest under headings of days.

        Args:
            conversations: in the order in which they are shown within a group.
            today: what "Today" means.
            folders: in the order in which they are shown.
        """
        self._shown = (tuple(conversations), tuple(folders), today)
        self.beginResetModel()
        self._rows = [*self._pinned(conversations), *self._in_folders(conversations, folders)]
        heading = ""
        for each in conversations:
            if each.pinned or each.folder_id is not None:
                continue
            group = day_group(each.updated_s, today)
            if group != heading:
                heading = group
                self._rows.append(_Row(group))
            self._rows.append(_Row(each.title, each, spoken=each.title))
        self.endResetModel()

    def show_hits(self, hits: Iterable[SearchHit]) -> None:
        """Lists what a search found: titles first, then messages."""
        self._shown = None
        self.beginResetModel()
        self._rows = []
        for kind, heading in ((True, _words("Titles")), (False, _words("Messages"))):
            rows = [_hit_row(each) for each in hits if (each.message_id is None) == kind]
            self._rows += [_Row(heading), *rows] if rows else []
        self.endResetModel()

    def toggle_folder(self, folder_id: int, is_open: bool | None = None) -> None:
        """Opens or closes a folder; None changes what it is."""
        close = folder_id not in self._closed if is_open is None else not is_open
        if self._shown is not None and close != (folder_id in self._closed):
            self._closed.symmetric_difference_update({folder_id})
            conversations, folders, today = self._shown
            self.show(conversations, today, folders)

    def index_of(self, conversation_id: int | None) -> QModelIndex:
        """The index of a conversation, invalid when it is not listed."""
        for number, row in enumerate(self._rows):
            if conversation_id is not None and row.conversation_id == conversation_id:
                return self.index(number, 0)
        return QModelIndex()

    def index_of_folder(self, folder_id: int) -> QModelIndex:
        """The index of a folder's row, invalid when it is not listed."""
        for number, row in enumerate(self._rows):
            if row.folder is not None and row.folder.id == folder_id:
                return self.index(number, 0)
        return QModelIndex()

    def folders(self) -> tuple[Folder, ...]:
        """The folders that are listed."""
        return self._shown[1] if self._shown else ()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.spoken or row.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return None if row.is_heading else row.text
        values = {
            ID_ROLE: row.conversation_id,
            HEADING_ROLE: row.is_heading,
            FOLDER_ROLE: row.folder.id if row.folder else None,
            OPEN_ROLE: row.is_open,
            INSIDE_ROLE: row.inside,
            CONVERSATION_ROLE: row.conversation,
            HIT_ROLE: row.hit,
        }
        return values.get(role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self._rows[index.row()].is_heading:
            return Qt.ItemFlag.NoItemFlags
        plain = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return plain if self._rows[index.row()].hit else plain | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row = self._rows[index.row()]
        name = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or row.is_heading or row.hit or not name:
            return False
        if row.folder is not None:
            self.folder_renamed.emit(row.folder.id, name)
        elif row.conversation is not None:
            self.renamed.emit(row.conversation.id, name)
        return True

    def _pinned(self, conversations: Sequence[Conversation]) -> list[_Row]:
        spoken = _words("{0}, pinned")
        rows = [_Row(each.title, each, spoken=spoken.format(each.title)) for each in conversations if each.pinned]
        return [_Row(_words("Pinned")), *rows] if rows else []

    def _in_folders(self, conversations: Sequence[Conversation], folders: Sequence[Folder]) -> list[_Row]:
        rows = [_Row(_words("Folders"))] if folders else []
        for folder in folders:
            inside = [each for each in conversations if each.folder_id == folder.id and not each.pinned]
            is_open = folder.id not in self._closed
            state = _words("Folder {0}, open, {1} chats") if is_open else _words("Folder {0}, closed, {1} chats")
            spoken = state.format(folder.name, len(inside))
            rows.append(_Row(folder.name, folder=folder, is_open=is_open, spoken=spoken))
            if is_open:
                rows += [_Row(each.title, each, True, spoken=each.title) for each in inside]
        return rows


def day_group(time_s: float, today: date) -> str:
    """The heading under which a time is listed."""
    day = datetime.fromtimestamp(time_s).date()
    if day >= today:
        return _words("Today")
    if day == today - timedelta(days=1):
        return _words("Yesterday")
    if day > today - timedelta(days=7):
        return _words("Last 7 days")
    return _words("Older")


def _hit_row(hit: SearchHit) -> _Row:
    spoken = f"{hit.title.text}: {hit.snippet.text}" if hit.message_id is not None else hit.title.text
    return _Row(hit.title.text, hit=hit, spoken=spoken)


def _words(text: str) -> str:
    return QCoreApplication.translate("ConversationList", text)
