"""The window: rail, list, page, inspector, status strip, and how they make room for each other.

Knows nothing of the store or the engine. In a narrow window the side panels become sheets over the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import INSPECTOR_PX, LIST_PX, LIST_SHEET_BELOW_PX, RAIL_PX, SHEET_BELOW_PX
from app.views.chat.page import ChatPage
from app.views.chat.picture_input import local_paths, offers_only_an_address, offers_pictures, picture_sources
from app.views.conversation_list import ConversationList
from app.views.drop_overlay import DropOverlay
from app.views.inspector import Inspector
from app.views.notice import Notice
from app.views.pages import Page
from app.views.rail import Rail
from app.views.status_strip import COMPACT_BELOW_PX, StatusStrip
from app.views.widgets import set_state, thin_line

MIN_WIDTH_PX, MIN_HEIGHT_PX = 480, 400
SHEET_GAP_PX = 40  # of the page, which is seen beside a sheet and closes it


@dataclass(frozen=True)
class Parts:
    """The views that the window arranges."""

    conversations: ConversationList
    chat: ChatPage
    inspector: Inspector


class _SidePanel(QObject):
    """A panel that stands in the splitter, or lies over the page as a sheet when there is no room."""

    def __init__(self, panel: QFrame, place: int, width: int, window: MainWindow) -> None:
        super().__init__(window)
        self.panel = panel
        self.wanted = True
        self.is_sheet = False
        self._has_lost_width = False  # it is back in the splitter, which has forgotten how wide it was
        self._place = place
        self._width = width
        self._window = window

    def set_sheet(self, is_sheet: bool) -> None:
        """Changes between the two kinds; a fresh sheet is closed."""
        if is_sheet == self.is_sheet:
            return
        self.is_sheet = is_sheet
        set_state(self.panel, "kind", "sheet" if is_sheet else "panel")
        if is_sheet:
            self.panel.setParent(self._window.page_area)
            self.panel.hide()
        else:
            self._has_lost_width = True
            self._window.splitter.insertWidget(self._place, self.panel)
            self._window.splitter.setStretchFactor(self._window.splitter.indexOf(self._window.parts.chat), 1)
            self.panel.setVisible(self.wanted)

    def toggle(self) -> None:
        """Opens or closes the panel."""
        self.set_open(not self.panel.isVisible())

    def set_open(self, is_open: bool) -> None:
        if not self.is_sheet:
            self.wanted = is_open
        self.panel.setVisible(is_open)
        self.lay_out()
        self._window.restore_widths()
        if is_open and self.is_sheet:
            self.panel.raise_()
            self.panel.setFocus()

    def lay_out(self) -> None:
        """Gives a sheet its place over the page."""
        if self.is_sheet:
            area = self._window.page_area.rect()
            width = min(max(self._width, self.panel.minimumSizeHint().width()), area.width() - SHEET_GAP_PX)
            x = 0 if self._place == 0 else area.width() - width
            self.panel.setGeometry(x, 0, width, area.height())

    def take_width_back(self) -> int:
        """The width that a panel had before it was a sheet, once it is seen again; 0 when it has it."""
        if not self._has_lost_width or self.is_sheet or self.panel.isHidden():
            return 0
        self._has_lost_width = False
        return self._width

    def remember_width(self, width: int = 0) -> None:
        """Takes the width that it had, or 0 for that which the user gave it just now."""
        splitter = self._window.splitter
        if width:
            self._width = width
        elif not self.is_sheet and not self.panel.isHidden():
            self._width = splitter.sizes()[splitter.indexOf(self.panel)]


class MainWindow(QMainWindow):
    """Signals:
    folder_dropped: a path that was dropped on the window.
    pictures_dropped: a list of `Source` that were dropped on it.
    address_dropped: a browser has handed over only where an image is.
    closing: the window is about to close.
    panels_changed: a side panel was opened or closed.
    page_wanted: a page is to be shown that was not added yet; it is when the signal returns.
    """

    folder_dropped = Signal(object)
    pictures_dropped = Signal(list)
    address_dropped = Signal()
    closing = Signal()
    panels_changed = Signal()
    page_wanted = Signal()

    def __init__(self, theme: Theme, parts: Parts) -> None:
        super().__init__()
        self.theme = theme
        self.setWindowTitle("Espalier")
        self.setMinimumSize(MIN_WIDTH_PX, MIN_HEIGHT_PX)
        self.setAcceptDrops(True)
        self.parts = parts
        self.may_close: Callable[[], bool] = lambda: True  # asked before; who answers no asks the user
        self.rail = Rail(theme)
        self.status = StatusStrip(theme)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.page_area = QWidget()
        self._pages = QStackedWidget()
        self._page_widgets: dict[Page, QWidget] = {}
        self.add_page(Page.CHAT, self.splitter)
        self._build(parts)
        self.list_panel = _SidePanel(parts.conversations, 0, LIST_PX, self)
        self.inspector_panel = _SidePanel(parts.inspector, 2, INSPECTOR_PX, self)
        self.notice = Notice(theme, self.page_area, parts.chat)
        self._overlay = DropOverlay(theme, self)
        self.splitter.splitterMoved.connect(self._remember_widths)
        self.rail.page_chosen.connect(self.show_page)
        parts.chat.model_bar.list_toggled.connect(self.toggle_list)
        parts.chat.model_bar.inspector_toggled.connect(self.toggle_inspector)
        parts.inspector.close_requested.connect(self.close_inspector)
        parts.chat.installEventFilter(self)

    @property
    def page(self) -> Page:
        """The one that is shown."""
        return next(page for page, widget in self._page_widgets.items() if widget is self._pages.currentWidget())

    def add_page(self, page: Page, widget: QWidget) -> None:
        """Takes in what stands for a page."""
        self._page_widgets[page] = widget
        self._pages.addWidget(widget)

    @Slot(object)
    def show_page(self, page: Page) -> None:
        """Shows one page and marks it on the rail."""
        if page not in self._page_widgets:
            self.page_wanted.emit()
        self._pages.setCurrentWidget(self._page_widgets[page])
        self.rail.show_page(page)

    def set_panel_widths(self, sizes: Sequence[int]) -> None:
        """Gives list, page and inspector the widths that they had."""
        self.splitter.setSizes(list(sizes))  # which it does when the window is shown
        self.list_panel.remember_width(sizes[0])
        self.inspector_panel.remember_width(sizes[2])

    def restore_widths(self) -> None:
        """Gives panels that were sheets the widths that the splitter has forgotten, at the cost of the page."""
        sizes = self.splitter.sizes()
        page = self.splitter.indexOf(self.parts.chat)
        for panel in (self.list_panel, self.inspector_panel):
            width, here = panel.take_width_back(), self.splitter.indexOf(panel.panel)
            if width:
                sizes[page] += sizes[here] - width
                sizes[here] = width
        if sizes != self.splitter.sizes():
            self.splitter.setSizes(sizes)

    @Slot()
    def _remember_widths(self) -> None:
        for panel in (self.list_panel, self.inspector_panel):
            panel.remember_width()

    @Slot()
    def toggle_list(self) -> None:
        self.list_panel.toggle()
        self.panels_changed.emit()

    @Slot()
    def toggle_inspector(self) -> None:
        self.inspector_panel.toggle()
        self.panels_changed.emit()

    @Slot()
    def close_inspector(self) -> None:
        self.inspector_panel.set_open(False)
        self.panels_changed.emit()

    def close_sheets(self) -> bool:
        """Closes the sheets over the page and says whether there was one."""
        open_sheets = [p for p in (self.list_panel, self.inspector_panel) if p.is_sheet and p.panel.isVisible()]
        for panel in open_sheets:
            panel.set_open(False)
        return bool(open_sheets)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def arrange(self) -> None:
        """Chooses for the present width which panels stand and which are sheets."""
        self.inspector_panel.set_sheet(self.width() < SHEET_BELOW_PX)
        self.list_panel.set_sheet(self.width() < LIST_SHEET_BELOW_PX)
        self.status.set_compact(self.width() < COMPACT_BELOW_PX)
        central = self.centralWidget()
        layout = central.layout() if central else None
        if layout is not None:
            layout.activate()  # the page area must have its new size before sheets are laid over it
        for panel in (self.list_panel, self.inspector_panel):
            panel.lay_out()
        self.restore_widths()
        if self.notice.isVisible():
            self.notice.place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            self.close_sheets()
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        has_pictures = _has_pictures(event)
        if has_pictures or local_paths(event.mimeData()):
            event.acceptProposedAction()
            self._overlay.cover(is_convert=self.page is Page.CONVERT, has_pictures=has_pictures)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._overlay.hide()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._overlay.hide()
        data = event.mimeData()
        paths = local_paths(data)
        if not _has_pictures(event) and not paths:
            return
        event.acceptProposedAction()
        if offers_only_an_address(data):
            self.address_dropped.emit()
        elif _has_pictures(event):
            self.pictures_dropped.emit(picture_sources(data, self.tr("Dropped image")))
        else:
            self.folder_dropped.emit(paths[0])

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.may_close():
            event.ignore()
            return
        self.closing.emit()
        super().closeEvent(event)

    def _build(self, parts: Parts) -> None:
        parts.conversations.setMinimumWidth(200)
        parts.chat.setMinimumWidth(380)
        for number, part in enumerate((parts.conversations, parts.chat, parts.inspector)):
            self.splitter.addWidget(part)
            self.splitter.setStretchFactor(number, 1 if part is parts.chat else 0)
        self.splitter.setSizes([LIST_PX, 1200 - LIST_PX - INSPECTOR_PX - RAIL_PX, INSPECTOR_PX])
        area = QVBoxLayout(self.page_area)
        area.setContentsMargins(0, 0, 0, 0)
        area.addWidget(self._pages)
        across = QHBoxLayout()
        across.setSpacing(0)
        across.addWidget(self.rail)
        across.addWidget(thin_line(vertical=True))
        across.addWidget(self.page_area, 1)
        central = QWidget()
        column = QVBoxLayout(central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(across, 1)
        column.addWidget(thin_line())
        column.addWidget(self.status)
        self.setCentralWidget(central)


def _has_pictures(event: QDropEvent) -> bool:
    """Whether what is dragged is meant as images: not a folder, nor a file of a model."""
    data = event.mimeData()
    return offers_pictures(data) or offers_only_an_address(data)
