"""Makes a model card safe to show: plain Markdown without HTML, CSS, pictures, or links that do more than open pages.

A card is a text by a stranger. Nothing of it may fetch anything, run anything or look like a part of this window.
Blocks of code keep their text, for there it is shown and nothing else. Knows nothing of how Markdown is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from markdown_it import MarkdownIt

MAX_CARD = 400_000  # letters
CUT = "\n\n*The rest of the card is left out.*\n"
INERT = "\u200b"  # a space without width: keeps `<` and `![` from meaning anything, in every Markdown
SCHEMES = ("http", "https", "mailto")
_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n.*?^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_WITH_CONTENT = re.compile(
    r"<(style|script|svg|iframe|object|template|noscript|head|title)\b[^>]*>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<![A-Z][^>]*>|<\?.*?\?>", re.DOTALL)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]*)>", re.IGNORECASE)
_LINE_TAGS = re.compile(r"<\s*(?:br|hr|/p|/div|/tr|/li|/h[1-6]|/summary|/table|/center)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_OPEN = re.compile(r"<(?=[A-Za-z/!?])")
_PICTURE_LINK = re.compile(r"\[\s*!\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])\s*\](\([^)\n]*\))?")
_PICTURE = re.compile(r"!\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])")
_CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)(?:[^`\n]|(?!\1(?!`))`+)+?\1(?!`)")
_LINK_TARGET = re.compile(r"(\]\(\s*<?\s*|^ {0,3}\[[^\]\n]+\]:\s*<?\s*)([^)\s>]*)", re.MULTILINE)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.\-]*)\s*:")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_PARSER = MarkdownIt("commonmark", {"html": False})


def readable_card(text: str) -> str:
    """A card's README as Markdown that is safe in any viewer.

    Args:
        text: with or without the block of settings at its beginning, which is left out.
    """
    is_long = len(text) > MAX_CARD
    text = _FRONT_MATTER.sub("", text[:MAX_CARD].replace("\r\n", "\n").replace("\r", "\n"), count=1)
    text = _CONTROLS.sub("", text)
    parts = [part if is_code else _without_markup(part) for is_code, part in _split(text)]
    # Once more with the blocks that the viewer will see: what was taken away may have opened or closed one.
    checked = [part if is_code else _inert(part) for is_code, part in _split("".join(parts))]
    return _BLANK_LINES.sub("\n\n", "".join(checked)).strip() + (CUT if is_long else "")


def _split(text: str) -> list[tuple[bool, str]]:
    """The text in pieces, blocks of code and all else, by the very rules of Markdown."""
    lines = text.split("\n")
    code = [False] * len(lines)
    for token in _PARSER.parse(text):
        if token.type == "fence" and token.map is not None:
            code[token.map[0] : token.map[1]] = [True] * (token.map[1] - token.map[0])
    pieces: list[tuple[bool, str]] = []
    for i, line in enumerate(lines):
        whole = line if i + 1 == len(lines) else line + "\n"
        if pieces and pieces[-1][0] == code[i]:
            pieces[-1] = (code[i], pieces[-1][1] + whole)
        else:
            pieces.append((code[i], whole))
    return pieces


def _without_markup(text: str) -> str:
    """Without HTML and pictures, outside of spans of code."""
    before = None
    while before != text:  # what is taken away may have held two halves apart
        before = text
        text = _COMMENT.sub("", _WITH_CONTENT.sub("", text))
        text = _outside_spans(text, _without_tags)
    return text


def _without_tags(text: str) -> str:
    text = _AUTOLINK.sub(r"\1", text)
    text = _LINE_TAGS.sub("\n", text)
    text = _TAG.sub("", text)
    text = _PICTURE_LINK.sub(lambda found: f"[{found[1] or 'picture'}]{found[2]}" if found[2] else found[1], text)
    return _PICTURE.sub(r"\1", text)


def _inert(text: str) -> str:
    """What may be left of tags, pictures and bad links, made to mean nothing."""
    text = _OPEN.sub(f"<{INERT}", text).replace("![", f"!{INERT}[")
    return _LINK_TARGET.sub(_good_target, text)


def _good_target(found: re.Match[str]) -> str:
    target = unescape(found[2]).replace("\\", "")
    scheme = _SCHEME.match(target)
    is_good = scheme[1].lower() in SCHEMES if scheme else not target.startswith("//")
    return found[0] if is_good else f"{found[1]}#"


def _outside_spans(text: str, change: Callable[[str], str]) -> str:
    pieces, end = [], 0
    for span in _CODE_SPAN.finditer(text):
        pieces += [change(text[end : span.start()]), span[0]]
        end = span.end()
    return "".join([*pieces, change(text[end:])])
