"""Top-p (nucleus): keeps the fewest tokens that reach a share of the probability. Knows nothing of their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.requests import SamplingSettings
from engine.sampling.steps import Candidates


@dataclass(frozen=True)
class TopP:
    """Keeps a token while those before it have less than `share`, so the one that crosses the share is kept."""

    share: float

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        return cls(settings.top_p) if settings.top_p < 1.0 else None

    def apply(self, candidates: Candidates) -> Candidates | None:
        reached = np.cumsum(np.exp(candidates.logits.astype(np.float64)))
        count = 1 + int(np.searchsorted(reached, self.share * candidates.mass, side="left"))
        if count <= len(candidates.ids):
            return candidates.first(count)
        return candidates if candidates.complete else None
