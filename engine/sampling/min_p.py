"""Min-p: drops tokens that are far less likely than the best. Knows nothing of the other filters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.requests import SamplingSettings
from engine.sampling.steps import Candidates


@dataclass(frozen=True)
class MinP:
    """Keeps tokens with at least `fraction` of the best token's probability."""

    fraction: float

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        return cls(settings.min_p) if settings.min_p > 0.0 else None

    def apply(self, candidates: Candidates) -> Candidates | None:
        lowest = float(candidates.logits[0]) + math.log(self.fraction)
        count = int(np.searchsorted(-candidates.logits, -lowest, side="right"))
        if count == len(candidates.ids) and not candidates.complete:
            return None
        return candidates.first(max(count, 1))
