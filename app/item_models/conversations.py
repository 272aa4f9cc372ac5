"""The conversation list as a Qt model: headings for days, conversations under them. Knows nothing of painting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.storage.records import Conversation

Index = QModelIndex | QPersistentModelIndex

ID_ROLE = int(Qt.ItemDataRole.UserRole)
HEADING_ROLE = ID_ROLE + 1


@dataclass(frozen=True)
class _Row:
    text: str
    conversation_id: int | None = None  # None: a heading


class ConversationListModel(QAbstractListModel):
    """Rows of headings and conversations.

    Signals:
        renamed: conversation id and the title that the user typed.
    """

    renamed = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []

    def show(self, conversations: Sequence[Conversation], today: date) -> None:
        """Replaces the rows; conversations come in the order in which they are shown."""
        self.beginResetModel()
        self._rows = []
        heading = ""
        for each in conversations:
            group = day_group(each.updated_s, today)
            if group != heading:
                heading = group
                self._rows.append(_Row(group))
            self._rows.append(_Row(each.title, each.id))
        self.endResetModel()

    def index_of(self, conversation_id: int | None) -> QModelIndex:
        """The index of a conversation, invalid when it is not listed."""
        for number, row in enumerate(self._rows):
            if conversation_id is not None and row.conversation_id == conversation_id:
                return self.index(number, 0)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.text if row.conversation_id is not None else None
        if role == ID_ROLE:
            return row.conversation_id
        return row.conversation_id is None if role == HEADING_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid() or self._rows[index.row()].conversation_id is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        conversation_id = self._rows[index.row()].conversation_id
        if role != Qt.ItemDataRole.EditRole or conversation_id is None or not str(value).strip():
            return False
        self.renamed.emit(conversation_id, str(value).strip())
        return True


def day_group(time_s: float, today: date) -> str:
    """The heading under which a time is listed."""
    day = datetime.fromtimestamp(time_s).date()
    if day >= today:
        return QCoreApplication.translate("ConversationList", "Today")
    if day == today - timedelta(days=1):
        return QCoreApplication.translate("ConversationList", "Yesterday")
    if day > today - timedelta(days=7):
        return QCoreApplication.translate("ConversationList", "Last 7 days")
    return QCoreApplication.translate("ConversationList", "Older")
