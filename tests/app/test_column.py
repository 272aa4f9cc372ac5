"""The column of places adds up again only what has changed: it must stay the plain sum of all heights."""

from __future__ import annotations

import random

from app.storage.records import StoredMessage
from app.views.chat.column import ColumnPlaces

SPACING = 8


def message(number: int, chars: int) -> StoredMessage:
    return StoredMessage(number, 1, None, "user", "x" * chars, 1.0, "complete")


def check(column: ColumnPlaces) -> None:
    top = 0
    for number, place in enumerate(column.places):
        assert column.top(number) == top
        assert column.find(place.message.id) == number
        top += place.height + SPACING
    assert column.total == max(0, top - SPACING)


def test_any_order_of_changes_gives_the_plain_sum() -> None:
    draw = random.Random(3)
    for _ in range(100):
        column, fresh = ColumnPlaces(SPACING), iter(range(10_000))
        for _ in range(60):
            change = draw.randrange(4)
            if change == 0 and draw.random() < 0.3:
                messages = [message(next(fresh), draw.randrange(200)) for _ in range(draw.randrange(6))]
                column.set_messages(messages, 500, 1.0)
            elif change == 1 or not column.places:
                column.append(message(next(fresh), draw.randrange(200)), 500, 1.0)
            elif change == 2:
                gone = column.places[draw.randrange(len(column.places))].message.id
                column.remove(column.find(gone))
                assert column.find(gone) == -1
            else:
                column.set_height(draw.randrange(len(column.places)), draw.randrange(300))
            if draw.random() < 0.6:
                check(column)
        check(column)
