"""A message's text as a stack of widgets: final leaves are written once, only the tail is written again.

Text leaves that follow each other share one document, so that a selection runs across paragraphs; code and tables are
widgets of their own. Knows nothing of conversations or of scrolling.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.markdown.code_block import COPIED_MS, CodeBlock
from app.markdown.formulas import FormulaKey
from app.markdown.leaves import Leaf
from app.markdown.stream import MarkdownStream
from app.markdown.table_block import TableBlock
from app.markdown.text_block import OPENABLE_SCHEMES, TextBlock
from app.markdown.text_style import PARAGRAPH_SPACE, QUOTE_PX, text_style
from app.markdown.workshop import AttachmentKey, Workshop
from app.markdown.writer import Picture
from app.theme.theme import Theme

RUN_LEAVES = 40
SLICE_CHARS = 300
SLICE_LEAVES = 3  # of text; code and a table's rows are a slice each
PICTURES_S = 0.003
FORMULA_SCALE = 1.15  # its font has lower letters than those of most systems

SegmentKind = Literal["text", "code", "table"]


class ViewPictures:
    """Formulas and pictures in the size and colour of one view."""

    def __init__(self, theme: Theme, workshop: Workshop, ratio: float) -> None:
        style = text_style(theme)
        self._workshop = workshop
        self._size_px = style.font_px * FORMULA_SCALE
        self._descent_px = QFontMetricsF(style.font).descent()
        self._colour = style.text.name()
        self._ratio = ratio
        self.waits = False

    def formula(self, tex: str, display: bool) -> Picture | None:
        """A drawn formula, or None; then `waits` says whether it may come."""
        return self._get(FormulaKey(tex, display, self._size_px, self._descent_px, self._colour, self._ratio))

    def attachment(self, name: str) -> Picture | None:
        """A picture of the conversation, or None; then `waits` says whether it may come."""
        return self._get(AttachmentKey(name, self._ratio))

    def _get(self, key: FormulaKey | AttachmentKey) -> Picture | None:
        picture = self._workshop.picture(key)
        self.waits = picture is None and self._workshop.is_pending(key)
        return picture


@dataclass
class _Segment:
    """A widget, the leaves that it shows, and how far it stands from the left edge in pixels."""

    kind: SegmentKind
    start: int
    leaves: list[Leaf]
    widget: TextBlock | CodeBlock | TableBlock
    shift: int
    top: int = 0
    height: int = 0


class MarkdownView(QWidget):
    """The text of a reply, whole or still arriving.

    It stacks its widgets itself, and moves them only when it has been given its new height: a layout would first
    squeeze all of them into the old one, and what is on view would be painted again for every new word.

    Signals:
        grew: more text is shown.
    """

    grew = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None, workshop: Workshop | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self._theme = theme
        self._workshop = workshop or Workshop(parent=self)
        self._pictures = ViewPictures(theme, self._workshop, self.devicePixelRatioF())
        self._indent_px = text_style(theme).indent_px
        self._stream = MarkdownStream()
        self._segments: list[_Segment] = []
        self._final = 0  # leaves that will not change
        self._unread = ""  # of a whole text that is shown by and by
        self._building = False
        self._height = 0  # of all segments with the margins
        self._stale = 0  # the first segment whose height may be another one
        self._unplaced = 0  # the first one that may stand elsewhere
        self._placed_in = QRect()
        self._asked = False  # the next request for a layout is of what was just shown
        self._picture_timer = QTimer(self, interval=0)
        self._picture_timer.timeout.connect(self._show_pictures)
        self._workshop.pictures_came.connect(self._picture_timer.start)

    def append(self, text: str) -> None:
        """Shows more of a reply that still arrives."""
        self._stream.feed(text)
        self._show([*self._stream.frozen[self._final :], *self._stream.tail()], growing=True)
        self._final = len(self._stream.frozen)
        self.grew.emit()

    def finish(self) -> None:
        """The reply is complete: the tail becomes final, links whose targets came late are written again."""
        self._stream.finish()
        self._show(self._stream.frozen[self._final :], growing=False)
        self._final = len(self._stream.frozen)
        self._resolve_late_links()

    def set_source(self, text: str) -> None:
        """Shows a whole text at once; for a fresh view."""
        self.begin_source(text)
        while not self.build_more(float("inf")):
            pass

    def begin_source(self, text: str) -> None:
        """Takes a whole text that `build_more` then shows; for a fresh view."""
        self._unread, self._building = text, True

    @property
    def is_built(self) -> bool:
        """Whether all of a text taken by `begin_source` is there."""
        return not self._building

    def build_more(self, end_s: float) -> bool:
        """Shows more of the text until a moment of `time.thread_time`; True when all of it is there."""
        while self._building:
            if self._final < len(self._stream.frozen):
                self._show_slice()
            elif self._unread:
                piece, self._unread = self._unread[:SLICE_CHARS], self._unread[SLICE_CHARS:]
                self._stream.feed(piece)
                if not self._unread:
                    self._stream.finish()
            else:
                self._building = False
                self._resolve_late_links()
            if time.thread_time() >= end_s:
                break
        return not self._building

    def _show_slice(self) -> None:
        """Shows the next few final leaves: what one turn of the event loop has time for."""
        waiting = self._stream.frozen[self._final : self._final + SLICE_LEAVES]
        kind, members = next(_groups(waiting))
        count = len(members) if kind == "text" else 1
        self._show(waiting[:count], growing=False)
        self._final += count

    @property
    def leaves(self) -> list[Leaf]:
        """What is shown."""
        return [leaf for segment in self._segments for leaf in segment.leaves]

    def text_widgets(self) -> Iterator[QTextEdit | QPlainTextEdit]:
        """The widgets that hold text, from the top, for a search."""
        for segment in self._segments:
            if isinstance(segment.widget, TextBlock):
                yield segment.widget
            elif isinstance(segment.widget, CodeBlock):
                yield segment.widget.text
            else:
                yield from segment.widget.parts

    def sizeHint(self) -> QSize:
        return QSize(400, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self._height)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            if not self._asked:
                self._stale = 0
            self._asked = False
            self._stack()
            self._place()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._measure_all()
        self._place()

    def _show(self, leaves: Sequence[Leaf], growing: bool) -> None:
        """Shows leaves from the place `_final` on in place of what was there."""
        first = next((i for i in range(len(self._segments) - 1, -1, -1) if self._segments[i].start < self._final), 0)
        if first < len(self._segments):
            start = self._segments[first].start
            kept = self._segments[first].leaves[: max(0, self._final - start)]
        else:
            start, kept = self._final, []
        groups = list(_groups(leaves, kept))
        for number, (kind, members) in enumerate(groups):
            place = first + number
            if place < len(self._segments) and not self._fits(self._segments[place], kind, members):
                self._remove_from(place)
            if place == len(self._segments):
                self._add(kind, start, members[0])
            self._update(self._segments[place], start, members, growing and number == len(groups) - 1)
            start += len(members)
        self._remove_from(first + len(groups))
        self._stale, self._asked = min(self._stale, first), True
        self._stack()

    def _fits(self, segment: _Segment, kind: SegmentKind, members: list[Leaf]) -> bool:
        shift = (segment.leaves[0].indent, segment.leaves[0].quotes) == (members[0].indent, members[0].quotes)
        return segment.kind == kind and (kind == "text" or shift)

    def _update(self, segment: _Segment, start: int, members: list[Leaf], growing: bool) -> None:
        references = self._stream.references
        widget = segment.widget
        segment.start, segment.leaves = start, members
        if isinstance(widget, TextBlock):
            widget.show_leaves(members, references, growing)
        elif isinstance(widget, CodeBlock):
            widget.set_code(members[0].content, members[0].language, growing)
        else:
            widget.set_leaves(members, references)

    def _add(self, kind: SegmentKind, start: int, leaf: Leaf) -> None:
        widget: TextBlock | CodeBlock | TableBlock
        if kind == "text":
            widget = TextBlock(self._theme, self, self._pictures)
        elif kind == "code":
            widget = CodeBlock(self._theme, self._workshop, self)
            widget.text.horizontalScrollBar().rangeChanged.connect(self._measure_all)
        else:
            widget = TableBlock(self._theme, self._pictures, self)
        shift = 0 if kind == "text" else round(leaf.indent * self._indent_px + leaf.quotes * QUOTE_PX)
        segment = _Segment(kind, start, [leaf], widget, shift, self._height)
        widget.setGeometry(_place_of(segment, self.contentsRect()))  # its width is known before its text: laid out once
        widget.show()
        self._segments.append(segment)

    def _remove_from(self, place: int) -> None:
        for segment in self._segments[place:]:
            segment.widget.hide()
            segment.widget.deleteLater()
        del self._segments[place:]

    def _stack(self) -> None:
        """Finds out where the segments will stand from the first stale one on, and asks for the height of all."""
        first, margins = min(self._stale, len(self._segments)), self.contentsMargins()
        end = _end(self._segments[first - 1]) if first else margins.top()
        for segment in self._segments[first:]:
            widget = segment.widget
            segment.top = end
            segment.height = widget.sizeHint().height() if isinstance(widget, CodeBlock) else widget.height()
            end = _end(segment)
        self._stale, self._unplaced = len(self._segments), min(self._unplaced, first)
        height = end - (PARAGRAPH_SPACE if self._segments else 0) + margins.bottom()
        if height != self._height:
            self._height = height
            self.updateGeometry()

    def _place(self) -> None:
        """Puts the segments where they belong; those whose width changes have other heights then."""
        area = self.contentsRect()
        if (area.left(), area.width()) != (self._placed_in.left(), self._placed_in.width()):
            self._placed_in, self._unplaced = area, 0
            for segment in self._segments:
                segment.widget.resize(max(1, area.width() - segment.shift), segment.widget.height())
            self._stale = 0
            self._stack()
        for segment in self._segments[self._unplaced :]:
            segment.widget.setGeometry(_place_of(segment, area))
        self._unplaced = len(self._segments)

    @Slot()
    def _measure_all(self) -> None:
        """Any of the segments may have another height: the next layout looks at all."""
        self._stale = 0

    def _resolve_late_links(self) -> None:
        references = self._stream.references
        self._measure_all()
        for segment in self._segments if references else ():
            if isinstance(segment.widget, TextBlock):
                segment.widget.resolve_links(references)
            elif isinstance(segment.widget, TableBlock) and any(
                "[" in c for x in segment.leaves for r in x.rows for c in r
            ):
                segment.widget.rewrite(references, all_parts=True)

    @Slot()
    def _show_pictures(self) -> None:
        """Writes leaves again whose pictures have come, a few in a turn."""
        end_s = time.thread_time() + PICTURES_S
        self._measure_all()
        for segment in self._segments:
            widget = segment.widget
            if isinstance(widget, TextBlock) and not widget.show_pictures(self._stream.references, end_s):
                return
            if isinstance(widget, TableBlock) and widget.waits:
                widget.rewrite(self._stream.references)
        self._picture_timer.stop()


def _place_of(segment: _Segment, area: QRect) -> QRect:
    return QRect(area.left() + segment.shift, segment.top, max(1, area.width() - segment.shift), segment.height)


def _end(segment: _Segment) -> int:
    """Where the next one begins."""
    return segment.top + segment.height + PARAGRAPH_SPACE


def _groups(leaves: Sequence[Leaf], kept: Sequence[Leaf] = ()) -> Iterator[tuple[SegmentKind, list[Leaf]]]:
    """Which leaves share a widget; depends on the leaves alone, so that a stream ends like the whole.

    Args:
        leaves: what is to be shown.
        kept: those before that stand together in one widget already.
    """
    kind = _kind_of(kept[0]) if kept else None
    members = list(kept)
    for leaf in leaves:
        wanted = _kind_of(leaf)
        joins = leaf.continued if wanted == "table" else wanted == "text" and len(members) < RUN_LEAVES
        if kind == wanted and joins:
            members.append(leaf)
            continue
        if kind is not None:
            yield kind, members
        kind, members = wanted, [leaf]
    if kind is not None:
        yield kind, members


def _kind_of(leaf: Leaf) -> SegmentKind:
    return leaf.kind if leaf.kind in ("code", "table") else "text"


__all__ = ["COPIED_MS", "OPENABLE_SCHEMES", "CodeBlock", "MarkdownView", "TextBlock"]
