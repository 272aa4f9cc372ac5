"""The conversation list as a Qt model: pins, folders and days with conversations under them, or what a search found.

Knows nothing of painting or of the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

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
class Group:
    """Rows that belong together, and that a conversation can be moved to.

    Attributes:
        kind: the pinned ones, those of a folder, or those under days, which are in no folder.
        folder_id: of a folder.
    """

    kind: Literal["pinned", "folder", "days"]
    folder_id: int | None = None


@dataclass(frozen=True)
class Target:
    """A group with its first and last row; `is_empty` when it has none yet."""

    group: Group
    first: int
    last: int

    @property
    def is_empty(self) -> bool:
        return self.last < self.first


_PINNED, _DAYS = Group("pinned"), Group("days")


@dataclass(frozen=True)
class _Row:
    text: str
    group: Group | None
    conversation: Conversation | None = None
    inside: bool = False
    folder: Folder | None = None
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
        folder_toggled: folder id, and whether it is to show what is in it; the rows follow with the next `show`.
    """

    renamed = Signal(int, str)
    folder_renamed = Signal(int, str)
    folder_toggled = Signal(int, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []
        self._folders: tuple[Folder, ...] = ()

    def show(self, conversations: Sequence[Conversation], today: date, folders: Sequence[Folder] = ()) -> None:
        """Lists pinned conversations, then folders with theirs, then the rest under headings of days.

        Args:
            conversations: in the order in which they are shown within a group.
            today: what "Today" means.
            folders: in the order in which they are shown.
        """
        self._folders = tuple(folders)
        self.beginResetModel()
        self._rows = [*self._pinned(conversations), *self._in_folders(conversations, folders)]
        heading = ""
        for each in conversations:
            if each.pinned or each.folder_id is not None:
                continue
            group = day_group(each.updated_s, today)
            if group != heading:
                heading = group
                self._rows.append(_Row(group, _DAYS))
            self._rows.append(_Row(each.title, _DAYS, each, spoken=each.title))
        self.endResetModel()

    def show_hits(self, hits: Iterable[SearchHit]) -> None:
        """Lists what a search found: titles first, then messages."""
        self.beginResetModel()
        self._rows = []
        for kind, heading in ((True, _words("Titles")), (False, _words("Messages"))):
            rows = [_hit_row(each) for each in hits if (each.message_id is None) == kind]
            self._rows += [_Row(heading, None), *rows] if rows else []
        self.endResetModel()

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

    def toggle_folder(self, folder_id: int) -> None:
        """Asks for a folder to be opened or closed, whatever it is not."""
        folder = next((each for each in self._folders if each.id == folder_id), None)
        if folder is not None:
            self.folder_toggled.emit(folder_id, not folder.is_open)

    def group_of(self, conversation_id: int) -> Group | None:
        """The group that a conversation stands in, None when it is not listed or was only searched for."""
        return next((row.group for row in self._rows if row.conversation_id == conversation_id), None)

    def drop_target(self, conversation_id: int, row: int | None) -> Target | None:
        """The group that a conversation would come to on a row, or below all of them (None).

        None when it stands there already, or when the row belongs to no group.
        """
        group = _DAYS if row is None else self._rows[row].group
        stands_in = self.group_of(conversation_id)
        if group is None or stands_in is None or group == stands_in:
            return None
        rows = [number for number, each in enumerate(self._rows) if each.group == group]
        return Target(group, rows[0], rows[-1]) if rows else Target(group, 0, -1)

    def folders(self) -> tuple[Folder, ...]:
        """The folders that are listed."""
        return self._folders

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
            OPEN_ROLE: row.folder.is_open if row.folder else False,
            INSIDE_ROLE: row.inside,
            CONVERSATION_ROLE: row.conversation,
            HIT_ROLE: row.hit,
        }
        return values.get(role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self._rows[index.row()].is_heading:
            return Qt.ItemFlag.NoItemFlags
        row, plain = self._rows[index.row()], Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if row.hit is None:
            plain |= Qt.ItemFlag.ItemIsEditable
        return plain | Qt.ItemFlag.ItemIsDragEnabled if row.conversation is not None else plain

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
        pinned = [each for each in conversations if each.pinned]
        rows = [_Row(each.title, _PINNED, each, spoken=spoken.format(each.title)) for each in pinned]
        return [_Row(_words("Pinned"), _PINNED), *rows] if rows else []

    def _in_folders(self, conversations: Sequence[Conversation], folders: Sequence[Folder]) -> list[_Row]:
        rows = [_Row(_words("Folders"), None)] if folders else []
        for folder in folders:
            inside = [each for each in conversations if each.folder_id == folder.id and not each.pinned]
            state = (
                _words("Folder {0}, open, chats: {1}") if folder.is_open else _words("Folder {0}, closed, chats: {1}")
            )
            spoken = state.format(folder.name, len(inside))
            group = Group("folder", folder.id)
            rows.append(_Row(folder.name, group, folder=folder, spoken=spoken))
            if folder.is_open:
                rows += [_Row(each.title, group, each, True, spoken=each.title) for each in inside]
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
    return _Row(hit.title.text, None, hit=hit, spoken=spoken)


def _words(text: str) -> str:
    return QCoreApplication.translate("ConversationList", text)
