"""Cuts a growing Markdown text into blocks that will not change any more and an open tail.

A cut depends only on whole lines, so any way of cutting the stream gives the same blocks as the whole text at once.
Knows nothing of Qt or of how a block is shown. Fences at the margin are blocks of their own; a list keeps its
paragraphs and its indented fences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})\s*([^`]*)$")
_INNER_FENCE = re.compile(r"^\s+(`{3,}|~{3,})")
_LIST_ITEM = re.compile(r"^ {0,3}([-*+]|\d{1,9}[.)])(\s|$)")


@dataclass(frozen=True)
class Block:
    """A piece of a message: Markdown text, or the inside of a fence with the language beside it."""

    kind: Literal["text", "code"]
    source: str
    language: str = ""


class BlockSplitter:
    """Feed it text in any pieces; it returns the blocks that are closed."""

    def __init__(self) -> None:
        self._partial = ""
        self._lines: list[str] = []  # of the open text block
        self._after_blank = False
        self._in_list = False
        self._inner_fence = ""
        self._fence = ""
        self._fence_indent = 0
        self._language = ""
        self._code: list[str] = []

    def feed(self, text: str) -> list[Block]:
        """Takes more text and returns the blocks that it closes."""
        *lines, self._partial = (self._partial + text).split("\n")
        closed: list[Block] = []
        for line in lines:
            self._take(line.rstrip("\r"), closed)
        return closed

    def tail(self) -> list[Block]:
        """The open end as it looks so far: at most one text block and one code block."""
        blocks: list[Block] = []
        if self._fence:
            hidden = self._partial.lstrip().startswith(self._fence[0])  # most likely the closing fence
            lines = [*self._code, *([] if hidden else [self._partial])]
            return [Block("code", "\n".join(lines), self._language)]
        hidden = not self._inner_fence and self._partial.lstrip()[:3] in ("```", "~~~")
        source = "\n".join([*self._lines, *([] if hidden else [self._partial])])
        if source.strip():
            blocks.append(Block("text", source))
        return blocks

    def finish(self) -> list[Block]:
        """Ends the text and returns what was open."""
        closed: list[Block] = []
        if self._partial:
            last, self._partial = self._partial, ""
            self._take(last.rstrip("\r"), closed)
        if self._fence:
            closed.append(self._close_fence())
        self._flush(closed)
        return closed

    def _take(self, line: str, closed: list[Block]) -> None:
        if self._fence:
            if _closes(line, self._fence):
                closed.append(self._close_fence())
            else:
                self._code.append(_without_indent(line, self._fence_indent))
        elif self._inner_fence:
            self._lines.append(line)
            if _closes(line, self._inner_fence):
                self._inner_fence = ""
        else:
            self._take_text(line, closed)

    def _take_text(self, line: str, closed: list[Block]) -> None:
        opening = _FENCE.match(line)
        if opening and not (self._in_list and len(opening[1]) >= 2):
            self._flush(closed)
            self._fence_indent, self._fence = len(opening[1]), opening[2]
            self._language = opening[3].strip().split(" ")[0]
            return
        if not line.strip():
            self._after_blank = True
            if self._lines:
                self._lines.append("")
            return
        if self._after_blank and self._may_cut_before(line):
            self._flush(closed)
        inner = _INNER_FENCE.match(line)
        if inner and self._in_list:
            self._inner_fence = inner[1]
        self._in_list = self._in_list or bool(_LIST_ITEM.match(line))
        self._lines.append(line)
        self._after_blank = False

    def _may_cut_before(self, line: str) -> bool:
        indent = len(line) - len(line.lstrip())
        if self._in_list:
            return indent < 2 and not _LIST_ITEM.match(line)
        return indent < 4 and not line.startswith("\t")

    def _flush(self, closed: list[Block]) -> None:
        source = "\n".join(self._lines).rstrip()
        if source.strip():
            closed.append(Block("text", source))
        self._lines, self._after_blank, self._in_list, self._inner_fence = [], False, False, ""

    def _close_fence(self) -> Block:
        block = Block("code", "\n".join(self._code), self._language)
        self._fence, self._code, self._language = "", [], ""
        return block


def split_blocks(text: str) -> list[Block]:
    """The blocks of a whole text."""
    splitter = BlockSplitter()
    return splitter.feed(text) + splitter.finish()


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and set(stripped) == {fence[0]}


def _without_indent(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]
