"""The error of each tensor as it is quantized: one column a block, one mark a tensor, on a logarithmic scale.

Pointing at a mark, or the arrow keys, tells tensor, bits and error; a legend and the mark's shape say attention, MLP or
head, never the colour alone. Knows the reports and nothing of how they come about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.theme.tokens import RADIUS_CHIP, SPACE_4, SPACE_8, SPACE_16
from app.views.convert.words import error_text, module_text, plot_summary, tensor_text
from app.views.walked_picture import WalkedPicture
from app.views.widgets import label
from engine.quantizer.progress import ModuleReport, TensorReport

HEIGHT_PX, SWATCH_PX = 180, 14
BOTTOM_PX, TOP_PX, RIGHT_PX = 22, 8, 10
MARK_PX, NEAR_PX = 3.5, 14.0  # half a mark's size; how far from one the mouse still means it
LEAST_DECADES, MANY_DECADES = 1.0, 2.0
SPREAD = 0.7  # of a column, over which its marks stand side by side
ATTENTION, MLP, HEAD = "attention", "mlp", "head"
_ROLES = {ATTENTION: "accent", MLP: "info", HEAD: "warning"}


@dataclass(frozen=True)
class Mark:
    """One tensor in the picture: its column and its place in it, from 0 to 1."""

    module: str
    tensor: TensorReport
    column: int
    place: float

    @property
    def kind(self) -> str:
        """Which shape and colour it has."""
        if self.module == HEAD:
            return HEAD
        return ATTENTION if "attn" in self.tensor.key or "attention" in self.tensor.key else MLP


class ErrorPlot(QWidget):
    """The picture with its legend and a line that says what is pointed at."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = Canvas(theme, self)
        self.words = label(theme, font="small", kind="muted", wrap=True)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        legend = QHBoxLayout()
        legend.setSpacing(SPACE_8)
        names = {ATTENTION: self.tr("attention"), MLP: self.tr("MLP"), HEAD: self.tr("output head")}
        for kind, name in names.items():
            legend.addWidget(_Swatch(theme, kind))
            legend.addWidget(label(theme, name, font="small", kind="muted"))
            legend.addSpacing(SPACE_8)
        legend.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addLayout(legend)
        layout.addWidget(self.canvas)
        layout.addWidget(self.words)
        self.canvas.current_changed.connect(self._explain)
        self.show_modules((), 0)

    def show_modules(self, modules: Sequence[ModuleReport], num_blocks: int) -> None:
        """Shows what is finished.

        Args:
            num_blocks: of the model, for the width; 0 where it is not known.
        """
        self.canvas.show_modules(modules, num_blocks)
        self.canvas.setAccessibleDescription(plot_summary(tuple(modules)))
        self._explain(self.canvas.current)

    @Slot(int)
    def _explain(self, number: int) -> None:
        words = self.canvas.text_of(number)
        self.canvas.setToolTip(words)
        if not self.canvas.marks:
            words = self.tr("Each tensor is drawn when its block is finished.")
        elif not words:
            hint = self.tr("Point at a mark, or press the arrow keys in the picture, to read which tensor it is.")
            words = f"{plot_summary(self.canvas.modules)} {hint}"
        self.words.setText(words)


class Canvas(WalkedPicture):
    """The picture itself."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.modules: tuple[ModuleReport, ...] = ()
        self.marks: tuple[Mark, ...] = ()
        self._columns = 1
        self._low, self._high = -3.0, -2.0  # decades
        self._left = 0.0
        self.setFixedHeight(HEIGHT_PX)
        self.setMinimumWidth(160)
        self.setAccessibleName(self.tr("Error of each tensor"))
        self._picture = QPixmap()  # of all but what is pointed at; null when it is to be drawn
        theme.changed.connect(self._draw_again)

    def show_modules(self, modules: Sequence[ModuleReport], num_blocks: int) -> None:
        self.modules = tuple(modules)
        self._columns = max(num_blocks + 1, len(self.modules), 1)
        marks: list[Mark] = []
        for module in self.modules:
            column = self._columns - 1 if module.name == HEAD else _number(module.name, len(marks))
            count = len(module.tensors)
            marks += [Mark(module.name, each, column, (n + 0.5) / count) for n, each in enumerate(module.tensors)]
        self.marks = tuple(marks)
        errors = [math.log10(max(mark.tensor.error, 1e-12)) for mark in marks]
        if errors:
            self._low, self._high = math.floor(min(errors) * 2) / 2, math.ceil(max(errors) * 2) / 2
            self._high = max(self._high, self._low + LEAST_DECADES)
        self._make_room()
        if self.current >= len(marks):
            self.current = -1
        self._draw_again()

    def text_of(self, number: int) -> str:
        """What a mark says: "Block 4 · self_attn.q_proj · 3 bits · error 0.21 %"."""
        if not 0 <= number < len(self.marks):
            return ""
        mark = self.marks[number]
        bits = self.tr("{0} bits") if mark.tensor.bits != 1 else self.tr("{0} bit")
        error = self.tr("error {0}").format(error_text(mark.tensor.error))
        return " · ".join(
            (module_text(mark.module), tensor_text(mark.tensor.key), bits.format(mark.tensor.bits), error)
        )

    def sizeHint(self) -> QSize:
        return QSize(480, HEIGHT_PX)

    def point_of(self, mark: Mark) -> QPointF:
        """Where a mark is drawn."""
        area = self._area()
        width = area.width() / self._columns
        x = area.left() + width * (mark.column + (1 - SPREAD) / 2 + SPREAD * mark.place)
        share = (math.log10(max(mark.tensor.error, 1e-12)) - self._low) / (self._high - self._low)
        return QPointF(x, area.bottom() - area.height() * min(max(share, 0.0), 1.0))

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._picture.isNull():
            self._draw()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._picture)
        if 0 <= self.current < len(self.marks):
            mark = self.marks[self.current]
            point = self.point_of(mark)
            draw_mark(painter, self._theme, mark.kind, point, 1.8 * MARK_PX)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("text"), 1.5))
            painter.drawEllipse(point, 2.4 * MARK_PX, 2.4 * MARK_PX)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.colour("accent" if self.hasFocus() else "border"), 1.0))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_CHIP, RADIUS_CHIP)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._draw_again()

    def num_parts(self) -> int:
        return len(self.marks)

    def part_at(self, position: QPointF) -> int:
        near = [(self._distance(mark, position), number) for number, mark in enumerate(self.marks)]
        distance, number = min(near, default=(NEAR_PX, -1))
        return number if distance < NEAR_PX else -1

    @Slot()
    def _draw_again(self) -> None:
        self._picture = QPixmap()
        self.update()

    def _draw(self) -> None:
        """Draws the picture once for many paints: a bar that moves elsewhere has all of the page painted."""
        ratio = self.devicePixelRatioF()
        self._picture = QPixmap(self.size() * ratio)
        self._picture.setDevicePixelRatio(ratio)
        self._picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_frame(painter)
        points = [self.point_of(mark) for mark in self.marks]
        self._draw_mean(painter, points)
        for mark, point in zip(self.marks, points):
            draw_mark(painter, self._theme, mark.kind, point, MARK_PX)
        painter.end()

    def _distance(self, mark: Mark, position: QPointF) -> float:
        apart = self.point_of(mark) - position
        return math.hypot(apart.x(), apart.y())

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(self._left, TOP_PX, -RIGHT_PX, -BOTTOM_PX)

    def _ticks(self) -> list[float]:
        """Decades at which a line is drawn."""
        step = 1.0 if self._high - self._low > MANY_DECADES else 0.5
        first, last = math.ceil(self._low / step), math.floor(self._high / step + 1e-6)
        return [number * step for number in range(first, last + 1)]

    def _make_room(self) -> None:
        """For the longest number at the left."""
        metrics = QFontMetricsF(self._theme.font("small"))
        widest = max(metrics.horizontalAdvance(error_text(10**each)) for each in self._ticks())
        self._left = widest + 2 * SPACE_8

    def _draw_frame(self, painter: QPainter) -> None:
        area = self._area()
        painter.setFont(self._theme.font("small"))
        height = painter.fontMetrics().height()
        for exponent in self._ticks():
            y = area.bottom() - area.height() * (exponent - self._low) / (self._high - self._low)
            painter.setPen(QPen(self._theme.colour("border"), 1.0))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self._theme.colour("muted"))
            box = QRectF(0, y - height / 2, area.left() - SPACE_8, height)
            right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(box, right, error_text(10**exponent))
        painter.setPen(self._theme.colour("muted"))
        below = QRectF(area.left(), area.bottom() + 2, area.width(), BOTTOM_PX - 2)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), module_text("block 0"))
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), module_text(HEAD))

    def _draw_mean(self, painter: QPainter, marks: Sequence[QPointF]) -> None:
        """A line through each block's mean, which shows where in the stack the error rises."""
        area = self._area()
        width = area.width() / self._columns
        heights: dict[int, list[float]] = {}
        for mark, point in zip(self.marks, marks):
            if mark.kind != HEAD:
                heights.setdefault(mark.column, []).append(point.y())
        points = [
            QPointF(area.left() + width * (column + 0.5), sum(found) / len(found)) for column, found in heights.items()
        ]
        painter.setPen(QPen(self._theme.colour("muted"), 1.0))
        painter.drawPolyline(QPolygonF(points))


class _Swatch(QWidget):
    def __init__(self, theme: Theme, kind: str) -> None:
        super().__init__()
        self._theme, self._kind = theme, kind
        self.setFixedSize(SPACE_16, SWATCH_PX)
        theme.changed.connect(self.update)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_mark(painter, self._theme, self._kind, QRectF(self.rect()).center(), MARK_PX)


def draw_mark(painter: QPainter, theme: Theme, kind: str, at: QPointF, size: float) -> None:
    """A disc for attention, a square for the MLP, a triangle for the head."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour(_ROLES[kind]))
    if kind == ATTENTION:
        painter.drawEllipse(at, size, size)
    elif kind == MLP:
        painter.drawRect(QRectF(at.x() - size, at.y() - size, 2 * size, 2 * size))
    else:
        corners = ((0.0, -1.3), (1.2, 0.9), (-1.2, 0.9))
        painter.drawPolygon(QPolygonF([QPointF(at.x() + size * x, at.y() + size * y) for x, y in corners]))


def _number(name: str, fallback: int) -> int:
    number = name.rpartition(" ")[2]
    return int(number) if number.isdecimal() else fallback
