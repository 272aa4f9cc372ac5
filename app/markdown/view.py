"""A message's text as a stack of widgets: final leaves are written once, only the tail is written again.

Text leaves that follow each other share one document, so that a selection runs across paragraphs; code and tables are
widgets of their own. Knows nothing of conversations or of scrolling.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

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
    """A widget and the leaves that it shows; `holder` keeps it away from the left edge."""

    kind: SegmentKind
    start: int
    leaves: list[Leaf]
    widget: TextBlock | CodeBlock | TableBlock
    holder: QWidget


class MarkdownView(QWidget):
    """The text of a reply, whole or still arriving.

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
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(PARAGRAPH_SPACE)
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
        return QSize(400, super().sizeHint().height())

    def _show(self, leaves: Sequence[Leaf], growing: bool) -> None:
        """Shows leaves from the place `_final` on in place of what was there."""
        first = next((i for i in range(len(self._segments) - 1, -1, -1) if self._segments[i].start < self._final), 0)
        if first < len(self._segments):
            start = self._segments[first].start
            leaves = [*self._segments[first].leaves[: max(0, self._final - start)], *leaves]
        else:
            start = self._final
        groups = list(_groups(leaves))
        for number, (kind, members) in enumerate(groups):
            place = first + number
            if place < len(self._segments) and not self._fits(self._segments[place], kind, members):
                self._remove_from(place)
            if place == len(self._segments):
                self._add(kind, start, members[0])
            self._update(self._segments[place], start, members, growing and number == len(groups) - 1)
            start += len(members)
        self._remove_from(first + len(groups))

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
        else:
            widget = TableBlock(self._theme, self._pictures, self)
        holder: QWidget = widget
        shift = round(leaf.indent * self._indent_px + leaf.quotes * QUOTE_PX)
        if kind != "text" and shift:
            holder = QWidget(self)
            row = QHBoxLayout(holder)
            row.setContentsMargins(shift, 0, 0, 0)
            row.addWidget(widget)
        self._layout.addWidget(holder)
        if self.isVisible():
            holder.show()
        self._segments.append(_Segment(kind, start, [leaf], widget, holder))

    def _remove_from(self, place: int) -> None:
        for segment in self._segments[place:]:
            self._layout.removeWidget(segment.holder)
            segment.holder.hide()
            segment.holder.deleteLater()
        del self._segments[place:]

    def _resolve_late_links(self) -> None:
        references = self._stream.references
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
        for segment in self._segments:
            widget = segment.widget
            if isinstance(widget, TextBlock) and not widget.show_pictures(self._stream.references, end_s):
                return
            if isinstance(widget, TableBlock) and widget.waits:
                widget.rewrite(self._stream.references)
        self._picture_timer.stop()


def _groups(leaves: Sequence[Leaf]) -> Iterator[tuple[SegmentKind, list[Leaf]]]:
    """Which leaves share a widget; depends on the leaves alone, so that a stream ends like the whole."""
    kind: SegmentKind | None = None
    members: list[Leaf] = []
    for leaf in leaves:
        wanted: SegmentKind = leaf.kind if leaf.kind in ("code", "table") else "text"
        joins = leaf.continued if wanted == "table" else wanted == "text" and len(members) < RUN_LEAVES
        if kind == wanted and joins:
            members.append(leaf)
            continue
        if kind is not None:
            yield kind, members
        kind, members = wanted, [leaf]
    if kind is not None:
        yield kind, members


__all__ = ["COPIED_MS", "OPENABLE_SCHEMES", "CodeBlock", "MarkdownView", "TextBlock"]
