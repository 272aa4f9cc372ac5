"""Products of many rows with EXL3 matrices: matrices are decoded to fp16 and cuBLAS multiplies, in the rotated basis.

The rotated basis makes this exact: inputs are rotated before, sums are rotated back after. Knows nothing of few rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.cuda.exl3 import CudaExl3Linear, InputNorm
from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource

SLICE_COLUMNS = 4096  # columns decoded at a time


def kernels_of(linear: CudaExl3Linear) -> list[KernelSource]:
    """Every kernel that many rows of this linear may need."""
    return [
        catalogue.prepare_input(False),
        catalogue.finish_output(False),
        catalogue.exl3_decode(linear.bits, linear.codebook),
    ]


class ManyScratch:
    """Working memory shared by all linears of a model, grown while loading and fixed before the first graph.

    Attributes:
        rotated: fp16, the rotated inputs.  product: float32, sums before the output rotation.
        decoded: fp16, a slice of a decoded matrix.
    """

    def __init__(self, device: torch.device) -> None:
        self.rotated = torch.empty(0, dtype=torch.float16, device=device)
        self.product = torch.empty(0, dtype=torch.float32, device=device)
        self.decoded = torch.empty(0, dtype=torch.float16, device=device)

    def reserve_for(self, linear: CudaExl3Linear, rows: int) -> None:
        """Makes room for up to `rows` rows of a linear."""
        columns = min(SLICE_COLUMNS, linear.padded_out)
        self._reserve("rotated", linear.padded_in * rows)
        self._reserve("product", rows * columns)
        self._reserve("decoded", linear.padded_in * columns)

    def _reserve(self, name: str, count: int) -> None:
        old: torch.Tensor = getattr(self, name)
        if count > old.numel():
            setattr(self, name, torch.empty(count, dtype=old.dtype, device=old.device))


class ManyRows:
    """Matrices with one input, width and codebook, multiplied one after the other."""

    def __init__(
        self,
        linears: Sequence[CudaExl3Linear],
        outs: Sequence[torch.Tensor],
        scratch: ManyScratch,
        kernels: KernelCache,
    ) -> None:
        self._scratch, self._kernels, self._linears = scratch, kernels, tuple(linears)
        first = linears[0]
        self._in_features, self._padded_in = first.in_features, first.padded_in
        device = first.words.device
        self._tables = [
            torch.tensor(_blocks_of(linear, out), dtype=torch.int64, device=device)
            for linear, out in zip(linears, outs, strict=True)
        ]

    def multiply(self, x: torch.Tensor, norm: InputNorm, *, accumulate: bool = False) -> None:
        """Writes (or adds) the products of x float32 [T, in_features], normed on the way, to the outputs."""
        rows = x.shape[0]
        rotated = self._scratch.rotated[: rows * self._padded_in].view(rows, self._padded_in)
        for linear, table in zip(self._linears, self._tables):
            self._prepare(x, norm, linear)
            for first in range(0, linear.padded_out, SLICE_COLUMNS):
                columns = min(SLICE_COLUMNS, linear.padded_out - first)
                sums = self._multiply_slice(linear, rotated, first, columns)
                self._kernels.get(catalogue.finish_output(False))(
                    (-(-columns // 512), rows, 1), 128, sums.data_ptr(), 1, rows, columns,
                    linear.svh.data_ptr() + 2 * first, linear.bias.data_ptr() + 2 * first,
                    table.data_ptr() + 24 * (first // 128), columns // 128, int(accumulate),
                )  # fmt: skip

    def _prepare(self, x: torch.Tensor, norm: InputNorm, linear: CudaExl3Linear) -> None:
        blocks = self._padded_in // 128
        self._kernels.get(catalogue.prepare_input(False))(
            (-(-blocks // 8), x.shape[0], 1), 256, x.data_ptr(), x.stride(0), self._in_features,
            norm.weight, norm.eps, linear.suh.data_ptr(), blocks, x.shape[0], self._scratch.rotated.data_ptr(), 0,
        )  # fmt: skip

    def _multiply_slice(self, linear: CudaExl3Linear, rotated: torch.Tensor, first: int, columns: int) -> torch.Tensor:
        rows = rotated.shape[0]
        decoded = self._scratch.decoded[: self._padded_in * columns].view(self._padded_in, columns)
        sums = self._scratch.product[: rows * columns].view(rows, columns)
        self._kernels.get(catalogue.exl3_decode(linear.bits, linear.codebook))(
            (-(-columns // 128), -(-self._padded_in // 64), 1), 256,
            linear.words.data_ptr() + first // 16 * 32 * linear.bits, decoded.data_ptr(),
            columns // 16, linear.padded_out // 16, columns, self._padded_in // 16,
        )  # fmt: skip
        torch.mm(rotated, decoded, out_dtype=torch.float32, out=sums)
        return sums


def _blocks_of(linear: CudaExl3Linear, out: torch.Tensor) -> list[list[int]]:
    """For each block of 128 columns: address in row 0, values from row to row, columns that exist."""
    table = []
    for first in range(0, linear.padded_out, 128):
        known = max(0, min(128, linear.out_features - first))
        table.append([out.data_ptr() + 4 * first, out.stride(0), known])
    return table
