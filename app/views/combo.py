"""A list to choose from that the wheel scrolls past and that may be narrower than its entries. Knows only the theme."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyledItemDelegate, QStyleOptionComboBox, QStylePainter

from app.theme.theme import Theme
from app.theme.tokens import SPACE_8

ARROW_ROOM_PX, STROKE_PX = 24, 1.5


class Combo(QComboBox):
    """A list that the wheel scrolls past, in a panel that may be narrower than its entries."""

    def __init__(self, theme: Theme, name: str, help_text: str) -> None:
        super().__init__()
        self._theme = theme
        self.setAccessibleName(name)
        self.setAccessibleDescription(help_text)
        self.setToolTip(help_text)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self.setItemDelegate(QStyledItemDelegate(self))  # the style's own draws entries as a menu, all alike

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draws text that ends in … where it must, and the arrow that a style sheet takes away."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.rect().adjusted(SPACE_8, 0, -ARROW_ROOM_PX, 0)
        text = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("muted"), STROKE_PX))
        middle = QPointF(self.width() - ARROW_ROOM_PX / 2, self.height() / 2 + 2)
        painter.drawPolyline([middle + QPointF(-4, -4), middle, middle + QPointF(4, -4)])
