"""A layout that puts its parts side by side and begins another line where there is no room. Knows no widget."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

from app.theme.tokens import SPACE_8


class FlowLayout(QLayout):
    """For rows of buttons on pages that may be narrow; hidden parts take no room."""

    def __init__(self, parent: QWidget | None = None, gap: int = SPACE_8) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self._heights: dict[int, int] = {}  # by width; Qt asks again and again
        self._hint: QSize | None = None
        self._least: QSize | None = None
        self._placed: QRect | None = None
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)
        self.invalidate()

    def put_first(self, widget: QWidget) -> None:
        """Adds a widget before all others; the keyboard comes to it before them too."""
        self.addWidget(widget)
        self._items.insert(0, self._items.pop())
        for before, after in itertools.pairwise(item.widget() for item in self._items):
            if before is not None and after is not None:
                QWidget.setTabOrder(before, after)
        self.invalidate()

    def invalidate(self) -> None:
        self._heights.clear()
        self._hint = self._least = self._placed = None
        super().invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if width not in self._heights:
            self._heights[width] = self._place(QRect(0, 0, width, 0), is_trial=True)
        return self._heights[width]

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        if rect != self._placed:
            self._place(rect, is_trial=False)
            self._placed = QRect(rect)

    def sizeHint(self) -> QSize:
        if self._hint is None:
            self._hint = self._wanted_size()
        return self._hint

    def _wanted_size(self) -> QSize:
        sizes = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(size.width() for size in sizes) + self._gap * max(len(sizes) - 1, 0)
        return QSize(width, max((size.height() for size in sizes), default=0))

    def minimumSize(self) -> QSize:
        if self._least is None:
            size = QSize()
            for item in self._items:
                if not item.isEmpty():
                    size = size.expandedTo(item.minimumSize())
            self._least = size
        return self._least

    def _place(self, rect: QRect, is_trial: bool) -> int:
        """Gives every part its place, in the middle of its line, and returns the height of all lines."""
        y = rect.y()
        for line in self._lines(rect.width()):
            height, x = max(item.sizeHint().height() for item in line), rect.x()
            for item in line:
                size = item.sizeHint()
                if not is_trial:
                    width = min(size.width(), rect.width())
                    item.setGeometry(QRect(x, y + (height - size.height()) // 2, width, size.height()))
                x += size.width() + self._gap
            y += height + self._gap
        return max(y - self._gap - rect.y(), 0)

    def _lines(self, width: int) -> list[list[QLayoutItem]]:
        lines: list[list[QLayoutItem]] = []
        used = 0
        for item in self._items:
            if item.isEmpty():
                continue
            wanted = item.sizeHint().width()
            if not lines or used + self._gap + wanted > width:
                lines.append([])
                used = -self._gap
            lines[-1].append(item)
            used += self._gap + wanted
        return lines
