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
from engine.vision.towers.placed import FIRST_VIRTUAL, PlacedImages


class Executor(Protocol):
    """Runs steps of one model."""

    max_prefill: int  # tokens of a prefill chunk
    max_batch: int  # sequences of a decode step

    def prefill(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, sampler: SamplerState | None,
        images: PlacedImages | None = None,
    ) -> int | None:  # fmt: skip
        """Computes K and V of a chunk; with a sampler, chooses the token after it.

        Args:
            images: of the prompt; ids at their places name what they show and are no tokens.
        """

    def decode(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence],
        samplers: Sequence[SamplerState], offsets: Sequence[int] = (),
    ) -> list[int]:  # fmt: skip
        """One token of each sequence in, the next of each out.

        Args:
            offsets: what is added to each position by which rotary embeddings turn; empty: nothing.
        """


class EagerExecutor:
    """Launches each operation of a step one by one."""

    def __init__(self, model: Transformer, max_batch: int) -> None:
        self._model = model
        self.max_prefill = model.max_rows
        self.max_batch = min(max_batch, MAX_LOGIT_ROWS, model.max_rows)

    def prefill(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, sampler: SamplerState | None,
        images: PlacedImages | None = None,
    ) -> int | None:  # fmt: skip
        last = self._tensor([len(token_ids) - 1], torch.int64)
        residual = self._run_chunk(token_ids, position, sequence, images)
        if sampler is None:
            return None
        return choose(self._model.logits(residual, last)[0], sampler)

    def decode(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence],
        samplers: Sequence[SamplerState], offsets: Sequence[int] = (),
    ) -> list[int]:  # fmt: skip
        device = self._model.backend.device
        turned = [position + offset for position, offset in zip(positions, offsets)] if any(offsets) else None
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
            turns=None if turned is None else self._tensor(turned, torch.int32).expand(3, -1),
        )
        residual = self._model.forward(batch)
        logits = self._model.logits(residual, torch.arange(len(sequences), device=device)).cpu()
        return [choose(row, sampler) for row, sampler in zip(logits, samplers, strict=True)]

    def all_logits(
        self, token_ids: Sequence[int], sequence: PageSequence, *, by_token: bool = False,
        images: PlacedImages | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """Logits float32 [T, V] of every position, on the CPU; `by_token`: each in a step of its own, as in a reply.

        Tokens of an image that see each other go in one step all the same.
        """
        parts, start, most = [], 0, 1 if by_token else self.max_prefill
        while start < len(token_ids):
            end = min(start + most, len(token_ids))
            end = end if images is None else images.chunk_end(start, end)
            chunk = token_ids[start:end]
            residual = self._run_chunk(chunk, start, sequence, images)
            start = end
            for row in range(0, len(chunk), MAX_LOGIT_ROWS):
                rows = torch.arange(row, min(row + MAX_LOGIT_ROWS, len(chunk)), device=residual.device)
                parts.append(self._model.logits(residual, rows).to("cpu", copy=True))
        return torch.cat(parts)

    def _run_chunk(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, images: PlacedImages | None = None
    ) -> torch.Tensor:
        device, count = self._model.backend.device, len(token_ids)
        pages, end = [page.index for page in sequence.pages], position + count
        turns = None if images is None else images.turns_of(position, end)
        batch = Batch(
            token_ids=self._tensor([each if each < FIRST_VIRTUAL else 0 for each in token_ids], torch.int64),
            positions=torch.arange(position, position + count, dtype=torch.int32, device=device),
            sequences=torch.zeros(count, dtype=torch.int32, device=device),
            page_table=self._tensor([pages], torch.int32),
            consecutive=True,
            first_position=position,
            turns=None if turns is None else turns.to(device),
            images=None if images is None else images.rows_of(position, end),
            image_spans=() if images is None else images.whole_in(position, end),
        )
        return self._model.forward(batch)

    def _tensor(self, values: Sequence[Any], dtype: torch.dtype) -> torch.Tensor:
        """What the host knows of a chunk, on the model's device."""
        return torch.tensor(values, dtype=dtype, device=self._model.backend.device)
