"""Which cosines and sines turn the rows of a step: by their places, by places moved, or by three positions each.

Kernels read row `position + offset` of the tables. Rows that differ in time, height and width get tables of their own,
a row for each, made once a step and rope, whatever the number of layers. Knows nothing of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Batch


@dataclass(frozen=True)
class CudaRope:
    """Tables float32 [positions, rotary / 2]; `streams` int64 [rotary / 2] as in `Backend.prepare_rope`."""

    cosines: torch.Tensor
    sines: torch.Tensor
    streams: torch.Tensor | None = None


@dataclass(frozen=True)
class Turning:
    """What kernels are told: addresses of the tables' row for position 0, and of offsets int32 [T], 0 for none."""

    cosines: int
    sines: int
    offsets: int = 0


@dataclass(frozen=True, eq=False)
class _Made:
    """Tables of one step."""

    turns: torch.Tensor
    rope: CudaRope
    cosines: torch.Tensor
    sines: torch.Tensor


class StepTurns:
    """Keeps the tables made for the last step, which all layers with one rope share."""

    def __init__(self) -> None:
        self._made: list[_Made] = []
        self._offsets: torch.Tensor | None = None  # of the last step; kept for as long as kernels may read it

    def trim(self) -> None:
        """Gives the tables back."""
        self._made, self._offsets = [], None

    def of(self, rope: CudaRope, batch: Batch) -> Turning:
        """How the rows of a batch are turned; all that is launched for it later goes to the current stream."""
        if batch.turns is None or rope.streams is None:
            offsets = batch.turn_offsets
            address = 0 if offsets is None else offsets.data_ptr()
            return Turning(rope.cosines.data_ptr(), rope.sines.data_ptr(), address)
        made = self._tables(rope, rope.streams, batch.turns)
        if not batch.consecutive:  # row t of the tables, at whatever position
            rows = torch.arange(batch.num_rows, dtype=torch.int32, device=batch.positions.device)
            self._offsets = rows - batch.positions
            return Turning(made.cosines.data_ptr(), made.sines.data_ptr(), self._offsets.data_ptr())
        assert batch.first_position is not None, "of chunks with images the host knows where they begin"
        before = batch.first_position * made.cosines.stride(0) * made.cosines.element_size()
        return Turning(made.cosines.data_ptr() - before, made.sines.data_ptr() - before)

    def _tables(self, rope: CudaRope, streams: torch.Tensor, turns: torch.Tensor) -> _Made:
        self._made = [each for each in self._made if each.turns is turns]
        for each in self._made:
            if each.rope is rope:
                return each
        which = turns.long()[streams].T.contiguous()  # [T, rotary / 2]
        made = _Made(turns, rope, rope.cosines.gather(0, which), rope.sines.gather(0, which))
        self._made.append(made)
        return made
