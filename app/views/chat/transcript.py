"""The scrolling column of messages. It follows the newest text only while the reader is at the bottom.

Knows nothing of the store or of the engine. A long conversation is built from its end, a few messages at a time, so
that the window stays awake.
"""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QToolButton, QVBoxLayout, QWidget

from app.storage.records import StoredMessage
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, SPACE_8, SPACE_16, SPACE_24, column_side
from app.views.chat.messages import FRAME_PX, MessageWidget, ReplyMessage, UserMessage

FIRST_BATCH = 6
BATCH_BUDGET_S = 0.006
BOTTOM_SLACK_PX = 4


class _Column(QWidget):
    """Keeps its messages in line with the composer, which has no scroll bar beside it.

    A message's frame, which shows the keyboard's place, reaches `FRAME_PX` beyond what is in it.
    """

    def __init__(self, area: QScrollArea) -> None:
        super().__init__()
        self._area = area
        self.messages = QVBoxLayout(self)
        self.messages.setSpacing(SPACE_8)
        self.messages.addStretch(1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        side = column_side(self._area.width()) - FRAME_PX
        scroll_bar = self._area.width() - self.width()  # nothing while all messages fit
        self.messages.setContentsMargins(side, SPACE_16, side - scroll_bar, SPACE_24)
        super().resizeEvent(event)


class Transcript(QScrollArea):
    """Signals:
    retry_requested: ask for the last reply again.
    following_changed: whether the view follows the newest text.
    """

    retry_requested = Signal()
    following_changed = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pending: list[StoredMessage] = []
        self._widgets: list[MessageWidget] = []
        self._following = True
        self._moving = False
        self._last_value = 0
        self._from_bottom = 0
        self._column = _Column(self)
        self.setWidget(self._column)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Conversation"))
        self.jump_button = QToolButton(self)
        self.jump_button.setProperty("kind", "floating")
        self.jump_button.setText(self.tr("Jump to latest"))
        self.jump_button.setAccessibleName(self.tr("Jump to latest"))
        self.jump_button.setFont(theme.font("small"))
        self.jump_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.jump_button.clicked.connect(self.jump_to_latest)
        self.jump_button.hide()
        self._build_timer = QTimer(self, interval=0)
        self._build_timer.timeout.connect(self._build_more)
        bar = self.verticalScrollBar()
        bar.setSingleStep(SPACE_24)
        bar.rangeChanged.connect(self._on_range)
        bar.valueChanged.connect(self._on_value)
        theme.changed.connect(self._on_theme)
        self._tint()

    @property
    def following(self) -> bool:
        return self._following

    @property
    def message_widgets(self) -> tuple[MessageWidget, ...]:
        """The widgets that exist by now, oldest first."""
        return tuple(self._widgets)

    def show_messages(self, messages: list[StoredMessage]) -> None:
        """Shows another conversation from its end."""
        self._build_timer.stop()
        for widget in self._widgets:
            self._remove_widget(widget)
        self._widgets = []
        self._pending = list(messages)
        for _ in range(min(FIRST_BATCH, len(self._pending))):
            self._prepend(self._pending.pop())
        self._rename()
        self._follow(True)
        self._to_bottom()
        if self._pending:
            self._build_timer.start()

    def add_message(self, message: StoredMessage) -> None:
        """Adds a message at the end and goes there: the user has just sent it."""
        widget = self._make(message)
        self._widgets.append(widget)
        self._column.messages.addWidget(widget)
        self._rename()
        self._follow(True)

    def remove_message(self, message_id: int) -> None:
        """Takes a message off the view."""
        widget = self._find(message_id)
        if widget is not None:
            self._widgets.remove(widget)
            self._remove_widget(widget)
            self._rename()

    def append_text(self, message_id: int, text: str) -> None:
        """Shows more of a running reply."""
        widget = self._find(message_id)
        if isinstance(widget, ReplyMessage):
            widget.append(text)

    def set_progress(self, message_id: int, done_tokens: int, total_tokens: int) -> None:
        """Shows how much of a prompt has been read."""
        widget = self._find(message_id)
        if isinstance(widget, ReplyMessage):
            widget.set_progress(done_tokens, total_tokens)

    def end_reply(self, message: StoredMessage) -> None:
        """A reply is over; screen readers hear of it once."""
        widget = self._find(message.id)
        if isinstance(widget, ReplyMessage):
            widget.end(message)
            self._rename()
            said = self.tr("Reply failed") if message.error else self.tr("Reply finished")
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, said))

    @Slot()
    def jump_to_latest(self) -> None:
        """Goes to the end and follows again."""
        self._follow(True)
        self._to_bottom()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_button()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.angleDelta().y() > 0 and self.verticalScrollBar().maximum() > 0:
            self._follow(False)
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        jumps = {Qt.Key.Key_Home: bar.minimum(), Qt.Key.Key_End: bar.maximum()}
        if event.key() in jumps:
            bar.setValue(jumps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def _make(self, message: StoredMessage) -> MessageWidget:
        kind = UserMessage if message.role == "user" else ReplyMessage
        widget = kind(self._theme, message)
        widget.move_requested.connect(self._move_focus)
        widget.retry_requested.connect(self.retry_requested)
        return widget

    def _prepend(self, message: StoredMessage) -> None:
        widget = self._make(message)
        self._widgets.insert(0, widget)
        self._column.messages.insertWidget(1, widget)  # after the stretch

    def _remove_widget(self, widget: MessageWidget) -> None:
        self._column.messages.removeWidget(widget)
        widget.hide()
        widget.deleteLater()

    def _find(self, message_id: int) -> MessageWidget | None:
        return next((each for each in reversed(self._widgets) if each.message.id == message_id), None)

    def _rename(self) -> None:
        total = len(self._widgets) + len(self._pending)
        for number, widget in enumerate(self._widgets, start=len(self._pending) + 1):
            widget.set_place(number, total)
            if isinstance(widget, ReplyMessage):
                widget.set_last(number == total)

    @Slot()
    def _build_more(self) -> None:
        end_s = time.monotonic() + BATCH_BUDGET_S
        while self._pending and time.monotonic() < end_s:
            self._prepend(self._pending.pop())
        if not self._pending:
            self._build_timer.stop()
            self._rename()

    @Slot(int)
    def _move_focus(self, step: int) -> None:
        sender = self.sender()
        places = [i for i, each in enumerate(self._widgets) if each is sender]
        target = (places[0] if places else 0) + step
        if 0 <= target < len(self._widgets):
            self._widgets[target].setFocus(Qt.FocusReason.TabFocusReason)
            self.ensureWidgetVisible(self._widgets[target])

    @Slot(int, int)
    def _on_range(self, _low: int, high: int) -> None:
        if self._following:
            self._to_bottom()
        elif self._build_timer.isActive():  # older messages grow above: stay at what is being read
            self._set_value(max(0, high - self._from_bottom))
        self._show_button()

    @Slot(int)
    def _on_value(self, value: int) -> None:
        high = self.verticalScrollBar().maximum()
        moved_up = value < self._last_value
        self._last_value = value
        if not self._moving:
            self._from_bottom = high - value
            if value >= high - BOTTOM_SLACK_PX:
                self._follow(True)
            elif moved_up:
                self._follow(False)
        self._show_button()

    def _follow(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.following_changed.emit(following)
        self._show_button()

    def _to_bottom(self) -> None:
        self._set_value(self.verticalScrollBar().maximum())

    def _set_value(self, value: int) -> None:
        self._moving = True
        self.verticalScrollBar().setValue(value)
        self._moving = False

    def _show_button(self) -> None:
        bar = self.verticalScrollBar()
        away = bar.maximum() - bar.value() > BOTTOM_SLACK_PX
        self.jump_button.setVisible(away and not self._following)
        if self.jump_button.isVisible():
            self._place_button()

    def _place_button(self) -> None:
        self.jump_button.adjustSize()
        area = self.viewport().geometry()
        x = area.center().x() - self.jump_button.width() // 2
        self.jump_button.move(x, area.bottom() - self.jump_button.height() - SPACE_8)
        self.jump_button.raise_()

    @Slot()
    def _on_theme(self) -> None:
        """Writes all messages again in the new colours or size."""
        self._tint()
        focused = [i - len(self._widgets) for i, each in enumerate(self._widgets) if each.hasFocus()]
        messages = [each.message for each in self._widgets]
        texts = {each.message.id: each.text() for each in self._widgets}
        if messages:
            fresh = [_with_text(each, texts[each.id]) for each in messages]
            self.show_messages([*self._pending, *fresh])
        if focused and -focused[0] <= len(self._widgets):
            self._widgets[focused[0]].show()  # what is not shown yet cannot take the focus
            self._widgets[focused[0]].setFocus()

    def _tint(self) -> None:
        self.jump_button.setIcon(self._theme.icon("down", "text"))
        self.jump_button.setIconSize(QSize(ICON_PX - 4, ICON_PX - 4))


def _with_text(message: StoredMessage, text: str) -> StoredMessage:
    """The message with what has arrived of it by now."""
    return replace(message, content=text)
