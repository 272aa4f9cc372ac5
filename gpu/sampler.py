"""Owns what the sampler's kernels read and write on the card, and launches them.

All of it is reserved at the start and keeps its address, so a CUDA graph that captured a launch replays with what the
host wrote since: the host writes a row when its job changes, the kernels do the rest. Knows nothing of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from gpu.kernels import sampling_layout as layout
from gpu.launch import KernelCache, KernelSource
from gpu.reference.sampling import RowSettings

MAX_ROWS = 32
_ALIGNMENT = 4  # scores are read four at a time


def _source(name: str, signature: str, module: str = "sampling") -> KernelSource:
    def build() -> Any:
        from importlib import import_module

        return getattr(import_module(f"gpu.kernels.{module}"), name)

    return KernelSource(f"sample_{name}", signature, build)


START = _source("start", "uiiuuuiuiuu")
COUNT_BINS = _source("count_bins", "uiiuuu", "sampling_search")
PICK_BINS = _source("pick_bins", "uuu", "sampling_search")
LIST_TOKENS = _source("list_tokens", "uiiuuuu", "sampling_search")
FIND_CUT = _source("find_cut", "uuui", "sampling_search")
DRAW = _source("draw", "uiiuuuuuu")
FINISH = _source("finish", "uuuuu")
COUNT_TOKEN = _source("count_token", "uuiuuiui")
SOURCES = (START, COUNT_BINS, PICK_BINS, LIST_TOKENS, FIND_CUT, DRAW, FINISH, COUNT_TOKEN)


class SamplerBuffers:
    """The sampler of up to `max_rows` rows of one model on one card.

    Takes about 20 bytes for each row and token of the vocabulary: 41 MB for 16 rows of 128256.

    Args:
        kernels: of the same card.
        max_rows: at most 32.
        vocab_size: of the tokenizer, at most 2**19; logits from here on are padding.
        device: where all of it lives.

    Attributes:
        tokens: int64 [max_rows], what `launch` chose.
        problems: int32 [max_rows], `FINE`, `NOTHING_POSSIBLE` (every logit was -inf) or `NOT_A_NUMBER` (one was NaN
            or +inf) of `sampling_layout`; a row with a problem gets token 0.
        positions: int32 [max_rows], of the token to be chosen next, counted from the start of the prompt.
        active: int32 [max_rows], 1 for rows whose token `count` counts.
    """

    def __init__(self, kernels: KernelCache, max_rows: int, vocab_size: int, device: torch.device) -> None:
        assert 0 < max_rows <= MAX_ROWS
        assert 0 < vocab_size <= 2**19
        self.max_rows, self.vocab_size = max_rows, vocab_size
        self._kernels = {source.name: kernels.get(source) for source in SOURCES}
        self._width = -(-vocab_size // _ALIGNMENT) * _ALIGNMENT

        def empty(dtype: torch.dtype, *shape: int) -> torch.Tensor:
            return torch.zeros(max_rows, *shape, dtype=dtype, device=device)

        self.tokens, self.problems = empty(torch.int64), empty(torch.int32)
        self.positions, self.active = empty(torch.int32), empty(torch.int32)
        self._settings = empty(torch.float64, layout.NUM_SETTINGS)
        self._seeds = empty(torch.int64)
        self._seen, self._replied = empty(torch.int32, vocab_size), empty(torch.int32, vocab_size)
        self._scores = torch.full((max_rows, self._width), -torch.inf, device=device)
        self._listed = empty(torch.int64, self._width)
        self._histogram = empty(torch.int64, 2, layout.BINS)
        self._partials = empty(torch.int64, layout.SPREAD)
        self._winners = empty(torch.int64, layout.SPREAD, 2)
        self._states = empty(torch.int64, layout.NUM_STATES)
        for row in range(max_rows):
            self.set_settings(row, RowSettings(temperature=0.0))

    def set_settings(self, row: int, settings: RowSettings) -> None:
        """Writes a row's settings, in the order of the current stream."""
        values = [0.0] * layout.NUM_SETTINGS
        values[layout.TEMPERATURE], values[layout.TOP_K] = settings.temperature, float(settings.top_k)
        values[layout.TOP_P], values[layout.MIN_P] = settings.top_p, settings.min_p
        values[layout.REPETITION] = settings.repetition
        values[layout.PRESENCE], values[layout.FREQUENCY] = settings.presence, settings.frequency
        self._settings[row].copy_(torch.tensor(values, dtype=torch.float64))
        seed = settings.seed & (2**64 - 1)
        self._seeds[row : row + 1].copy_(torch.tensor([seed - 2**64 if seed >> 63 else seed]))

    def set_position(self, row: int, position: int, *, active: bool) -> None:
        """Writes the position of a row's next token and whether `count` counts it."""
        self.positions[row : row + 1].fill_(position)
        self.active[row : row + 1].fill_(int(active))

    def set_history(self, row: int, prompt_ids: Sequence[int], reply_ids: Sequence[int]) -> None:
        """Counts a row's tokens anew; needed only for rows with penalties.

        Args:
            prompt_ids: those within the penalty window; ids beyond the vocabulary do not count.
            reply_ids: likewise. A row with a finite window needs this call, or `forget`, whenever tokens leave it.
        """
        replied = self._count(reply_ids)
        self._replied[row].copy_(replied)
        self._seen[row].copy_(replied + self._count(prompt_ids))

    def forget(self, row: int, token_id: int, *, in_reply: bool) -> None:
        """Takes one token that left the penalty window out of a row's counts."""
        if 0 <= token_id < self.vocab_size:
            self._seen[row, token_id] -= 1
            if in_reply:
                self._replied[row, token_id] -= 1

    def launch(self, logits: torch.Tensor, rows: int) -> None:
        """Chooses `tokens` of the first rows on the current stream: seven kernels, nothing on the host.

        Args:
            logits: float32 [at least rows, at least vocab_size], rows contiguous, left unchanged.
        """
        assert logits.dtype == torch.float32
        assert logits.shape[0] >= rows
        assert logits.shape[1] >= self.vocab_size
        assert logits.stride(1) == 1
        assert 0 < rows <= self.max_rows
        run, vocab, width = self._run, self.vocab_size, self._width
        settings, scores, partials = _address(self._settings), _address(self._scores), _address(self._partials)
        histogram, states, listed = _address(self._histogram), _address(self._states), _address(self._listed)
        seen, replied, winners = _address(self._seen), _address(self._replied), _address(self._winners)
        spread, whole = (layout.SPREAD, rows, 1), (rows, 1, 1)
        run(START, spread, layout.THREADS, logits.data_ptr(), logits.stride(0), vocab, settings, seen, replied, vocab,
            scores, width, histogram, partials)  # fmt: skip
        run(COUNT_BINS, spread, layout.THREADS, scores, width, vocab, settings, partials, histogram)
        run(PICK_BINS, whole, layout.WHOLE, settings, histogram, states)
        run(LIST_TOKENS, spread, layout.THREADS, scores, width, vocab, settings, partials, states, listed)
        run(FIND_CUT, whole, layout.WHOLE, settings, states, listed, width)
        run(DRAW, spread, layout.THREADS, scores, width, vocab, settings, _address(self._seeds),
            _address(self.positions), partials, states, winners)  # fmt: skip
        run(FINISH, whole, layout.FINISH, settings, partials, winners, _address(self.tokens), _address(self.problems))

    def count(self, rows: int, *, advance: bool = True) -> None:
        """Adds the chosen tokens of active rows to their counts, on the current stream.

        Args:
            advance: whether their positions move on by one; False if someone else moves them.
        """
        self._run(
            COUNT_TOKEN, (1, 1, 1), MAX_ROWS, _address(self.tokens), _address(self.active), rows, _address(self._seen),
            _address(self._replied), self.vocab_size, _address(self.positions), int(advance),
        )  # fmt: skip

    def _run(self, source: KernelSource, grid: tuple[int, int, int], threads: int, *arguments: int) -> None:
        self._kernels[source.name](grid, threads, *arguments)

    def _count(self, ids: Sequence[int]) -> torch.Tensor:
        known = torch.tensor([i for i in ids if 0 <= i < self.vocab_size], dtype=torch.int64)
        return torch.bincount(known, minlength=self.vocab_size).to(torch.int32)


def _address(tensor: torch.Tensor) -> int:
    return tensor.data_ptr()
