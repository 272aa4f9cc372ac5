"""A button with a whole sentence on it, which goes on in another line where there is no room. Knows only its text."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QStyle, QStyleOptionButton, QStylePainter, QWidget

from app.theme.tokens import SPACE_8, SPACE_12

MIN_WIDTH_PX = 120
_SIDES_PX, _ENDS_PX = 2 * (SPACE_12 + 1), 2 * (SPACE_8 + 2)  # between the words and the edge, which is 1 px itself
_FLAGS = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap)


class Chip(QPushButton):
    """Qt's own button cuts a text that is wider than it."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setProperty("kind", "chip")
        self.setAutoDefault(False)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        return self._size_in(QRect(0, 0, 10_000, 10_000))

    def minimumSizeHint(self) -> QSize:
        return QSize(MIN_WIDTH_PX, self.sizeHint().height())

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._size_in(QRect(0, 0, width - _SIDES_PX, 10_000)).height()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter, option = QStylePainter(self), QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.setPen(self.palette().color(self.palette().ColorRole.ButtonText))
        room = self.rect().adjusted(_SIDES_PX // 2, 0, -_SIDES_PX // 2, 0)
        painter.drawText(room, _FLAGS, self.text())

    def _size_in(self, room: QRect) -> QSize:
        text = self.fontMetrics().boundingRect(room, _FLAGS, self.text())
        return QSize(text.width() + _SIDES_PX, text.height() + _ENDS_PX)
