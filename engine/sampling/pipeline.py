"""Chooses the next token of a job from its logits.

Knows the chain's shape (row steps, then filters, then one draw) and no sampler by name; works on the CPU, one job at
a time, so that a job's tokens do not depend on its company.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import torch

from engine.errors import NumericalError
from engine.requests import SamplingSettings
from engine.sampling.draw import draw_candidate, draw_from_row
from engine.sampling.history import TokenHistory
from engine.sampling.registry import filters, row_steps
from engine.sampling.steps import Candidates, Filter, Row, best_candidates, mass_of

_WINDOWS = (1024, 16384)  # candidates that filters see first; then all


class SamplerState:
    """What sampling remembers of one job.

    Args:
        settings: the job's.
        vocab_size: of the tokenizer; logits from here on are padding and never chosen.
        prompt_ids: for the repetition penalty and for the position.

    Attributes:
        seed: reproduces the reply; drawn here if the settings have none.
    """

    def __init__(self, settings: SamplingSettings, vocab_size: int, prompt_ids: Sequence[int]) -> None:
        self.settings = settings
        self.vocab_size = vocab_size
        self.seed = secrets.randbits(63) if settings.seed is None else settings.seed
        self.history = TokenHistory(prompt_ids, vocab_size, settings.penalty_window)
        self.row_steps = row_steps(settings)
        self.filters = filters(settings)

    @property
    def position(self) -> int:
        """Of the token to be chosen next, counted from the start of the prompt."""
        return len(self.history)

    def accept(self, token_id: int) -> None:
        """Makes a chosen token part of the reply."""
        self.history.append(token_id)


def choose(logits: torch.Tensor, state: SamplerState) -> int:
    """Chooses the next token id; the state changes only when the caller accepts it.

    Args:
        logits: [V] of any float type, left unchanged; V is at least the state's `vocab_size`.

    Raises:
        NumericalError: a logit is NaN or +inf, or no token is possible.
    """
    row = _checked_row(logits, state.vocab_size)
    for step in state.row_steps:
        step.apply(row, state.history)
    if state.settings.temperature == 0.0:
        return int(np.argmax(row))  # the first, so the lowest id, of equals
    if not state.filters:
        return draw_from_row(row, state.seed, state.position)
    kept = _filtered(row, state.filters)
    return draw_candidate(kept.ids, kept.logits, state.seed, state.position)[0]


def choose_batch(logits: torch.Tensor, states: Sequence[SamplerState]) -> list[int]:
    """`choose` for each row of logits [B, V]."""
    assert logits.shape[0] == len(states)
    rows = logits.detach().to("cpu")
    return [choose(row, state) for row, state in zip(rows, states, strict=True)]


def _checked_row(logits: torch.Tensor, vocab_size: int) -> Row:
    assert logits.ndim == 1
    assert logits.shape[0] >= vocab_size > 0
    values: Row = logits[:vocab_size].detach().to("cpu", torch.float32).numpy()
    row = values.copy()  # by numpy: for so little, torch's threads would cost more than the copy
    highest = float(row.max())  # NaN if there is one
    if np.isfinite(highest):
        return row
    way_out = "Check the model's files, for a damaged download computes nonsense, or try another device."
    if highest == -np.inf:
        raise NumericalError("The model gave every token a probability of zero.", way_out)
    raise NumericalError(f"The model computed {highest} where a token's score should be.", way_out)


def _filtered(row: Row, chain: Sequence[Filter]) -> Candidates:
    mass = mass_of(row)
    for count in (*_WINDOWS, len(row)):
        kept = _apply(best_candidates(row, count, mass), chain)
        if kept is not None:
            return kept
    raise AssertionError("a filter refused complete candidates")


def _apply(candidates: Candidates, chain: Sequence[Filter]) -> Candidates | None:
    kept: Candidates | None = candidates
    for each in chain:
        kept = each.apply(kept) if kept is not None else None
    return kept
