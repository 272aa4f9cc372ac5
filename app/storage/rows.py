"""Rows of the store to records and back. Knows the columns; knows nothing of queries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

from app.storage.records import Conversation, ErrorText, ReplyStats, StoredMessage
from engine.errors import EngineError
from engine.requests import SamplingSettings

MESSAGE_COLUMNS = "id, conversation_id, parent_id, role, content, created_s, state, model_name, stats, error, thought_s"
CONVERSATION_COLUMNS = (
    "id, title, created_s, updated_s, leaf_id, system_prompt, sampling, folder_id, pinned, image_pixels"
)


def conversation_of(row: Sequence[Any]) -> Conversation:
    number, title, created_s, updated_s, leaf_id, system_prompt, sampling, folder_id, pinned, image_pixels = row
    plain = (number, title, created_s, updated_s, leaf_id, system_prompt)
    return Conversation(*plain, sampling_of(sampling), folder_id, bool(pinned), image_pixels)


def message_of(row: Sequence[Any]) -> StoredMessage:
    number, conversation_id, parent_id, role, content, created_s, state, model_name, stats, error, thought_s = row
    figures, card = stats_of(stats) if stats else None, error_of(error) if error else None
    plain = (number, conversation_id, parent_id, role, content, created_s, state, model_name)
    return StoredMessage(*plain, figures, card, thought_s)


def stats_of(text: str) -> ReplyStats:
    return ReplyStats(**json.loads(text))


def error_of(text: str) -> ErrorText:
    return ErrorText(**json.loads(text))


def text_of(record: SamplingSettings | ReplyStats | ErrorText | None) -> str | None:
    """A record as the text that is stored."""
    return None if record is None else json.dumps(asdict(record))


@lru_cache(maxsize=32)
def sampling_of(text: str | None) -> SamplingSettings | None:
    """Settings out of their text, None when there are none or another version wrote something else."""
    if not text:
        return None
    try:
        return sampling_from(json.loads(text))
    except (ValueError, TypeError, AttributeError, EngineError):
        return None  # the model's own settings are a safe place to go back to


def sampling_from(raw: dict[str, Any]) -> SamplingSettings:
    """Settings out of a decoded object; unknown names are left out.

    Raises:
        TypeError, EngineError: a value does not fit.
    """
    names = {each.name for each in fields(SamplingSettings)}
    known: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in raw.items() if n in names}
    return SamplingSettings(**known)


def storable(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
