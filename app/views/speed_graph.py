"""The speed of the last minute as a small line. Knows nothing of where the figures come from."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from app.theme.theme import Theme
from app.views.widgets import speed_text

WIDTH_PX, HEIGHT_PX, STROKE_PX = 56, 18, 1.5
KEPT = 60  # readings; the engine gives three a second while it writes


class SpeedGraph(QWidget):
    """The newest reading is at the right; the height is the share of the highest one shown."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._speeds: deque[float] = deque(maxlen=KEPT)
        self.setFixedSize(WIDTH_PX, HEIGHT_PX)
        self.setAccessibleName(self.tr("Speed, lately"))
        theme.changed.connect(self.update)
        self.clear()

    @property
    def speeds(self) -> tuple[float, ...]:
        """What is shown, in tokens per second, the newest last."""
        return tuple(self._speeds)

    def add(self, tokens_per_s: float) -> None:
        """Takes one reading; a graph that shows nothing but rest goes away."""
        self._speeds.append(tokens_per_s)
        top = max(self._speeds)
        words = self.tr("At most {0} tokens per second").format(speed_text(top))
        self.setAccessibleDescription(words)
        self.setToolTip(words)
        self.setVisible(top > 0)
        self.update()

    def clear(self) -> None:
        """Forgets every reading."""
        self._speeds.clear()
        self.hide()

    def paintEvent(self, _event: QPaintEvent) -> None:
        top = max(self._speeds, default=0.0)
        if top <= 0:
            return
        area = QRectF(self.rect()).adjusted(1, 2, -1, -2)
        step = area.width() / (KEPT - 1)
        newest = len(self._speeds) - 1
        points = [
            QPointF(area.right() - (newest - place) * step, area.bottom() - area.height() * speed / top)
            for place, speed in enumerate(self._speeds)
        ]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("border"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(QPen(self._theme.colour("accent"), STROKE_PX))
        painter.drawPolyline(QPolygonF(points))
