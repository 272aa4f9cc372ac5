"""EXL3 linears on the card outside of the fused step: groups that share an input, for any number of rows.

Up to 16 rows are `few_rows`' part, up to 128 `medium_rows`', more are `many_rows`'. Knows nothing of layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.cuda import few_rows, many_rows, medium_rows
from engine.cuda.exl3 import NO_NORM, CudaExl3Linear, InputNorm
from engine.cuda.few_rows import FEW_ROWS, MAX_GROUP, FewScratch, Product, road_for
from engine.cuda.many_rows import ManyRows, ManyScratch
from engine.cuda.medium_rows import MediumRows, MediumScratch, Tables
from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource


def kernels_of(linear: CudaExl3Linear, *, is_exact: bool) -> list[KernelSource]:
    """Every kernel that this linear may need."""
    prepared = {road.is_bytes for road in few_rows.roads_of(linear.codebook)}
    return [
        *(catalogue.prepare_input(is_bytes) for is_bytes in sorted(prepared)),
        *few_rows.kernels_of(linear, is_exact=is_exact),
        *medium_rows.kernels_of(linear),
        *many_rows.kernels_of(linear),
    ]


class Scratch:
    """Working memory of all linears of a model."""

    def __init__(self, device: torch.device, *, is_exact: bool) -> None:
        self.few = FewScratch(device, is_exact=is_exact)
        self.many = ManyScratch(device)
        self.medium = MediumScratch(self.many, device)

    def reserve_for(self, linear: CudaExl3Linear, many: int) -> None:
        """Makes room for a linear in a group of up to `MAX_GROUP` of its kind, and for `many` rows of it."""
        self.few.reserve_for(linear)
        self.many.reserve_for(linear, many)


class LinearGroup:
    """Matrices with one input, width and codebook, with the tables that a launch of all of them needs."""

    def __init__(
        self, linears: Sequence[CudaExl3Linear], outs: Sequence[torch.Tensor], scratch: Scratch, kernels: KernelCache
    ) -> None:
        assert len(linears) <= MAX_GROUP
        first = linears[0]
        self._scratch, self._kernels, self._linears = scratch.few, kernels, tuple(linears)
        self._codebook = first.codebook
        self._in_features, self._padded_in = first.in_features, first.padded_in
        single = len(linears) == 1
        self._suh = first.suh if single else torch.cat([linear.suh for linear in linears])
        self._svh = first.svh if single else torch.cat([linear.svh for linear in linears])
        self._bias = first.bias if single else torch.cat([linear.bias for linear in linears])
        table = _output_table(linears, outs)
        self._outputs = torch.tensor(table, dtype=torch.int64, device=first.words.device)
        self._product = Product(linears, range(len(linears)), 0, scratch.few, kernels)
        tables = Tables(self._suh, self._svh, self._bias, self._outputs)
        self.medium = MediumRows(linears, tables, scratch.medium, kernels)
        self.many = ManyRows(linears, outs, scratch.many, kernels)

    def multiply(self, x: torch.Tensor, norm: InputNorm = NO_NORM, *, accumulate: bool = False) -> None:
        """Writes (or adds) the products of x float32 [T, in_features], normed on the way, to the group's outputs."""
        rows = x.shape[0]
        if self.medium.takes(rows):
            self.medium.multiply(x, norm, accumulate=accumulate)
            return
        if rows > FEW_ROWS:
            self.many.multiply(x, norm, accumulate=accumulate)
            return
        blocks = self._padded_in // 128
        self._kernels.get(catalogue.prepare_input(road_for(self._codebook, rows).is_bytes))(
            (-(-blocks // 8), rows, len(self._linears)), 256, x.data_ptr(), x.stride(0), self._in_features,
            norm.weight, norm.eps, self._suh.data_ptr(), blocks, FEW_ROWS,
            self._scratch.inputs.data_ptr(), self._scratch.scales.data_ptr(),
        )  # fmt: skip
        self._product.multiply(rows)
        sums = self._product.sums(0, rows)
        is_split, blocks = sums.splits > 1, sums.width // 128
        self._kernels.get(catalogue.finish_output(is_split))(
            (blocks if is_split else -(-blocks // 4), rows, 1), 128, sums.address, sums.splits, rows, sums.width,
            self._svh.data_ptr(), self._bias.data_ptr(), self._outputs.data_ptr(), blocks, int(accumulate),
        )  # fmt: skip


def _output_table(linears: Sequence[CudaExl3Linear], outs: Sequence[torch.Tensor]) -> list[list[int]]:
    """For each block of 128 columns: address in row 0, values from row to row, columns that exist."""
    table = []
    for linear, out in zip(linears, outs, strict=True):
        for first in range(0, linear.padded_out, 128):
            known = max(0, min(128, linear.out_features - first))
            table.append([out.data_ptr() + 4 * first, out.stride(0), known])
    return table
