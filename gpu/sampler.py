"""Owns what the sampler's kernels read and write on the card, and launches them.

All of it is reserved at the start and keeps its address, so a CUDA graph that captured a launch replays with what the
host wrote since: the host writes a row when its job changes, the kernels do the rest. Knows nothing of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
FINISH = _source("finish", "uuuuuuuiuui")
COUNT_TOKEN = _source("count_token", "uuiuuiuiuui")
SOURCES = (START, COUNT_BINS, PICK_BINS, LIST_TOKENS, FIND_CUT, DRAW, FINISH, COUNT_TOKEN)


@dataclass(frozen=True)
class Handover:
    """Who else is told of chosen tokens.

    Attributes:
        results: int64 [2, 2, max_rows], tokens and problems of rows whose token's position is even, and odd: what a
            step writes stays while the next one runs. May be pinned memory of the host.
        token_ids: int64 [rows], the next step's.
        positions: int32 [rows], of the next step: moved on by one, up to limit - 1; None moves none.
    """

    results: torch.Tensor
    token_ids: torch.Tensor
    positions: torch.Tensor | None = None
    limit: int = 0

    def arguments(self) -> tuple[int, int, int, int, int]:
        """Of the kernel `finish`."""
        positions = 0 if self.positions is None else _address(self.positions)
        return _address(self.results), self.results.shape[2], _address(self.token_ids), positions, self.limit


class SamplerBuffers:
    """The sampler of up to `max_rows` rows of one model on one card.

    Takes about 20 bytes for each row and token of the vocabulary, and 4 for each row and token of `max_window`: 41 MB
    and 2 MB for 16 rows of 128256 and a window of 32768.

    Args:
        kernels: of the same card.
        max_rows: at most 32.
        vocab_size: of the tokenizer, at most 2**19; logits from here on are padding.
        max_window: positions that a row can have: no penalty window needs to remember more.
        device: where all of it lives.

    Attributes:
        tokens: int64 [max_rows], what `launch` chose.
        problems: int32 [max_rows], `FINE`, `NOTHING_POSSIBLE` (every logit was -inf) or `NOT_A_NUMBER` (one was NaN
            or +inf) of `sampling_layout`; a row with a problem gets token 0.
        positions: int32 [max_rows], of the token to be chosen next, counted from the start of the prompt.
        active: int32 [max_rows], 1 for rows whose token `count` counts.
        seen, replied: int32 [max_rows, vocab_size], uses of each token within a row's window: in all, in the reply.
    """

    def __init__(
        self, kernels: KernelCache, max_rows: int, vocab_size: int, max_window: int, device: torch.device
    ) -> None:
        assert 0 < max_rows <= MAX_ROWS
        assert 0 < vocab_size <= 2**19
        assert max_window > 0
        self.max_rows, self.vocab_size, self.max_window = max_rows, vocab_size, max_window
        self._kernels = {source.name: kernels.get(source) for source in SOURCES}
        self._width = -(-vocab_size // _ALIGNMENT) * _ALIGNMENT

        def empty(dtype: torch.dtype, *shape: int) -> torch.Tensor:
            return torch.zeros(max_rows, *shape, dtype=dtype, device=device)

        self.tokens, self.problems = empty(torch.int64), empty(torch.int32)
        self.positions, self.active = empty(torch.int32), empty(torch.int32)
        self._settings = empty(torch.float64, layout.NUM_SETTINGS)
        self._seeds = empty(torch.int64)
        self.seen, self.replied = empty(torch.int32, vocab_size), empty(torch.int32, vocab_size)
        self._windows, self._recent = empty(torch.int32), empty(torch.int32, max_window)
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
        _write(self._settings[row], values)
        seed = settings.seed & (2**64 - 1)
        _write(self._seeds[row : row + 1], [seed - 2**64 if seed >> 63 else seed])

    def set_position(self, row: int, position: int, *, active: bool) -> None:
        """Writes the position of a row's next token and whether `count` counts it."""
        self.positions[row : row + 1].fill_(position)
        self.active[row : row + 1].fill_(int(active))

    def set_history(self, row: int, prompt_ids: Sequence[int], reply_ids: Sequence[int], window: int = 0) -> None:
        """Counts a row's tokens anew; needed only for rows with penalties, whose `count` then keeps up with them.

        Args:
            prompt_ids: from position 0 on; ids beyond the vocabulary are positions without a count.
            reply_ids: those that follow.
            window: counts look at the last so many tokens; 0: at all.
        """
        if window >= self.max_window:
            window = 0  # no token can get so far behind
        ids, first_reply = torch.tensor([*prompt_ids, *reply_ids], dtype=torch.int64), len(prompt_ids)
        first = max(0, len(ids) - window) if window else 0
        self.seen[row].copy_(self._count(ids[first:]))
        self.replied[row].copy_(self._count(ids[max(first, first_reply) :]))
        self._windows[row : row + 1].fill_(window)
        if window:
            self._recent[row, :window].copy_(self._ring(ids, first_reply, window))

    def launch(self, logits: torch.Tensor, rows: int, handover: Handover | None = None) -> None:
        """Chooses `tokens` of the first rows on the current stream: seven kernels, nothing on the host.

        Args:
            logits: float32 [at least rows, at least vocab_size], rows contiguous, left unchanged.
            handover: where else the last kernel writes.
        """
        assert logits.dtype == torch.float32
        assert logits.shape[0] >= rows
        assert logits.shape[1] >= self.vocab_size
        assert logits.stride(1) == 1
        assert 0 < rows <= self.max_rows
        run, vocab, width = self._run, self.vocab_size, self._width
        settings, scores, partials = _address(self._settings), _address(self._scores), _address(self._partials)
        histogram, states, listed = _address(self._histogram), _address(self._states), _address(self._listed)
        seen, replied, winners = _address(self.seen), _address(self.replied), _address(self._winners)
        spread, whole = (layout.SPREAD, rows, 1), (rows, 1, 1)
        run(START, spread, layout.THREADS, logits.data_ptr(), logits.stride(0), vocab, settings, seen, replied, vocab,
            scores, width, histogram, partials)  # fmt: skip
        run(COUNT_BINS, spread, layout.THREADS, scores, width, vocab, settings, partials, histogram)
        run(PICK_BINS, whole, layout.WHOLE, settings, histogram, states)
        run(LIST_TOKENS, spread, layout.THREADS, scores, width, vocab, settings, partials, states, listed)
        run(FIND_CUT, whole, layout.WHOLE, settings, states, listed, width)
        run(DRAW, spread, layout.THREADS, scores, width, vocab, settings, _address(self._seeds),
            _address(self.positions), partials, states, winners)  # fmt: skip
        run(FINISH, whole, layout.FINISH, settings, partials, winners, _address(self.tokens), _address(self.problems),
            _address(self.positions), *(handover.arguments() if handover is not None else (0, 0, 0, 0, 0)))  # fmt: skip

    def count(self, rows: int, *, advance: bool = True) -> None:
        """Adds the chosen tokens of active rows to their counts and takes out those that leave their windows.

        Runs on the current stream; the tokens are those at the rows' `positions`.

        Args:
            advance: whether their positions move on by one; False if someone else moves them.
        """
        self._run(
            COUNT_TOKEN, (1, 1, 1), MAX_ROWS, _address(self.tokens), _address(self.active), rows, _address(self.seen),
            _address(self.replied), self.vocab_size, _address(self.positions), int(advance), _address(self._windows),
            _address(self._recent), self.max_window,
        )  # fmt: skip

    def _run(self, source: KernelSource, grid: tuple[int, int, int], threads: int, *arguments: int) -> None:
        self._kernels[source.name](grid, threads, *arguments)

    def _count(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.bincount(ids[self._is_known(ids)], minlength=self.vocab_size).to(torch.int32)

    def _ring(self, ids: torch.Tensor, first_reply: int, window: int) -> torch.Tensor:
        """The last tokens as `count_token` keeps them, int32 [window]."""
        ring = torch.full((window,), -1, dtype=torch.int32)
        places = torch.arange(max(0, len(ids) - window), len(ids))
        entries = 2 * ids[places] + (places >= first_reply)
        ring[places % window] = torch.where(self._is_known(ids[places]), entries, -1).to(torch.int32)
        return ring

    def _is_known(self, ids: torch.Tensor) -> torch.Tensor:
        return (ids >= 0) & (ids < self.vocab_size)


def _address(tensor: torch.Tensor) -> int:
    return tensor.data_ptr()


def _write(target: torch.Tensor, values: Sequence[float]) -> None:
    """From pinned memory, in the order of the current stream: the host does not wait for what runs there."""
    target.copy_(torch.tensor(values, dtype=target.dtype, pin_memory=target.is_cuda), non_blocking=True)
