"""Products of 17 to 128 rows with EXL3 matrices, straight from the packed trellis: each tile is decoded once.

Shares the working memory of products of many rows, which never run at the same time. Knows nothing of norms or layers
beyond their addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.cuda.exl3 import CudaExl3Linear, InputNorm
from engine.cuda.few_rows import FEW_ROWS, MAX_GROUP
from engine.cuda.many_rows import ManyScratch
from gpu.kernels import catalogue
from gpu.kernels.medium_layout import MAX_ROWS, SHAPES, Shape, choose_splits, shape_for
from gpu.launch import KernelCache, KernelSource

MAX_SPLITS = 16
PREPARE_THREADS = 1024
FINISH_THREADS = 128


def kernels_of(linear: CudaExl3Linear) -> list[KernelSource]:
    """Every kernel that a medium number of rows of this linear may need, but those that finish any product."""
    products = [catalogue.exl3_medium(linear.bits, linear.codebook, shape) for shape in SHAPES]
    return [catalogue.PREPARE_MEDIUM, *products]


class MediumScratch:
    """Working memory shared by all linears of a model.

    Attributes:
        many: inputs have the place of its rotated ones, partial sums that of its product.
        scales: float32 [MAX_GROUP, MAX_ROWS].
    """

    def __init__(self, many: ManyScratch, device: torch.device) -> None:
        self.many = many
        self.scales = torch.empty(MAX_GROUP * MAX_ROWS, dtype=torch.float32, device=device)
        self.multiprocessors = torch.cuda.get_device_properties(device).multi_processor_count


@dataclass(frozen=True)
class Tables:
    """What a launch of all of a group's matrices needs.

    Attributes:
        suh, svh, bias: fp16 of all matrices, one after the other.
        outputs: int64 [blocks, 3], as `hadamard.finish_kernel` takes them.
    """

    suh: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor
    outputs: torch.Tensor


class MediumRows:
    """Matrices with one input, width and codebook, multiplied in one launch."""

    def __init__(
        self, linears: Sequence[CudaExl3Linear], tables: Tables, scratch: MediumScratch, kernels: KernelCache
    ) -> None:
        assert len(linears) <= MAX_GROUP
        self._count, self._tables, self._scratch, self._kernels = len(linears), tables, scratch, kernels
        first = linears[0]
        self._bits, self._codebook = first.bits, first.codebook
        self._in_features, self._padded_in = first.in_features, first.padded_in
        self._widths = [linear.padded_out for linear in linears]
        self._width = sum(self._widths)
        last = [linears[min(i, len(linears) - 1)] for i in range(MAX_GROUP)]
        self._words = tuple(linear.words.data_ptr() for linear in last)
        self._tiles = tuple(linear.padded_out // 16 for linear in last)
        self._splits: dict[Shape, int] = {}

    def takes(self, rows: int) -> bool:
        """Whether this is the way for so many rows, which the working memory must hold too."""
        if not FEW_ROWS < rows <= MAX_ROWS:
            return False
        many = self._scratch.many
        inputs, sums = self._count * rows * self._padded_in, rows * self._width
        return inputs <= many.rotated.numel() and sums <= many.product.numel()

    def multiply(self, x: torch.Tensor, norm: InputNorm, *, accumulate: bool) -> None:
        """Writes (or adds) the products of x float32 [T, in_features], normed on the way, to the outputs."""
        rows, tables, many = x.shape[0], self._tables, self._scratch.many
        shape = shape_for(rows)
        splits = self._splits_for(shape, rows)
        self._kernels.get(catalogue.PREPARE_MEDIUM)(
            (rows, self._count, 1), PREPARE_THREADS, x.data_ptr(), x.stride(0), self._in_features, norm.weight,
            norm.eps, tables.suh.data_ptr(), self._padded_in // 128, rows, many.rotated.data_ptr(),
            self._scratch.scales.data_ptr(),
        )  # fmt: skip
        ends = self._block_ends(shape)
        self._kernels.get(catalogue.exl3_medium(self._bits, self._codebook, shape))(
            (ends[-1], splits, 1), shape.threads, *self._words, *self._tiles, ends[0], ends[1],
            many.rotated.data_ptr(), 2 * rows * self._padded_in, 2 * self._padded_in, self._scratch.scales.data_ptr(),
            4 * rows, many.product.data_ptr(), self._width, self._padded_in // 16, rows,
        )  # fmt: skip
        is_split, blocks = splits > 1, self._width // 128
        self._kernels.get(catalogue.finish_output(is_split))(
            (blocks if is_split else -(-blocks // 4), rows, 1), FINISH_THREADS, many.product.data_ptr(), splits, rows,
            self._width, tables.svh.data_ptr(), tables.bias.data_ptr(), tables.outputs.data_ptr(), blocks,
            int(accumulate),
        )  # fmt: skip

    def _block_ends(self, shape: Shape) -> list[int]:
        """Where each matrix's blocks of columns end; the last end again for matrices that are not there."""
        blocks = [-(-width // shape.columns) for width in self._widths]
        return [sum(blocks[: i + 1]) for i in range(MAX_GROUP)]

    def _splits_for(self, shape: Shape, rows: int) -> int:
        """The splits of a shape, no more than the working memory holds the sums of."""
        room = self._scratch.many.product.numel() // (rows * self._width)
        best = self._splits.get(shape)
        if best is None:
            blocks = self._block_ends(shape)[-1]
            best = choose_splits(shape, blocks, self._padded_in, self._scratch.multiprocessors, MAX_SPLITS)
            self._splits[shape] = best
        return min(best, room)
