"""Temperature: flattens or sharpens the distribution. Knows nothing of what was said before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.requests import SamplingSettings
from engine.sampling.history import TokenHistory
from engine.sampling.steps import Row

_LOWEST = 1e-30  # keeps the division finite in float32; far below where only the best token is left


@dataclass(frozen=True)
class Temperature:
    """Shifts the best logit to 0, which changes no probability, and divides by `temperature`."""

    temperature: float

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        """None for temperature 0, which is no scaling but a choice of the best."""
        return cls(settings.temperature) if settings.temperature > 0 else None

    def apply(self, row: Row, history: TokenHistory) -> None:
        row -= row.max()
        if self.temperature != 1.0:
            with np.errstate(over="ignore"):
                row /= np.float32(max(self.temperature, _LOWEST))
