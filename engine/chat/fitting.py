"""Where a conversation is cut when it does not fit: the one decision that counting and serving share.

Knows nothing of templates or tokens; it is given what counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.requests import Message

REPLY_SHARE = 8  # of the context, at least one part in so many stays free for the reply


@dataclass(frozen=True)
class FittedPrompt:
    """A prompt's tokens, and how many of the oldest messages after the system's are not in it."""

    ids: list[int]
    dropped_messages: int


def reply_room(max_new_tokens: int, context_tokens: int) -> int:
    """Tokens that a cut leaves free for the reply: all that it may take, at most a share of the context."""
    return min(max_new_tokens, max(1, context_tokens // REPLY_SHARE))


def fit_messages(
    messages: Sequence[Message],
    whole: list[int],
    limit_tokens: int,
    encode: Callable[[tuple[Message, ...]], list[int]],
) -> FittedPrompt:
    """Leaves out as few of the oldest turns as possible.

    What is kept begins with all system messages at the start, then with a user's turn, as templates want it. The last
    user's turn is always kept, so the result may still be too long.

    Args:
        messages: the conversation, oldest first.
        whole: its tokens.
        limit_tokens: how many may be kept.
        encode: the tokens of a shorter conversation. Called about log2(turns) times.
    """
    if len(whole) <= limit_tokens:
        return FittedPrompt(whole, 0)
    head = next((i for i, each in enumerate(messages) if each.role != "system"), len(messages))
    starts = [i for i, each in enumerate(messages) if each.role == "user" and i > head]
    if not starts:
        return FittedPrompt(whole, 0)
    system, first, last = tuple(messages[:head]), 0, len(starts) - 1
    ids: dict[int, list[int]] = {}
    while first <= last:
        middle = (first + last) // 2
        ids[middle] = encode((*system, *messages[starts[middle] :]))
        if len(ids[middle]) <= limit_tokens:
            last = middle - 1
        else:
            first = middle + 1
    chosen = min(first, len(starts) - 1)  # the last search step has encoded it
    return FittedPrompt(ids[chosen], starts[chosen] - head)
