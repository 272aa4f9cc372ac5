"""Words as the search sees them: folded letters, words of writing without spaces, marked places in a text.

Must agree with the tokenizer of the search index: what the index finds, `marks` finds in the text. Knows nothing of SQL
beyond the syntax of a search expression.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from app.storage.records import Snippet
from app.storage.turns import words_of

SNIPPET_LENGTH = 140
_LEAD = 32  # characters before the first marked place
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana and Chinese characters
_ONE_UNSPACED = re.compile(f"[{_UNSPACED}]")
_TERM = re.compile(r'"([^"]+)"|(\S+)')
_PIECE = re.compile(f"[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")
_BLANKS = str.maketrans("\n\r\t\u2028\u2029", "     ")


def searchable(text: str) -> str:
    """The text for the index: each character of writing that has no spaces becomes a word of its own.

    The lines of a message's pictures are no words of it.
    """
    text = words_of(text)
    return text if text.isascii() else _ONE_UNSPACED.sub(r" \g<0> ", text)


def search_expression(query: str) -> str:
    """The FTS5 expression of what a user typed, "" when there is no word in it.

    Every word must occur; a word matches what begins with it, words in double quotes follow each other.
    """
    parts = []
    for quoted, plain in _TERM.findall(query):
        pieces = _PIECE.findall(unicodedata.normalize("NFC", quoted or plain))
        if pieces:
            whole = " ".join(pieces)
            parts.append(f'"{whole}"' if quoted else f'"{whole}"*')
    return " ".join(parts)


def marks(query: str, text: str) -> tuple[tuple[int, int], ...]:
    """Start and length of every place in `text` that the words of `query` match, in order and without overlap."""
    pattern = _pattern(query)
    if pattern is None:
        return ()
    return tuple((found.start(), found.end() - found.start()) for found in pattern.finditer(fold(text)))


def has_all(query: str, text: str) -> bool:
    """Whether every word of `query` occurs in `text`; True when there is no word in it."""
    folded = fold(text)
    return all(re.search(each, folded) for each in _alternatives(query))


def snippet(query: str, text: str) -> Snippet:
    """A piece of `text` around the first marked place, on one line."""
    pattern = _pattern(query)
    first = pattern.search(fold(text)) if pattern else None
    start = max(0, first.start() - _LEAD) if first else 0
    if start:
        gap = text.find(" ", start, start + _LEAD // 2)  # begin with a whole word where one is near
        start = gap + 1 if gap >= 0 else start
    piece = text[start : start + SNIPPET_LENGTH].translate(_BLANKS).rstrip()
    shown = ("…" if start else "") + piece + ("…" if start + SNIPPET_LENGTH < len(text) else "")
    return Snippet(shown, marks(query, shown))


def fold(text: str) -> str:
    """The text without case and accents, character for character, so that places in it are places in `text`."""
    if text.isascii():
        return text.lower()
    return text.translate({ord(each): _fold_one(each) for each in set(text) if each >= "\x80"}).lower()


@lru_cache(maxsize=4096)
def _fold_one(character: str) -> str:
    plain = unicodedata.normalize("NFD", character)[0]
    lowered = plain.lower()
    return lowered if len(lowered) == 1 else character


@lru_cache(maxsize=64)
def _pattern(query: str) -> re.Pattern[str] | None:
    parts = sorted(_alternatives(query), key=len, reverse=True)  # the longest of several words that begin alike
    return re.compile("|".join(parts)) if parts else None


@lru_cache(maxsize=64)
def _alternatives(query: str) -> tuple[str, ...]:
    parts = []
    for quoted, plain in _TERM.findall(query):
        pieces = _PIECE.findall(fold(unicodedata.normalize("NFC", quoted or plain)))
        if not pieces:
            continue
        body = r"[\W_]*".join(map(re.escape, pieces))
        before = "" if _ONE_UNSPACED.match(pieces[0]) else f"(?<![^\\W_{_UNSPACED}])"
        after = f"(?![^\\W_{_UNSPACED}])" if quoted and not _ONE_UNSPACED.match(pieces[-1]) else ""
        parts.append(before + body + after)
    return tuple(parts)
