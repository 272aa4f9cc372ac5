"""The card over the composer when images are to be sent to a model that sees none: why, and the ways out.

Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.flow import FlowLayout
from app.views.widgets import clear_layout, label, push_button

Way = tuple[str, Callable[[], object]]


class SightNotice(QFrame):
    """Hidden until something is said."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "banner")
        self.words = label(theme, wrap=True)
        self._buttons = FlowLayout(gap=SPACE_8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_8, SPACE_12, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.words)
        layout.addLayout(self._buttons)
        self.hide()

    def say(self, words: str, ways: Sequence[Way]) -> None:
        """Shows why, with a button for each way out; the last one closes the card."""
        was_visible = self.isVisible()
        self.words.setText(words)
        self.setAccessibleName(words)
        clear_layout(self._buttons)
        for number, (text, handler) in enumerate(ways):
            self._add(push_button(text, handler, "primary" if number == 0 else ""))
        self._add(push_button(self.tr("Close"), self._close))
        self.show()
        if not was_visible:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _add(self, button: QPushButton) -> None:
        self._buttons.addWidget(button)
        button.show()  # at once: it may get the keyboard before the next layout

    def insist(self) -> None:
        """Takes the keyboard to the first way out."""
        item = self._buttons.itemAt(0)
        widget = item.widget() if item is not None else None
        if widget is not None:
            widget.setFocus()

    @Slot()
    def _close(self) -> None:
        self.hide()
