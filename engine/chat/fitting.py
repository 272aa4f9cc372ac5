"""Where a conversation is cut when it does not fit: the one decision that counting and serving share.

Knows nothing of templates or tokens; it is given what counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.requests import Message

REPLY_SHARE = 8  # of the context, at least one part in so many stays free for the reply

PromptT = TypeVar("PromptT", bound=Sized)
"""A prompt as its maker writes it; its length is its tokens."""


@dataclass(frozen=True)
class FittedPrompt(Generic[PromptT]):
    """A prompt, and how many of the oldest messages after the system's are not in it."""

    prompt: PromptT
    dropped_messages: int


def reply_room(max_new_tokens: int, context_tokens: int) -> int:
    """Tokens that a cut leaves free for the reply: all that it may take, at most a share of the context."""
    return min(max_new_tokens, max(1, context_tokens // REPLY_SHARE))


def kept_messages(messages: Sequence[Message], dropped: int) -> tuple[Message, ...]:
    """Without so many of the oldest after the system's."""
    head = _num_system(messages)
    return (*messages[:head], *messages[head + dropped :])


def fit_messages(
    messages: Sequence[Message],
    whole: PromptT,
    limit_tokens: int,
    write: Callable[[tuple[Message, ...]], PromptT],
) -> FittedPrompt[PromptT]:
    """Leaves out as few of the oldest turns as possible.

    What is kept begins with all system messages at the start, then with a user's turn, as templates want it. The last
    user's turn is always kept, so the result may still be too long. Images go with their turns.

    Args:
        messages: the conversation, oldest first.
        whole: its prompt.
        limit_tokens: how many may be kept.
        write: the prompt of a shorter conversation. Called about log2(turns) times.
    """
    if len(whole) <= limit_tokens:
        return FittedPrompt(whole, 0)
    head = _num_system(messages)
    starts = [i for i, each in enumerate(messages) if each.role == "user" and i > head]
    if not starts:
        return FittedPrompt(whole, 0)
    first, last = 0, len(starts) - 1
    written: dict[int, PromptT] = {}
    while first <= last:
        middle = (first + last) // 2
        written[middle] = write(kept_messages(messages, starts[middle] - head))
        if len(written[middle]) <= limit_tokens:
            last = middle - 1
        else:
            first = middle + 1
    chosen = min(first, len(starts) - 1)  # the last search step has written it
    return FittedPrompt(written[chosen], starts[chosen] - head)


def _num_system(messages: Sequence[Message]) -> int:
    return next((i for i, each in enumerate(messages) if each.role != "system"), len(messages))
