"""The places of all messages of a conversation in one tall column: heights known or guessed, tops by summing them up.

Knows nothing of widgets but their heights, and nothing of scrolling.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from app.storage.records import StoredMessage

CHAR_PX = 7.3
LINE_PX = 21.0
AROUND_PX = 64
BUBBLE_SHARE = 0.75


@dataclass
class Place:
    """One message and its height in pixels; `measured` when a widget has told it at the present width."""

    message: StoredMessage
    height: int = 0
    measured: bool = False
    late: list[str] = field(default_factory=list)  # what has arrived since without a widget to show it

    def text(self) -> str:
        return self.message.content + "".join(self.late)


class ColumnPlaces:
    """Where each message lies.

    Attributes:
        places: the messages, oldest first.
    """

    def __init__(self, spacing: int) -> None:
        self.places: list[Place] = []
        self._spacing = spacing
        self._tops: list[int] = []
        self._total = 0
        self._stale = True

    def set_messages(self, messages: Sequence[StoredMessage], width: int, scale: float) -> None:
        """Takes other messages and guesses their heights."""
        self.places = [Place(message) for message in messages]
        self.guess(width, scale)

    def guess(self, width: int, scale: float) -> None:
        """Guesses all heights for a width; those that were measured before keep their part in it no longer."""
        for place in self.places:
            place.height, place.measured = guessed_height(place.message, width, scale), False
        self._stale = True

    def append(self, message: StoredMessage, width: int, scale: float) -> Place:
        place = Place(message, guessed_height(message, width, scale))
        self.places.append(place)
        self._stale = True
        return place

    def remove(self, number: int) -> None:
        del self.places[number]
        self._stale = True

    def set_height(self, number: int, height: int) -> bool:
        """Takes a measured height; True when it is another one."""
        place = self.places[number]
        place.measured = True
        if place.height == height:
            return False
        place.height = height
        self._stale = True
        return True

    def find(self, message_id: int) -> int:
        """The number of a message, -1 when it is not there."""
        for number in range(len(self.places) - 1, -1, -1):
            if self.places[number].message.id == message_id:
                return number
        return -1

    @property
    def total(self) -> int:
        """The height of all messages."""
        self._sum()
        return self._total

    def top(self, number: int) -> int:
        """Where a message begins."""
        self._sum()
        return self._tops[number]

    def at(self, y: int) -> int:
        """The number of the message at a height; the first or last one beyond the ends."""
        self._sum()
        return max(0, min(len(self.places) - 1, bisect_right(self._tops, y) - 1))

    def between(self, top: int, bottom: int) -> range:
        """The numbers of the messages that reach between two heights."""
        if not self.places or bottom <= top:
            return range(0)
        return range(self.at(top), self.at(bottom) + 1)

    def _sum(self) -> None:
        if not self._stale:
            return
        steps = [place.height + self._spacing for place in self.places]
        ends = list(accumulate(steps, initial=0))
        self._tops, self._total = ends[:-1], max(0, ends[-1] - self._spacing)
        self._stale = False


def guessed_height(message: StoredMessage, width: int, scale: float) -> int:
    """About how tall a message will be, in pixels, from its length and lines alone."""
    share = BUBBLE_SHARE if message.role == "user" else 1.0
    line_chars = max(10.0, width * share / (CHAR_PX * scale))
    text = message.content
    lines = len(text) / line_chars + 0.75 * text.count("\n") + 1
    return round(lines * LINE_PX * scale) + AROUND_PX
