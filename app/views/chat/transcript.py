"""The scrolling column of messages. It follows the newest text only while the reader is at the bottom.

Knows nothing of the store or of the engine. Only the messages near the viewport have widgets; the others keep a place
of guessed or remembered height, so that a chat of thousands opens and scrolls like a short one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QKeyEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QToolButton, QWidget

from app.markdown.workshop import Workshop
from app.storage.records import StoredMessage, Versions
from app.theme.theme import Theme
from app.theme.tokens import ICON_PX, SPACE_8, SPACE_16, SPACE_24, column_side
from app.views.chat.column import ColumnPlaces
from app.views.chat.find_bar import FindBar
from app.views.chat.message_column import MessageColumn
from app.views.chat.messages import FRAME_PX, MessageWidget, ReplyMessage, UserMessage
from app.views.chat.transcript_search import TranscriptSearch

FIRST_PAINT_S = 0.06
SCROLL_BUILD_S = 0.002
IDLE_BUILD_S = 0.0015
AHEAD_SCREENS, KEPT_SCREENS = 1.0, 3.0
BOTTOM_SLACK_PX = 4
IDLE_MS = 8
WIDGET_LEVELS = 5  # from the text of a code block in a list up to its message
_LAYOUT = QEvent.Type.LayoutRequest


class Transcript(QScrollArea):
    """Signals:
    retry_requested: ask for the last reply again.
    following_changed: whether the view follows the newest text.
    regenerate_requested, branch_requested, delete_requested: id of the message.
    continue_requested: go on with the last reply.
    edit_submitted: id of the message and its new text.
    version_step_requested: id of the message and -1 or 1.
    """

    retry_requested = Signal()
    following_changed = Signal(bool)
    regenerate_requested = Signal(int)
    continue_requested = Signal()
    branch_requested = Signal(int)
    delete_requested = Signal(int)
    edit_submitted = Signal(int, str)
    version_step_requested = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None, attachments: Path | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._workshop = Workshop(attachments, self)
        self._column = ColumnPlaces(SPACE_8)
        self._widgets: dict[int, MessageWidget] = {}  # by message id
        self._building: list[int] = []  # ids of widgets whose text is not laid out to the end
        self._versions: dict[int, Versions] = {}
        self._thought_s: dict[int, float] = {}
        self._busy = False
        self._following = True
        self._moving = False
        self._settling = False
        self._last_value = 0
        self._width = 0
        self._body = MessageColumn(self, theme)
        self.setWidget(self._body)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Conversation"))
        self.jump_button = self._make_jump_button()
        self.find_bar = FindBar(theme, self)
        self._search = TranscriptSearch(self, theme)
        self._idle = QTimer(self, interval=IDLE_MS)
        self._idle.timeout.connect(self._on_idle)
        bar = self.verticalScrollBar()
        bar.setSingleStep(SPACE_24)
        bar.valueChanged.connect(self._on_value)
        theme.changed.connect(self._on_theme)
        self._tint()

    # -- what is shown ------------------------------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        return self._following

    @property
    def message_widgets(self) -> tuple[MessageWidget, ...]:
        """The widgets that exist now, oldest message first."""
        ids = (place.message.id for place in self._column.places)
        return tuple(self._widgets[each] for each in ids if each in self._widgets)

    @property
    def num_messages(self) -> int:
        return len(self._column.places)

    @property
    def messages(self) -> list[StoredMessage]:
        """All messages, oldest first, whether they have a widget or not."""
        return [place.message for place in self._column.places]

    @property
    def last_on_view(self) -> int:
        """The number of the last message that can be seen."""
        near = self._near(0.0)
        return near[-1] if near else 0

    def widget_of(self, message_id: int) -> MessageWidget | None:
        """The widget of a message, when it has one."""
        return self._widgets.get(message_id)

    @Slot(list)
    def show_messages(self, messages: list[StoredMessage]) -> None:
        """Shows another conversation from its end."""
        self.find_bar.finish()
        self._versions = {}
        self._thought_s = {}
        self._fill(messages)

    @Slot(list)
    def update_branch(self, messages: list[StoredMessage]) -> None:
        """Shows another branch of the same conversation; messages at its beginning that are on view stay."""
        kept = 0
        for place, message in zip(self._column.places, messages, strict=False):
            if place.message.id != message.id or message.state == "streaming" or place.message.state == "streaming":
                break
            kept += 1
        for number in range(len(self._column.places) - 1, kept - 1, -1):
            self._take_off(number)
        for message in messages[kept:]:
            self._column.append(message, self._width, self._theme.text_scale)
        self.settle()
        self._name_all()
        self._follow(True)
        self._to_bottom()
        self._build(FIRST_PAINT_S)

    @Slot(dict)
    def set_versions(self, versions: dict[int, Versions]) -> None:
        """Takes the place of messages among their versions, by message id."""
        self._versions = versions
        for message_id, widget in self._widgets.items():
            widget.set_versions(versions.get(message_id))

    @Slot(object)
    def add_message(self, message: StoredMessage) -> None:
        """Adds a message at the end and goes there: the user has just sent it."""
        self._column.append(message, self._width, self._theme.text_scale)
        self._realise(len(self._column.places) - 1)
        self._name_all()
        self._follow(True)
        self.settle()

    @Slot(int)
    def remove_message(self, message_id: int) -> None:
        """Takes a message off the view."""
        number = self._column.find(message_id)
        if number >= 0:
            self._take_off(number)
            self._name_all()
            self.settle()

    @Slot(bool)
    def set_busy(self, busy: bool) -> None:
        """While a reply runs, nothing is offered that would need the model or change the branch."""
        self._busy = busy
        for widget in self._widgets.values():
            widget.set_busy(busy)

    @Slot(int, str)
    def append_text(self, message_id: int, text: str) -> None:
        """Shows more of a running reply."""
        widget = self._widgets.get(message_id)
        if isinstance(widget, ReplyMessage):
            widget.append(text)
            self.settle()  # at once: one paint for the text and the scrolling
            return
        number = self._column.find(message_id)
        if number >= 0:
            self._column.places[number].late.append(text)

    @Slot(int, int, int)
    def set_progress(self, message_id: int, done_tokens: int, total_tokens: int) -> None:
        """Shows how much of a prompt has been read."""
        widget = self._widgets.get(message_id)
        if isinstance(widget, ReplyMessage):
            widget.set_progress(done_tokens, total_tokens)

    @Slot(object)
    def end_reply(self, message: StoredMessage) -> None:
        """A reply is over; screen readers hear of it once."""
        number = self._column.find(message.id)
        if number < 0:
            return
        self._column.places[number].message = message
        self._column.places[number].late = []
        widget = self._widgets.get(message.id)
        if isinstance(widget, ReplyMessage):
            widget.end(message)
            if widget.thought_s is not None:
                self._thought_s[message.id] = widget.thought_s
        self._name_all()
        said = self.tr("Reply failed") if message.error else self.tr("Reply finished")
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, said))

    @Slot(int)
    def go_to(self, message_id: int) -> None:
        """Scrolls to a message and gives it the focus."""
        number = self._column.find(message_id)
        if number >= 0:
            self.reveal(number, focus=True)

    @Slot()
    def jump_to_latest(self) -> None:
        """Goes to the end and follows again."""
        self._follow(True)
        self._to_bottom()

    @Slot()
    def open_find(self) -> None:
        """Opens the search in this chat."""
        self.find_bar.open()
        self._place_floating()

    # -- Qt -----------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_width()
        self._place_floating()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit_width()
        self._build(FIRST_PAINT_S)

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

    # -- widgets near the viewport ------------------------------------------------------------------------------------

    def _fill(self, messages: Sequence[StoredMessage]) -> None:
        for number in range(len(self._column.places) - 1, -1, -1):
            self._take_off(number)
        self._column.set_messages(messages, self._width, self._theme.text_scale)
        self._follow(True)
        self.settle()
        self._to_bottom()
        self._build(FIRST_PAINT_S)
        self._to_bottom()

    def _realise(self, number: int) -> MessageWidget:
        """The widget of a message, made if there is none."""
        place = self._column.places[number]
        widget = self._widgets.get(place.message.id)
        if widget is not None:
            return widget
        if place.late:
            place.message, place.late = replace(place.message, content=place.text()), []
        message = place.message
        if message.role == "user":
            widget = UserMessage(self._theme, message, self._body)
        else:
            thought_s = self._thought_s.get(message.id)
            widget = ReplyMessage(self._theme, message, self._workshop, thought_s, self._body)
        self._widgets[message.id] = widget
        if not widget.is_built:
            self._building.append(message.id)
        widget.move_requested.connect(self._move_focus)
        widget.retry_requested.connect(self.retry_requested)
        widget.action_requested.connect(self._on_action)
        widget.edit_submitted.connect(self.edit_submitted)
        widget.version_step_requested.connect(self.version_step_requested)
        widget.set_versions(self._versions.get(message.id))
        widget.set_busy(self._busy)
        self._name(number, widget)
        widget.setGeometry(self._left(), self._offset() + self._column.top(number), self._width, place.height)
        widget.show()
        return widget

    def _take_off(self, number: int) -> None:
        widget = self._widgets.pop(self._column.places[number].message.id, None)
        if widget is not None:
            self._drop(widget)
        self._column.remove(number)

    def _drop(self, widget: MessageWidget) -> None:
        widget.hide()
        widget.setParent(None)
        widget.deleteLater()

    def _build(self, budget_s: float, ahead: bool = True) -> bool:
        """Gives widgets to what is on view, the newest first while following; True when there was time for all."""
        end_s = time.thread_time() + budget_s
        for screens in (0.0, AHEAD_SCREENS) if ahead else (0.0,):
            while True:
                missing = [i for i in self._near(screens) if not self._is_built(i)]
                if not missing:
                    break
                number = missing[-1] if self._following else missing[0]
                is_new = self._column.places[number].message.id not in self._widgets
                widget = self._realise(number)
                if is_new and time.thread_time() >= end_s:
                    self._idle.start()
                    return False
                done = widget.build_more(end_s)
                if done and widget.message.id in self._building:
                    self._building.remove(widget.message.id)
                self.settle()
                if time.thread_time() >= end_s:
                    self._idle.start()
                    return False
        return True

    def _is_built(self, number: int) -> bool:
        message_id = self._column.places[number].message.id
        return message_id in self._widgets and message_id not in self._building

    def _near(self, screens: float) -> range:
        """The messages within so many screens above and below the viewport."""
        view, value = self.viewport().height(), self.verticalScrollBar().value() - self._offset()
        return self._column.between(round(value - screens * view), round(value + (1 + screens) * view))

    @Slot()
    def _on_idle(self) -> None:
        if self._build(IDLE_BUILD_S):
            self._idle.stop()
            self._forget_far()
            self._order_tabs()
            self._search.mark_new()

    def _forget_far(self) -> None:
        """Takes down widgets far from the viewport; their places keep the height."""
        kept = {self._column.places[i].message.id for i in self._near(KEPT_SCREENS)}
        focus = QApplication.focusWidget()
        for message_id, widget in list(self._widgets.items()):
            has_focus = focus is not None and (widget is focus or widget.isAncestorOf(focus))
            if message_id not in kept and not widget.is_busy and not has_focus:
                if isinstance(widget, ReplyMessage) and widget.thought_s is not None:
                    self._thought_s[message_id] = widget.thought_s
                del self._widgets[message_id]
                if message_id in self._building:
                    self._building.remove(message_id)
                self._drop(widget)

    def _order_tabs(self) -> None:
        """The Tab key goes through the messages from the oldest to the newest, whichever was made first."""
        before: QWidget | None = None
        for widget in self.message_widgets:
            inside = (w for w in widget.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus)
            for each in (widget, *inside):
                if before is not None:
                    QWidget.setTabOrder(before, each)
                before = each

    # -- places -------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Measures the widgets, moves what lies below them, and keeps what is being read where it is."""
        if self._settling or self._width <= 0:
            return
        self._settling = True
        anchor, within = self._anchor()
        for _ in range(2):
            for _level in range(WIDGET_LEVELS):  # each hands its wish to the one around it
                QCoreApplication.sendPostedEvents(None, _LAYOUT.value)
            if not self._measure():
                break
        top, bottom = SPACE_16, SPACE_24
        needed = top + self._column.total + bottom
        self._body.resize(self.viewport().width(), max(needed, self.viewport().height()))
        offset = self._offset()
        for number, place in enumerate(self._column.places):
            widget = self._widgets.get(place.message.id)
            if widget is not None:
                widget.setGeometry(self._left(), offset + self._column.top(number), self._width, place.height)
        self._settling = False
        if self._following:
            self._to_bottom()
        elif anchor < len(self._column.places):
            self._set_value(offset + self._column.top(anchor) + within)
        self._show_button()

    def _measure(self) -> bool:
        changed = False
        for number, place in enumerate(self._column.places):
            widget = self._widgets.get(place.message.id)
            layout = widget.layout() if widget is not None else None
            if widget is None or layout is None:
                continue
            height = layout.totalHeightForWidth(self._width) if layout.hasHeightForWidth() else -1
            height = height if height >= 0 else layout.totalSizeHint().height()
            if place.message.id in self._building:
                height = max(height, place.height)
            if self._column.set_height(number, height):
                changed = True
                widget.resize(self._width, height)
        return changed

    def _anchor(self) -> tuple[int, int]:
        """The first message on view and how much of it lies above."""
        if not self._column.places:
            return 0, 0
        value = self.verticalScrollBar().value() - self._offset()
        number = self._column.at(value)
        return number, value - self._column.top(number)

    def _offset(self) -> int:
        """Where the first message begins: a short chat stands at the bottom."""
        return max(SPACE_16, self.viewport().height() - SPACE_24 - self._column.total)

    def _left(self) -> int:
        return max(0, column_side(self.width()) - FRAME_PX)

    def _fit_width(self) -> None:
        """A message's frame, which shows the keyboard's place, reaches `FRAME_PX` beyond what is in it."""
        width = max(1, self.width() - 2 * self._left())
        if width == self._width:
            self.settle()
            return
        anchor, within = self._anchor()
        old_height = self._column.places[anchor].height if self._column.places else 1
        self._width = width
        self._column.guess(width, self._theme.text_scale)
        for place in self._column.places:
            widget = self._widgets.get(place.message.id)
            if widget is not None:
                widget.resize(width, widget.height())
        self._measure()
        if not self._following and self._column.places:
            share = within / max(1, old_height)
            self._body.resize(self.viewport().width(), SPACE_16 + self._column.total + SPACE_24)
            place = self._column.places[anchor]
            self._set_value(self._offset() + self._column.top(anchor) + round(share * place.height))
        self.settle()
        self._build(SCROLL_BUILD_S)

    def reveal(self, number: int, focus: bool = False, show_top: bool = True) -> MessageWidget:
        """Brings a message on view."""
        self._follow(False)
        widget = self._realise(number)
        while not widget.build_more(time.thread_time() + FIRST_PAINT_S):
            pass
        if widget.message.id in self._building:
            self._building.remove(widget.message.id)
        self.settle()
        top = self._offset() + self._column.top(number)
        bar = self.verticalScrollBar()
        fits = top >= bar.value() and top + widget.height() <= bar.value() + self.viewport().height()
        if not fits and show_top:
            below = top > bar.value() and widget.height() < self.viewport().height()
            self._set_value(top - (self.viewport().height() - widget.height() if below else SPACE_8))
        if focus:
            widget.setFocus(Qt.FocusReason.TabFocusReason)
        self._after_move()
        return widget

    def text_of(self, number: int) -> str:
        """The text of a message with what has arrived of it."""
        place = self._column.places[number]
        widget = self._widgets.get(place.message.id)
        return widget.text() if widget is not None else place.text()

    def bring_into_view(self, y: int) -> None:
        """Scrolls so that a height of the column is on view."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if not bar.value() + SPACE_24 <= y <= bar.value() + height - SPACE_24:
            self._set_value(y - height // 3)
            self._after_move()

    # -- names and focus ----------------------------------------------------------------------------------------------

    def _name_all(self) -> None:
        for number, place in enumerate(self._column.places):
            widget = self._widgets.get(place.message.id)
            if widget is not None:
                self._name(number, widget)

    def _name(self, number: int, widget: MessageWidget) -> None:
        total = len(self._column.places)
        widget.set_place(number + 1, total)
        widget.set_last(number + 1 == total)

    @Slot(int)
    def _move_focus(self, step: int) -> None:
        sender = self.sender()
        if isinstance(sender, MessageWidget):
            target = self._column.find(sender.message.id) + step
            if 0 <= target < len(self._column.places):
                self.reveal(target, focus=True)

    @Slot(int, str)
    def _on_action(self, message_id: int, action: str) -> None:
        if action == "continue":
            self.continue_requested.emit()
            return
        signals = {
            "regenerate": self.regenerate_requested,
            "branch": self.branch_requested,
            "delete": self.delete_requested,
        }
        signals[action].emit(message_id)

    # -- following ----------------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_value(self, value: int) -> None:
        high = self.verticalScrollBar().maximum()
        moved_up = value < self._last_value
        self._last_value = value
        if not self._moving and not self._settling:
            if value >= high - BOTTOM_SLACK_PX:
                self._follow(True)
            elif moved_up:
                self._follow(False)
            self._after_move()
        self._show_button()

    def _after_move(self) -> None:
        """Builds what has come on view, for a moment; the rest waits for the next turns."""
        self._build(SCROLL_BUILD_S, ahead=False)
        self._idle.start()

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

    # -- what floats above --------------------------------------------------------------------------------------------

    def _make_jump_button(self) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("kind", "floating")
        button.setText(self.tr("Jump to latest"))
        button.setAccessibleName(self.tr("Jump to latest"))
        button.setFont(self._theme.font("small"))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.clicked.connect(self.jump_to_latest)
        button.hide()
        return button

    def _show_button(self) -> None:
        bar = self.verticalScrollBar()
        away = bar.maximum() - bar.value() > BOTTOM_SLACK_PX
        shown = away and not self._following
        if shown != self.jump_button.isVisible():
            self.jump_button.setVisible(shown)
            self._place_floating()

    def _place_floating(self) -> None:
        self.jump_button.adjustSize()
        area = self.viewport().geometry()
        x = area.center().x() - self.jump_button.width() // 2
        self.jump_button.move(x, area.bottom() - self.jump_button.height() - SPACE_8)
        self.jump_button.raise_()
        self.find_bar.adjustSize()
        self.find_bar.move(area.right() - self.find_bar.width() - SPACE_16, SPACE_8)
        self.find_bar.raise_()

    @Slot()
    def _on_theme(self) -> None:
        """Writes all messages again in the new colours or size."""
        self._tint()
        widgets = self.message_widgets
        focused = next((each.message.id for each in widgets if each.hasFocus()), None)
        messages = [replace(p.message, content=self.text_of(i)) for i, p in enumerate(self._column.places)]
        for widget in widgets:
            if isinstance(widget, ReplyMessage) and widget.thought_s is not None:
                self._thought_s[widget.message.id] = widget.thought_s
        if messages:
            following, anchor = self._following, self._anchor()
            self._fill(messages)
            if not following:
                self._follow(False)
                self._set_value(self._offset() + self._column.top(anchor[0]))
                self._after_move()
        if focused is not None and focused in self._widgets:
            self._widgets[focused].setFocus()

    def _tint(self) -> None:
        self.jump_button.setIcon(self._theme.icon("down", "text"))
        self.jump_button.setIconSize(QSize(ICON_PX - 4, ICON_PX - 4))
