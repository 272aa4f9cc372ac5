"""A table whose columns keep their widths while rows arrive; a wide one scrolls sideways.

Its rows stand in documents of a few rows each, so that one more row costs no more at the end of a long table. Knows
nothing of Markdown's syntax beyond the text of a cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QFont,
    QFontMetricsF,
    QResizeEvent,
    QTextBlockFormat,
    QTextCursor,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
    QTextTableCell,
    QTextTableFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from app.markdown.leaves import Leaf, References
from app.markdown.text_block import FlatBrowser
from app.markdown.text_style import TextStyle, text_style
from app.markdown.writer import LeafWriter, NoPictures, Pictures
from app.theme.theme import Theme

CELL_PADDING = 6
MIN_COLUMN_PX = 110
_MARKS = re.compile(r"[*_`~]|\]\([^)]*\)|\[")
_ALIGNMENTS = {"right": Qt.AlignmentFlag.AlignRight, "center": Qt.AlignmentFlag.AlignHCenter}


class _Rows(FlatBrowser):
    """A few rows of a table."""

    def __init__(self, style: TextStyle, pictures: Pictures, parent: QWidget) -> None:
        super().__init__(parent)
        self._style = style
        self._writer = LeafWriter(style, pictures)
        self._table: QTextTable | None = None
        self.leaf = Leaf("table")
        self.waits = False
        self.setAccessibleName(self.tr("Table"))

    def show_leaf(self, leaf: Leaf, widths: Sequence[float], references: References) -> None:
        before, self.leaf = self.leaf, leaf
        if self._table is not None and self._grow(before, references):
            self.fit()
            return
        self.waits = False
        self.document().clear()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        _make_thin(cursor)
        columns = len(leaf.alignments)
        self._table = cursor.insertTable(len(leaf.rows), columns, self._format(widths))
        for y, row in enumerate(leaf.rows):
            head = y == 0 and not leaf.continued
            for x, content in enumerate(row[:columns]):
                self._write_cell(y, x, content, head, references)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        _make_thin(cursor)
        cursor.endEditBlock()
        self.fit()

    def _grow(self, before: Leaf, references: References) -> bool:
        """Writes only the last row again and those after it, when the others are as before."""
        assert self._table is not None
        same = min(len(before.rows), len(self.leaf.rows)) - 1
        columns = len(self.leaf.alignments)
        grows = len(self.leaf.rows) >= len(before.rows) and before.alignments == self.leaf.alignments
        if not grows or same < 0 or self.leaf.rows[:same] != before.rows[:same] or self.waits:
            return False
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        if len(self.leaf.rows) > len(before.rows):
            self._table.appendRows(len(self.leaf.rows) - len(before.rows))
        for y in range(same, len(self.leaf.rows)):
            head = y == 0 and not self.leaf.continued
            old = before.rows[y] if y < len(before.rows) else ()
            for x, content in enumerate(self.leaf.rows[y][:columns]):
                if x < len(old) and old[x] == content:
                    continue
                cell = self._table.cellAt(y, x)
                cursor.setPosition(cell.firstPosition())
                cursor.setPosition(cell.lastPosition(), QTextCursor.MoveMode.KeepAnchor)
                cursor.removeSelectedText()
                self._write_cell(y, x, content, head, references, formed=bool(old))
        cursor.endEditBlock()
        return True

    def set_widths(self, widths: Sequence[float]) -> None:
        if self._table is not None:
            self._table.setFormat(self._format(widths))
        self.fit()

    def _write_cell(
        self, y: int, x: int, content: str, head: bool, references: References, formed: bool = False
    ) -> None:
        assert self._table is not None
        cell = self._table.cellAt(y, x)
        if not formed:
            self._form_cell(cell, x, head)
        self._writer.write_cell(cell.firstCursorPosition(), content, head, references)
        self.waits = self.waits or self._writer.waits

    def _form_cell(self, cell: QTextTableCell, x: int, head: bool) -> None:
        """Gives a cell its line below and its alignment."""
        form = cell.format().toTableCellFormat()
        form.setBottomBorder(1)
        form.setBottomBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBottomBorderBrush(QBrush(self._style.border if not head else self._style.muted))
        cell.setFormat(form)
        block = QTextBlockFormat()
        block.setAlignment(_ALIGNMENTS.get(self.leaf.alignments[x], Qt.AlignmentFlag.AlignLeft))
        cell.firstCursorPosition().setBlockFormat(block)

    def _format(self, widths: Sequence[float]) -> QTextTableFormat:
        form = QTextTableFormat()
        form.setBorder(0)
        form.setBorderCollapse(True)
        form.setCellPadding(CELL_PADDING)
        form.setCellSpacing(0)
        form.setHeaderRowCount(0 if self.leaf.continued else 1)
        form.setColumnWidthConstraints([QTextLength(QTextLength.Type.FixedLength, width) for width in widths])
        return form


class TableBlock(QScrollArea):
    """A table, whole or still growing."""

    def __init__(self, theme: Theme, pictures: Pictures | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = text_style(theme)
        self._pictures = pictures or NoPictures()
        self._parts: list[_Rows] = []
        self._tops: list[int] = []  # of the parts
        self._height = 0
        self._first = Leaf("table")  # whose cells decide the widths
        self._naturals: list[float] = []
        self._widths: list[float] = []
        self._inside = QWidget()  # without a layout, which would ask every part again for each new row
        self.setWidget(self._inside)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        for each in (self, self.viewport(), self._inside):  # what was there stays there when it grows
            each.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    @property
    def leaves(self) -> list[Leaf]:
        return [part.leaf for part in self._parts]

    @property
    def parts(self) -> Sequence[FlatBrowser]:
        """The documents that hold the rows."""
        return self._parts

    @property
    def waits(self) -> bool:
        """Whether a cell has a picture that is not there yet."""
        return any(part.waits for part in self._parts)

    def set_leaves(self, leaves: Sequence[Leaf], references: References) -> None:
        """Shows the table's leaves, the first with its head; those that have not changed stay as they are."""
        if leaves[0] is not self._first:
            self._first, before = leaves[0], self._naturals
            self._naturals = self._natural_widths(leaves[0])
            if self._naturals != before:
                self._apply_widths()
        while len(self._parts) > len(leaves):
            part = self._parts.pop()
            part.hide()
            part.deleteLater()
        first = len(self._parts)
        while first and self._parts[first - 1].leaf is not leaves[first - 1]:  # what is before a kept leaf is kept
            first -= 1
        for place in range(first, len(leaves)):
            if place == len(self._parts):
                self._add_part()
            elif self._parts[place].leaf == leaves[place]:
                continue
            self._parts[place].show_leaf(leaves[place], self._widths, references)
        self._stack_from(first)
        self._fit()

    def _add_part(self) -> None:
        part = _Rows(self._style, self._pictures, self._inside)
        part.setFixedWidth(self._total_width())
        self._parts.append(part)
        part.show()

    def _stack_from(self, first: int) -> None:
        """Places the parts from one on below those before it."""
        del self._tops[first:]
        top = self._tops[-1] + self._parts[first - 1].height() if first else 0
        for part in self._parts[first:]:
            self._tops.append(top)
            part.move(0, top)
            top += part.height()
        self._height = top

    def rewrite(self, references: References, all_parts: bool = False) -> None:
        """Writes the rows again that wait for a picture, or all of them for link targets known now."""
        for part in self._parts:
            if part.waits or all_parts:
                part.show_leaf(part.leaf, self._widths, references)
        self._stack_from(0)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._apply_widths()
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()

    def _natural_widths(self, first: Leaf) -> list[float]:
        """The widths in pixels that the first rows ask for, each on one line."""
        plain, bold = QFontMetricsF(self._style.font), QFont(self._style.font)
        bold.setWeight(QFont.Weight.DemiBold)
        heads = QFontMetricsF(bold)
        widths = [0.0] * len(first.alignments)
        for y, row in enumerate(first.rows):
            for x, content in enumerate(row[: len(widths)]):
                metrics = plain if y else heads
                widths[x] = max(widths[x], metrics.horizontalAdvance(_MARKS.sub("", content)))
        return [width * 1.05 + 2 * CELL_PADDING + 4 for width in widths]

    def _share(self) -> None:
        """Gives the widest columns less where the table would be too wide."""
        available = max(1, self.viewport().width())
        limit = max(self._naturals, default=0.0)
        if sum(self._naturals) > available:
            low, high = float(MIN_COLUMN_PX), max(limit, float(MIN_COLUMN_PX))
            for _ in range(20):
                limit = (low + high) / 2
                if sum(min(width, limit) for width in self._naturals) > available:
                    high = limit
                else:
                    low = limit
            limit = low
        self._widths = [min(width, limit) for width in self._naturals]

    def _apply_widths(self) -> bool:
        """Shares the room among the columns; True when their widths are other ones."""
        before = list(self._widths)
        self._share()
        if self._widths == before:
            return False
        for part in self._parts:
            part.setFixedWidth(self._total_width())
            part.set_widths(self._widths)
        self._stack_from(0)
        return True

    def _total_width(self) -> int:
        return max(1, round(sum(self._widths) + 0.5))

    def _fit(self) -> None:
        width = self._total_width()
        self._inside.resize(width, self._height)
        bar = self.horizontalScrollBar()
        extra = bar.sizeHint().height() if width > self.viewport().width() else 0
        if self._height + extra != self.height():
            self.setFixedHeight(self._height + extra)


def _make_thin(cursor: QTextCursor) -> None:
    """A table needs a block before and after it; keep those invisible."""
    thin = QTextBlockFormat()
    thin.setLineHeight(1, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    cursor.setBlockFormat(thin)
