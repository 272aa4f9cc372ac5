"""Decode steps as captured CUDA graphs: one launch a step, for batches of 1, 2, 4, 8 and 16.

A graph runs embedding, all layers, head and sampler over static inputs and feeds its tokens to its own next replay, so
the next step starts before the host has read this one: as long as the batch stays as it is, the host only replays and
reads, one step behind. When the batch changes, the step that was started ahead is dropped and every row is set anew;
what it wrote lies past the end of a sequence or on the spare page. Prefill chunks differ in length and run eagerly,
without waiting for one another; the token after a prompt is chosen on the card too. Behind images the positions by
which rotary embeddings turn differ from places by a number of each sequence, which is an input like the others. Knows
nothing of kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from engine.backend import Batch
from engine.cache.page_table import PageSequence
from engine.errors import NotEnoughMemoryError, NumericalError
from engine.generation.executor import EagerExecutor
from engine.models.transformer import Transformer
from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState
from engine.vision.towers.placed import PlacedImages

BATCH_SIZES = (1, 2, 4, 8, 16)


class DeviceSampler(Protocol):
    """What the executor needs of a sampler on the device."""

    results: torch.Tensor  # int64 [2, 2, rows] on the host: tokens and problems, by the lowest bit of positions

    def set_row(
        self, row: int, settings: SamplingSettings, seed: int, position: int, prompt_ids: Sequence[int],
        reply_ids: Sequence[int],
    ) -> None: ...  # fmt: skip

    def set_idle(self, row: int) -> None: ...

    def launch(
        self, logits: torch.Tensor, token_ids: torch.Tensor, positions: torch.Tensor | None = None, limit: int = 0
    ) -> None: ...


@dataclass(frozen=True)
class CapturedStep:
    """A graph with its static tensors."""

    graph: torch.cuda.CUDAGraph
    batch: Batch


@dataclass(frozen=True)
class _Started:
    """A step that was started ahead: valid for exactly these samplers at these positions."""

    samplers: tuple[SamplerState, ...]
    positions: tuple[int, ...]
    slot: int

    def serves(self, samplers: Sequence[SamplerState], positions: Sequence[int]) -> bool:
        """Whether this is the step of just these jobs, in this order, at these positions."""
        same = len(samplers) == len(self.samplers)
        return (
            same
            and all(a is b for a, b in zip(samplers, self.samplers, strict=True))
            and (tuple(positions) == self.positions)
        )


class GraphExecutor(EagerExecutor):
    """As the eager executor, with decode steps replayed from graphs.

    Args:
        vocab_size: tokens that may be chosen; the model's logits may be wider.
    """

    def __init__(self, model: Transformer, max_batch: int, vocab_size: int) -> None:
        super().__init__(model, min(max_batch, BATCH_SIZES[-1]))
        backend: Any = model.backend
        self._sampler: DeviceSampler = backend.make_sampler(BATCH_SIZES[-1], vocab_size, model.num_positions)
        self._steps: dict[int, CapturedStep] = {}
        self._pool: Any = None
        # Two: the step ahead is marked by one while the host waits for the other.
        self._arrived = [torch.cuda.Event() for _ in range(2)]  # type: ignore[no-untyped-call]
        self._started: _Started | None = None
        self._first_token = torch.zeros(1, dtype=torch.int64, device=model.backend.device)

    def warm_up(self) -> None:
        """Captures the graph of a single reply, which nearly every step uses."""
        self._step_for(1)

    def prefill(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, sampler: SamplerState | None,
        images: PlacedImages | None = None,
    ) -> int | None:  # fmt: skip
        if sampler is None:
            self._run_chunk(token_ids, position, sequence, images)
            return None
        # All that the host has to say goes ahead of the chunk, so that the card need not wait for it behind.
        last = self._tensor([len(token_ids) - 1], torch.int64)
        self._started = None  # its first row of the sampler is lent
        self._set_rows(1, [sampler])
        logits = self._model.logits(self._run_chunk(token_ids, position, sequence, images), last)
        self._sampler.launch(logits, self._first_token)
        self._arrived[0].record()
        return self._receive(0, [sampler.position])[0]

    def decode(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence],
        samplers: Sequence[SamplerState], offsets: Sequence[int] = (),
    ) -> list[int]:  # fmt: skip
        count = len(token_ids)
        step = self._step_for(next(size for size in BATCH_SIZES if size >= count))
        current, self._started = self._started, None
        if current is None or not current.serves(samplers, positions):
            self._fill(step.batch, token_ids, positions, sequences)
            _turn(step.batch, offsets)
            self._set_rows(step.batch.num_rows, samplers)
            current = self._replay(step, samplers, positions, slot=0)
        limit = self._model.num_positions
        if max(positions) + 1 < limit:
            following = [position + 1 for position in positions]
            self._started = self._replay(step, samplers, following, slot=1 - current.slot)
        return self._receive(current.slot, [position + 1 for position in positions])

    def _run_chunk(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, images: PlacedImages | None = None
    ) -> torch.Tensor:
        if images is None:
            return super()._run_chunk(token_ids, position, sequence)
        try:
            return super()._run_chunk(token_ids, position, sequence, images)
        except torch.OutOfMemoryError:  # other steps allocate nothing
            torch.cuda.empty_cache()
        # Out here: an exception in flight keeps what the chunk was working on.
        raise NotEnoughMemoryError(
            "There is not enough memory on the card to read a prompt with images.",
            "Allow fewer pixels for an image, load the model with a smaller context, or close other programs.",
        )

    def _receive(self, slot: int, places: Sequence[int]) -> list[int]:
        """Waits for the tokens of the first rows, whose positions are `places`. Raises `NumericalError`."""
        self._arrived[slot].synchronize()
        results = self._sampler.results.tolist()
        if any(results[place & 1][1][row] for row, place in enumerate(places)):
            self._started = None
            raise NumericalError(
                "The model computed something that is not a number where a token's score should be.",
                "Check the model's files, for a damaged download computes nonsense, or try another device.",
            )
        return [int(results[place & 1][0][row]) for row, place in enumerate(places)]

    def _replay(
        self, step: CapturedStep, samplers: Sequence[SamplerState], positions: Sequence[int], *, slot: int
    ) -> _Started:
        step.graph.replay()
        self._arrived[slot].record()
        return _Started(tuple(samplers), tuple(positions), slot)

    def _step_for(self, size: int) -> CapturedStep:
        if size not in self._steps:
            self._started = None
            self._steps[size] = self._capture(size)
        return self._steps[size]

    def _capture(self, size: int) -> CapturedStep:
        """Captures the step of one batch size; done once, a few tenths of a second."""
        device, spare = self._model.backend.device, self._model.num_pages
        offsets = torch.zeros(size, dtype=torch.int32, device=device)
        batch = Batch(
            token_ids=torch.zeros(size, dtype=torch.int64, device=device),
            positions=torch.zeros(size, dtype=torch.int32, device=device),
            sequences=torch.arange(size, dtype=torch.int32, device=device),
            page_table=torch.full((size, self._model.num_pages), spare, dtype=torch.int32, device=device),
            consecutive=False,
            turn_offsets=offsets if self._model.has_three_positions else None,
        )
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            self._run_step(batch)  # makes tables before the capture
        torch.cuda.current_stream(device).wait_stream(stream)
        torch.cuda.synchronize(device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            self._run_step(batch)
        self._pool = self._pool or graph.pool()
        return CapturedStep(graph, batch)

    def _run_step(self, batch: Batch) -> None:
        # Positions stop at the last: idle rows must stay inside the tables.
        logits = self._model.logits(self._model.forward(batch))
        self._sampler.launch(logits, batch.token_ids, batch.positions, self._model.num_positions)

    def _fill(
        self, batch: Batch, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence]
    ) -> None:
        size, spare = batch.num_rows, self._model.num_pages
        idle = size - len(token_ids)
        batch.token_ids.copy_(torch.tensor([*token_ids, *[0] * idle]))
        batch.positions.copy_(torch.tensor([*positions, *[0] * idle], dtype=torch.int32))
        width = batch.page_table.shape[1]
        table = [[page.index for page in sequence.pages] for sequence in sequences]
        rows = [row + [spare] * (width - len(row)) for row in table] + [[spare] * width] * idle
        batch.page_table.copy_(torch.tensor(rows, dtype=torch.int32))

    def _set_rows(self, size: int, samplers: Sequence[SamplerState]) -> None:
        for row, sampler in enumerate(samplers):
            history = sampler.history
            self._sampler.set_row(
                row, sampler.settings, sampler.seed, sampler.position, history.prompt_ids, history.reply_ids
            )
        for row in range(len(samplers), size):
            self._sampler.set_idle(row)

    def _tensor(self, values: Sequence[Any], dtype: torch.dtype) -> torch.Tensor:
        """From pinned memory: else the host would wait for the chunk before this one."""
        pinned = torch.tensor(values, dtype=dtype, pin_memory=True)
        return pinned.to(self._model.backend.device, non_blocking=True)


def _turn(batch: Batch, offsets: Sequence[int]) -> None:
    """Writes what is added to positions by which rotary embeddings turn."""
    if batch.turn_offsets is None:
        assert not any(offsets), "this model's tokens have one position"
        return
    idle = batch.num_rows - len(offsets)
    batch.turn_offsets.copy_(torch.tensor([*offsets, *[0] * idle], dtype=torch.int32))
