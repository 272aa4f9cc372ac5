"""Where a chat's messages contain a text, and which of those places is the current one. Knows nothing of widgets.

Places are counted in what a reader sees, as near as the source tells: marks of emphasis and targets of links are left
out, so that a word with a bold half is found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TARGETS = re.compile(r"(?<=\])\((?:[^()\s]|\([^()]*\))*\)")
_MARKS = re.compile(r"\*\*|__|~~|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


@dataclass(frozen=True)
class FoundPlace:
    """The `nth` place, from 0, in the message with the number `message`."""

    message: int
    nth: int


class ChatSearch:
    """The places of one query in a list of texts."""

    def __init__(self) -> None:
        self.query = ""
        self.places: list[FoundPlace] = []
        self.current = -1

    def search(self, query: str, texts: Sequence[tuple[str, bool]], near: int) -> None:
        """Looks for a query, case aside.

        Args:
            query: what to find; nothing ends the search.
            texts: each message and whether it is Markdown.
            near: the number of the message on view; the last place up to it becomes the current one.
        """
        self.query = query
        self.places = []
        wanted = query.casefold()
        for number, (text, is_markdown) in enumerate(texts) if wanted else ():
            folded = text.casefold()
            if is_markdown and any(mark in folded for mark in "*_`~["):
                folded = _MARKS.sub("", _TARGETS.sub("", folded))
            self.places += [FoundPlace(number, nth) for nth in range(folded.count(wanted))]
        before = [place for place, found in enumerate(self.places) if found.message <= near]
        self.current = before[-1] if before else (0 if self.places else -1)

    def step(self, step: int) -> None:
        """Goes to the next place or the one before, round the ends."""
        if self.places:
            self.current = (self.current + step) % len(self.places)

    @property
    def place(self) -> FoundPlace | None:
        return self.places[self.current] if 0 <= self.current < len(self.places) else None


def places_in(shown: str, query: str) -> list[tuple[int, int]]:
    """Start and end of every place of a query in a text on view, case aside."""
    return [found.span() for found in re.finditer(re.escape(query), shown, re.IGNORECASE)] if query else []
