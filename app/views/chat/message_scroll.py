"""A tall column of messages that scrolls: only those near the viewport have widgets, the view follows its end.

Knows how to place, build and take down message widgets, but not what is in them: `Transcript` makes them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QWidget

from app.storage.records import StoredMessage
from app.theme.theme import Theme
from app.theme.tokens import SPACE_8, SPACE_16, SPACE_24, column_side
from app.views.chat.column import ColumnPlaces, Place
from app.views.chat.message_column import MessageColumn
from app.views.chat.message_widget import FRAME_PX, MessageWidget

FIRST_PAINT_S = 0.06
SCROLL_BUILD_S = 0.001
IDLE_BUILD_S = 0.001
AHEAD_SCREENS, KEPT_SCREENS = 1.5, 3.0
BOTTOM_SLACK_PX = 4
IDLE_MS = 8
REST_MS = 150  # without anything to build
_LAYOUT = QEvent.Type.LayoutRequest


class MessageScroll(QScrollArea):
    """Signals:
    following_changed: whether the view follows the newest text.
    """

    following_changed = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._column = ColumnPlaces(SPACE_8)
        self._widgets: dict[int, MessageWidget] = {}  # by message id
        self._building: list[int] = []  # ids of widgets whose text is not laid out to the end
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
        self._idle = QTimer(self, interval=IDLE_MS, singleShot=True)
        self._idle.timeout.connect(self._on_idle)
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self._order_tabs)
        bar = self.verticalScrollBar()
        bar.setSingleStep(SPACE_24)
        bar.valueChanged.connect(self._on_value)

    # -- what its transcript adds ------------------------------------------------------------------------------------

    def _make(self, place: Place) -> MessageWidget:
        """A widget for a message."""
        raise NotImplementedError

    def _name(self, number: int, widget: MessageWidget) -> None:
        """Tells a widget where its message stands."""
        raise NotImplementedError

    def _after_build(self) -> None:
        """All that is near the viewport is there."""

    def _show_floating(self) -> None:
        """The view has moved or follows no longer."""

    # -- what is there -------------------------------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        return self._following

    @property
    def message_widgets(self) -> tuple[MessageWidget, ...]:
        """The widgets that exist now, oldest message first."""
        return tuple(widget for _, widget in self._numbered())

    def _numbered(self) -> list[tuple[int, MessageWidget]]:
        """The widgets that exist now with the numbers of their messages, oldest first."""
        return sorted((self._column.find(message_id), widget) for message_id, widget in self._widgets.items())

    @property
    def num_messages(self) -> int:
        return len(self._column.places)

    def widget_of(self, message_id: int) -> MessageWidget | None:
        """The widget of a message, when it has one."""
        return self._widgets.get(message_id)

    @property
    def last_on_view(self) -> int:
        """The number of the last message that can be seen."""
        near = self._near(0.0)
        return near[-1] if near else 0

    @Slot()
    def jump_to_latest(self) -> None:
        """Goes to the end and follows again."""
        self._follow(True)
        self._to_bottom()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.angleDelta().y() > 0 and self.verticalScrollBar().maximum() > 0:
            self._follow(False)
        super().wheelEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit_width()
        self._build(FIRST_PAINT_S)

    # -- widgets near the viewport -------------------------------------------------------------------------------------

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
        widget = self._make(place)
        message = place.message
        self._widgets[message.id] = widget
        if not widget.is_built:
            self._building.append(message.id)
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
                    self._go_on_later()
                    return False
                done = widget.build_more(end_s)
                if done and widget.message.id in self._building:
                    self._building.remove(widget.message.id)
                self.settle()
                if time.thread_time() >= end_s:
                    self._go_on_later()
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
        """Does one small thing in a turn, so that a frame of scrolling finds time beside it."""
        if not self._build(IDLE_BUILD_S) or self._forget_far():
            self._go_on_later()
            return
        self._rest.start()
        self._after_build()

    def _go_on_later(self) -> None:
        """Goes on when others have had a turn; a wheel that keeps turning does not put it off."""
        if not self._idle.isActive():
            self._idle.start()

    def _forget_far(self) -> bool:
        """Takes down one widget far from the viewport, if there is one; its place keeps the height."""
        kept = {self._column.places[i].message.id for i in self._near(KEPT_SCREENS)}
        focus = QApplication.focusWidget()
        for message_id, widget in list(self._widgets.items()):
            has_focus = focus is not None and (widget is focus or widget.isAncestorOf(focus))
            if message_id not in kept and not widget.is_busy and not has_focus:
                del self._widgets[message_id]
                if message_id in self._building:
                    self._building.remove(message_id)
                self._drop(widget)
                return True
        return False

    @Slot()
    def _order_tabs(self) -> None:
        """The Tab key goes through the messages from the oldest to the newest, whichever was made first."""
        before: QWidget | None = None
        for widget in self.message_widgets:
            inside = (w for w in widget.findChildren(QWidget) if w.focusPolicy().value & Qt.FocusPolicy.TabFocus.value)
            for each in (widget, *inside):
                if before is not None:
                    QWidget.setTabOrder(before, each)
                before = each

    # -- places --------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Measures the widgets, moves what lies below them, and keeps what is being read where it is."""
        if self._settling or self._width <= 0:
            return
        self._settling = True
        anchor = self._anchor()
        self._measure()
        self._arrange(*anchor)
        QCoreApplication.sendPostedEvents(None, _LAYOUT.value)  # each hands its wish to the one around it
        if self._measure():
            self._arrange(*anchor)
        self._settling = False
        self._show_floating()

    def _arrange(self, anchor: int, within: int) -> None:
        """Scrolls, then gives the widgets their places: what is on view is moved while nothing waits for its paint."""
        needed = SPACE_16 + self._column.total + SPACE_24
        self._body.resize(self.viewport().width(), max(needed, self.viewport().height()))
        offset = self._offset()
        if self._following:
            self._to_bottom()
        elif anchor < len(self._column.places):
            self._set_value(offset + self._column.top(anchor) + within)
        left, width = self._left(), self._width
        for number, widget in self._numbered():
            widget.setGeometry(left, offset + self._column.top(number), width, self._column.places[number].height)

    def _measure(self) -> bool:
        changed = False
        for number, widget in self._numbered():
            place, layout = self._column.places[number], widget.layout()
            if layout is None:
                continue
            height = layout.totalHeightForWidth(self._width) if layout.hasHeightForWidth() else -1
            height = height if height >= 0 else layout.totalSizeHint().height()
            if place.message.id in self._building:
                height = max(height, place.height)
            changed = self._column.set_height(number, height) or changed
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
        for widget in self._widgets.values():
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

    def bring_into_view(self, y: int) -> None:
        """Scrolls so that a height of the column is on view."""
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if not bar.value() + SPACE_24 <= y <= bar.value() + height - SPACE_24:
            self._set_value(y - height // 3)
            self._after_move()

    # -- following -----------------------------------------------------------------------------------------------------

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
        self._show_floating()

    def _after_move(self) -> None:
        """Builds what has come on view, for a moment; the rest waits for the next turns."""
        self._build(SCROLL_BUILD_S, ahead=False)
        self._go_on_later()

    def _follow(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.following_changed.emit(following)
        self._show_floating()

    def _to_bottom(self) -> None:
        self._set_value(self.verticalScrollBar().maximum())

    def _set_value(self, value: int) -> None:
        self._moving = True
        self.verticalScrollBar().setValue(value)
        self._moving = False
