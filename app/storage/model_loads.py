"""How single models are loaded, as records of the settings file. Knows nothing of what the values do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_CACHE_TOKENS = 10_000_000
CACHE_BITS = (16, 8, 6, 4)  # that the window offers
MAX_RECORDS = 500


@dataclass(frozen=True)
class ModelLoad:
    """What the user chose for one model in place of the usual settings; the fields are those of `Settings`.

    Attributes:
        path: of its folder.
    """

    path: str
    device: str
    cache_tokens: int
    cache_bits: int
    exact: bool


def model_loads_of(records: Iterable[Any]) -> tuple[ModelLoad, ...]:
    """The records that make sense, the last one of each model."""
    read = (_load_of(record) for record in records)
    known = {load.path: load for load in read if load is not None}
    return tuple(known.values())[-MAX_RECORDS:]


def _load_of(record: Any) -> ModelLoad | None:
    if not isinstance(record, dict):
        return None
    path, device, exact = record.get("path"), record.get("device"), record.get("exact")
    tokens, bits = record.get("cache_tokens"), record.get("cache_bits")
    if not isinstance(path, str) or not isinstance(device, str) or not isinstance(exact, bool):
        return None
    if type(tokens) is not int or not 0 <= tokens <= MAX_CACHE_TOKENS or type(bits) is not int:
        return None
    return ModelLoad(path, device, tokens, bits, exact) if bits in CACHE_BITS else None
