"""The sheet over the window while a folder or images are dragged onto it. Knows nothing of models."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme.theme import Theme
from app.theme.tokens import RADIUS_CARD, SPACE_16


class DropOverlay(QWidget):
    """Covers its parent and says what dropping does."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._words = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    @property
    def words(self) -> str:
        """What it says."""
        return self._words

    def cover(self, *, is_convert: bool = False, has_pictures: bool = False) -> None:
        """Shows the sheet over the whole parent; what is dragged, and the page, say what dropping does."""
        convert, load = self.tr("Drop an original model to convert it"), self.tr("Drop a model folder to load it")
        self._words = self.tr("Drop the images to add them to your message") if has_pictures else load
        if is_convert and not has_pictures:
            self._words = convert
        parent = self.parentWidget()
        assert parent is not None
        self.setGeometry(parent.rect())
        self.raise_()
        self.show()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QColor(self._theme.colours.background)
        ground.setAlphaF(0.95)
        painter.fillRect(self.rect(), ground)
        pen = QPen(self._theme.colour("accent"), 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        frame = QRectF(self.rect()).adjusted(SPACE_16, SPACE_16, -SPACE_16, -SPACE_16)
        painter.drawRoundedRect(frame, RADIUS_CARD, RADIUS_CARD)
        centre = self.rect().center()
        sign = self._theme.pixmap("drop", "accent", 40, self.devicePixelRatioF())
        painter.drawPixmap(centre.x() - 20, centre.y() - 48, sign)
        painter.setPen(self._theme.colour("text"))
        painter.setFont(self._theme.font("heading"))
        below = self.rect().adjusted(0, 40, 0, 40)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), self._words)
