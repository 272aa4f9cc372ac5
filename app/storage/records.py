"""The rows of the conversation store as frozen dataclasses. Knows nothing of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.events import FinishReason
from engine.requests import Role, SamplingSettings

MessageState = Literal["complete", "streaming", "interrupted", "failed"]


@dataclass(frozen=True)
class ReplyStats:
    """The figures under a reply.

    Attributes:
        seed: reproduces it; None of replies that are older than this field.
        dropped_messages: turns before it that did not fit and were left out, the oldest ones.
        left_out_images: pictures of earlier turns that the model could not see.
    """

    tokens_per_s: float
    first_token_s: float
    new_tokens: int
    reason: FinishReason
    seed: int | None = None
    dropped_messages: int = 0
    left_out_images: int = 0


ErrorKind = Literal["", "full_context", "small_context", "picture"]


@dataclass(frozen=True)
class ErrorText:
    """What happened and the way out.

    Attributes:
        kind: which buttons help: the context is full of older turns, or too small for the last one alone; or a picture
            of the message cannot be shown to the model.
    """

    message: str
    way_out: str
    kind: ErrorKind = ""


@dataclass(frozen=True)
class StoredMessage:
    """One node of a conversation's tree; `parent_id` is None for the first message.

    Attributes:
        thought_s: how long the reply's thinking took; None of replies without any and of older ones.
    """

    id: int
    conversation_id: int
    parent_id: int | None
    role: Role
    content: str
    created_s: float
    state: MessageState = "complete"
    model_name: str = ""
    stats: ReplyStats | None = None
    error: ErrorText | None = None
    thought_s: float | None = None


@dataclass(frozen=True)
class Versions:
    """A message's place among its versions: the messages under the same parent, oldest first.

    Attributes:
        number: 1 for the oldest.
        total: how many there are.
        previous_id, next_id: its neighbours, None at the ends.
    """

    number: int
    total: int
    previous_id: int | None
    next_id: int | None


@dataclass(frozen=True)
class Conversation:
    """A tree of messages; the branch shown is the one that ends at `leaf_id`.

    Attributes:
        image_pixels: the most pixels of a picture that the model is shown; None leaves it to the model.
    """

    id: int
    title: str
    created_s: float
    updated_s: float
    leaf_id: int | None = None
    system_prompt: str = ""
    sampling: SamplingSettings | None = None  # None: what the loaded model recommends
    folder_id: int | None = None
    pinned: bool = False
    image_pixels: int | None = None


@dataclass(frozen=True)
class Folder:
    """A named group of conversations, whose members the list shows while it is open."""

    id: int
    name: str
    is_open: bool = True


@dataclass(frozen=True)
class Snippet:
    """A piece of text on one line, with start and length of its marked places."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class SearchHit:
    """A message, or a conversation's title, that holds the searched words.

    Attributes:
        conversation_id: where it is.
        title: of the conversation, with what of it was searched for.
        message_id: None when only the title matches.
        role: who wrote the message.
        created_s: when the message was written, or the conversation last used.
        snippet: the place in the message; empty when only the title matches.
    """

    conversation_id: int
    title: Snippet
    message_id: int | None
    role: Role | None
    created_s: float
    snippet: Snippet
