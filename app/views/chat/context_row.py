"""The line under the composer: thinking on or off, words to start the reply with, and how full the context is.

Knows nothing of how tokens are counted.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.controllers.context import ContextState
from app.figures import count
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8
from app.views.widgets import Meter, label, push_button


class ContextRow(QWidget):
    """Signals:
    thinking_chosen: whether the model shall think before it answers.
    """

    thinking_chosen = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.thinking_button = self._small_button(self.tr("Thinking"), self._on_thinking)
        self.thinking_button.setToolTip(self.tr("Lets the model think before it answers: slower, often better"))
        self.thinking_button.hide()
        self.start_button = self._small_button(self.tr("Start reply with…"), self._on_start)
        self.start_button.setToolTip(
            self.tr("Write the first words of the reply yourself; the model goes on from there")
        )
        self.start_with = QLineEdit()
        self.start_with.setPlaceholderText(self.tr("The reply starts with these words"))
        self.start_with.setAccessibleName(self.tr("Start reply with"))
        self.start_with.hide()
        self._short_words = self._long_words = ""
        self.meter = Meter(theme, self.tr("Context with this message"), "info")
        self.words = label(theme, font="small", kind="muted")
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for button in (self.thinking_button, self.start_button):
            button.setFont(theme.font("small"))
        row = QHBoxLayout()
        row.setSpacing(SPACE_8)
        row.addWidget(self.thinking_button)
        row.addWidget(self.start_button)
        row.addStretch(1)
        row.addWidget(self.meter)
        row.addWidget(self.words)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, SPACE_4, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addWidget(self.start_with)
        layout.addLayout(row)
        self.show_state(ContextState())

    def take_start(self) -> str:
        """The words that the next reply starts with, once."""
        words = self.start_with.text() if self.start_button.isChecked() else ""
        self.start_with.clear()
        self.start_button.setChecked(False)
        self.start_with.hide()
        return words

    def show_thinking(self, can_switch: bool, thinks: bool) -> None:
        """Shows the switch where the loaded model has one."""
        self.thinking_button.setVisible(can_switch)
        self.thinking_button.setChecked(thinks)

    def show_state(self, state: ContextState) -> None:
        """Shows how much of the context the next message would take."""
        is_known = state.used_tokens is not None and state.context_tokens > 0
        self.meter.setVisible(is_known)
        self.words.setVisible(is_known)
        if state.used_tokens is None or not is_known:
            return
        is_cut = state.drops and state.dropped_messages > 0
        used = state.kept_tokens if is_cut else state.used_tokens
        counts = (count(used), count(state.context_tokens))
        words = self.tr("{0} of {1} tokens").format(*counts)
        whole = self.tr("{0} of {1} tokens, with what you write").format(*counts)
        if is_cut:
            words = self.tr("{0} · oldest {1} left out").format(words, state.dropped_messages)
            whole = self.tr("{0}; the oldest {1} messages are left out").format(whole, state.dropped_messages)
        self._short_words = self._long_words = words
        if state.image_tokens:
            self._long_words = self.tr("{0}, images {1}").format(words, count(state.image_tokens))
            whole = self.tr("{0}; images take {1} of them").format(whole, count(state.image_tokens))
        self._fit_words()
        self.words.setToolTip(whole)
        self.words.setAccessibleName(whole)
        self.meter.set_share(used / state.context_tokens, whole)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_words()

    def _fit_words(self) -> None:
        """What images take is said where there is room for it; the tooltip says it always."""
        shown = [each for each in (self.thinking_button, self.start_button) if not each.isHidden()]
        room = self.width() - sum(each.sizeHint().width() + SPACE_8 for each in shown) - self.meter.width() - SPACE_8
        fits = self.words.fontMetrics().horizontalAdvance(self._long_words) <= room
        self.words.setText(self._long_words if fits else self._short_words)

    def _small_button(self, text: str, handler: object) -> QPushButton:
        button = push_button(text, handler, "choice")  # type: ignore[arg-type]
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return button

    @Slot()
    def _on_thinking(self) -> None:
        self.thinking_chosen.emit(self.thinking_button.isChecked())

    @Slot()
    def _on_start(self) -> None:
        self.start_with.setVisible(self.start_button.isChecked())
        if self.start_button.isChecked():
            self.start_with.setFocus()
