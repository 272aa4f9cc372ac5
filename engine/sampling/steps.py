"""The two kinds of sampling step, and the candidates that pass between filters.

A row step edits the logits of the whole vocabulary; a filter narrows down the likeliest tokens. Every filter keeps an
upper part of the order by (logit, then lowest id), so it can mostly decide from the first thousand. Knows no setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.requests import SamplingSettings
from engine.sampling.history import TokenHistory

Row = NDArray[np.float32]  # [vocab_size]


@dataclass(frozen=True)
class Candidates:
    """The likeliest tokens, best first; equal logits by ascending id.

    Attributes:
        ids: int64 [n].
        logits: float32 [n], after temperature, shifted so that the best is 0.
        complete: no token that is still in play is missing here.
        mass: sum of exp(logits) over all tokens still in play, also those missing here.
    """

    ids: NDArray[np.int64]
    logits: Row
    complete: bool
    mass: float

    def first(self, count: int) -> Candidates:
        """The `count` best, which are then all that is in play."""
        return Candidates(self.ids[:count], self.logits[:count], True, mass_of(self.logits[:count]))


def mass_of(logits: NDArray[Any]) -> float:
    """Sum of exp(logits) in float64 precision of the sum."""
    return float(np.exp(logits).sum(dtype=np.float64))


def best_candidates(row: Row, count: int, mass: float) -> Candidates:
    """The `count` best of a row, and whatever ties with the last of them."""
    if count >= len(row):
        ids = np.arange(len(row))
    else:
        threshold = np.partition(row, len(row) - count)[len(row) - count]
        ids = np.flatnonzero(row >= threshold)
    order = np.argsort(-row[ids], kind="stable")  # ids ascend, so equal logits stay in the order of ids
    ids = ids[order]
    return Candidates(ids, row[ids], len(ids) == len(row), mass)


class RowStep(Protocol):
    """Edits the logits of the whole vocabulary in place."""

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        """The step these settings ask for, or None if it would change nothing."""

    def apply(self, row: Row, history: TokenHistory) -> None:
        """Edits `row`."""


class Filter(Protocol):
    """Narrows down candidates."""

    @classmethod
    def from_settings(cls, settings: SamplingSettings) -> Self | None:
        """The filter these settings ask for, or None if it would drop nothing."""

    def apply(self, candidates: Candidates) -> Candidates | None:
        """The candidates to keep, at least one; None if incomplete candidates cannot decide it."""
