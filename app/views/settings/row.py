"""One row of the table of settings: its name, its sentence, what it is changed with, and its reset.

Knows nothing of what a setting does or where it is kept.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.figures import count
from app.storage.setting_spec import About, Control, SettingSpec
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_16
from app.views.check_box import CheckBox
from app.views.combo import Combo
from app.views.settings.words import search_text, shown
from app.views.widgets import IconButton, label, push_button

MOST_BUTTONS = 4  # more options make a list
MOST_BUTTONS_PX = 320  # wider options make a list too
LIST_PX = 180
WORDS_PX = 200  # that the name and the sentence want beside the editor
PADDING_PX = 30  # of a button, with the space after it


class SettingRow(QWidget):
    """`name` is the setting's name as the user reads it.

    Signals:
    chosen: the user set this value.
    stepped: 1 larger, -1 smaller.
    reset_requested: the default is wanted.
    note_accepted: the button beside the note was pressed.
    """

    chosen = Signal(object)
    stepped = Signal(int)
    reset_requested = Signal()
    note_accepted = Signal()

    def __init__(self, theme: Theme, spec: SettingSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert spec.about is not None, spec.key
        self.spec = spec
        self._about: About = spec.about
        self._theme = theme
        self.name, self._help = shown(self._about.label), shown(self._about.help)
        self.search_text = search_text(self._about)
        self.buttons: dict[Any, QPushButton] = {}
        self.combo: Combo | None = None
        self.box: CheckBox | None = None
        self.amount = label(theme)
        self.reset_button = IconButton(theme, "retry", self.tr("Reset “{0}”").format(self.name), small=True)
        self.reset_button.clicked.connect(self.reset_requested)
        policy = self.reset_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing moves when it comes and goes
        self.reset_button.setSizePolicy(policy)
        self._editor = self._make_editor()
        self._note = label(theme, font="small", kind="muted", wrap=True)
        self.note_button = push_button("", self.note_accepted.emit)
        self.note_button.setAccessibleName(self.name)  # until a note says more
        self._note_row = QWidget()
        self._note_row.hide()
        self._build()

    def show_value(self, value: Any) -> None:
        """Shows what is set, without reporting it."""
        if self.box is not None:
            self.box.blockSignals(True)
            self.box.setChecked(value)
            self.box.blockSignals(False)
        elif self.combo is not None:
            self._show_in_list(self.combo, value)
        elif self.buttons:
            self.buttons[value].setChecked(True)
        else:
            self.amount.setText(f"{round(100 * value)} %")
        self.reset_button.setVisible(value != self.spec.default)

    def show_note(self, words: str, verb: str) -> None:
        """Shows what is still to be done, with a button for it; '' takes the note away."""
        if words:
            self._note.setText(words)
            self.note_button.setText(verb)
            self.note_button.setAccessibleName(f"{verb}: {words}")
        self._note_row.setVisible(bool(words))

    def fit(self, width: int) -> None:
        """Puts the editor under the words where it would leave them too little room."""
        stacked = width < self._editor.sizeHint().width() + self.reset_button.sizeHint().width() + WORDS_PX
        self._across.setDirection(QBoxLayout.Direction.TopToBottom if stacked else QBoxLayout.Direction.LeftToRight)

    def _build(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(SPACE_4)
        words.addWidget(label(self._theme, self.name))
        words.addWidget(label(self._theme, self._help, font="small", kind="muted", wrap=True))
        side = QHBoxLayout()
        side.setSpacing(SPACE_4)
        side.addStretch(1)
        side.addWidget(self._editor)
        side.addWidget(self.reset_button)
        self._across = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._across.setSpacing(SPACE_8)
        self._across.addLayout(words, 1)
        self._across.addSpacing(SPACE_16)
        self._across.addLayout(side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._across)
        note = QHBoxLayout(self._note_row)
        note.setContentsMargins(0, SPACE_8, 0, 0)
        note.setSpacing(SPACE_8)
        note.addWidget(self._note, 1)
        note.addWidget(self.note_button)
        layout.addWidget(self._note_row)

    def _make_editor(self) -> QWidget:
        if self.spec.control is Control.SWITCH:
            return self._make_switch()
        if self.spec.control is Control.STEPPER:
            return self._make_stepper()
        return self._make_list() if self._is_long() else self._make_buttons()

    def _is_long(self) -> bool:
        metrics = self.fontMetrics()
        widths = [metrics.horizontalAdvance(shown(option.label)) + PADDING_PX for option in self._about.options]
        return len(widths) > MOST_BUTTONS or sum(widths) > MOST_BUTTONS_PX

    def _make_switch(self) -> QWidget:
        self.box = CheckBox()
        self.box.setAccessibleName(self.name)
        self.box.setAccessibleDescription(self._help)
        self.box.toggled.connect(self._on_switch)
        return self.box

    def _make_stepper(self) -> QWidget:
        smaller = push_button("−", lambda: self.stepped.emit(-1))
        larger = push_button("+", lambda: self.stepped.emit(1))
        smaller.setAccessibleName(self.tr("{0}: smaller").format(self.name))
        larger.setAccessibleName(self.tr("{0}: larger").format(self.name))
        self.amount.setMinimumWidth(48)
        self.amount.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for button in (smaller, larger):
            button.setFixedWidth(40)
        return self._in_a_row(smaller, self.amount, larger)

    def _make_buttons(self) -> QWidget:
        for option in self._about.options:
            button = push_button(shown(option.label), self._on_button, "choice")
            button.setCheckable(True)
            button.setAutoExclusive(True)
            button.setAccessibleName(f"{self.name}: {shown(option.label)}")
            self.buttons[option.value] = button
        return self._in_a_row(*self.buttons.values())

    def _make_list(self) -> QWidget:
        combo = Combo(self._theme, self.name, self._help)
        combo.setMinimumWidth(LIST_PX)
        for option in self._about.options:
            combo.addItem(shown(option.label), option.value)
        combo.activated.connect(self._on_list)
        self.combo = combo
        return combo

    def _in_a_row(self, *parts: QWidget) -> QWidget:
        row = QWidget()
        across = QHBoxLayout(row)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(SPACE_4)
        for part in parts:
            across.addWidget(part)
        return row

    def _show_in_list(self, combo: Combo, value: Any) -> None:
        place = combo.findData(value)
        if place < 0:  # set elsewhere, or by hand in the file
            combo.addItem(count(value), value)
            place = combo.count() - 1
        combo.setCurrentIndex(place)

    @Slot(bool)
    def _on_switch(self, is_on: bool) -> None:
        self.chosen.emit(is_on)

    @Slot()
    def _on_button(self) -> None:
        values = [value for value, button in self.buttons.items() if button is self.sender()]
        self.chosen.emit(values[0])

    @Slot(int)
    def _on_list(self, place: int) -> None:
        assert self.combo is not None
        self.chosen.emit(self.combo.itemData(place))
