"""Turns the generator's decisions into steps of the model: builds the batch, runs it, reads the logits.

The eager executor launches every operation of a step by itself; a backend that captures steps in graphs brings an
executor of its own with the same two methods. Knows nothing of requests or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from engine.backend import Batch
from engine.budget import MAX_LOGIT_ROWS
from engine.cache.page_table import PageSequence
from engine.models.transformer import Transformer
from engine.sampling.pipeline import SamplerState, choose


class Executor(Protocol):
    """Runs steps of one model."""

    max_prefill: int  # tokens of a prefill chunk
    max_batch: int  # sequences of a decode step

    def prefill(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, sampler: SamplerState | None
    ) -> int | None:
        """Computes K and V of a chunk; with a sampler, chooses the token after it."""

    def decode(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence],
        samplers: Sequence[SamplerState],
    ) -> list[int]:  # fmt: skip
        """One token of each sequence in, the next of each out."""


class EagerExecutor:
    """Launches each operation of a step one by one."""

    def __init__(self, model: Transformer, max_batch: int) -> None:
        self._model = model
        self.max_prefill = model.max_rows
        self.max_batch = min(max_batch, MAX_LOGIT_ROWS, model.max_rows)

    def prefill(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, sampler: SamplerState | None
    ) -> int | None:
        last = self._tensor([len(token_ids) - 1], torch.int64)
        residual = self._run_chunk(token_ids, position, sequence)
        if sampler is None:
            return None
        return choose(self._model.logits(residual, last)[0], sampler)

    def decode(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence],
        samplers: Sequence[SamplerState],
    ) -> list[int]:  # fmt: skip
        device = self._model.backend.device
        width = max(len(sequence.pages) for sequence in sequences)
        table = [[page.index for page in sequence.pages] for sequence in sequences]
        batch = Batch(
            token_ids=torch.tensor(token_ids, dtype=torch.int64, device=device),
            positions=torch.tensor(positions, dtype=torch.int32, device=device),
            sequences=torch.arange(len(sequences), dtype=torch.int32, device=device),
            page_table=torch.tensor(
                [row + [0] * (width - len(row)) for row in table], dtype=torch.int32, device=device
            ),
            consecutive=False,
        )
        residual = self._model.forward(batch)
        logits = self._model.logits(residual, torch.arange(len(sequences), device=device)).cpu()
        return [choose(row, sampler) for row, sampler in zip(logits, samplers, strict=True)]

    def all_logits(self, token_ids: Sequence[int], sequence: PageSequence, *, by_token: bool = False) -> torch.Tensor:
        """Logits float32 [T, V] of every position, on the CPU; `by_token`: each in a step of its own, as in a reply."""
        parts, most = [], 1 if by_token else self.max_prefill
        for start in range(0, len(token_ids), most):
            chunk = token_ids[start : start + most]
            residual = self._run_chunk(chunk, start, sequence)
            for row in range(0, len(chunk), MAX_LOGIT_ROWS):
                rows = torch.arange(row, min(row + MAX_LOGIT_ROWS, len(chunk)), device=residual.device)
                parts.append(self._model.logits(residual, rows).to("cpu", copy=True))
        return torch.cat(parts)

    def _run_chunk(self, token_ids: Sequence[int], position: int, sequence: PageSequence) -> torch.Tensor:
        device, count = self._model.backend.device, len(token_ids)
        pages = [page.index for page in sequence.pages]
        batch = Batch(
            token_ids=self._tensor(token_ids, torch.int64),
            positions=torch.arange(position, position + count, dtype=torch.int32, device=device),
            sequences=torch.zeros(count, dtype=torch.int32, device=device),
            page_table=self._tensor([pages], torch.int32),
            consecutive=True,
            first_position=position,
        )
        return self._model.forward(batch)

    def _tensor(self, values: Sequence[Any], dtype: torch.dtype) -> torch.Tensor:
        """What the host knows of a chunk, on the model's device."""
        return torch.tensor(values, dtype=dtype, device=self._model.backend.device)
