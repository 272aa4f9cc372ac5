"""A card's memory as one bar in parts, each with a pattern of its own and a line of words below.

The same bar shows what a load would take and, later, what it took. Knows the parts of an estimate and nothing of how
they come about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QBrush,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.figures import memory_amount
from app.theme.theme import Theme
from app.theme.tokens import RADIUS_CHIP, SPACE_4, SPACE_8, SPACE_16
from app.views.walked_picture import WalkedPicture
from app.views.widgets import label
from engine.fit.estimate import Part

BAR_PX, SWATCH_PX = 26, 12
LEGEND_COLUMN_PX, MOST_COLUMNS = 190, 3
FREE = "free"


@dataclass(frozen=True)
class _Look:
    """How a part is drawn: a role of the palette and a pattern over it."""

    role: str
    pattern: Qt.BrushStyle | None = None


_LOOKS = {
    "other programs": _Look("muted", Qt.BrushStyle.BDiagPattern),
    "weights": _Look("accent"),
    "cache": _Look("info", Qt.BrushStyle.VerPattern),
    "vision": _Look("violet", Qt.BrushStyle.DiagCrossPattern),
    "working memory": _Look("warning", Qt.BrushStyle.FDiagPattern),
    "driver": _Look("text", Qt.BrushStyle.HorPattern),
}
_OUTLINE = _Look("border")


class VramBar(QWidget):
    """The bar with its legend; arrow keys walk through the parts and say what each is.

    Signals:
        part_chosen: the name of the part under the mouse or the keyboard, '' when there is none.
    """

    part_chosen = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.strip = _Strip(theme, self)
        self.legend = _Legend(theme, self)
        self._help = label(theme, font="small", kind="muted", wrap=True)
        self._help.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._basis = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_8)
        layout.addWidget(self.strip)
        layout.addWidget(self.legend)
        layout.addWidget(self._help)
        self.strip.current_changed.connect(self._explain)
        self._explain(-1)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is shown now."""
        return self.strip.parts

    @property
    def is_measured(self) -> bool:
        return self.strip.is_measured

    def show_parts(self, parts: Sequence[Part], total_bytes: int, *, measured: bool = False) -> None:
        """Shows the parts of a card, from left to right.

        Args:
            parts: as `Estimate.parts` gives them; together they may be more than the card.
            total_bytes: of the card.
            measured: the bytes were read from the card, not estimated; the words say so.
        """
        shown = tuple(part for part in parts if part.num_bytes > 0)
        self.strip.show_parts(shown, total_bytes, measured)
        self.legend.show_parts(shown)
        kind = self.tr("Measured") if measured else self.tr("Estimated")
        words = ", ".join(f"{_shown_name(part.name)} {memory_amount(part.num_bytes)}" for part in shown)
        self.strip.setAccessibleName(self.tr("Memory of the card, {0}").format(kind.lower()))
        self.strip.setAccessibleDescription(self.tr("{0} of {1}: {2}").format(kind, memory_amount(total_bytes), words))
        self._explain(self.strip.current)

    def clear(self) -> None:
        """Shows nothing."""
        self.show_parts((), 0)

    def _hint(self) -> str:
        if self.strip.end_x is not None:
            return self.tr("The dashed line is where the card ends.")
        return self.tr("Point at a part, or press the arrow keys in the bar, to read what it is.")

    @Slot(int)
    def _explain(self, number: int) -> None:
        if not 0 <= number < len(self.parts):
            self._help.setText(self._hint())
            self.part_chosen.emit("")
            return
        part = self.parts[number]
        name = _shown_name(part.name)
        self._help.setText(f"{name[:1].upper()}{name[1:]}, {memory_amount(part.num_bytes)}. {part.help}")
        self.strip.setToolTip(self._help.text())
        self.part_chosen.emit(part.name)


class _Strip(WalkedPicture):
    """The bar itself."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.parts: tuple[Part, ...] = ()
        self.is_measured = False
        self._total_bytes = 0
        self.setFixedHeight(BAR_PX)
        self.setMinimumWidth(160)
        self.setAccessibleName(self.tr("Memory of the card"))
        theme.changed.connect(self.update)

    def show_parts(self, parts: tuple[Part, ...], total_bytes: int, measured: bool) -> None:
        names = [part.name for part in parts]
        current = self.parts[self.current].name if 0 <= self.current < len(self.parts) else ""
        self.parts, self._total_bytes, self.is_measured = parts, total_bytes, measured
        self.current = names.index(current) if current in names else -1
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, BAR_PX)

    def spans(self) -> list[QRectF]:
        """Where each part is drawn."""
        whole = max(sum(part.num_bytes for part in self.parts), self._total_bytes, 1)
        left, spans = 0.5, []
        room = self.width() - 1.0
        for part in self.parts:
            width = room * part.num_bytes / whole
            spans.append(QRectF(left, 0.5, width, self.height() - 1.0))
            left += width
        return spans

    @property
    def end_x(self) -> float | None:
        """Where the card ends when the parts are more than it has; None when they fit."""
        wanted = sum(part.num_bytes for part in self.parts)
        return self.width() * self._total_bytes / wanted if wanted > self._total_bytes > 0 else None

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_CHIP, RADIUS_CHIP)
        painter.setClipPath(outline)
        painter.fillPath(outline, self._theme.colour("background"))
        for number, (part, span) in enumerate(zip(self.parts, self.spans())):
            if part.name != FREE:
                _fill(painter, self._theme, part.name, span)
                painter.setPen(QPen(self._theme.colour("background"), 1.0))
                painter.drawLine(span.topRight(), span.bottomRight())
            if number == self.current:
                painter.setPen(QPen(self._theme.colour("text"), 2.0))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(span.adjusted(1, 1, -1, -1))
        if self.end_x is not None:
            painter.setPen(QPen(self._theme.colour("text"), 2.0, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(self.end_x, 0), QPointF(self.end_x, self.height()))
        painter.setClipping(False)
        painter.setPen(QPen(self._theme.colour("accent" if self.hasFocus() else "border"), 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)

    def num_parts(self) -> int:
        return len(self.parts)

    def part_at(self, position: QPointF) -> int:
        x = position.x()
        return next((n for n, span in enumerate(self.spans()) if span.left() <= x < span.right()), -1)


class _Legend(QWidget):
    """Swatch, name and amount of every part; also the table for those who read instead of look.

    It has no layout but its own: as high as it must be at a width, it is asked for before it gets that width.
    """

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._names: tuple[str, ...] = ()
        self._amounts: list[_Entry] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_parts(self, parts: tuple[Part, ...]) -> None:
        """New numbers where the same parts are shown, so that nothing is rebuilt while a slider moves."""
        names = tuple(part.name for part in parts)
        is_new = names != self._names
        if is_new:
            for entry in self._amounts:
                entry.hide()
                entry.deleteLater()
            self._names = names
            self._amounts = [_Entry(self._theme, name, self) for name in names]
        for part, entry in zip(parts, self._amounts):
            entry.show_amount(part)
            entry.show()
        if is_new:
            self.updateGeometry()
        self._place()

    def texts(self) -> list[str]:
        """What is read, one line for each part."""
        return [entry.text() for entry in self._amounts]

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        num_rows = -(-len(self._amounts) // self._num_columns(width))
        return max(0, num_rows * (self._row_px() + SPACE_4) - SPACE_4)

    def sizeHint(self) -> QSize:
        width = MOST_COLUMNS * (LEGEND_COLUMN_PX + SPACE_16)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(LEGEND_COLUMN_PX, self._row_px())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _num_columns(self, width: int) -> int:
        widest = max((entry.minimumSizeHint().width() for entry in self._amounts), default=0)
        return max(1, min(MOST_COLUMNS, (width + SPACE_16) // (max(LEGEND_COLUMN_PX, widest) + SPACE_16)))

    def _row_px(self) -> int:
        return max((entry.sizeHint().height() for entry in self._amounts), default=0)

    def _place(self) -> None:
        columns, row_px = self._num_columns(self.width()), self._row_px()
        column_px = (self.width() + SPACE_16) // columns
        for number, entry in enumerate(self._amounts):
            row, column = divmod(number, columns)
            entry.setGeometry(column * column_px, row * (row_px + SPACE_4), column_px - SPACE_16, row_px)


class _Entry(QWidget):
    """One line of the legend."""

    def __init__(self, theme: Theme, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = _shown_name(name)
        self._label = label(theme, font="small")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_8)
        row.addWidget(_Swatch(theme, name, self))
        row.addWidget(self._label, 1)

    def show_amount(self, part: Part) -> None:
        self._label.setText(f"{self._name}  {memory_amount(part.num_bytes)}")
        self.setToolTip(part.help)

    def text(self) -> str:
        return self._label.text()


class _Swatch(QWidget):
    def __init__(self, theme: Theme, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._name = name
        self.setFixedSize(SPACE_16, SWATCH_PX)
        theme.changed.connect(self.update)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self._name != FREE:
            _fill(painter, self._theme, self._name, area)
        painter.setPen(QPen(self._theme.colour("muted" if self._name == FREE else "border"), 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)


def _fill(painter: QPainter, theme: Theme, name: str, area: QRectF) -> None:
    look = _LOOKS.get(name, _OUTLINE)
    painter.fillRect(area, theme.colour(look.role))
    if look.pattern is not None:
        ground = theme.colour("background")
        ground.setAlphaF(0.45)
        painter.fillRect(area, QBrush(ground, look.pattern))


def _shown_name(name: str) -> str:
    """A part's name in the language of the window."""
    names = {
        "other programs": _tr("other programs"),
        "weights": _tr("weights"),
        "cache": _tr("cache"),
        "vision": _tr("vision"),
        "working memory": _tr("working memory"),
        "driver": _tr("driver"),
        FREE: _tr("free"),
    }
    return names.get(name, name)


def _tr(text: str) -> str:
    return QCoreApplication.translate("VramBar", text)
