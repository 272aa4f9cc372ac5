"""Repetition penalty: makes every token that was already read or said less likely, once. Knows nothing of counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.requests import SamplingSettings
from engine.sampling.history import TokenHistory
from engine.sampling.steps import Row


@dataclass(frozen=True)
class RepetitionPenalty:
    """Divides positive logits of seen tokens (prompt and reply) by `penalty` and multiplies the negative ones.

    Source: the CTRL paper (Keskar et al. 2019), with the treatment of negative logits that has become usual.
    """

    penalty: float

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        return cls(settings.repetition_penalty) if settings.repetition_penalty != 1.0 else None

    def apply(self, row: Row, history: TokenHistory) -> None:
        ids = history.seen_ids()
        logits = row[ids]
        row[ids] = np.where(logits > 0, logits / self.penalty, logits * self.penalty)
