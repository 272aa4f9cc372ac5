"""EXL3 linears on the card: groups that share an input, their tables, and the roads by number of rows.

Up to 16 rows are multiplied straight from the packed trellis, all matrices of a group with equal width and codebook in
one launch: in integers for mul1 and up to four rows, else in fp16. More rows are `many_rows`' part. Knows nothing of
layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.cuda import many_rows
from engine.cuda.exl3 import NO_NORM, CudaExl3Linear, InputNorm
from engine.cuda.many_rows import ManyRows, ManyScratch
from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource

FEW_ROWS = 16
MAX_GROUP = 3  # linears of one input: query, key, value
BLOCKS_IN_FLIGHT = 2048  # of the few-rows kernels over the whole card: more cost only reductions (measured on an H200)


@dataclass(frozen=True)
class Road:
    """How a product of few rows is cut into blocks; the numbers are the kernels' own."""

    max_rows: int
    columns: int  # of a block
    threads: int
    warps: int
    unit: int  # inputs that a warp takes at a time


INTEGER = Road(max_rows=4, columns=128, threads=128, warps=4, unit=128)
HALVES = Road(max_rows=FEW_ROWS, columns=64, threads=256, warps=8, unit=32)


def roads_of(linear: CudaExl3Linear) -> tuple[Road, ...]:
    """The roads of few rows, for fewer rows first."""
    return (INTEGER, HALVES) if linear.codebook == "mul1" else (HALVES,)


def kernels_of(linear: CudaExl3Linear) -> list[KernelSource]:
    """Every kernel that this linear may need."""
    sources = [
        catalogue.prepare_input(False),
        catalogue.finish_gated(False),
        catalogue.exl3_matmul(linear.bits, linear.codebook, 1),
        catalogue.exl3_matmul(linear.bits, linear.codebook, 2),
        *many_rows.kernels_of(linear),
    ]
    if linear.codebook == "mul1":
        sources += [catalogue.prepare_input(True), catalogue.finish_gated(True)]
        sources.append(catalogue.exl3_matmul_int(linear.bits))
    return sources


class Scratch:
    """Working memory shared by all linears of a model, grown while loading and fixed before the first graph.

    Attributes:
        rotated: 16-bit values, the rotated inputs.  scales: float32, of integer inputs.
        partial: float32, sums before the output rotation.  many: what many rows need.
    """

    def __init__(self, device: torch.device) -> None:
        self.rotated = torch.empty(0, dtype=torch.float16, device=device)
        self.scales = torch.empty(0, dtype=torch.float32, device=device)
        self.partial = torch.empty(0, dtype=torch.float32, device=device)
        self.many = ManyScratch(device)

    def reserve_for(self, linear: CudaExl3Linear, many: int) -> None:
        """Makes room for a linear in a group of up to `MAX_GROUP` of its kind, and for `many` rows of it."""
        sums = max(splits_of(road, linear.padded_out, linear.padded_in) * road.max_rows for road in roads_of(linear))
        self._reserve("rotated", linear.padded_in * MAX_GROUP * FEW_ROWS)
        self._reserve("scales", linear.padded_in // 128 * 2 * MAX_GROUP * FEW_ROWS)
        self._reserve("partial", MAX_GROUP * sums * linear.padded_out)
        self.many.reserve_for(linear, many)

    def _reserve(self, name: str, count: int) -> None:
        old: torch.Tensor = getattr(self, name)
        if count > old.numel():
            setattr(self, name, torch.empty(count, dtype=old.dtype, device=old.device))


def splits_of(road: Road, width: int, padded_in: int) -> int:
    """Parts that the inputs are cut into: as many as give every warp work, unless the columns give enough blocks."""
    most = max(1, padded_in // (road.unit * road.warps))
    return max(1, min(most, BLOCKS_IN_FLIGHT // -(-width // road.columns)))


class _FewRows:
    """The tables and the launch of one road for one group."""

    def __init__(self, road: Road, linears: Sequence[CudaExl3Linear], scratch: Scratch, kernels: KernelCache) -> None:
        first = linears[0]
        self.road, self._scratch, self._kernels = road, scratch, kernels
        self._bits, self._codebook, self._padded_in = first.bits, first.codebook, first.padded_in
        self.splits = splits_of(road, sum(linear.padded_out for linear in linears), first.padded_in)
        matrices: list[list[int]] = []
        owners: list[int] = []
        for i, linear in enumerate(linears):
            rotated = scratch.rotated.data_ptr() + 2 * i * FEW_ROWS * self._padded_in
            scales = scratch.scales.data_ptr() + 8 * i * FEW_ROWS * (self._padded_in // 128)
            where = [rotated, scales] if road is INTEGER else [rotated]
            matrices.append([linear.words.data_ptr(), *where, len(owners), linear.padded_out // 16])
            owners += [i] * (linear.padded_out // road.columns)
        device = first.words.device
        self._matrices = torch.tensor(matrices, dtype=torch.int64, device=device)
        self._owners = torch.tensor(owners, dtype=torch.int32, device=device)

    def multiply(self, rows: int) -> None:
        """partial = prepared inputs times the matrices."""
        tables = (self._matrices.data_ptr(), self._owners.data_ptr(), self._scratch.partial.data_ptr())
        grid, units = (self._owners.shape[0], self.splits, 1), self._padded_in // 128
        if self.road is INTEGER:
            kernel = self._kernels.get(catalogue.exl3_matmul_int(self._bits))
            kernel(grid, self.road.threads, *tables, units, -(-units // self.splits), rows)
            return
        kernel = self._kernels.get(catalogue.exl3_matmul(self._bits, self._codebook, 1 if rows <= 8 else 2))
        tiles = self._padded_in // 16
        kernel(grid, self.road.threads, *tables, tiles, -(-tiles // self.splits), rows, self._padded_in)


class LinearGroup:
    """Matrices with one input, width and codebook, with the tables that a launch of all of them needs."""

    def __init__(
        self, linears: Sequence[CudaExl3Linear], outs: Sequence[torch.Tensor], scratch: Scratch, kernels: KernelCache
    ) -> None:
        assert len(linears) <= MAX_GROUP
        first = linears[0]
        self._scratch, self._kernels, self._linears = scratch, kernels, tuple(linears)
        self._bits, self._codebook = first.bits, first.codebook
        self._in_features, self._padded_in = first.in_features, first.padded_in
        self._width = sum(linear.padded_out for linear in linears)
        single = len(linears) == 1
        self._suh = first.suh if single else torch.cat([linear.suh for linear in linears])
        self._svh = first.svh if single else torch.cat([linear.svh for linear in linears])
        self._bias = first.bias if single else torch.cat([linear.bias for linear in linears])
        table = _output_table(linears, outs)
        self._outputs = torch.tensor(table, dtype=torch.int64, device=first.words.device)
        self._few = [_FewRows(road, linears, scratch, kernels) for road in roads_of(first)]
        self.many = ManyRows(linears, outs, scratch.many, kernels)

    def multiply(self, x: torch.Tensor, norm: InputNorm = NO_NORM, *, accumulate: bool = False) -> None:
        """Writes (or adds) the products of x float32 [T, in_features], normed on the way, to the group's outputs."""
        rows = x.shape[0]
        if rows > FEW_ROWS:
            self.many.multiply(x, norm, accumulate=accumulate)
            return
        road = self._road(rows)
        self._prepare(x, norm, road.road is INTEGER, self._suh, len(self._linears), FEW_ROWS)
        road.multiply(rows)
        self._finish(self._scratch.partial, road.splits, rows, self._width, 0, accumulate)

    def can_feed(self, down: LinearGroup, rows: int) -> bool:
        """Whether this pair of gate and up can hand its product to `down` without leaving the rotated basis."""
        widths = {linear.padded_out for linear in self._linears}
        return rows <= FEW_ROWS and len(self._linears) == 2 and widths == {down._padded_in}

    def multiply_gated(self, x: torch.Tensor, norm: InputNorm, down: LinearGroup) -> None:
        """The whole MLP of few rows: this pair, silu(gate) * up in one kernel with down's rotation, down added."""
        rows = x.shape[0]
        road = self._road(rows)
        self._prepare(x, norm, road.road is INTEGER, self._suh, len(self._linears), FEW_ROWS)
        road.multiply(rows)
        next_road = down._road(rows)
        blocks = down._padded_in // 128
        self._kernels.get(catalogue.finish_gated(next_road.road is INTEGER))(
            (blocks, rows, 1), 128, self._scratch.partial.data_ptr(), road.splits, rows, blocks,
            down._in_features, self._svh.data_ptr(), self._bias.data_ptr(), down._suh.data_ptr(),
            self._scratch.rotated.data_ptr(), self._scratch.scales.data_ptr(),
        )  # fmt: skip
        next_road.multiply(rows)
        down._finish(self._scratch.partial, next_road.splits, rows, down._width, 0, accumulate=True)

    def _road(self, rows: int) -> _FewRows:
        return next(each for each in self._few if rows <= each.road.max_rows)

    def _prepare(
        self, x: torch.Tensor, norm: InputNorm, is_integer: bool, suh: torch.Tensor, count: int, capacity: int
    ) -> None:
        blocks = self._padded_in // 128
        self._kernels.get(catalogue.prepare_input(is_integer))(
            (-(-blocks // 8), x.shape[0], count), 256, x.data_ptr(), x.stride(0), self._in_features,
            norm.weight, norm.eps, suh.data_ptr(), blocks, capacity,
            self._scratch.rotated.data_ptr(), self._scratch.scales.data_ptr(),
        )  # fmt: skip

    def _finish(self, sums: torch.Tensor, splits: int, rows: int, width: int, column: int, accumulate: bool) -> None:
        grid = (width // 128 if splits > 1 else -(-width // 512), rows, 1)
        self._kernels.get(catalogue.finish_output(splits > 1))(
            grid, 128, sums.data_ptr(), splits, rows, width,
            self._svh.data_ptr() + 2 * column, self._bias.data_ptr() + 2 * column,
            self._outputs.data_ptr() + 24 * (column // 128), width // 128, int(accumulate),
        )  # fmt: skip


def _output_table(linears: Sequence[CudaExl3Linear], outs: Sequence[torch.Tensor]) -> list[list[int]]:
    """For each block of 128 columns: address in row 0, values from row to row, columns that exist."""
    table = []
    for linear, out in zip(linears, outs, strict=True):
        for first in range(0, linear.padded_out, 128):
            known = max(0, min(128, linear.out_features - first))
            table.append([out.data_ptr() + 4 * first, out.stride(0), known])
    return table
