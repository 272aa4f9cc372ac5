"""What stands in the way, as a card: what happened, the way out, and a button for it. Knows nothing of conversions."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.flow import FlowLayout
from app.views.widgets import label, push_button


class Trouble(QFrame):
    """Hidden until `say`."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "error")
        self.message = label(theme, kind="danger", wrap=True)
        self.way_out = label(theme, wrap=True)
        for each in (self.message, self.way_out):
            each.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
            each.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            each.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.buttons = FlowLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_12, SPACE_12, SPACE_12, SPACE_12)
        column.setSpacing(SPACE_8)
        column.addWidget(self.message)
        column.addWidget(self.way_out)
        column.addLayout(self.buttons)
        self.hide()

    def add_button(self, text: str, handler: Callable[[], object]) -> QPushButton:
        """Adds a way out."""
        button = push_button(text, handler)
        self.buttons.addWidget(button)
        return button

    def say(self, message: str, way_out: str) -> None:
        """Shows what happened; '' hides the card."""
        self.message.setText(message)
        self.way_out.setText(way_out)
        self.way_out.setVisible(bool(way_out))
        self.setVisible(bool(message))
