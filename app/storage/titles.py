"""A title for a chat out of its first message, by rule: no model is asked. Knows nothing of the store."""

from __future__ import annotations

import re

TITLE_LENGTH = 60
_FENCE = re.compile(r"(?:```|~~~).*?(?:```|~~~|\Z)", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_LINE_MARK = re.compile(r"^\s{0,3}(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)+")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(?=\S)(.+?)(?<=\S)\1")
_SENTENCE = re.compile(r"(.+?[.!?…。！？])(?:\s|$|(?<=[。！？]))")
_GREETING = re.compile(
    r"^(?:hi|hello|hey|good (?:morning|afternoon|evening)|hallo|guten tag|bonjour|hola|ciao|привет|здравствуйте)"
    r"(?: there| all| everyone)?\s*[,.!:…–-]+\s*",
    re.IGNORECASE,
)


def suggest_title(text: str) -> str:
    """The first sentence that says something, without markup or greeting, at most `TITLE_LENGTH` characters.

    "" when the text has no letter or digit at all.
    """
    for source in (_FENCE.sub("\n", text), text):
        for line in source.splitlines():
            title = _cleaned(line)
            if title:
                return title
    return ""


def _cleaned(line: str) -> str:
    plain = _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", _LINE_MARK.sub("", line)))
    plain = " ".join(plain.split())
    rest = _GREETING.sub("", plain)
    plain = rest[:1].upper() + rest[1:] if rest and rest != plain else plain
    sentence = _SENTENCE.match(plain)
    if sentence and len(sentence[1]) >= 12:  # "E.g. this" does not end after the first stop
        plain = sentence[1]
    if not any(each.isalnum() for each in plain):
        return ""
    return _shortened(plain.rstrip(".。:;, "))


def _shortened(text: str) -> str:
    if len(text) <= TITLE_LENGTH:
        return text
    cut = text[: TITLE_LENGTH - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > TITLE_LENGTH // 2 else cut).rstrip(" ,;:.-–(") + "…"
