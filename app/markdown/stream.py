"""Takes a Markdown text in any pieces and keeps its leaves: those that are final, and the tail that may still change.

The way the text was cut never shows: a block becomes final only when complete lines have closed it, so the leaves are
those of the whole text. Long lists, tables and fences are left behind item by item, so that a flush parses little.
Knows nothing of Qt or of how a leaf is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from app.markdown.leaves import (
    TABLE_ROWS,
    Leaf,
    Parsed,
    References,
    TopBlock,
    language_of,
    paragraph_pieces,
    parse_leaves,
    row_cells,
)
from app.markdown.maths_rules import BLOCK_OPENERS

LEAVE_BEHIND_CHARS = 1500
PLAIN_LINE_CHARS = 200
_HALF_MARK = re.compile(r"\s*([-=*_`~#+]+|\d{1,9}[.)]?)\s*")
_HEAD_LINES = 2  # of a table
_UNSURE = re.compile(r"[$\\|\[]")


@dataclass
class _Fence:
    """A fence at the margin whose end has not come."""

    mark: str
    language: str
    lines: list[str]

    def is_closed_by(self, line: str) -> bool:
        stripped = line.strip(" \t")
        indent = len(line) - len(line.lstrip(" "))
        return indent < 4 and len(stripped) >= len(self.mark) and set(stripped) == {self.mark[0]}

    def leaf(self, partial: str = "") -> Leaf:
        half_closed = bool(partial.strip()) and set(partial.strip()) == {self.mark[0]}
        lines = self.lines if half_closed or not partial else [*self.lines, partial]
        return Leaf("code", "\n".join(lines), language=self.language)


class MarkdownStream:
    """Feed it text; `frozen` only grows, `tail` is what the rest looks like so far."""

    def __init__(self) -> None:
        self.frozen: list[Leaf] = []
        self._references: References = {}  # of what is final
        self._lines: list[str] = []  # complete ones of the tail
        self._partial = ""
        self._return_held = False
        self._fence: _Fence | None = None
        self._first_number: int | None = None
        self._table_goes_on = False
        self._open_rows: tuple[tuple[str, ...], ...] = ()  # final ones of that table that do not fill a leaf yet
        self._tail: list[Leaf] = []
        self._tail_references: References = {}

    def feed(self, text: str) -> None:
        """Takes more text."""
        if self._return_held:
            text = "\r" + text
        self._return_held = text.endswith("\r")
        if self._return_held:
            text = text[:-1]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text or self._grow_line(text):
            return
        *lines, self._partial = (self._partial + text).split("\n")
        self._take(lines)

    def finish(self) -> None:
        """Ends the text: everything is final."""
        if self._return_held:
            self._return_held = False
            self.feed("\n")
        if self._fence is not None:
            if not self._fence.is_closed_by(self._partial) and self._partial.strip(" \t"):  # a last blank line is none
                self._fence.lines.append(self._partial)
            self.frozen.append(self._fence.leaf())
            self._fence = None
        elif self._lines or self._partial:
            parsed = self._parse([*self._lines, self._partial])
            self._references = self._tail_references = parsed.references
            self.frozen += self._leaves(parsed)
        self._lines, self._partial, self._tail = [], "", []
        self._first_number, self._table_goes_on, self._open_rows = None, False, ()

    def tail(self) -> list[Leaf]:
        """The leaves that may still change."""
        if self._fence is not None:
            return [self._fence.leaf(self._partial)]
        return self._tail

    @property
    def references(self) -> References:
        """The link targets that the text has defined so far."""
        return self._tail_references

    def _grow_line(self, text: str) -> bool:
        """Adds to a long line of a paragraph without parsing: how it begins has settled what it is."""
        if "\n" in text or self._fence is not None or not self._tail or len(self._partial) < PLAIN_LINE_CHARS:
            return False
        last, line = self._tail[-1], self._partial.rstrip()
        sure = last.kind == "paragraph" and last.content and line.endswith(last.content[-PLAIN_LINE_CHARS:])
        if not sure or _UNSURE.search(text) or _UNSURE.match(line.lstrip()):
            return False
        content = (last.content + self._partial[len(line) :] + text).strip()
        self._partial += text
        first, *more = paragraph_pieces(content)
        self._tail[-1] = replace(last, content=first)
        self._tail += [replace(last, content=each, continued=True, marker="") for each in more]
        return True

    def _grow_table(self, lines: list[str]) -> bool:
        """Adds rows to a table that goes on without parsing its head: a line that begins with a bar is a row."""
        rows = [*lines, self._partial] if self._partial else lines
        if not self._table_goes_on or len(self._lines) != _HEAD_LINES or not rows:
            return False
        if any(not row.startswith("|") or any(mark in row for mark in BLOCK_OPENERS) for row in rows):
            return False
        form = replace(self.frozen[-1], continued=True)
        cells = [*self._open_rows, *(row_cells(row, len(form.alignments)) for row in rows)]
        leaves = [replace(form, rows=tuple(cells[at : at + TABLE_ROWS])) for at in range(0, len(cells), TABLE_ROWS)]
        complete = len(self._open_rows) + len(lines)
        done = complete // TABLE_ROWS
        self.frozen += leaves[:done]
        self._open_rows, self._tail = _rows_before(leaves, complete), leaves[done:]
        return True

    def _take(self, lines: list[str]) -> None:
        while lines and self._fence is not None:
            line = lines.pop(0)
            if self._fence.is_closed_by(line):
                self.frozen.append(self._fence.leaf())
                self._fence = None
            else:
                self._fence.lines.append(line)
        if self._fence is not None:
            return
        if self._grow_table(lines):
            return
        self._lines += lines
        if not self._lines and not self._partial:
            self._tail = []
            return
        shown = "" if _HALF_MARK.fullmatch(self._partial) and not self._partial.startswith("    ") else self._partial
        parsed = self._parse([*self._lines, shown])
        self._tail_references = parsed.references
        leaves = self._leaves(parsed)
        limit, fence = self._settled(parsed)
        if fence is not None:
            self._open_fence(leaves, parsed, fence)
            return
        inner = self._inner_limit(parsed.tops, limit)
        done = [leaf for leaf in leaves if leaf.line < max(limit, inner)]
        if inner and self._table_goes_on and len(parsed.tops) == 1:
            rows = len(self._open_rows) + inner - _HEAD_LINES
            done, self._open_rows = leaves[: rows // TABLE_ROWS], _rows_before(leaves, rows)
        self._tail = leaves[len(done) :]
        if inner > limit:
            self._enter(parsed, done, inner)
        elif limit:
            self._forget(done, parsed, limit)

    def _parse(self, lines: list[str]) -> Parsed:
        return parse_leaves("\n".join(lines), self._references, self._first_number)

    def _leaves(self, parsed: Parsed) -> list[Leaf]:
        leaves = list(parsed.leaves)
        if self._table_goes_on and leaves and leaves[0].kind == "table":
            leaves = self._joined(leaves)
        return [leaf for leaf in leaves if leaf.kind != "table" or leaf.rows]

    def _joined(self, leaves: list[Leaf]) -> list[Leaf]:
        """Joins the rows that are final with those that come after the repeated head, as many in a leaf as in all."""
        own = 1 + next((i for i, leaf in enumerate(leaves[1:]) if not leaf.continued), len(leaves) - 1)
        rows = [*self._open_rows, *leaves[0].rows[1:], *(row for leaf in leaves[1:own] for row in leaf.rows)]
        groups = [tuple(rows[at : at + TABLE_ROWS]) for at in range(0, len(rows), TABLE_ROWS)]
        first = replace(leaves[0], continued=True)
        return [*(replace(first, rows=group) for group in groups), *leaves[own:]]

    def _settled(self, parsed: Parsed) -> tuple[int, TopBlock | None]:
        """The line before which nothing can change any more, and the fence at the margin that is open."""
        complete = len(self._lines)
        tops = parsed.tops
        limit = 0
        if len(tops) > 1 and self._is_certain(tops[-1], complete):
            limit = tops[-2].end
        elif len(tops) > 2:
            limit = tops[-3].end
        limit = min(limit, self._before_open_formula())
        last = tops[-1] if tops else None
        if last is not None and last.kind == "fence" and last.start < complete and limit >= self._end_before(tops):
            opening = self._lines[last.start]
            fence = _Fence(last.markup, "", [])
            ended = last.end <= complete and last.end - 1 > last.start and fence.is_closed_by(self._lines[last.end - 1])
            if not ended and not opening.startswith((" ", "\t")):
                return limit, last
        return limit, None

    @staticmethod
    def _end_before(tops: tuple[TopBlock, ...]) -> int:
        return tops[-2].end if len(tops) > 1 else 0

    @staticmethod
    def _is_certain(top: TopBlock, complete: int) -> bool:
        if top.kind == "math_block":
            return top.end <= complete
        return top.start + (top.kind == "table_open") < complete

    def _before_open_formula(self) -> int:
        """Where the last run of lines begins if a formula may be open in it, else a line beyond all."""
        start = len(self._lines)
        suspect = self._partial.lstrip().startswith(BLOCK_OPENERS)
        while start and self._lines[start - 1].strip():
            start -= 1
            suspect = suspect or any(mark in self._lines[start] for mark in BLOCK_OPENERS)
        return start if suspect else len(self._lines) + 1

    def _open_fence(self, leaves: list[Leaf], parsed: Parsed, fence: TopBlock) -> None:
        body = self._lines[fence.start + 1 :]
        self._forget(leaves[:-1], parsed, fence.start)
        self._fence = _Fence(fence.markup, language_of(fence.info), body)
        self._lines, self._tail = [], []

    def _inner_limit(self, tops: tuple[TopBlock, ...], limit: int) -> int:
        """The line inside the last list or table before which nothing can change, 0 when that is not worth it."""
        before = self._end_before(tops)
        if not tops or limit < before:
            return 0
        if self._table_goes_on and len(tops) == 1:
            return self._complete_rows(tops[0])
        last, complete = tops[-1], len(self._lines)
        inner = 0
        if last.kind != "table_open" and sum(map(len, self._lines)) < LEAVE_BEHIND_CHARS:
            return 0
        if last.kind == "table_open":
            rows = min(last.end, complete) - last.start - 2
            inner = last.start + 2 + rows // TABLE_ROWS * TABLE_ROWS if rows >= TABLE_ROWS else 0
        elif last.item_starts:
            inner = max(start for start in (0, *last.item_starts) if start < complete)
        return inner if last.start < inner <= self._before_open_formula() else 0

    def _complete_rows(self, table: TopBlock) -> int:
        """The line behind the last complete row of a table that goes on, 0 when there is none."""
        inner = min(table.end, len(self._lines))
        return inner if inner > _HEAD_LINES and inner <= self._before_open_formula() else 0

    def _enter(self, parsed: Parsed, done: list[Leaf], inner: int) -> None:
        """Goes on inside the last list or table from a line on."""
        last = parsed.tops[-1]
        if last.kind == "table_open":
            head, rows = self._lines[last.start : last.start + _HEAD_LINES], self._open_rows
            self._forget(done, parsed, inner)
            self._lines = [*head, *self._lines]
            self._table_goes_on, self._open_rows = True, rows
            return
        first = last.number if self._first_number is None or last.start else self._first_number
        self._forget(done, parsed, inner)
        if last.kind == "ordered_list_open":
            self._first_number = first + last.item_starts.index(inner)

    def _forget(self, done: list[Leaf], parsed: Parsed, limit: int) -> None:
        """Makes the leaves before a line final and drops its text."""
        self.frozen += done
        for label, target in parsed.references.items():
            if label not in self._references and target["map"][1] <= limit:
                self._references[label] = target
        self._lines = self._lines[limit:]
        if limit:
            self._first_number, self._table_goes_on, self._open_rows = None, False, ()


def _rows_before(leaves: list[Leaf], count: int) -> tuple[tuple[str, ...], ...]:
    """Those of the first rows of a table that do not fill a leaf."""
    full, rest = divmod(count, TABLE_ROWS)
    return leaves[full].rows[:rest] if rest else ()
