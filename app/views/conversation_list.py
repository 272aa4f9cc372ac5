"""The list of conversations: new chat, search, pins, folders, days, a menu for each row. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.item_models.conversations import (
    CONVERSATION_ROLE,
    FOLDER_ROLE,
    HEADING_ROLE,
    HIT_ROLE,
    ID_ROLE,
    ConversationListModel,
    Group,
)
from app.storage.records import Conversation, SearchHit
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, SPACE_4, SPACE_8, SPACE_12
from app.views.conversation_row import ConversationRow
from app.views.conversation_view import ConversationView, SearchField
from app.views.widgets import IconButton, label, push_button


class ConversationList(QFrame):
    """Signals:
    new_requested: start a new chat.
    opened: id of a conversation to show.
    hit_opened: ids of a conversation and of the message in it that a search found.
    delete_requested: id of a conversation to delete.
    pin_requested: id of a conversation, and whether it is to be pinned.
    move_requested: id of a conversation, and the `Group` that it goes to.
    folder_requested: make a new folder, for the conversation of this id, or empty for 0.
    folder_delete_requested: id of a folder.
    export_requested: id of a conversation, and "md", "html" or "json".
    import_requested: choose files to import.
    search_changed: the text of the search field.
    """

    new_requested = Signal()
    opened = Signal(int)
    hit_opened = Signal(int, int)
    delete_requested = Signal(int)
    pin_requested = Signal(int, bool)
    move_requested = Signal(int, object)
    folder_requested = Signal(int)
    folder_delete_requested = Signal(int)
    export_requested = Signal(int, str)
    import_requested = Signal()
    search_changed = Signal(str)

    def __init__(self, theme: Theme, model: ConversationListModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self._theme = theme
        self._model = model
        self.new_button = push_button(self.tr("New chat"), self.new_requested.emit)
        self.new_button.setIcon(theme.icon("plus", "text"))
        self.new_button.setIconSize(QSize(ICON_PX - 4, ICON_PX - 4))
        self.more_button = IconButton(theme, "more", self.tr("Folders and import"))
        self.more_button.clicked.connect(self._show_list_menu)
        self.search = self._search_field()
        self.view = self._list_view(theme)
        self._nothing = self._empty_page(theme)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._nothing)
        self._lay_out()
        theme.changed.connect(self._retint)
        model.modelReset.connect(self._on_reset)
        self._on_reset()

    def select(self, conversation_id: int | None) -> None:
        """Marks the open conversation; what a search found keeps its own place."""
        index = self._model.index_of(conversation_id)
        if self.view.currentIndex().data(HIT_ROLE) is not None:
            return
        if index.isValid() and index.data(HIT_ROLE) is None:
            self.view.setCurrentIndex(index)
        else:
            self.view.clearSelection()
            self.view.setCurrentIndex(QModelIndex())

    def edit_folder(self, folder_id: int) -> None:
        """Lets the user type a folder's name in its row."""
        index = self._model.index_of_folder(folder_id)
        if index.isValid():
            self.view.setCurrentIndex(index)
            self.view.edit(index)

    @Slot()
    def focus_search(self) -> None:
        """Takes the keyboard to the search field."""
        self.search.setFocus()
        self.search.selectAll()

    @Slot(QModelIndex, QPoint)
    def show_menu(self, index: QModelIndex, place: QPoint) -> None:
        """The menu of one row."""
        self.menu_for(index).popup(place)

    def menu_for(self, index: QModelIndex) -> QMenu:
        """Builds the menu of one conversation or folder."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if index.data(FOLDER_ROLE) is not None:
            self._fill_folder_menu(menu, index)
        else:
            self._fill_conversation_menu(menu, index)
        return menu

    @Slot()
    def show_move_menu(self) -> None:
        """The folders that the open chat can be moved to, beside its row."""
        index = self.view.currentIndex()
        conversation: Conversation | None = index.data(CONVERSATION_ROLE) if index.isValid() else None
        if conversation is not None:
            self.view.scrollTo(index)
            place = self.view.visualRect(index).bottomLeft()
            self.move_menu(conversation).popup(self.view.viewport().mapToGlobal(place))

    def move_menu(self, conversation: Conversation) -> QMenu:
        """Builds the menu of folders for one conversation."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._fill_move_menu(menu, conversation)
        return menu

    def list_menu(self) -> QMenu:
        """Builds the menu of the whole list."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add(menu, self.tr("New folder"), lambda: self.folder_requested.emit(0), "folder")
        self._add(menu, self.tr("Import chats…"), self.import_requested.emit)
        return menu

    def _fill_folder_menu(self, menu: QMenu, index: QModelIndex) -> None:
        folder_id = int(index.data(FOLDER_ROLE))
        kept = QPersistentModelIndex(index)
        self._add(menu, self.tr("Rename"), lambda: self._edit(kept), "rename")
        self._add(
            menu, self.tr("Remove folder, keep chats"), lambda: self.folder_delete_requested.emit(folder_id), "trash"
        )

    def _fill_conversation_menu(self, menu: QMenu, index: QModelIndex) -> None:
        number = int(index.data(ID_ROLE))
        conversation: Conversation | None = index.data(CONVERSATION_ROLE)
        kept = QPersistentModelIndex(index)
        if conversation is not None:
            self._add(menu, self.tr("Rename"), lambda: self._edit(kept), "rename")
            words = self.tr("Unpin") if conversation.pinned else self.tr("Pin to top")
            self._add(menu, words, lambda: self.pin_requested.emit(number, not conversation.pinned))
            self._fill_move_menu(menu.addMenu(self.tr("Move to folder")), conversation)
        export = menu.addMenu(self.tr("Export"))
        for ending, name in (
            ("md", self.tr("Markdown…")),
            ("html", self.tr("Web page…")),
            ("json", self.tr("JSON, with all versions…")),
        ):
            self._add(export, name, partial(self.export_requested.emit, number, ending))
        menu.addSeparator()
        self._add(menu, self.tr("Delete"), lambda: self.delete_requested.emit(number), "trash")

    def _fill_move_menu(self, menu: QMenu, conversation: Conversation) -> None:
        for folder in self._model.folders():
            move = partial(self.move_requested.emit, conversation.id, Group("folder", folder.id))
            action = self._add(menu, folder.name.replace("&", "&&"), move)
            action.setCheckable(True)
            action.setChecked(folder.id == conversation.folder_id)
        if conversation.folder_id is not None:
            self._add(menu, self.tr("No folder"), lambda: self.move_requested.emit(conversation.id, Group("days")))
        if not menu.isEmpty():
            menu.addSeparator()
        self._add(menu, self.tr("New folder"), lambda: self.folder_requested.emit(conversation.id), "plus")

    def _add(self, menu: QMenu, words: str, handler: Callable[[], object], icon: str = "") -> QAction:
        action = QAction(words, menu)
        if icon:
            action.setIcon(self._theme.icon(icon))
        action.triggered.connect(lambda _checked=False: handler())
        menu.addAction(action)
        return action

    def _edit(self, kept: QPersistentModelIndex) -> None:
        if kept.isValid():
            self.view.edit(self._model.index(kept.row(), 0))

    def _search_field(self) -> SearchField:
        field = SearchField()
        field.setPlaceholderText(self.tr("Search chats"))
        field.setAccessibleName(self.tr("Search all chats"))
        field.setClearButtonEnabled(True)
        for part in field.findChildren(QWidget):
            part.setAccessibleName(self.tr("Clear the search"))
        field.textChanged.connect(self.search_changed)
        field.entered.connect(self._enter_list)
        return field

    def _list_view(self, theme: Theme) -> ConversationView:
        view = ConversationView(theme, self._model)
        view.setItemDelegate(ConversationRow(theme, view))
        view.setMouseTracking(True)
        view.setAccessibleName(self.tr("Conversations"))
        view.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)  # rows differ in height
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._on_context_menu)
        view.menu_requested.connect(self.show_menu)
        view.delete_requested.connect(self._delete)
        view.move_requested.connect(self.move_requested)
        view.chosen.connect(self._choose)
        return view

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(SPACE_4)
        top.addWidget(self.new_button, 1)
        top.addWidget(self.more_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_8, SPACE_12, SPACE_8, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addLayout(top)
        layout.addWidget(self.search)
        layout.addWidget(self._stack, 1)

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
        searched = self.tr("No chat contains “{0}”.").format(wanted)
        self._nothing_text.setText(searched if wanted else self.tr("Your conversations will be listed here."))
        self._clear_button.setVisible(bool(wanted))

    @Slot()
    def _show_list_menu(self) -> None:
        self.list_menu().popup(self.more_button.mapToGlobal(self.more_button.rect().bottomLeft()))

    @Slot(QPoint)
    def _on_context_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if index.isValid() and not index.data(HEADING_ROLE):
            self.show_menu(index, self.view.viewport().mapToGlobal(place))
        else:
            self.list_menu().popup(self.view.viewport().mapToGlobal(place))

    @Slot(bool)
    def _enter_list(self, open_first: bool) -> None:
        rows = (self._model.index(number, 0) for number in range(self._model.rowCount()))
        first = next((each for each in rows if not each.data(HEADING_ROLE)), None)
        if first is None:
            return
        self.view.setCurrentIndex(first)
        if open_first:
            self._choose(first)
        else:
            self.view.setFocus(Qt.FocusReason.TabFocusReason)

    @Slot(QModelIndex)
    def _choose(self, index: QModelIndex) -> None:
        hit: SearchHit | None = index.data(HIT_ROLE)
        if index.data(FOLDER_ROLE) is not None:
            folder_id = int(index.data(FOLDER_ROLE))
            self._model.toggle_folder(folder_id)
            self.view.setCurrentIndex(self._model.index_of_folder(folder_id))
        elif hit is not None and hit.message_id is not None:
            self.hit_opened.emit(hit.conversation_id, hit.message_id)
        else:
            self.opened.emit(index.data(ID_ROLE))

    @Slot(QModelIndex)
    def _delete(self, index: QModelIndex) -> None:
        if index.data(ID_ROLE) is not None:
            self.delete_requested.emit(index.data(ID_ROLE))

    @Slot()
    def _retint(self) -> None:
        self.new_button.setIcon(self._theme.icon("plus", "text"))
        self.view.viewport().update()
