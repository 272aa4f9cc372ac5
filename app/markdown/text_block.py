"""Rich text that is as tall as its content: one leaf in each block of its document.

It never loads anything and never scrolls; a link is opened only after its target was shown and agreed to. Knows
nothing of messages or of streaming beyond the mark at the end of what still grows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QUrl, Slot
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QIcon,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QMessageBox, QPlainTextEdit, QSizePolicy, QTextBrowser, QTextEdit, QWidget

from app.markdown.leaves import BULLET, TASK_DONE, TASK_OPEN, Leaf, References
from app.markdown.text_style import QUOTE_PX, text_style
from app.markdown.writer import LeafWriter, NoPictures, Pictures
from app.theme.theme import Theme

OPENABLE_SCHEMES = ("http", "https", "mailto")
_BAR_PX = 3
_LINK_KEYS = (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class FlatBrowser(QTextBrowser):
    """A read-only document without frame or scroll bars whose height is that of its text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAcceptDrops(False)
        self.viewport().setAutoFillBackground(False)
        for each in (self, self.viewport()):  # what was there stays there when it grows
            each.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(0)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.anchorClicked.connect(self._open_link)

    def loadResource(self, kind: int, name: QUrl | str) -> None:
        """Nothing is ever loaded for a message, from the network or from disk."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the transcript scrolls, not its parts

    def keyPressEvent(self, event: QKeyEvent) -> None:
        copies = event.matches(QKeySequence.StandardKey.Copy) or event.matches(QKeySequence.StandardKey.SelectAll)
        if copies or event.key() in _LINK_KEYS:
            super().keyPressEvent(event)
        else:
            event.ignore()

    def fit(self) -> None:
        """Takes the height of the text."""
        if self.document().textWidth() != self.viewport().width():  # setting it lays everything out again
            self.document().setTextWidth(self.viewport().width())
        height = int(self.document().size().height() + 0.999)
        if height != self.height():
            self.setFixedHeight(height)

    @Slot(QUrl)
    def _open_link(self, url: QUrl) -> None:
        if url.scheme() not in OPENABLE_SCHEMES:
            return
        question = QMessageBox(self.window())
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.setWindowTitle(self.tr("Open a link"))
        question.setText(self.tr("Open this address in your browser?"))
        question.setInformativeText(url.toDisplayString())
        question.setTextFormat(Qt.TextFormat.PlainText)
        opening = question.addButton(self.tr("Open"), QMessageBox.ButtonRole.AcceptRole)
        opening.clicked.connect(partial(QDesktopServices.openUrl, url))
        question.addButton(QMessageBox.StandardButton.Cancel).setIcon(QIcon())
        question.open()  # the answer comes when the box is gone already, so it is the button that opens


class TextBlock(FlatBrowser):
    """Paragraphs, headings, lists, quotes and formulas."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, pictures: Pictures | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._style = text_style(theme)
        self._writer = LeafWriter(self._style, pictures or NoPictures())
        self._leaves: list[Leaf] = []
        self._known: list[int] = []  # link targets when a leaf was written
        self._marked = False
        self._has_signs = False
        self.waiting: set[int] = set()
        """The leaves that have a picture which is not there yet."""
        self.document().setIndentWidth(self._style.indent_px)
        self.setAccessibleName(self.tr("Message text"))

    @property
    def leaves(self) -> Sequence[Leaf]:
        return self._leaves

    def show_leaves(self, leaves: Sequence[Leaf], references: References, growing: bool = False) -> None:
        """Shows leaves; those that have not changed stay as they are. `growing` puts the mark at the end."""
        first = 0
        for old, new in zip(self._leaves, leaves, strict=False):
            if old != new:
                break
            first += 1
        if self._marked:
            first = min(first, len(self._leaves) - 1)
        if growing and first == len(leaves):
            first -= 1
        if first == len(leaves) == len(self._leaves):
            return
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        self._truncate(cursor, len(leaves))
        for place in range(first, len(leaves)):
            self._put(cursor, place, leaves[place], references)
        if growing:
            cursor.movePosition(QTextCursor.MoveOperation.End)
            self._writer.write_mark(cursor)
        cursor.endEditBlock()
        self._marked = growing
        self.fit()

    def resolve_links(self, references: References) -> None:
        """Writes the leaves again that were written when fewer link targets were known."""
        late = [i for i, leaf in enumerate(self._leaves) if "[" in leaf.content and self._known[i] < len(references)]
        self._rewrite(late, references)

    def show_pictures(self, references: References, end_s: float) -> bool:
        """Writes waiting leaves again until a moment of `time.thread_time`; True when none is left to try."""
        for place in sorted(self.waiting):
            if time.thread_time() >= end_s:
                return False
            self._rewrite([place], references)
        return True

    def _rewrite(self, places: Sequence[int], references: References) -> None:
        if not places:
            return
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for place in places:
            self._put(cursor, place, self._leaves[place], references)
            if self._marked and place == len(self._leaves) - 1:
                self._writer.write_mark(cursor)
        cursor.endEditBlock()
        self.fit()

    def set_plain(self, text: str) -> None:
        """Shows a text as it is."""
        self.document().clear()
        self._leaves, self._known = [], []
        self._writer.write_plain(QTextCursor(self.document()), text)
        self.fit()

    def natural_width(self, limit: int) -> int:
        """The width in pixels that the text needs, at most `limit`."""
        self.document().setTextWidth(limit)
        return min(limit, int(self.document().idealWidth()) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._has_signs:
            painter = QPainter(self.viewport())
            self._draw_signs(painter, QRectF(event.rect()))
            painter.end()
        super().paintEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.fit()

    def _put(self, cursor: QTextCursor, place: int, leaf: Leaf, references: References) -> None:
        if place < len(self._leaves):
            block = self.document().findBlockByNumber(place)
            cursor.setPosition(block.position())
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            self._leaves[place], self._known[place] = leaf, len(references)
        else:
            cursor.movePosition(QTextCursor.MoveOperation.End)
            if place:
                cursor.insertBlock()
            self._leaves.append(leaf)
            self._known.append(len(references))
        self._writer.write(cursor, leaf, self._leaves[place - 1] if place else None, references)
        (self.waiting.add if self._writer.waits else self.waiting.discard)(place)
        self._has_signs = self._has_signs or leaf.quotes > 0 or bool(leaf.marker) or leaf.kind == "rule"

    def _truncate(self, cursor: QTextCursor, count: int) -> None:
        if count >= len(self._leaves):
            return
        cursor.setPosition(max(0, self.document().findBlockByNumber(count).position() - 1))
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        del self._leaves[count:], self._known[count:]
        self.waiting = {place for place in self.waiting if place < count}

    def _draw_signs(self, painter: QPainter, area: QRectF) -> None:
        """Draws bullets and boxes before items, a bar at the left of every quote, and rules."""
        layout = self.document().documentLayout()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        block = self.cursorForPosition(area.topLeft().toPoint()).block()
        while block.isValid() and block.blockNumber() < len(self._leaves):
            place = layout.blockBoundingRect(block)
            if place.top() > area.bottom():
                return
            leaf = self._leaves[block.blockNumber()]
            if leaf.quotes:
                self._draw_bars(painter, block, place, leaf.quotes)
            if leaf.kind == "rule":
                left = leaf.quotes * QUOTE_PX + leaf.indent * self._style.indent_px
                middle = place.bottom() - self._style.font_px * 0.8
                painter.fillRect(QRectF(left, round(middle), self.viewport().width() - left, 1), self._style.border)
            if leaf.marker in (BULLET, TASK_OPEN, TASK_DONE):
                self._draw_marker(painter, block, place, leaf)
            block = block.next()

    def _draw_bars(self, painter: QPainter, block: QTextBlock, place: QRectF, depth: int) -> None:
        number = block.blockNumber()
        joined = self._leaves[number - 1].quotes if number else 0
        for level in range(depth):
            top = place.top() - (block.blockFormat().topMargin() if level < joined else 0)
            painter.fillRect(QRectF(level * QUOTE_PX, top, _BAR_PX, place.bottom() - top), self._style.border)

    def _draw_marker(self, painter: QPainter, block: QTextBlock, place: QRectF, leaf: Leaf) -> None:
        line = block.layout().lineAt(0)
        if not line.isValid():
            return
        size = self._style.font_px
        right = leaf.quotes * QUOTE_PX + leaf.indent * self._style.indent_px - size * 0.5
        y = place.top() + line.y() + line.ascent() - size * 0.36
        painter.setPen(QPen(self._style.muted, 1.3))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if leaf.marker == BULLET:
            radius = size * 0.17
            if leaf.indent < 2:
                painter.setBrush(self._style.muted)
            painter.drawEllipse(QPointF(right - radius, y), radius, radius)
            return
        half = size * 0.4
        box = QRectF(right - 2 * half, y - half, 2 * half, 2 * half)
        painter.drawRoundedRect(box, 2, 2)
        if leaf.marker == TASK_DONE:
            painter.setPen(QPen(self._style.accent, 1.8))
            low = QPointF(box.left() + half * 0.85, box.bottom() - half * 0.5)
            painter.drawLine(QPointF(box.left() + half * 0.4, box.center().y()), low)
            painter.drawLine(low, QPointF(box.right() - half * 0.4, box.top() + half * 0.5))


def mark_found(
    widget: QTextEdit | QPlainTextEdit, places: Sequence[tuple[int, int]], current: int, ground: QColor
) -> None:
    """Shows where a search has found something.

    Args:
        widget: what holds the text.
        places: start and end of each place in characters of the document.
        current: the one that stands out, or -1.
        ground: behind the others.
    """
    selections = []
    for number, (start, end) in enumerate(places):
        cursor = QTextCursor(widget.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        form = QTextCharFormat()
        form.setBackground(widget.palette().highlight() if number == current else ground)
        if number == current:
            form.setForeground(widget.palette().highlightedText())
        selection = QTextEdit.ExtraSelection()
        selection.cursor, selection.format = cursor, form
        selections.append(selection)
    widget.setExtraSelections(selections)
