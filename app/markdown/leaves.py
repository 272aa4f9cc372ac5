"""The leaves of a Markdown text: paragraphs, headings, code, tables and formulas, each with its place in lists.

`parse_leaves` flattens markdown-it's block tokens; spans inside a paragraph are read later, when it is shown. Knows
nothing of Qt or of streaming.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from app.markdown.maths_rules import add_maths

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LeafKind = Literal["paragraph", "heading", "code", "table", "rule", "maths"]
References = dict[str, dict[str, Any]]

TABLE_ROWS = 8
PIECE_LINES_MIN, PIECE_SENTENCE_MIN, PIECE_MAX = 1000, 1600, 4000
TASK_OPEN, TASK_DONE, BULLET = "☐", "☑", "•"

_TASK = re.compile(r"\[([ xX])\][ \t]+(?=\S)")
_LINE_END = re.compile(r"\n")
_SENTENCE_END = re.compile(r"(?<=[.!?;:,。！？])[ \n]+|(?<=[。！？])")
_ANY_SPACE = re.compile(r"\s+")
_PLAIN = re.compile(r"(?:[^\W_]|[ ,.;:?()/+=%#'\"-])*")  # nothing in it opens a span
_INLINE_PICTURE = re.compile(r"\]\(data:image/[^\s)]*\)?")


@dataclass(frozen=True)
class Leaf:
    """One thing to show.

    Attributes:
        kind: what it is.
        content: Markdown of a paragraph or heading, the code, or the TeX of a formula.
        language: the first word after a fence.
        level: of a heading, 1 to 6.
        indent: how many lists it lies in.
        quotes: how many quotes it lies in.
        marker: "•", "3.", "☐" or "☑" when it opens a list item.
        continued: a further piece of the paragraph or table before it.
        rows: cells of a table; the first row of a table that is not `continued` is its head.
        alignments: "", "left", "center" or "right" for each column.
        line: where it starts in the text that was parsed; no part of what is shown.
    """

    kind: LeafKind
    content: str = ""
    language: str = ""
    level: int = 0
    indent: int = 0
    quotes: int = 0
    marker: str = ""
    continued: bool = False
    rows: tuple[tuple[str, ...], ...] = ()
    alignments: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class TopBlock:
    """A block that lies in no other: its kind and its lines, from `start` to before `end`."""

    kind: str
    start: int
    end: int
    item_starts: tuple[int, ...] = ()  # lines where the items of a list begin
    number: int = 1  # of the first item of an ordered list
    info: str = ""  # of a fence
    markup: str = ""


@dataclass(frozen=True)
class Parsed:
    """The leaves of a text, the blocks they came from, and the link targets that it defines."""

    leaves: tuple[Leaf, ...]
    tops: tuple[TopBlock, ...]
    references: References


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # here: an empty chat, which the window begins with, needs none

    return add_maths(MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]))


def parse_leaves(source: str, references: References, first_number: int | None = None) -> Parsed:
    """Reads the blocks of a text.

    Args:
        source: Markdown whose lines end in a line feed.
        references: link targets known from before; not changed.
        first_number: the number of the first item when the text begins inside an ordered list.
    """
    env: dict[str, Any] = {"references": dict(references)}
    tokens: list[Token] = []
    parser = _parser()
    parser.block.parse(source.replace("\0", "\ufffd"), parser, env, tokens)
    tops = tuple(_tops(tokens))
    leaves = tuple(_Flattener(first_number).run(tokens))
    return Parsed(leaves, tops, env["references"])


def parse_spans(content: str, references: References) -> list[Token]:
    """Reads the inside of a paragraph, heading or cell: a flat list of markdown-it's inline tokens."""
    if _PLAIN.fullmatch(content):
        return [_plain_token(content)] if content else []
    tokens = _parser().parseInline(content, {"references": references})
    return list(tokens[0].children or []) if tokens else []


def _plain_token(content: str) -> Token:
    from markdown_it.token import Token

    return Token("text", "", 0, content=content)


def row_cells(line: str, count: int) -> tuple[str, ...]:
    """The cells of one line of a table of so many columns, as `parse_leaves` has them."""
    from markdown_it.common.utils import mdTrim
    from markdown_it.rules_block.table import escapedSplit

    columns = escapedSplit(mdTrim(line.replace("\0", "\ufffd")))
    first, last = int(columns[0] == ""), len(columns) - int(columns[-1] == "")
    cells = [mdTrim(each) for each in columns[first : max(first, last)][:count]]
    return (*cells, *[""] * (count - len(cells)))


def language_of(info: str) -> str:
    """The language named after a fence."""
    from markdown_it.common.utils import unescapeAll

    words = unescapeAll(info).split()
    return words[0] if words else ""


def paragraph_pieces(content: str) -> list[str]:
    """Cuts a very long paragraph where no emphasis, code, link or formula is open.

    The pieces of a beginning of the text are the first pieces of the text, but for the last one.
    """
    pieces: list[str] = []
    start = 0
    while len(content) - start > PIECE_LINES_MIN:
        cut = _cut_after(content, start)
        if cut is None or cut[1] >= len(content):
            break
        pieces.append(content[start : cut[0]])
        start = cut[1]
    return [*pieces, content[start:]]


def _cut_after(content: str, start: int) -> tuple[int, int] | None:
    stages = (
        (_LINE_END, PIECE_LINES_MIN, PIECE_SENTENCE_MIN),
        (_SENTENCE_END, PIECE_SENTENCE_MIN, PIECE_MAX),
        (_ANY_SPACE, PIECE_MAX, 2 * PIECE_MAX),
    )
    for pattern, low, high in stages:
        for found in pattern.finditer(content, start + low, min(len(content), start + high)):
            if found.end() >= len(content):
                return None  # more spaces may follow
            if pattern is _ANY_SPACE or _is_balanced(content[start : found.start()]):
                return found.span()
        if len(content) < start + high:
            return None
    return _hard_cut(content, start + 2 * PIECE_MAX)


def _hard_cut(content: str, cut: int) -> tuple[int, int] | None:
    """A cut anywhere, but behind a picture whose bytes stand in the text; None while that may go on."""
    for found in _INLINE_PICTURE.finditer(content):
        if found.start() < cut < found.end():
            return None if found.end() == len(content) else (found.end(), found.end())
    return cut, cut


def _is_balanced(text: str) -> bool:
    even = all(text.count(mark) % 2 == 0 for mark in ("`", "**", "__", "$", "~~"))
    return even and text.count("[") == text.count("]") and text.count("\\(") == text.count("\\)")


def _tops(tokens: Sequence[Token]) -> Iterator[TopBlock]:
    for place, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        is_list = token.type in ("bullet_list_open", "ordered_list_open")
        starts = tuple(_item_starts(tokens, place)) if is_list else ()
        start = token.attrGet("start")
        number = 1 if start is None else int(start)
        yield TopBlock(token.type, token.map[0], token.map[1], starts, number, token.info, token.markup)


def _item_starts(tokens: Sequence[Token], opening: int) -> Iterator[int]:
    for token in tokens[opening + 1 :]:
        if token.level == 0:
            return
        if token.type == "list_item_open" and token.level == 1 and token.map:
            yield token.map[0]


@dataclass
class _OpenList:
    number: int | None  # of the next item; None for bullets


class _Flattener:
    """Walks block tokens and remembers the lists and quotes that are open."""

    def __init__(self, first_number: int | None) -> None:
        self._first_number = first_number
        self._lists: list[_OpenList] = []
        self._quotes = 0
        self._marker = ""
        self._line = 0

    def run(self, tokens: Sequence[Token]) -> Iterator[Leaf]:
        table: list[Token] | None = None
        heading = 0
        for token in tokens:
            if token.map:
                self._line = token.map[0]
            if table is not None:
                table.append(token)
                if token.type == "table_close":
                    yield from self._table(table)
                    table = None
                continue
            match token.type:
                case "table_open":
                    table = [token]
                case "heading_open":
                    heading = int(token.tag[1])
                case "heading_close":
                    heading = 0
                case "inline":
                    yield from self._text(token, heading)
                case "fence" | "code_block":
                    yield from self._bare_marker()
                    code = token.content.removesuffix("\n")
                    yield self._leaf("code", code, language=language_of(token.info))
                case "hr":
                    yield from self._bare_marker()
                    yield self._leaf("rule")
                case "math_block":
                    yield from self._bare_marker()
                    yield self._leaf("maths", token.content)
                case _:
                    yield from self._container(token)

    def _container(self, token: Token) -> Iterator[Leaf]:
        match token.type:
            case "bullet_list_open":
                yield from self._bare_marker()
                self._lists.append(_OpenList(None))
            case "ordered_list_open":
                yield from self._bare_marker()
                start = token.attrGet("start")
                number = 1 if start is None else int(start)
                if self._first_number is not None and token.level == 0 and token.map and token.map[0] == 0:
                    number = self._first_number
                self._lists.append(_OpenList(number))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                top = self._lists[-1]
                self._marker = BULLET if top.number is None else f"{top.number}."
                if top.number is not None:
                    top.number += 1
            case "list_item_close":
                yield from self._bare_marker()
            case "blockquote_open":
                yield from self._bare_marker()
                self._quotes += 1
            case "blockquote_close":
                self._quotes -= 1
            case _:
                pass

    def _leaf(self, kind: LeafKind, content: str = "", **more: Any) -> Leaf:
        return Leaf(kind, content, indent=len(self._lists), quotes=self._quotes, line=self._line, **more)

    def _bare_marker(self) -> Iterator[Leaf]:
        """An item that does not begin with text still shows its mark."""
        if self._marker:
            marker, self._marker = self._marker, ""
            yield self._leaf("paragraph", marker=marker)

    def _text(self, token: Token, heading: int) -> Iterator[Leaf]:
        content, marker, self._marker = token.content, self._marker, ""
        task = _TASK.match(content) if marker == BULLET and not heading else None
        if task:
            marker = TASK_OPEN if task[1] == " " else TASK_DONE
            content = content[task.end() :]
        if heading:
            yield self._leaf("heading", content, level=heading, marker=marker)
            return
        for number, piece in enumerate(paragraph_pieces(content)):
            yield self._leaf("paragraph", piece, marker="" if number else marker, continued=number > 0)

    def _table(self, tokens: Sequence[Token]) -> Iterator[Leaf]:
        yield from self._bare_marker()
        rows: list[list[str]] = []
        alignments: list[str] = []
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "th_open":
                alignments.append(str(token.attrGet("style") or "").removeprefix("text-align:"))
            elif token.type == "inline":
                rows[-1].append(token.content)
        start = tokens[0].map[0] if tokens[0].map else self._line
        aligned = tuple(alignments)
        head, body = tuple(map(tuple, rows[:1])), [tuple(row) for row in rows[1:]]
        first = Leaf("table", indent=len(self._lists), quotes=self._quotes, alignments=aligned, line=start)
        yield replace(first, rows=(*head, *body[:TABLE_ROWS]))
        for at in range(TABLE_ROWS, len(body), TABLE_ROWS):
            yield replace(first, rows=tuple(body[at : at + TABLE_ROWS]), continued=True, line=start + 2 + at)
