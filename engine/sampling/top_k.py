"""Top-k: keeps the k likeliest tokens. Knows nothing of their probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from engine.requests import SamplingSettings
from engine.sampling.steps import Candidates


@dataclass(frozen=True)
class TopK:
    """Keeps exactly `count` tokens; of equally likely ones at the edge, those with the lowest ids."""

    count: int

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        return cls(settings.top_k) if settings.top_k > 0 else None

    def apply(self, candidates: Candidates) -> Candidates | None:
        if self.count <= len(candidates.ids):
            return candidates.first(self.count)
        return candidates if candidates.complete else None
