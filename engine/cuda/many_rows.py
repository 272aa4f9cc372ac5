"""Products of many rows with EXL3 matrices: matrices are decoded to fp16 and cuBLAS multiplies, in the rotated basis.

The rotated basis makes this exact: inputs are rotated before, sums are rotated back after. A matrix is decoded whole
where the scratch holds it (see DECODED_VALUES), since larger products fill the card better. Knows nothing of few rows.

Bytes a layer must move besides cuBLAS, T rows, in E, out N, b bits: preparing 4 T E + 2 T E for each matrix, decoding
E N (b / 8 + 2), finishing 8 T N (12 T N with a residual); gate, up and what follows them 10 T N in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from engine.budget import DECODED_VALUES, PRODUCT_COLUMNS
from engine.cuda.exl3 import NO_NORM, CudaExl3Linear, InputNorm
from engine.cuda.scratch import grown
from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource

THREADS = 256
WARPS = THREADS // 32
GATED_BLOCKS = 2  # of `finish_gated_many` that a multiprocessor runs at the same time: its registers allow no more


def kernels_of(linear: CudaExl3Linear) -> list[KernelSource]:
    """Every kernel that many rows of this linear may need."""
    decode = catalogue.exl3_decode(linear.bits, linear.codebook)
    return [catalogue.PREPARE_MANY, catalogue.FINISH_MANY, catalogue.FINISH_GATED_MANY, decode]


class ManyScratch:
    """Working memory shared by all linears of a model, grown while loading and fixed before the first graph.

    Attributes:
        rotated: fp16, the rotated inputs.  product: float32, sums before the output rotation.
        decoded: fp16, the slice that is multiplied.
        resident_warps: of `finish_gated_many` that the card runs at the same time.
    """

    def __init__(self, device: torch.device) -> None:
        self.rotated = torch.empty(0, dtype=torch.float16, device=device)
        self.product = torch.empty(0, dtype=torch.float32, device=device)
        self.decoded = torch.empty(0, dtype=torch.float16, device=device)
        self.resident_warps = WARPS * GATED_BLOCKS * _multiprocessors(device)

    def reserve_for(self, linear: CudaExl3Linear, rows: int) -> None:
        """Makes room for up to `rows` rows of a linear."""
        columns = _slice_columns(linear, DECODED_VALUES // linear.padded_in)
        self.rotated = grown(self.rotated, linear.padded_in * rows)
        self.product = grown(self.product, rows * min(PRODUCT_COLUMNS, linear.padded_out))
        self.decoded = grown(self.decoded, linear.padded_in * columns)


def _slice_columns(linear: CudaExl3Linear, most: int) -> int:
    """Columns of each of the fewest equal slices of at most `most` columns; the last slice may have fewer."""
    blocks = linear.padded_out // 128
    slices = -(-blocks // max(most // 128, 1))
    return 128 * -(-blocks // slices)


class ManyRows:
    """Matrices with one input, width and codebook, multiplied one after the other."""

    def __init__(
        self,
        linears: Sequence[CudaExl3Linear],
        outs: Sequence[torch.Tensor],
        scratch: ManyScratch,
        kernels: KernelCache,
    ) -> None:
        self._scratch, self._kernels = scratch, kernels
        self._linears, self._outs = tuple(linears), tuple(outs)
        first = linears[0]
        self._in_features, self._padded_in = first.in_features, first.padded_in
        addresses = [linear.suh.data_ptr() for linear in linears]
        self._suh = torch.tensor(addresses, dtype=torch.int64, device=first.words.device)

    def multiply(self, x: torch.Tensor, norm: InputNorm = NO_NORM, *, accumulate: bool = False) -> None:
        """Writes (or adds) the products of x float32 [T, in_features], normed on the way, to the outputs."""
        count, room = len(self._linears), self._scratch.rotated.numel() // (x.shape[0] * self._padded_in)
        for first in range(0, count, room):
            for i, rotated in enumerate(self._prepare(x, norm, first, min(room, count - first)), first):
                self._multiply_one(rotated, self._linears[i], self._outs[i], accumulate)

    def can_feed(self, down: ManyRows, rows: int) -> bool:
        """Whether this pair of gate and up can hand its product to `down` without leaving the rotated basis."""
        if len(self._linears) != 2 or 2 * rows * self._padded_in > self._scratch.rotated.numel():
            return False
        sizes = {size for linear in self._linears for size in (linear.out_features, linear.padded_out)}
        return sizes == {down._in_features} == {down._padded_in}

    def multiply_gated(
        self, x: torch.Tensor, norm: InputNorm, down: ManyRows, gate_buffer: torch.Tensor, up_buffer: torch.Tensor
    ) -> None:
        """The whole MLP: this pair, silu(gate) * up as down's rotated input in one kernel, down added to its output.

        Args:
            gate_buffer, up_buffer: float32 [T, I], contiguous; they hold the products meanwhile.
        """
        rows, width = x.shape[0], down._padded_in
        gate, up = self._linears
        rotated = self._prepare(x, norm, 0, 2)
        room = self._scratch.decoded.numel() // self._padded_in
        columns = width if width <= room else _slice_columns(gate, min(room, width // 2))
        if columns == width:
            ready = self._scratch.rotated[: rows * width].view(rows, width)
            spaces = gate_buffer.view(-1), up_buffer.view(-1)
        else:  # the inputs are needed to the last slice: down's input has the place of the gate's product
            ready = gate_buffer.view(-1).view(torch.float16)[: rows * width].view(rows, width)
            half = rows * columns
            spaces = up_buffer.view(-1)[:half], up_buffer.view(-1)[half:]
        for first in range(0, width, columns):
            taken = min(columns, width - first)
            products = [space[: rows * taken].view(rows, taken) for space in spaces]
            for linear, inputs, product in zip((gate, up), rotated, products, strict=True):
                self._multiply_slice(linear, inputs, first, product)
            place = 2 * first
            self._kernels.get(catalogue.FINISH_GATED_MANY)(
                self._gated_grid(rows, taken), THREADS, products[0].data_ptr(), products[1].data_ptr(),
                rows, taken, taken,
                gate.svh.data_ptr() + place, up.svh.data_ptr() + place, gate.bias.data_ptr() + place,
                up.bias.data_ptr() + place, down._linears[0].suh.data_ptr() + place, ready.data_ptr() + place, width,
            )  # fmt: skip
        down._multiply_one(ready, down._linears[0], down._outs[0], accumulate=True)

    def _prepare(self, x: torch.Tensor, norm: InputNorm, first: int, count: int) -> torch.Tensor:
        """The rotated inputs of `count` matrices from `first` on, fp16 [count, T, padded_in]."""
        rows = x.shape[0]
        rotated = self._scratch.rotated[: count * rows * self._padded_in].view(count, rows, self._padded_in)
        self._kernels.get(catalogue.PREPARE_MANY)(
            (rows, 1, 1), THREADS, x.data_ptr(), x.stride(0), self._in_features, norm.weight, norm.eps,
            self._suh.data_ptr() + 8 * first, self._padded_in // 128, count, rotated.data_ptr(),
        )  # fmt: skip
        return rotated

    def _multiply_one(self, rotated: torch.Tensor, linear: CudaExl3Linear, out: torch.Tensor, accumulate: bool) -> None:
        for first, product in self._slices(rotated.shape[0], linear, out, accumulate):
            rows, columns = product.shape
            self._multiply_slice(linear, rotated, first, product)
            self._kernels.get(catalogue.FINISH_MANY)(
                _warps_grid(rows, columns), THREADS, product.data_ptr(), rows, columns,
                linear.svh.data_ptr() + 2 * first, linear.bias.data_ptr() + 2 * first, out.data_ptr() + 4 * first,
                out.stride(0), min(columns, linear.out_features - first), int(accumulate),
            )  # fmt: skip

    def _slices(
        self, rows: int, linear: CudaExl3Linear, out: torch.Tensor, accumulate: bool
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """First column of each slice and where its product goes: the output itself, if it takes it whole."""
        width, room = linear.padded_out, self._scratch.decoded.numel() // linear.padded_in
        fits_out = linear.out_features == width == out.stride(0) and out.data_ptr() % 16 == 0
        if fits_out and not accumulate and width <= room:
            yield 0, out.as_strided((rows, width), (width, 1))
            return
        columns = _slice_columns(linear, min(room, self._scratch.product.numel() // rows))
        for first in range(0, width, columns):
            taken = min(columns, width - first)
            yield first, self._scratch.product[: rows * taken].view(rows, taken)

    def _multiply_slice(self, linear: CudaExl3Linear, rotated: torch.Tensor, first: int, product: torch.Tensor) -> None:
        """product float32 [T, columns] = rotated times the matrix's columns from `first` on."""
        columns = product.shape[1]
        decoded = self._scratch.decoded[: columns * linear.padded_in].view(columns, linear.padded_in)
        tiles = columns // 16
        self._kernels.get(catalogue.exl3_decode(linear.bits, linear.codebook))(
            (-(-tiles // WARPS), linear.padded_in // 128, 1), THREADS,
            linear.words.data_ptr() + first // 16 * 32 * linear.bits, decoded.data_ptr(), tiles,
            linear.padded_out // 16, linear.padded_in,
        )  # fmt: skip
        torch.mm(rotated, decoded.t(), out_dtype=torch.float32, out=product)

    def _gated_grid(self, rows: int, columns: int) -> tuple[int, int, int]:
        """As many blocks as run at the same time, and no more than have work; each warp then takes several rows."""
        quads = -(-columns // 512)
        warps = max(min(self._scratch.resident_warps // quads, rows), 1) * quads
        return -(-warps // WARPS), 1, 1


def _warps_grid(rows: int, columns: int) -> tuple[int, int, int]:
    """Blocks of a kernel that gives a warp four blocks of 128 columns of a row."""
    return -(-rows * -(-columns // 512) // WARPS), 1, 1


def _multiprocessors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
