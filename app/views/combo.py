"""A list to choose from that the wheel scrolls past and that may be narrower than its entries. Knows only the theme."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyledItemDelegate, QStyleOptionComboBox, QStylePainter, QToolTip

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

    def event(self, event: QEvent) -> bool:
        """The tooltip tells the whole text where it is cut, and what the list is for."""
        if (
            event.type() == QEvent.Type.ToolTip
            and isinstance(event, QHelpEvent)
            and self._shown_text() != self.currentText()
        ):
            QToolTip.showText(event.globalPos(), f"{self.currentText()}\n{self.toolTip()}", self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draws text that ends in … where it must, and the arrow that a style sheet takes away."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        align = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(self._text_room(), align, self._shown_text())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("muted"), STROKE_PX))
        middle = QPointF(self.width() - ARROW_ROOM_PX / 2, self.height() / 2 + 2)
        painter.drawPolyline([middle + QPointF(-4, -4), middle, middle + QPointF(4, -4)])

    def _text_room(self) -> QRect:
        return self.rect().adjusted(SPACE_8, 0, -ARROW_ROOM_PX, 0)

    def _shown_text(self) -> str:
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, self._text_room().width())
