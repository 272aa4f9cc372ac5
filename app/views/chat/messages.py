"""One message of the transcript as a widget: the user's bubble, or the reply with its figures and actions.

Knows nothing of the store, of scrolling or of other messages.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QFocusEvent, QGuiApplication, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.markdown.view import COPIED_MS, MarkdownView, TextBlock
from app.storage.records import ReplyStats, StoredMessage
from app.theme.theme import Theme
from app.theme.tokens import SPACE_4, SPACE_8, SPACE_12
from app.views.chat.error_card import ErrorCard
from app.views.widgets import IconButton, label, set_state, speed_text

BUBBLE_SHARE = 0.8
FRAME_PX = 1 + SPACE_4  # a message's border and the space inside it, at each side
_BUBBLE_SIDES = 2 * SPACE_12
_MIN_WIDTH_PX = 160


class MessageWidget(QFrame):
    """What both kinds have in common: focus, name, actions on hover and on focus.

    Signals:
        move_requested: -1 or 1: the focus wants to go to the message before or after.
        retry_requested: ask for this reply again.
    """

    move_requested = Signal(int)
    retry_requested = Signal()

    def __init__(self, theme: Theme, message: StoredMessage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.message = message
        self.setProperty("kind", "message")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.copy_button = IconButton(theme, "copy", self.tr("Copy message"), small=True)
        self.copy_button.clicked.connect(self.copy)
        self.action_bar = QWidget(self)
        self._action_row = QHBoxLayout(self.action_bar)
        self._action_row.setContentsMargins(0, 0, 0, 0)
        self._action_row.setSpacing(SPACE_4)
        self._action_row.addWidget(self.copy_button)
        keep = self.action_bar.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # nothing jumps when they appear
        self.action_bar.setSizePolicy(keep)
        self.action_bar.hide()
        self._hovered = False
        QGuiApplication.instance().focusChanged.connect(self._on_focus_changed)  # type: ignore[union-attr]

    def set_place(self, number: int, total: int) -> None:
        """Names the message for screen readers."""
        who = self.tr("You") if self.message.role == "user" else self.tr("Assistant")
        self.setAccessibleName(self.tr("{0}, message {1} of {2}").format(who, number, total))

    def text(self) -> str:
        """The message as it was written."""
        return self.message.content

    @Slot()
    def copy(self) -> None:
        """Puts the message on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())
        self.copy_button.flash("check", COPIED_MS)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._hovered = True
        self._show_actions()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = False
        self._show_actions()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        by_keyboard = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        set_state(self, "focused", "true" if by_keyboard or event.reason() == Qt.FocusReason.OtherFocusReason else "")
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        set_state(self, "focused", "")
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not event.modifiers():
            self.move_requested.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
        else:
            super().keyPressEvent(event)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, _new: QWidget | None) -> None:
        self._show_actions()

    def _show_actions(self) -> None:
        focus = self.focusWidget() if self.isAncestorOf(QGuiApplication.focusObject() or self) else None  # type: ignore[arg-type]
        has_focus = self.hasFocus() or (focus is not None and focus.hasFocus())
        self.action_bar.setVisible(self._hovered or has_focus)


class UserMessage(MessageWidget):
    """A tinted bubble at the right."""

    def __init__(self, theme: Theme, message: StoredMessage, parent: QWidget | None = None) -> None:
        super().__init__(theme, message, parent)
        self._text = TextBlock(theme)
        self._text.set_plain(message.content)
        self._bubble = QFrame()
        self._bubble.setProperty("kind", "bubble")
        inside = QVBoxLayout(self._bubble)
        inside.setContentsMargins(SPACE_12, SPACE_8 + 1, SPACE_12, SPACE_4)  # Qt puts the leading below a line
        inside.addWidget(self._text)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_8, SPACE_4, SPACE_8)
        layout.setSpacing(SPACE_8)
        layout.addStretch(1)
        layout.addWidget(self.action_bar, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addWidget(self._bubble)

    def minimumSizeHint(self) -> QSize:
        """The bubble's width follows this widget's, so it must not hold the column wide."""
        return QSize(_MIN_WIDTH_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        limit = int(self.width() * BUBBLE_SHARE) - _BUBBLE_SIDES
        self._bubble.setFixedWidth(self._text.natural_width(max(limit, 80)) + _BUBBLE_SIDES)
        super().resizeEvent(event)


class ReplyMessage(MessageWidget):
    """The reply over the whole column, with its figures below."""

    def __init__(self, theme: Theme, message: StoredMessage, parent: QWidget | None = None) -> None:
        super().__init__(theme, message, parent)
        self.view = MarkdownView(theme)
        self.meta: QLabel = label(theme, font="small", kind="meta", wrap=True)
        self.error_card: ErrorCard | None = None
        self._pieces: list[str] = [message.content]
        self._again = IconButton(theme, "retry", self.tr("Regenerate reply"), small=True)
        self._again.clicked.connect(self.retry_requested)
        self._action_row.addWidget(self._again)
        below = QHBoxLayout()
        below.setSpacing(SPACE_8)
        below.addWidget(self.meta, 1)
        below.addWidget(self.action_bar)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, 0)
        self._layout.setSpacing(SPACE_8)
        self._layout.addWidget(self.view)
        self._layout.addLayout(below)
        if message.state == "streaming":
            self.view.append(message.content)
            self.meta.setText(self.tr("Reading your message…"))
        else:
            self.view.set_source(message.content)
            self._show_end()

    def text(self) -> str:
        return "".join(self._pieces)

    def append(self, text: str) -> None:
        """Shows more of the running reply."""
        self._pieces.append(text)
        self.view.append(text)
        if self.meta.text():
            self.meta.setText("")

    def set_progress(self, done_tokens: int, total_tokens: int) -> None:
        """Shows how much of the prompt has been read."""
        words = self.tr("Reading the prompt: {0} of {1} tokens")
        self.meta.setText(words.format(f"{done_tokens:,}", f"{total_tokens:,}"))

    def end(self, message: StoredMessage) -> None:
        """The reply is over: whole, stopped or failed."""
        self.message = message
        self.view.finish()
        self._show_end()

    def set_last(self, last: bool) -> None:
        """Only the last reply of a chat can be asked for again."""
        self._again.setVisible(last)
        if self.error_card is not None:
            self.error_card.retry_button.setVisible(last)

    def _show_end(self) -> None:
        message = self.message
        self.view.setVisible(bool(message.content))
        self.meta.setText(figures_text(message.stats) if message.stats else "")
        if message.state == "interrupted":
            self.meta.setText(self.tr("interrupted"))
        if message.error is not None and self.error_card is None:
            self.error_card = ErrorCard(self.theme, message.error.message, message.error.way_out)
            self.error_card.retry_requested.connect(self.retry_requested)
            self._layout.insertWidget(1, self.error_card)


def figures_text(stats: ReplyStats) -> str:
    """The line under a reply: "42.1 tok/s · first token 0.3 s · 318 tokens · stopped by itself"."""
    reasons = {
        "stop_token": QCoreApplication.translate("ReplyMessage", "stopped by itself"),
        "stop_string": QCoreApplication.translate("ReplyMessage", "stopped at a stop text"),
        "length": QCoreApplication.translate("ReplyMessage", "reached the token limit"),
        "cancelled": QCoreApplication.translate("ReplyMessage", "stopped by you"),
    }
    tokens = QCoreApplication.translate("ReplyMessage", "1 token" if stats.new_tokens == 1 else "{0} tokens")
    parts = []
    if stats.tokens_per_s > 0:
        parts.append(
            QCoreApplication.translate("ReplyMessage", "{0} tok/s").format(f"{speed_text(stats.tokens_per_s)}")
        )
    if stats.new_tokens:
        first = QCoreApplication.translate("ReplyMessage", "first token {0} s")
        parts.append(first.format(f"{stats.first_token_s:.1f}" if stats.first_token_s >= 0.1 else "<0.1"))
    parts.append(tokens.format(f"{stats.new_tokens:,}"))
    parts.append(reasons[stats.reason])
    return " · ".join(parts)
