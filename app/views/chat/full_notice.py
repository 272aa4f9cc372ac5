"""The card over the composer when the next message does not fit: what stands where, and the choice.

Knows nothing of how tokens are counted or of what is left out.
"""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.controllers.context import ContextState
from app.figures import count
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_12
from app.views.flow import FlowLayout
from app.views.widgets import label, push_button


class FullNotice(QFrame):
    """Signals:
    cut_accepted: the oldest turns may be left out from here on.
    """

    cut_accepted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "banner")
        self._state = ContextState()
        self._dismissed = False
        self.words = label(theme, wrap=True)
        self.drop_button = push_button(self.tr("Leave out the oldest messages"), self.cut_accepted.emit, "primary")
        self.stop_button = push_button(self.tr("Do not send"), self._dismiss)
        buttons = FlowLayout(gap=SPACE_8)
        buttons.addWidget(self.drop_button)
        buttons.addWidget(self.stop_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_12, SPACE_8, SPACE_12, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.words)
        layout.addLayout(buttons)
        self.hide()

    def show_state(self, state: ContextState) -> None:
        """Shows the choice while there is one; a card that was closed comes back when things are worse."""
        wanted = state.needs_choice or state.is_too_long
        if not wanted:
            self._dismissed = False
        changes = (state.dropped_messages, state.is_too_long) != (
            self._state.dropped_messages, self._state.is_too_long,
        )  # fmt: skip
        self._state = state
        if changes:
            self._dismissed = False
        self._show()

    def insist(self) -> None:
        """The user has tried to send all the same: shows the card again and takes the keyboard to it."""
        self._dismissed = False
        self._show()
        (self.drop_button if self._state.needs_choice else self.stop_button).setFocus()

    def _show(self) -> None:
        state = self._state
        was_visible = self.isVisible()
        shown = (state.needs_choice or state.is_too_long) and not self._dismissed
        if shown:
            self.words.setText(self._text(state))
            self.setAccessibleName(self.words.text())
            self.drop_button.setVisible(state.needs_choice)
            self.stop_button.setText(self.tr("Do not send") if state.needs_choice else self.tr("Close"))
            count = state.dropped_messages
            self.drop_button.setText(
                self.tr("Leave out the oldest message") if count == 1
                else self.tr("Leave out the oldest {0} messages").format(count)
            )  # fmt: skip
        self.setVisible(shown)
        if shown and not was_visible:
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self.words.text()))

    def _text(self, state: ContextState) -> str:
        used, total = count(state.used_tokens or 0), count(state.context_tokens)
        if state.is_too_long:
            return self.tr(
                "Your message with the system prompt alone does not fit: the context holds {0} tokens. Shorten it, or "
                "load the model with a larger context."
            ).format(total)
        return self.tr(
            "This chat is full: with your message it has {0} tokens. The context holds {1}, and {2} of them are kept "
            "for the reply. The oldest messages can be left out of what the model reads: you still see them here, and "
            "the model still reads the system prompt. Or load the model with a larger context."
        ).format(used, total, count(state.reply_tokens))

    @Slot()
    def _dismiss(self) -> None:
        self._dismissed = True
        self.hide()
