r"""What counts as a formula: `$ $$ \( \[`, as rules for markdown-it. Knows nothing of how a formula is drawn.

A dollar opens a formula only before a character that is no space, and closes one only after such a character and not
before a digit, so that prices stay prices. A formula on lines of its own ends before a blank line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

_BLOCK_CLOSERS = {"$$": "$$", "\\[": "\\]"}
_INLINE_CLOSERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
BLOCK_OPENERS = tuple(_BLOCK_CLOSERS)


def add_maths(parser: MarkdownIt) -> MarkdownIt:
    """Adds the tokens `math_block`, `math_inline` and `math_display`, whose content is TeX."""
    parser.block.ruler.before("fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.inline.ruler.before("escape", "math_inline", _inline)
    return parser


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    closer = _BLOCK_CLOSERS.get(first[:2])
    if closer is None:
        return False
    lines, line = [first[2:]], start
    while not lines[-1].rstrip().endswith(closer):
        line += 1
        if line >= end or state.isEmpty(line) or state.sCount[line] < state.blkIndent or closer in lines[-1]:
            return False
        lines.append(state.getLines(line, line + 1, state.blkIndent, False))
    body = "\n".join(lines).rstrip()[: -len(closer)]
    if not body.strip() or closer in body:
        return False
    if silent:
        return True
    state.line = line + 1
    token = state.push("math_block", "math", 0)
    token.content = body.strip()
    token.map = [start, state.line]
    return True


def _inline(state: StateInline, silent: bool) -> bool:
    source, at = state.src, state.pos
    if source[at] not in "$\\":
        return False
    for opener, closer in _INLINE_CLOSERS:
        if source.startswith(opener, at):
            end = _closing(source, at + len(opener), closer, state.posMax)
            if end < 0:
                if opener == "$$":  # not one dollar after another either
                    return False
                continue
            if not silent:
                token = state.push("math_inline" if opener in ("$", "\\(") else "math_display", "math", 0)
                token.content = source[at + len(opener) : end].strip()
                token.markup = source[at : end + len(closer)]
            state.pos = end + len(closer)
            return True
    return False


def _closing(source: str, start: int, closer: str, limit: int) -> int:
    end = source.find(closer, start, limit)
    while end >= 0:
        inside = source[start:end]
        if "`" in inside:
            return -1
        if closer != "$":
            return end if inside.strip() else -1
        after = source[end + 1 : end + 2]
        if not inside or inside[0].isspace():
            return -1
        escaped = inside.endswith("\\") and not inside.endswith("\\\\")
        if not escaped:
            return -1 if inside[-1].isspace() or after.isdigit() or after == "$" else end
        end = source.find(closer, end + 1, limit)
    return -1
