"""A painted picture of numbered parts that pointer and keyboard go through. Knows nothing of what the parts are."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class WalkedPicture(QWidget):
    """What is pointed at, or walked to by the arrow keys, Home and End, is the current part.

    Signals:
        current_changed: the number of the current part, -1 for none.
    """

    current_changed = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.current = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def num_parts(self) -> int:
        """How many parts there are."""
        raise NotImplementedError

    def part_at(self, position: QPointF) -> int:
        """The number of the part at a place in the widget, -1 for none."""
        raise NotImplementedError

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point_at(self.part_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        if not self.hasFocus():
            self._point_at(-1)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, last = Qt.Key(event.key()), self.num_parts() - 1
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        if last < 0 or (key not in ends and key not in _STEPS):
            super().keyPressEvent(event)
            return
        wanted = ends[key] if key in ends else self.current + _STEPS[key]
        self._point_at(min(max(wanted, 0), last))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point_at(-1)
        self.update()

    def _point_at(self, number: int) -> None:
        if number != self.current:
            self.current = number
            self.update()
            self.current_changed.emit(number)
