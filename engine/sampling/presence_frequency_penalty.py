"""Presence and frequency penalties: push tokens of the reply down, or up if negative. Knows nothing of the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from engine.requests import SamplingSettings
from engine.sampling.history import TokenHistory
from engine.sampling.steps import Row


@dataclass(frozen=True)
class PresenceFrequencyPenalty:
    """Subtracts `presence` once, and `frequency` for each use, from every token of the reply."""

    presence: float
    frequency: float

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        neutral = settings.presence_penalty == 0.0 and settings.frequency_penalty == 0.0
        return None if neutral else cls(settings.presence_penalty, settings.frequency_penalty)

    def apply(self, row: Row, history: TokenHistory) -> None:
        ids, counts = history.reply_counts()
        row[ids] -= (self.presence + self.frequency * counts).astype(row.dtype)
