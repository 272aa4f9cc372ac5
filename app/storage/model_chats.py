"""How chats with single models begin, as records of the settings file. Knows nothing of what the values do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.storage.rows import sampling_from
from engine.errors import EngineError
from engine.requests import SamplingSettings

MAX_RECORDS = 500
MAX_PROMPT_CHARS = 1_000_000


@dataclass(frozen=True)
class ModelChat:
    """What the user chose for new chats with one model.

    Attributes:
        path: of the model's folder.
        sampling: None is what the model recommends.
        system_prompt: that a new chat begins with.
        thinking: whether the model thinks before it answers; None leaves it to the model.
    """

    path: str
    sampling: SamplingSettings | None = None
    system_prompt: str = ""
    thinking: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it chooses nothing."""
        return self == ModelChat(self.path)


def model_chats_of(value: Any) -> tuple[ModelChat, ...] | None:
    """The records that make sense, the last one of each model; None for something else than a list."""
    if not isinstance(value, (list, tuple)):
        return None
    read = (_chat_of(record) for record in value)
    known = {chat.path: chat for chat in read if chat is not None}
    return tuple(known.values())[-MAX_RECORDS:]


def with_chat(chats: tuple[ModelChat, ...], chat: ModelChat) -> tuple[ModelChat, ...]:
    """The records with this one in place of another of the same model, or without it when it chooses nothing."""
    others = tuple(each for each in chats if each.path != chat.path)
    return others if chat.is_empty else (*others, chat)[-MAX_RECORDS:]


def _chat_of(record: Any) -> ModelChat | None:
    if not isinstance(record, dict):
        return None
    path, prompt, thinking = record.get("path"), record.get("system_prompt", ""), record.get("thinking")
    if not isinstance(path, str) or not isinstance(prompt, str) or len(prompt) > MAX_PROMPT_CHARS:
        return None
    raw = record.get("sampling")
    try:
        sampling = sampling_from(raw) if isinstance(raw, dict) else None
    except (TypeError, ValueError, EngineError):
        sampling = None
    return ModelChat(path, sampling, prompt, thinking if isinstance(thinking, bool) else None)
