"""The sampling chain on the card: the engine's settings in, chosen tokens out, inside a captured step."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.requests import SamplingSettings
from gpu.launch import KernelCache
from gpu.reference.sampling import RowSettings
from gpu.sampler import Handover, SamplerBuffers


class CardSampler:
    """Chooses the tokens of up to `max_rows` rows at up to `num_positions` positions.

    Attributes:
        results: int64 [2, 2, max_rows] in memory of the host that the card writes to, so that no copy stands between
            two steps: the chosen tokens and, for each, 0 or what was wrong with its logits. The first index is the
            lowest bit of the token's position: a step leaves alone what the one before it wrote.
    """

    def __init__(
        self, kernels: KernelCache, max_rows: int, vocab_size: int, num_positions: int, device: torch.device
    ) -> None:
        self._buffers = SamplerBuffers(kernels, max_rows, vocab_size, num_positions, device)
        self.results = torch.zeros(2, 2, max_rows, dtype=torch.int64, pin_memory=True)

    def set_row(
        self,
        row: int,
        settings: SamplingSettings,
        seed: int,
        position: int,
        prompt_ids: Sequence[int],
        reply_ids: Sequence[int],
    ) -> None:
        """Gives a row to a job whose next token is at `position`."""
        chain = RowSettings(
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            min_p=settings.min_p,
            repetition=settings.repetition_penalty,
            presence=settings.presence_penalty,
            frequency=settings.frequency_penalty,
            seed=seed,
        )
        self._buffers.set_settings(row, chain)
        self._buffers.set_position(row, position, active=True)
        if chain.has_penalties:
            self._buffers.set_history(row, prompt_ids, reply_ids, settings.penalty_window)

    def set_idle(self, row: int) -> None:
        """Marks a row that no job fills."""
        self._buffers.set_settings(row, RowSettings(temperature=0.0))
        self._buffers.set_position(row, 0, active=False)

    def launch(
        self, logits: torch.Tensor, token_ids: torch.Tensor, positions: torch.Tensor | None = None, limit: int = 0
    ) -> None:
        """Chooses a token for each row of logits [B, V], notes it, and writes it to `token_ids` for the next step.

        Args:
            positions: int32 [B], moved on for the next step, up to `limit` - 1.
        """
        rows = logits.shape[0]
        self._buffers.launch(logits, rows, Handover(self.results, token_ids, positions, limit))
        self._buffers.count(rows)
