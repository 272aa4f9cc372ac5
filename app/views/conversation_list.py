"""The list of conversations: new chat, search, days, rename and delete. Knows nothing of the store."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMenu,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.item_models.conversations import HEADING_ROLE, ID_ROLE, ConversationListModel
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, RADIUS_FIELD, SPACE_4, SPACE_8, SPACE_12, mix
from app.views.widgets import label, push_button

Index = QModelIndex | QPersistentModelIndex
ROW_PX, HEADING_PX = 34, 30


class _RowDelegate(QStyledItemDelegate):
    """Paints headings and titles, with a "more" sign on the row under the mouse."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(100, HEADING_PX if index.data(HEADING_ROLE) else ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRect(option.rect)
        if index.data(HEADING_ROLE):
            painter.setFont(self._theme.font("small"))
            painter.setPen(self._theme.colour("muted"))
            painter.drawText(area.adjusted(SPACE_8, 0, 0, -4), int(Qt.AlignmentFlag.AlignBottom), str(index.data()))
        else:
            self._paint_title(painter, option, index, area.adjusted(0, 1, 0, -1))
        painter.restore()

    def _paint_title(self, painter: QPainter, option: QStyleOptionViewItem, index: Index, area: QRect) -> None:
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        colours = self._theme.colours
        if selected or hovered:
            tint, share = (colours.accent, 0.16) if selected else (colours.text, 0.06)
            ground = mix(colours.surface, tint, share)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(ground))
            painter.drawRoundedRect(area, RADIUS_FIELD, RADIUS_FIELD)
        if bool(state & QStyle.StateFlag.State_HasFocus) and bool(state & QStyle.StateFlag.State_KeyboardFocusChange):
            painter.setPen(self._theme.colour("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(0, 0, -1, -1), RADIUS_FIELD, RADIUS_FIELD)
        room = area.adjusted(SPACE_8, 0, -SPACE_8, 0)
        if hovered or selected:
            spot = more_spot(area)
            self._theme.icon("more", "muted").paint(painter, spot)
            room.setRight(spot.left() - SPACE_4)
        font = self._theme.font("body")
        painter.setFont(font)
        painter.setPen(self._theme.colour("text"))
        text = QFontMetrics(font).elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, _index: Index) -> None:
        editor.setGeometry(QRect(option.rect).adjusted(0, 1, 0, -1))


class _ListView(QListView):
    """Signals:
    chosen: id of the conversation that was clicked or entered.
    delete_requested, menu_requested: for the conversation's index.
    """

    chosen = Signal(int)
    delete_requested = Signal(QModelIndex)
    menu_requested = Signal(QModelIndex, QPoint)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        place = event.position().toPoint()
        index = self.indexAt(place)
        if not index.isValid() or index.data(ID_ROLE) is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if more_spot(self.visualRect(index)).contains(place):
            self.menu_requested.emit(index, self.viewport().mapToGlobal(place))
        else:
            self.chosen.emit(index.data(ID_ROLE))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(index.data(ID_ROLE))
        elif index.isValid() and event.key() == Qt.Key.Key_Delete:
            self.delete_requested.emit(index)
        else:
            super().keyPressEvent(event)


class ConversationList(QFrame):
    """Signals:
    new_requested: start a new chat.
    opened: id of a conversation to show.
    delete_requested: id of a conversation to delete.
    search_changed: the text of the search field.
    """

    new_requested = Signal()
    opened = Signal(int)
    delete_requested = Signal(int)
    search_changed = Signal(str)

    def __init__(self, theme: Theme, model: ConversationListModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self._model = model
        self.new_button = push_button(self.tr("New chat"), self.new_requested.emit)
        self.new_button.setIcon(theme.icon("plus", "text"))
        self.new_button.setIconSize(QSize(ICON_PX - 4, ICON_PX - 4))
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search titles"))
        self.search.setAccessibleName(self.tr("Search titles"))
        self.search.setClearButtonEnabled(True)
        for part in self.search.findChildren(QWidget):
            part.setAccessibleName(self.tr("Clear the search"))
        self.search.textChanged.connect(self.search_changed)
        self.view = _ListView()
        self.view.setModel(model)
        self.view.setItemDelegate(_RowDelegate(theme, self.view))
        self.view.setMouseTracking(True)
        self.view.setAccessibleName(self.tr("Conversations"))
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._on_context_menu)
        self.view.menu_requested.connect(self.show_menu)
        self.view.delete_requested.connect(self._delete)
        self.view.chosen.connect(self.opened)
        self._nothing = self._empty_page(theme)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._nothing)
        top = QHBoxLayout()
        top.addWidget(self.new_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_8, SPACE_12, SPACE_8, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addLayout(top)
        layout.addWidget(self.search)
        layout.addWidget(self._stack, 1)
        self._theme = theme
        theme.changed.connect(self._retint)
        model.modelReset.connect(self._on_reset)
        self._on_reset()

    def select(self, conversation_id: int | None) -> None:
        """Marks the open conversation."""
        index = self._model.index_of(conversation_id)
        if index.isValid():
            self.view.setCurrentIndex(index)
        else:
            self.view.clearSelection()
            self.view.setCurrentIndex(QModelIndex())

    @Slot(QModelIndex, QPoint)
    def show_menu(self, index: QModelIndex, place: QPoint) -> None:
        """The menu of one conversation."""
        self.menu_for(index).popup(place)

    def menu_for(self, index: QModelIndex) -> QMenu:
        """Builds the menu of one conversation."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        kept = QPersistentModelIndex(index)

        def present() -> QModelIndex:
            return self._model.index(kept.row(), 0) if kept.isValid() else QModelIndex()

        rename = QAction(self._theme.icon("rename"), self.tr("Rename"), menu)
        rename.triggered.connect(lambda: self.view.edit(present()))
        delete = QAction(self._theme.icon("trash"), self.tr("Delete"), menu)
        delete.triggered.connect(lambda: self._delete(present()))
        menu.addActions([rename, delete])
        return menu

    def _empty_page(self, theme: Theme) -> QWidget:
        page = QWidget()
        self._nothing_text = label(theme, kind="muted", font="small", wrap=True)
        self._clear_button = push_button(self.tr("Clear the search"), self.search.clear)
        column = QVBoxLayout(page)
        column.setContentsMargins(SPACE_8, SPACE_12, SPACE_8, 0)
        column.setSpacing(SPACE_8)
        column.addWidget(self._nothing_text)
        column.addWidget(self._clear_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return page

    @Slot()
    def _on_reset(self) -> None:
        wanted = self.search.text().strip()
        self._stack.setCurrentWidget(self.view if self._model.rowCount() else self._nothing)
        searched = self.tr("No title contains “{0}”.").format(wanted)
        self._nothing_text.setText(searched if wanted else self.tr("Your conversations will be listed here."))
        self._clear_button.setVisible(bool(wanted))

    @Slot(QPoint)
    def _on_context_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if index.isValid() and index.data(ID_ROLE) is not None:
            self.show_menu(index, self.view.viewport().mapToGlobal(place))

    @Slot(QModelIndex)
    def _delete(self, index: QModelIndex) -> None:
        if index.data(ID_ROLE) is not None:
            self.delete_requested.emit(index.data(ID_ROLE))

    @Slot()
    def _retint(self) -> None:
        self.new_button.setIcon(self._theme.icon("plus", "text"))
        self.view.viewport().update()


def more_spot(row: QRect) -> QRect:
    """Where the "more" sign of a row is."""
    return QRect(row.right() - ICON_PX - SPACE_4, row.center().y() - ICON_PX // 2, ICON_PX, ICON_PX)
