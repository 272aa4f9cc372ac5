"""The rail at the left: the pages, each with icon and word. Knows nothing of the pages."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, RAIL_PX, SPACE_4, SPACE_8
from app.views.pages import Page
from app.views.widgets import IconButton


class Rail(QFrame):
    """Signals:
    page_chosen: a `Page`.
    menu_requested: show the menu of all actions.
    help_requested: show the shortcuts.
    """

    page_chosen = Signal(object)
    menu_requested = Signal()
    help_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.setFixedWidth(RAIL_PX)
        self._theme = theme
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(SPACE_4, SPACE_8, SPACE_4, SPACE_8)
        self._layout.setSpacing(SPACE_4)
        self.buttons = {page: self._button(page.value, word) for page, word in self._words()}
        for button in self.buttons.values():  # not a group of buttons, of which Tab would reach a single one
            button.setCheckable(True)
            button.clicked.connect(self._on_clicked)
        self._layout.addStretch(1)
        self.menu_button = self._button("more", self.tr("Menu"))
        self.menu_button.clicked.connect(self.menu_requested)
        help_button = self._button("help", self.tr("Help"))
        help_button.clicked.connect(self.help_requested)
        self._make_room()
        self.show_page(Page.CHAT)

    def show_page(self, page: Page) -> None:
        """Marks a page as the one that is shown."""
        for each, button in self.buttons.items():
            button.setChecked(each is page)

    def _make_room(self) -> None:
        """Other languages have longer words."""
        buttons = self.findChildren(IconButton)
        needed = max(each.fontMetrics().horizontalAdvance(each.text()) for each in buttons) + 2 * SPACE_8
        width = max(needed, RAIL_PX - 2 * SPACE_4)
        for button in buttons:
            button.setFixedWidth(width)
        self.setFixedWidth(width + 2 * SPACE_4)

    def _words(self) -> tuple[tuple[Page, str], ...]:
        return (
            (Page.CHAT, self.tr("Chat")),
            (Page.MODELS, self.tr("Models")),
            (Page.DOWNLOADS, self.tr("Downloads")),
            (Page.CONVERT, self.tr("Convert")),
            (Page.SETTINGS, self.tr("Settings")),
        )

    def _button(self, icon: str, word: str) -> IconButton:
        button = IconButton(self._theme, icon, word, word=word)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setIconSize(QSize(ICON_PX, ICON_PX))
        button.setFixedSize(RAIL_PX - 2 * SPACE_4, 52)
        self._layout.addWidget(button)
        return button

    @Slot()
    def _on_clicked(self) -> None:
        self.page_chosen.emit(next(page for page, button in self.buttons.items() if button is self.sender()))
