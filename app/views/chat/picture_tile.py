"""Small pictures in a row: those of a message, or those that are about to be sent. A click shows one whole.

Knows where their pixels come from, and nothing of messages, models or files.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.error_words import error_line
from app.figures import count
from app.pictures.desk import PictureDesk
from app.storage.turns import Attached
from app.theme.theme import Theme
from app.theme.tokens import RADIUS_FIELD, SPACE_4, SPACE_8
from app.views.widgets import IconButton

MESSAGE_PX, COMPOSER_PX = 136, 64
_REMOVE_PX = 22


@dataclass(frozen=True)
class TileState:
    """What a tile shows.

    Attributes:
        attached: the kept picture; None while it is read, or when it could not be.
        words: what it is called.
        trouble: why it cannot be used, as a sentence.
        tokens: what it costs; None when that is not known.
    """

    attached: Attached | None
    words: str
    trouble: str = ""
    tokens: int | None = None


class PictureTile(QAbstractButton):
    """One picture.

    Signals:
        opened: show it whole.
        removed: take it away.
        step_wanted: -1 or 1: the keyboard wants to go to the tile before or after.
    """

    opened = Signal()
    removed = Signal()
    step_wanted = Signal(int)

    def __init__(self, theme: Theme, desk: PictureDesk, side: int, parent: QWidget, *, removable: bool = False) -> None:
        super().__init__(parent)
        self._theme, self._desk, self._removable = theme, desk, removable
        self.state = TileState(None, "")
        self._place = ""
        self.setFixedSize(side, side)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._on_click)
        self.remove_button: IconButton | None = None
        if removable:
            self.remove_button = IconButton(theme, "close", "", role="text", small=True, parent=self)
            self.remove_button.setProperty("kind", "over")
            self.remove_button.setFixedSize(_REMOVE_PX, _REMOVE_PX)
            self.remove_button.setIconSize(QSize(12, 12))
            self.remove_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Delete on the tile does the same
            self.remove_button.clicked.connect(self.removed)
            self.remove_button.move(side - _REMOVE_PX - 2, 2)
        desk.came.connect(self._on_came)
        theme.changed.connect(self.update)

    def show_state(self, state: TileState, number: int, total: int) -> None:
        """Shows a picture and tells which of how many it is."""
        self.state = state
        self._place = self.tr("Image {0} of {1}").format(number, total)
        self._name()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._removable:
            self.removed.emit()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.step_wanted.emit(-1 if key == Qt.Key.Key_Left else 1)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()  # to the next message
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        shape = QPainterPath()
        shape.addRoundedRect(area, RADIUS_FIELD, RADIUS_FIELD)
        painter.fillPath(shape, self._theme.colour("background"))
        self._paint_inside(painter, shape)
        trouble = bool(self._trouble())
        role = "accent" if self.hasFocus() else "danger" if trouble else "border"
        painter.setPen(QPen(self._theme.colour(role), 2 if self.hasFocus() else 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(shape)
        painter.end()

    def _paint_inside(self, painter: QPainter, shape: QPainterPath) -> None:
        attached = self.state.attached
        pixmap = self._desk.pixmap(attached.name) if attached is not None and not self.state.trouble else None
        if pixmap is not None:
            painter.save()
            painter.setClipPath(shape)
            size = pixmap.size()
            # What was sent is seen whole; what is about to be sent has little room and fills it.
            fitting = max if self.width() == COMPOSER_PX else min
            grow = fitting(self.width() / size.width(), self.height() / size.height())
            grow = min(grow, 1.0) if min(size.width(), size.height()) < self.width() else grow
            width, height = size.width() * grow, size.height() * grow
            place = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
            painter.drawPixmap(place, pixmap, QRectF(pixmap.rect()))
            painter.restore()
            return
        if self._trouble():
            size_px = min(28, self.width() // 2)
            sign = self._theme.pixmap("warning", "danger", size_px, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - size_px) // 2, (self.height() - size_px) // 2, sign)
            return
        painter.setPen(self._theme.colour("muted"))
        painter.setFont(self._theme.font("heading"))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), "…")

    def _trouble(self) -> str:
        if self.state.trouble or self.state.attached is None:
            return self.state.trouble
        error = self._desk.error(self.state.attached.name)
        return error_line(error) if error is not None else ""

    def _name(self) -> None:
        words = self.state.words
        self.setAccessibleName(f"{self._place}: {words}" if words else self._place)
        lines = self._facts()
        self.setAccessibleDescription(". ".join(lines))
        self.setToolTip("\n".join([words, *lines] if words else lines))
        if self.remove_button is not None:
            self.remove_button.set_name(self.tr("Remove {0}").format(words or self._place))

    def _facts(self) -> list[str]:
        if self._trouble():
            return [self._trouble()]
        known = self._desk.thumbnail(self.state.attached.name) if self.state.attached is not None else None
        if known is None:
            return [self.tr("The image is being read.")]
        facts = self.tr("{0} × {1} pixels").format(count(known.width), count(known.height))
        if self.state.tokens is not None:
            facts = self.tr("{0}, about {1} tokens").format(facts, count(self.state.tokens))
        more = self.tr("Animated: the model sees the first frame.") if known.is_animated else ""
        pages = self.tr("Several pages: the model sees the first one.") if known.has_more_pages else ""
        return [each for each in (facts, more, pages) if each]

    @Slot(str)
    def _on_came(self, name: str) -> None:
        if self.state.attached is not None and self.state.attached.name == name:
            self._name()
            self.update()

    @Slot()
    def _on_click(self) -> None:
        if self.state.attached is not None and not self._trouble():
            self.opened.emit()


class PictureRow(QWidget):
    """Tiles side by side, in as many lines as they need at a width.

    Signals:
        opened: the number of the tile to be shown whole, from 0.
        removed: the number of the tile to be taken away.
    """

    opened = Signal(int)
    removed = Signal(int)

    def __init__(
        self, theme: Theme, desk: PictureDesk, side: int, parent: QWidget | None = None, *, removable: bool = False
    ) -> None:
        super().__init__(parent)
        self._theme, self._desk, self._side, self._removable = theme, desk, side, removable
        self.tiles: list[PictureTile] = []
        self._width = 0

    def show_states(self, states: list[TileState]) -> None:
        """Shows other pictures; tiles that stay are kept, and so is the place of the keyboard."""
        focused = next((place for place, tile in enumerate(self.tiles) if tile.hasFocus()), None)
        while len(self.tiles) > len(states):
            tile = self.tiles.pop()
            tile.hide()
            tile.deleteLater()
        while len(self.tiles) < len(states):
            self._add()
        for number, (tile, state) in enumerate(zip(self.tiles, states, strict=True), start=1):
            tile.show_state(state, number, len(states))
        if focused is not None and focused >= len(self.tiles) and self.tiles:
            self.tiles[-1].setFocus(Qt.FocusReason.OtherFocusReason)
        self.fit(self._width)

    def fit(self, width: int) -> None:
        """Takes the size that the tiles need at a width."""
        self._width = width
        columns = self.columns(width)
        gap = SPACE_4 if self._side == COMPOSER_PX else SPACE_8
        step = self._side + gap
        for place, tile in enumerate(self.tiles):
            tile.move(place % columns * step, place // columns * step)
        lines = -(-len(self.tiles) // columns)
        self.setFixedSize(max(0, min(len(self.tiles), columns) * step - gap), max(0, lines * step - gap))

    def columns(self, width: int) -> int:
        """How many tiles stand side by side."""
        gap = SPACE_4 if self._side == COMPOSER_PX else SPACE_8
        return max(1, (width + gap) // (self._side + gap))

    def _add(self) -> None:
        tile = PictureTile(self._theme, self._desk, self._side, self, removable=self._removable)
        tile.opened.connect(self._on_opened)
        tile.removed.connect(self._on_removed)
        tile.step_wanted.connect(self._on_step)
        self.tiles.append(tile)
        tile.show()

    def _number(self) -> int:
        sender = self.sender()
        return self.tiles.index(sender) if isinstance(sender, PictureTile) and sender in self.tiles else -1

    @Slot()
    def _on_opened(self) -> None:
        if self._number() >= 0:
            self.opened.emit(self._number())

    @Slot()
    def _on_removed(self) -> None:
        if self._number() >= 0:
            self.removed.emit(self._number())

    @Slot(int)
    def _on_step(self, step: int) -> None:
        place = self._number() + step
        if 0 <= place < len(self.tiles):
            self.tiles[place].setFocus(Qt.FocusReason.TabFocusReason)
