"""A box to tick that is drawn as the fields beside it; the style's own can hardly be seen in the dark.

Knows only its words.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QCheckBox, QWidget

from app.theme.tokens import RADIUS_CHIP, SPACE_8

BOX_PX = 20


class CheckBox(QCheckBox):
    """Ticked or not, with words beside it or none; a click anywhere on it counts."""

    def __init__(self, words: str = "", parent: QWidget | None = None) -> None:
        super().__init__(words, parent)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        words = SPACE_8 + metrics.horizontalAdvance(self.text()) + 1 if self.text() else 0
        return QSize(BOX_PX + words, max(BOX_PX, metrics.height()))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, place: QPoint) -> bool:
        return self.rect().contains(place)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = (self.height() - BOX_PX) // 2
        self._paint_box(painter, QRectF(0, top, BOX_PX, BOX_PX))
        if self.text():
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            room = QRect(BOX_PX + SPACE_8, 0, self.width() - BOX_PX - SPACE_8, self.height())
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), self.text())

    def _paint_box(self, painter: QPainter, box: QRectF) -> None:
        colours, role, is_on = self.palette(), QPalette.ColorRole, self.isChecked()
        faded = not self.isEnabled()
        edge = role.Mid if faded else role.Accent if self.hasFocus() or is_on else role.PlaceholderText
        painter.setPen(QPen(colours.color(edge), 1))
        painter.setBrush(colours.color(edge if is_on else role.Window))
        painter.drawRoundedRect(box.adjusted(1.5, 1.5, -1.5, -1.5), RADIUS_CHIP, RADIUS_CHIP)
        if is_on:
            painter.setPen(QPen(colours.color(role.PlaceholderText if faded else role.HighlightedText), 1.5))
            corner = box.topLeft()
            painter.drawPolyline([corner + QPointF(6, 10.5), corner + QPointF(9, 13.5), corner + QPointF(14, 7)])
        if self.hasFocus():
            painter.setPen(QPen(colours.color(role.Text if is_on else role.Accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_CHIP, RADIUS_CHIP)
