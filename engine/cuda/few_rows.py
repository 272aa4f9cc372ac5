"""Products of up to 16 rows with EXL3 matrices, straight from the packed trellis: roads, scratch and launches.

A road says in what form activations and weights meet (`gpu.kernels.exl3_product`); it follows from the codebook and the
number of rows. Knows nothing of norms or layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.cuda.exl3 import CudaExl3Linear
from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource

FEW_ROWS = 16
MAX_GROUP = 3  # linears of one input: query, key, value
PRODUCT_THREADS = 128
PRODUCT_WARPS = 4
UNIT_ROWS = 8  # tile rows that share a scale
LEAST_BLOCKS = 3.8  # for each multiprocessor: fewer leave it waiting for memory, more cost reductions
READ_BEHIND = 16  # 16-bit inputs, and a row of them, that a product may read behind the last, and drop


@dataclass(frozen=True)
class Road:
    """How a product of few rows is computed; the numbers are the kernels' own."""

    kind: str
    groups: int
    max_rows: int

    @property
    def columns(self) -> int:
        """Of a block."""
        return 128 if self.groups == 1 and self.kind != "pairs" else 64

    @property
    def is_bytes(self) -> bool:
        """Whether the product's inputs are integers in two bytes, else fp16."""
        return self.kind == "bytes"


MUL1_ROADS = (Road("bytes", 1, 4), Road("pairs", 1, 8), Road("pairs", 2, FEW_ROWS))
HALVES_ROADS = (Road("halves", 1, 8), Road("halves", 2, FEW_ROWS))


def roads_of(codebook: str) -> tuple[Road, ...]:
    """The roads of a codebook, for fewer rows first."""
    return MUL1_ROADS if codebook == "mul1" else HALVES_ROADS


def road_for(codebook: str, rows: int) -> Road:
    return next(road for road in roads_of(codebook) if rows <= road.max_rows)


def kernels_of(linear: CudaExl3Linear) -> list[KernelSource]:
    """Every product kernel that few rows of a linear may need."""
    return [
        catalogue.exl3_product(linear.bits, linear.codebook, road.kind, road.groups)
        for road in roads_of(linear.codebook)
    ]


class FewScratch:
    """Working memory shared by all linears of a model, grown while loading and fixed before the first graph.

    Attributes:
        inputs: 16-bit codes or fp16 [MAX_GROUP, FEW_ROWS, padded_in].  scales: float32 [..., padded_in / 128, 2].
        partial: float32, sums before the output rotation.
    """

    def __init__(self, device: torch.device) -> None:
        self.inputs = torch.empty(0, dtype=torch.float16, device=device)
        self.scales = torch.empty(0, dtype=torch.float32, device=device)
        self.partial = torch.empty(0, dtype=torch.float32, device=device)
        self.multiprocessors = torch.cuda.get_device_properties(device).multi_processor_count

    def reserve_for(self, linear: CudaExl3Linear) -> None:
        """Makes room for a linear in a group of up to `MAX_GROUP` of its kind."""
        self._reserve("inputs", linear.padded_in * (MAX_GROUP * FEW_ROWS + 1) + READ_BEHIND)
        self._reserve("scales", linear.padded_in // 128 * 2 * MAX_GROUP * FEW_ROWS)
        self._reserve("partial", MAX_GROUP * self.partial_values(linear.codebook, linear.padded_out, linear.padded_in))

    def partial_values(self, codebook: str, width: int, padded_in: int) -> int:
        """float32 values that the partial sums of a product of `width` columns take at most."""
        tile_rows = padded_in // 16
        return width * max(
            splits_of(self.run(road, width, padded_in), tile_rows) * road.max_rows for road in roads_of(codebook)
        )

    def run(self, road: Road, width: int, padded_in: int) -> int:
        """Tile rows that each warp takes: as many as leave enough blocks to fill the card."""
        blocks, tile_rows, run = width // road.columns, padded_in // 16, 1
        while blocks * splits_of(2 * run, tile_rows) >= LEAST_BLOCKS * self.multiprocessors and run < tile_rows:
            run *= 2
        return run

    def _reserve(self, name: str, count: int) -> None:
        old: torch.Tensor = getattr(self, name)
        if count > old.numel():
            setattr(self, name, torch.empty(count, dtype=old.dtype, device=old.device))


def splits_of(run: int, tile_rows: int) -> int:
    """Blocks that share the inputs when each warp takes `run` tile rows."""
    return -(-tile_rows // (PRODUCT_WARPS * run))


@dataclass(frozen=True)
class Sums:
    """Where one matrix's unfinished output is: address of its first column, splits, columns from row to row."""

    address: int
    splits: int
    width: int


class Product:
    """Matrices with one input size, width and codebook, multiplied in one launch.

    Args:
        linears: up to three.
        places: which of the prepared inputs each takes, ascending in equal steps.
        offset: where its partial sums begin in the scratch, in values.
    """

    def __init__(
        self,
        linears: Sequence[CudaExl3Linear],
        places: Sequence[int],
        offset: int,
        scratch: FewScratch,
        kernels: KernelCache,
    ) -> None:
        assert len(linears) == len(places) <= MAX_GROUP
        self._linears, self._scratch, self._kernels, self._offset = tuple(linears), scratch, kernels, offset
        first = linears[0]
        self.bits, self.codebook, self.padded_in = first.bits, first.codebook, first.padded_in
        self.width = sum(linear.padded_out for linear in linears)
        self.partial_values = scratch.partial_values(self.codebook, self.width, self.padded_in)
        self._runs = {road: scratch.run(road, self.width, self.padded_in) for road in roads_of(self.codebook)}
        self._first_place = places[0]
        self._step = places[1] - places[0] if len(places) > 1 else 0
        last = [linears[min(i, len(linears) - 1)] for i in range(MAX_GROUP)]
        self._words = tuple(linear.words.data_ptr() for linear in last)
        self._tiles = tuple(linear.padded_out // 16 for linear in last)

    def multiply(self, rows: int) -> None:
        """partial = prepared inputs times the matrices."""
        road, scratch = road_for(self.codebook, rows), self._scratch
        ends = [sum(linear.padded_out for linear in self._linears[: i + 1]) // road.columns for i in range(MAX_GROUP)]
        row_bytes, scale_bytes, run = 2 * self.padded_in, self.padded_in // 16, self._runs[road]
        unit_rows, tile_rows = min(run, UNIT_ROWS), self.padded_in // 16
        self._kernels.get(catalogue.exl3_product(self.bits, self.codebook, road.kind, road.groups))(
            (ends[-1], splits_of(run, tile_rows), 1), PRODUCT_THREADS, *self._words, *self._tiles, ends[0], ends[1],
            scratch.inputs.data_ptr() + FEW_ROWS * row_bytes * self._first_place, FEW_ROWS * row_bytes * self._step,
            scratch.scales.data_ptr() + FEW_ROWS * scale_bytes * self._first_place,
            FEW_ROWS * scale_bytes * self._step, row_bytes, scale_bytes,
            scratch.partial.data_ptr() + 4 * self._offset, tile_rows, run // unit_rows, unit_rows, rows,
        )  # fmt: skip

    def sums(self, number: int, rows: int) -> Sums:
        """Where the sums of matrix `number` are after `multiply`."""
        before = sum(linear.padded_out for linear in self._linears[:number])
        address = self._scratch.partial.data_ptr() + 4 * (self._offset + before)
        run = self._runs[road_for(self.codebook, rows)]
        return Sums(address, splits_of(run, self.padded_in // 16), self.width)


def products_of(
    linears: Sequence[CudaExl3Linear], scratch: FewScratch, kernels: KernelCache
) -> tuple[list[Product], list[tuple[Product, int]]]:
    """The launches of up to three linears of one prepared input each, and for each linear its launch and place in it.

    Linears of equal width share a launch; all have one codebook.
    """
    assert len({(linear.codebook, linear.padded_in) for linear in linears}) == 1
    products: list[Product] = []
    owners: list[tuple[Product, int] | None] = [None] * len(linears)
    offset = 0
    for bits in dict.fromkeys(linear.bits for linear in linears):
        places = [i for i, linear in enumerate(linears) if linear.bits == bits]
        product = Product([linears[i] for i in places], places, offset, scratch, kernels)
        for number, place in enumerate(places):
            owners[place] = (product, number)
        products.append(product)
        offset += product.partial_values
    return products, [owner for owner in owners if owner is not None]
