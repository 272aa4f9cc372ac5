"""The rows of the conversation list as a view: clicks, keys, and chats that are dragged to another group.

While a chat is dragged, the group under the mouse is framed. Knows the roles of the list's model; knows nothing of
what becomes of a chat that is dropped.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QLineEdit, QListView

from app.item_models.conversations import HEADING_ROLE, ID_ROLE, ConversationListModel, Group, Target
from app.theme.theme import Theme
from app.theme.tokens import RADIUS_FIELD, SPACE_8, SPACE_12
from app.views.conversation_row import ROW_PX, more_spot

CHAT_MIME = "application/x-espalier-chat"
_GROUND_OPACITY = 0.12


class ConversationView(QListView):
    """Signals:
    chosen: index of the row that was clicked or entered.
    delete_requested, menu_requested: for a row's index.
    move_requested: id of a conversation that was dropped, and the `Group` that it was dropped on.
    drag_ended: a drag is over, wherever it ended.
    """

    chosen = Signal(QModelIndex)
    delete_requested = Signal(QModelIndex)
    menu_requested = Signal(QModelIndex, QPoint)
    move_requested = Signal(int, object)
    drag_ended = Signal()

    def __init__(self, theme: Theme, model: ConversationListModel) -> None:
        super().__init__()
        self._theme = theme
        self._rows = model
        self._target: Target | None = None
        self.setModel(model)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDropIndicatorShown(False)
        self.viewport().setAcceptDrops(True)

    @property
    def drop_group(self) -> Group | None:
        """The group that is framed because a chat is dragged over it."""
        return self._target.group if self._target is not None else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        index = self.indexAt(place)
        is_for_menu = index.isValid() and more_spot(self.visualRect(index)).contains(place)
        if is_for_menu or event.button() == Qt.MouseButton.RightButton:
            event.accept()  # the row of the open chat stays the marked one
        else:
            super().mousePressEvent(event)

    def reset(self) -> None:
        """A list that is written anew keeps the keyboard, also when that was in the name that was being edited."""
        focus = QApplication.focusWidget()
        was_here = focus is not None and self.isAncestorOf(focus)
        super().reset()
        if was_here:
            self.setFocus(Qt.FocusReason.OtherFocusReason)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        place = event.position().toPoint()
        index = self.indexAt(place)
        if not index.isValid() or index.data(HEADING_ROLE) or event.button() != Qt.MouseButton.LeftButton:
            return
        if more_spot(self.visualRect(index)).contains(place):
            self.menu_requested.emit(index, self.viewport().mapToGlobal(place))
        else:
            self.chosen.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if self.state() == QAbstractItemView.State.EditingState:
            super().keyPressEvent(event)  # Enter ends the editing of a name and comes here as well
        elif index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(index)
        elif index.isValid() and event.key() == Qt.Key.Key_Delete:
            self.delete_requested.emit(index)
        elif index.isValid() and event.key() == Qt.Key.Key_Menu:
            self.menu_requested.emit(index, self.viewport().mapToGlobal(self.visualRect(index).bottomLeft()))
        else:
            super().keyPressEvent(event)

    def startDrag(self, _actions: Qt.DropAction) -> None:
        index = self.currentIndex()
        number = index.data(ID_ROLE) if index.isValid() else None
        if number is None:
            return
        data = QMimeData()
        data.setData(CHAT_MIME, str(number).encode())
        row = self.visualRect(index)
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(self.viewport().grab(row))
        drag.setHotSpot(QPoint(-SPACE_12, -SPACE_8))  # beside the mouse: what lies under it stays readable
        drag.exec(Qt.DropAction.MoveAction)
        self._frame(None)
        self.drag_ended.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._dragged(event) is None:
            event.ignore()  # files and folders belong to the window
        else:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        number = self._dragged(event)
        if number is None:
            event.ignore()
            return
        super().dragMoveEvent(event)  # scrolls near the edges
        index = self.indexAt(event.position().toPoint())
        self._frame(self._rows.drop_target(number, index.row() if index.isValid() else None))
        if self._target is None:
            event.ignore()
        else:
            event.setDropAction(Qt.DropAction.MoveAction)
            event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._frame(None)

    def dropEvent(self, event: QDropEvent) -> None:
        number, target = self._dragged(event), self._target
        self._frame(None)
        self.stopAutoScroll()
        self.setState(QAbstractItemView.State.NoState)
        if number is None or target is None:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.MoveAction)
        event.accept()
        self.move_requested.emit(number, target.group)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._target is None:
            return
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self._place_of(self._target)).adjusted(1, 1, -1, -1)
        ground = self._theme.colour("accent")
        ground.setAlphaF(_GROUND_OPACITY)
        painter.setBrush(ground)
        painter.setPen(QPen(self._theme.colour("accent"), 2))
        painter.drawRoundedRect(frame, RADIUS_FIELD, RADIUS_FIELD)
        if self._target.is_empty:
            painter.setFont(self._theme.font("small"))
            painter.setPen(self._theme.colour("text"))
            where = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
            painter.drawText(frame.adjusted(SPACE_8, 0, 0, 0), where, self.tr("No folder"))

    def _dragged(self, event: QDropEvent) -> int | None:
        """The id of the chat that is dragged, None when it is anything else."""
        data = event.mimeData()
        if event.source() is not self or not data.hasFormat(CHAT_MIME):
            return None
        return int(bytes(data.data(CHAT_MIME).data()))

    def _frame(self, target: Target | None) -> None:
        if target != self._target:
            self._target = target
            self.viewport().update()

    def _place_of(self, target: Target) -> QRect:
        """Where the rows of a group are; below all others when it has none yet."""
        if not target.is_empty:
            first, last = self._rows.index(target.first, 0), self._rows.index(target.last, 0)
            return self.visualRect(first).united(self.visualRect(last))
        last = self._rows.index(self._rows.rowCount() - 1, 0)
        top = min(self.visualRect(last).bottom() + 1, self.viewport().height() - ROW_PX)
        return QRect(0, top, self.viewport().width(), ROW_PX)


class SearchField(QLineEdit):
    """Signals:
    entered: go to what was found; True opens the first of it.
    """

    entered = Signal(bool)

    def event(self, event: QEvent) -> bool:
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride and self.text():
            event.accept()  # before the window's own meaning of Esc
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.entered.emit(event.key() != Qt.Key.Key_Down)
        elif event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
