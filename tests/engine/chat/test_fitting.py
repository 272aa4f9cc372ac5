"""Where a conversation is cut: as late as possible, before a user's turn, with the system's messages kept."""

from __future__ import annotations

import pytest

from engine.chat.fitting import FittedPrompt, fit_messages, reply_room
from engine.requests import Message, Role


def conversation(roles: str) -> list[Message]:
    names: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    return [Message(names[role], "x" * 10) for role in roles]


class Encoder:
    """Ten tokens a message."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, messages: tuple[Message, ...]) -> list[int]:
        self.calls += 1
        return [1] * sum(len(each.content) for each in messages)


def fitted(roles: str, limit: int) -> tuple[FittedPrompt[list[int]], Encoder]:
    messages, encoder = conversation(roles), Encoder()
    return fit_messages(messages, encoder(tuple(messages)), limit, encoder), encoder


@pytest.mark.parametrize(
    ("roles", "limit", "dropped", "tokens"),
    [
        ("suauau", 60, 0, 60),
        ("suauau", 59, 2, 40),
        ("suauau", 40, 2, 40),
        ("suauau", 39, 4, 20),
        ("suauau", 10, 4, 20),  # the last turn alone is too long: it is kept, and the caller says so
        ("uauau", 49, 2, 30),
        ("uauaua", 20, 4, 20),  # the words begun for the assistant stay with their turn
        ("suaaau", 45, 4, 20),  # never begins with the assistant
        ("ssuau", 40, 2, 30),
        ("u", 5, 0, 10),
        ("s", 5, 0, 10),
        ("auau", 30, 1, 30),
    ],
)
def test_as_little_as_possible_is_left_out(roles: str, limit: int, dropped: int, tokens: int) -> None:
    result, _ = fitted(roles, limit)
    assert (result.dropped_messages, len(result.prompt)) == (dropped, tokens)


@pytest.mark.parametrize("limit", [25, 500, 5_000, 9_990])
def test_a_long_chat_is_cut_with_few_encodings_and_as_the_plain_search_cuts_it(limit: int) -> None:
    roles = "s" + "ua" * 500 + "u"
    result, encoder = fitted(roles, limit)
    plain = next(d for d in range(0, 1001, 2) if 10 * (len(roles) - d) <= limit)
    assert result.dropped_messages == plain
    assert encoder.calls <= 12


@pytest.mark.parametrize(
    ("wanted", "context", "room"), [(1024, 8192, 1024), (1024, 4096, 512), (16, 4096, 16), (9, 4, 1)]
)
def test_room_for_the_reply(wanted: int, context: int, room: int) -> None:
    assert reply_room(wanted, context) == room
