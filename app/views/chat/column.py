"""The places of all messages of a conversation in one tall column: heights known or guessed, tops by summing them up.

Knows nothing of widgets but their heights, and nothing of scrolling.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from app.storage.records import StoredMessage
from app.storage.turns import split_turn

CHAR_PX = 7.3
LINE_PX = 21.0
AROUND_PX = 64
BUBBLE_SHARE = 0.75
PICTURE_PX = 144  # a picture of a message with the space around it


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
        self._sure = 0  # so many heights are added up
        self._numbers: dict[int, int] = {}  # by message id

    def set_messages(self, messages: Sequence[StoredMessage], width: int, scale: float) -> None:
        """Takes other messages and guesses their heights."""
        self.places = [Place(message) for message in messages]
        self._count_from(0)
        self.guess(width, scale)

    def guess(self, width: int, scale: float) -> None:
        """Guesses all heights for a width; those that were measured before keep their part in it no longer."""
        for place in self.places:
            place.height, place.measured = guessed_height(place.message, width, scale), False
        self._sure = 0

    def append(self, message: StoredMessage, width: int, scale: float) -> Place:
        place = Place(message, guessed_height(message, width, scale))
        self.places.append(place)
        self._count_from(len(self.places) - 1)
        return place

    def remove(self, number: int) -> None:
        del self._numbers[self.places[number].message.id], self.places[number]
        self._count_from(number)

    def set_height(self, number: int, height: int) -> bool:
        """Takes a measured height; True when it is another one."""
        place = self.places[number]
        place.measured = True
        if place.height == height:
            return False
        place.height = height
        self._sure = min(self._sure, number)
        return True

    def find(self, message_id: int) -> int:
        """The number of a message, -1 when it is not there."""
        return self._numbers.get(message_id, -1)

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

    def _count_from(self, first: int) -> None:
        """Takes the numbers of messages again from one on."""
        self._sure = min(self._sure, first)
        if first == 0:
            self._numbers = {}
        for number in range(first, len(self.places)):
            self._numbers[self.places[number].message.id] = number

    def _sum(self) -> None:
        """Adds up the heights from the first one that has changed."""
        if self._sure == len(self.places) == len(self._tops):
            return
        first = self._sure
        start = self._tops[first - 1] + self.places[first - 1].height + self._spacing if first else 0
        ends = list(accumulate((place.height + self._spacing for place in self.places[first:]), initial=start))
        self._tops[first:], self._total = ends[:-1], max(0, ends[-1] - self._spacing)
        self._sure = len(self.places)


def guessed_height(message: StoredMessage, width: int, scale: float) -> int:
    """About how tall a message will be, in pixels, from its length and lines alone."""
    share = BUBBLE_SHARE if message.role == "user" else 1.0
    line_chars = max(10.0, width * share / (CHAR_PX * scale))
    turn = split_turn(message.content)
    text = turn.text
    lines = len(text) / line_chars + 0.75 * text.count("\n") + 1
    rows = -(-len(turn.pictures) // max(1, int(width * share) // PICTURE_PX))
    return round(lines * LINE_PX * scale) + rows * PICTURE_PX + AROUND_PX
