"""The command palette: a few letters name a command, Enter does it. Knows nothing of what commands do."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.actions import Command
from app.fuzzy import fuzzy_score
from app.theme.theme import Theme
from app.theme.tokens import RADIUS_FIELD, SPACE_8, SPACE_12, mix
from app.views.widgets import label

WIDTH_PX, ROW_PX, ROWS, TOP_PX = 520, 34, 10, 72
KEYS_ROLE = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex
_TO_LIST = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class _Lines(QStyledItemDelegate):
    """Draws a command at the left and its keys at the right."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        colours = self._theme.colours
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(mix(colours.surface, colours.accent, 0.16)))
            painter.drawRoundedRect(rect, RADIUS_FIELD, RADIUS_FIELD)
        room = rect.adjusted(SPACE_12, 0, -SPACE_12, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        keys = str(index.data(KEYS_ROLE))
        painter.setFont(self._theme.font("small"))
        painter.setPen(self._theme.colour("muted"))
        painter.drawText(room, int(middle | Qt.AlignmentFlag.AlignRight), keys)
        room.setRight(room.right() - painter.fontMetrics().horizontalAdvance(keys) - SPACE_12)
        painter.setFont(self._theme.font("body"))
        painter.setPen(self._theme.colour("text"))
        text = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(middle | Qt.AlignmentFlag.AlignLeft), text)
        painter.restore()


class CommandPalette(QDialog):
    """Shows the commands that can be done now, best first."""

    def __init__(self, theme: Theme, commands: Sequence[Command], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setWindowTitle(self.tr("Commands"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self._commands = [command for command in commands if command.is_enabled]
        self._shown: list[Command] = []
        self.input = QLineEdit()
        self.input.setPlaceholderText(self.tr("What do you want to do?"))
        self.input.setAccessibleName(self.tr("Search for a command"))
        self.input.textChanged.connect(self._show_matches)
        self.input.returnPressed.connect(self.run_current)
        self.input.installEventFilter(self)
        self._model = QStandardItemModel(self)
        self.list = QListView()
        self.list.setModel(self._model)
        self.list.setItemDelegate(_Lines(theme, self.list))
        self.list.setAccessibleName(self.tr("Commands"))
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFixedHeight(ROWS * ROW_PX)
        self.list.clicked.connect(self.run_current)
        self._none = label(theme, self.tr("No command has these letters"), kind="muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_12, SPACE_12, SPACE_12)
        layout.setSpacing(SPACE_8)
        for part in (self.input, self._none, self.list):
            layout.addWidget(part)
        self.setFixedWidth(min(WIDTH_PX, parent.width() - 2 * SPACE_12))
        self._show_matches("")
        corner = parent.mapToGlobal(parent.rect().topLeft())
        self.move(corner.x() + (parent.width() - self.width()) // 2, corner.y() + TOP_PX)

    @property
    def shown(self) -> list[str]:
        """The lines on view, best first."""
        return [self._model.item(row).text() for row in range(self._model.rowCount())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The arrows walk the list while the letters are typed."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _TO_LIST:
            self._walk(Qt.Key(event.key()))
            return True
        return super().eventFilter(watched, event)

    @Slot()
    def run_current(self) -> None:
        """Closes the palette and does what is marked."""
        row = self.list.currentIndex().row()
        if 0 <= row < len(self._shown):
            command = self._shown[row]
            self.accept()
            command.run()

    @Slot(str)
    def _show_matches(self, wanted: str) -> None:
        scored = [(fuzzy_score(wanted, _line(command)), command) for command in self._commands]
        found = [(score, command) for score, command in scored if score is not None]
        found.sort(key=lambda each: -each[0])  # stable: equals keep the menu's order
        self._shown = [command for _, command in found]
        self._model.clear()
        for command in self._shown:
            item = QStandardItem(_line(command))
            item.setData(command.keys, KEYS_ROLE)
            item.setData(f"{_line(command)} {command.keys}".strip(), Qt.ItemDataRole.AccessibleTextRole)
            self._model.appendRow(item)
        self._none.setVisible(not self._shown)
        self.list.setVisible(bool(self._shown))
        self.list.setCurrentIndex(self._model.index(0, 0))
        self.adjustSize()

    def _walk(self, key: Qt.Key) -> None:
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -ROWS, Qt.Key.Key_PageDown: ROWS}[key]
        row, count = self.list.currentIndex().row() + steps, self._model.rowCount()
        if count:
            row = row % count if abs(steps) == 1 else min(max(row, 0), count - 1)
            self.list.setCurrentIndex(self._model.index(row, 0))


def _line(command: Command) -> str:
    return f"{command.group}: {command.text}"
