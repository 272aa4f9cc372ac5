"""Which model is to be converted: choosing its folder, what it is, or why it cannot be. Reads nothing itself."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.controllers.conversion import SourceAnswer
from app.error_words import error_words
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.convert.trouble import Trouble
from app.views.convert.words import source_text
from app.views.my_models.words import architecture_text
from app.views.widgets import ElidedLabel, label, push_button, set_state, titled_card
from engine.errors import UnsupportedModelError


class SourceCard(QWidget):
    """Signals:
    choose_wanted: let the user pick a folder.
    find_wanted: go to where models are found.
    """

    choose_wanted = Signal()
    find_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = ElidedLabel()
        self.name.setFont(theme.font("body"))
        self.place = ElidedLabel()
        self.place.setFont(theme.font("small"))
        self.place.setProperty("kind", "muted")
        self.facts = label(theme, kind="muted", wrap=True)
        self.choose_button = push_button(self.tr("Choose a folder…"), self.choose_wanted.emit, "primary")
        self.trouble = Trouble(theme)
        self.find_button = self.trouble.add_button(self.tr("Find a model"), self.find_wanted.emit)
        words = QVBoxLayout()
        words.setSpacing(SPACE_4)
        for each in (self.name, self.facts, self.place):
            words.addWidget(each)
        row = QHBoxLayout()
        row.setSpacing(SPACE_12)
        row.addLayout(words, 1)
        row.addWidget(self.choose_button)
        card, column = titled_card(theme, self.tr("Original model"), SPACE_8)
        column.addLayout(row)
        column.addWidget(self.trouble)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(card)
        self.clear()

    def clear(self) -> None:
        """Asks for a folder."""
        self.name.hide()
        self.place.hide()
        words = self.tr(
            "A folder with a model in fp16, bf16 or fp32, as its makers publish it. You can also drop it here."
        )
        self.facts.setText(words)
        self.trouble.say("", "")

    def show_reading(self, folder: Path) -> None:
        """The folder is being looked at."""
        self._show_folder(folder)
        self.facts.setText(self.tr("Reading…"))
        self.trouble.say("", "")

    def show_answer(self, answer: SourceAnswer) -> None:
        """Shows what the folder holds."""
        self._show_folder(answer.folder)
        model, error = answer.model, answer.error
        architecture = architecture_text(answer.facts)
        self.facts.setText(source_text(architecture, model) if model is not None else "")
        self.facts.setVisible(model is not None)
        self.trouble.say(error_words(error.message) if error else "", error_words(error.way_out) if error else "")
        self.find_button.setVisible(isinstance(error, UnsupportedModelError))

    def _show_folder(self, folder: Path) -> None:
        self.name.set_whole_text(folder.name)
        self.place.set_whole_text(str(folder))
        self.name.show()
        self.place.show()
        self.facts.show()
        self.choose_button.setText(self.tr("Choose another…"))
        set_state(self.choose_button, "kind", "")  # the next step has the main button
        self.choose_button.setAccessibleName(self.tr("Choose another folder"))
