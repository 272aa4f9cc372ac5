"""The models page: finding models and those on this computer, one beside the other behind two tabs.

Knows nothing of what is on either side.
"""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_16
from app.views.widgets import push_button, thin_line


class ModelsPage(QFrame):
    """Signals:
    tab_shown: the widget behind the tab that is shown now.
    """

    tab_shown = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "page")
        self._theme = theme
        self._group = QButtonGroup(self)
        self._stack = QStackedWidget()
        self._tabs = QHBoxLayout()
        self._tabs.setContentsMargins(SPACE_16, SPACE_8, SPACE_16, SPACE_8)
        self._tabs.setSpacing(SPACE_8)
        self._tabs.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._tabs)
        layout.addWidget(thin_line())
        layout.addWidget(self._stack, 1)
        self._group.idClicked.connect(self._on_clicked)

    def add_tab(self, word: str, widget: QWidget) -> QPushButton:
        """Adds a tab at the right; the first one is shown."""
        number = self._stack.addWidget(widget)
        button = push_button(word, self._stack.update, "choice")
        button.setCheckable(True)
        button.setChecked(number == 0)
        self._group.addButton(button, number)
        self._tabs.insertWidget(number, button)
        return button

    @property
    def shown(self) -> QWidget:
        widget = self._stack.currentWidget()
        assert widget is not None  # there is a tab
        return widget

    def show_tab(self, widget: QWidget) -> None:
        """Shows what `add_tab` was given."""
        self._stack.setCurrentWidget(widget)
        self._group.button(self._stack.indexOf(widget)).setChecked(True)
        self.tab_shown.emit(widget)

    @Slot(int)
    def _on_clicked(self, number: int) -> None:
        widget = self._stack.widget(number)
        assert widget is not None
        self.show_tab(widget)
