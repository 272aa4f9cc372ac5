"""What the card can run, as a few models to click on. Knows nothing of how that is found out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8
from app.views.chip import Chip
from app.views.widgets import clear_layout, label, push_button


@dataclass(frozen=True)
class Suggestion:
    """One model.

    Attributes:
        key: what the model is known by to whoever acts on a click.
        details: its bits, its size and how it fits, on a line of their own.
        about: what it is good for, in a sentence.
    """

    key: Hashable
    title: str
    details: str
    about: str


class FitSuggestions(QWidget):
    """Signals:
    model_chosen: the key of a suggestion.
    find_requested: more than these are wanted.
    """

    model_chosen = Signal(object)
    find_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_wanted = False
        self._shown: tuple[str, tuple[Suggestion, ...]] = ("", ())
        self.buttons: dict[QPushButton, Suggestion] = {}
        self.heading = label(theme, kind="muted", wrap=True)
        self.heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(SPACE_8)
        self.find_button = push_button(self.tr("Find a model"), self.find_requested.emit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.heading)
        layout.addLayout(self._rows)
        layout.addWidget(self.find_button, 0, Qt.AlignmentFlag.AlignHCenter)
        self.hide()

    def set_wanted(self, is_wanted: bool) -> None:
        """Whether there is a reason to suggest models now."""
        self._is_wanted = is_wanted
        self._fit()

    def show_suggestions(self, heading: str, suggestions: tuple[Suggestion, ...]) -> None:
        """Shows models under a line about the card; '' while nothing is known of the card."""
        if (heading, suggestions) == self._shown:
            return  # a button that has the keyboard keeps it
        self._shown = (heading, suggestions)
        self.heading.setText(heading)
        clear_layout(self._rows)
        self.buttons = {self._button(each): each for each in suggestions}
        for button in self.buttons:
            self._rows.addWidget(button)
        self._fit()

    def _button(self, suggestion: Suggestion) -> QPushButton:
        button = Chip(f"{suggestion.title}\n{suggestion.details}")
        button.clicked.connect(self._on_button)
        button.setAccessibleName(f"{suggestion.title}, {suggestion.details}")
        button.setAccessibleDescription(suggestion.about)
        button.setToolTip(suggestion.about)
        return button

    def _fit(self) -> None:
        self.setVisible(self._is_wanted and bool(self._shown[0]))

    @Slot()
    def _on_button(self) -> None:
        button = self.sender()
        if isinstance(button, QPushButton) and button in self.buttons:
            self.model_chosen.emit(self.buttons[button].key)
