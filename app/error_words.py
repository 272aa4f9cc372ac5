"""Errors in the window's language.

Engine and stores write their errors as English sentences, which are also what is stored with a chat, kept with a
download and printed in a terminal. Their templates, such as "{0} cannot be read: {1}.", are collected from the sources
by packaging/error_texts.py; here a sentence is recognised by its template, and the template's translation gets its
values. So an error that was stored in one language is read in another. Knows nothing of when an error happens.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QCoreApplication

from app.figures import local
from app.resources_paths import error_texts_path
from engine.errors import EngineError

CONTEXT = "Errors"
DEEPEST = 3  # an error may tell of another one
_GAP = re.compile(r"\{\d\}")
_FIGURE = re.compile(r"[\d.,]+")


@dataclass(frozen=True)
class _Template:
    text: str
    pattern: re.Pattern[str]
    num_letters: int

    @classmethod
    def of(cls, text: str) -> _Template:
        parts = _GAP.split(text)
        pattern = re.compile("(.+?)".join(map(re.escape, parts)), re.DOTALL)
        return cls(text, pattern, sum(map(len, parts)))


def error_words(text: str, depth: int = DEEPEST) -> str:
    """A message or a way out as the user reads it; what no template has said is shown as it is."""
    found = _recognised(text)
    if found is None:
        return local(text) if _FIGURE.fullmatch(text) else text
    template, values = found
    shown = (error_words(value, depth - 1) if depth else value for value in values)
    return QCoreApplication.translate(CONTEXT, template).format(*shown)


def error_line(error: EngineError) -> str:
    """What happened and the way out as one line."""
    return f"{error_words(error.message)} {error_words(error.way_out)}".strip()


@lru_cache(maxsize=128)
def _recognised(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The template with the most words of its own that makes the text, and what fills its gaps."""
    for template in _templates():
        found = template.pattern.fullmatch(text)
        if found is not None:
            return template.text, found.groups()
    return None


@lru_cache(maxsize=1)
def _templates() -> tuple[_Template, ...]:
    texts = json.loads(error_texts_path().read_text(encoding="utf-8"))
    return tuple(sorted(map(_Template.of, texts), key=lambda each: -each.num_letters))
