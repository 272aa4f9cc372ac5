"""The rows of the conversation store as frozen dataclasses. Knows nothing of SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.events import FinishReason
from engine.requests import Role, SamplingSettings

MessageState = Literal["complete", "streaming", "interrupted", "failed"]


@dataclass(frozen=True)
class ReplyStats:
    """The figures under a reply."""

    tokens_per_s: float
    first_token_s: float
    new_tokens: int
    reason: FinishReason


@dataclass(frozen=True)
class ErrorText:
    """What happened and the way out."""

    message: str
    way_out: str


@dataclass(frozen=True)
class StoredMessage:
    """One node of a conversation's tree; `parent_id` is None for the first message."""

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


@dataclass(frozen=True)
class Conversation:
    """A tree of messages; the branch shown is the one that ends at `leaf_id`."""

    id: int
    title: str
    created_s: float
    updated_s: float
    leaf_id: int | None = None
    system_prompt: str = ""
    sampling: SamplingSettings | None = None  # None: what the loaded model recommends
