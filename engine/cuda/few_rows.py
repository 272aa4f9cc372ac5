"""Products of up to 16 rows with EXL3 matrices, straight from the packed trellis: roads, scratch and launches.

A road says in what form activations and weights meet (`gpu.kernels.exl3_product`); it follows from the codebook and the
number of rows. Knows nothing of norms or layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch

from engine.cuda.exl3 import CudaExl3Linear
from engine.cuda.scratch import grown
from gpu.kernels import catalogue
from gpu.kernels.few_layout import PRODUCT_THREADS, PRODUCT_WARPS, Road, splits_of, units_of
from gpu.launch import KernelCache, KernelSource

FEW_ROWS = 16
MAX_GROUP = 3  # linears of one input: query, key, value
LEAST_BLOCKS = 3.8  # for each multiprocessor: fewer leave it waiting for memory, more cost reductions
MEASURED_SPLITS = 4  # times those of the rule: the most that a measured choice may have ...
MEASURED_VALUES = 2**21  # ... and float32 values of partial sums, unless the rule itself takes more
READ_BEHIND = 16  # 16-bit inputs, and a row of them, that a product may read behind the last, and drop


MUL1_ROADS = (Road("bytes", 1), Road("pairs", 1), Road("pairs", 2))
FAST_ROADS = (Road("byte", 1), *MUL1_ROADS)
HALVES_ROADS = (Road("halves", 1), Road("halves", 2))


def roads_of(codebook: str, *, is_exact: bool = True) -> tuple[Road, ...]:
    """The roads of a codebook, for fewer rows first; one row is 8-bit integers if it need not be exact."""
    if codebook != "mul1":
        return HALVES_ROADS
    return MUL1_ROADS if is_exact else FAST_ROADS


def road_for(codebook: str, rows: int, *, is_exact: bool = True) -> Road:
    """The road of a number of rows. The form of its inputs does not depend on `is_exact`."""
    return next(road for road in roads_of(codebook, is_exact=is_exact) if rows <= road.max_rows)


@dataclass(frozen=True)
class ProductShape:
    """What tells products apart that take different times: matrices of one launch."""

    bits: int
    codebook: str
    widths: tuple[int, ...]
    padded_in: int

    @property
    def width(self) -> int:
        return sum(self.widths)


def kernels_of(linear: CudaExl3Linear, *, is_exact: bool) -> list[KernelSource]:
    """Every product kernel that few rows of a linear may need."""
    return [
        catalogue.exl3_product(linear.bits, linear.codebook, road)
        for road in roads_of(linear.codebook, is_exact=is_exact)
    ]


class FewScratch:
    """Working memory shared by all linears of a model, grown while loading and fixed before the first graph.

    Args:
        is_exact: single rows are not rounded to 8 bits.

    Attributes:
        inputs: 16-bit codes or fp16 [MAX_GROUP, FEW_ROWS, padded_in].  scales: float32 [..., padded_in / 128, 2].
        partial: float32, sums before the output rotation.
        runs: tile rows that each warp takes where they were measured; the rule's (`run`) elsewhere.
    """

    def __init__(self, device: torch.device, *, is_exact: bool) -> None:
        self.is_exact = is_exact
        self.inputs = torch.empty(0, dtype=torch.float16, device=device)
        self.scales = torch.empty(0, dtype=torch.float32, device=device)
        self.partial = torch.empty(0, dtype=torch.float32, device=device)
        self.runs: Mapping[tuple[ProductShape, Road], int] = MappingProxyType({})
        self.multiprocessors = torch.cuda.get_device_properties(device).multi_processor_count

    def reserve_for(self, linear: CudaExl3Linear) -> None:
        """Makes room for a linear in a group of up to `MAX_GROUP` of its kind."""
        partial = self.partial_values(linear.codebook, linear.padded_out, linear.padded_in)
        self.inputs = grown(self.inputs, linear.padded_in * (MAX_GROUP * FEW_ROWS + 1) + READ_BEHIND)
        self.scales = grown(self.scales, linear.padded_in // 128 * 2 * MAX_GROUP * FEW_ROWS)
        self.partial = grown(self.partial, MAX_GROUP * partial)

    def partial_values(self, codebook: str, width: int, padded_in: int) -> int:
        """float32 values that the partial sums of a product of `width` columns take at most."""
        return max(self._room(road, width, padded_in) for road in roads_of(codebook, is_exact=self.is_exact))

    def _room(self, road: Road, width: int, padded_in: int) -> int:
        """float32 values for the partial sums of a road."""
        own = splits_of(self.run(road, width, padded_in), padded_in // 16) * road.max_rows * width
        return max(own, min(MEASURED_SPLITS * own, MEASURED_VALUES))

    def may_run(self, road: Road, width: int, padded_in: int, run: int) -> bool:
        """Whether each warp may take `run` tile rows, a power of two: there is room for the sums, and work for all."""
        tile_rows = padded_in // 16
        if run < 1 or run & (run - 1) or (run > 1 and PRODUCT_WARPS * run >= 2 * tile_rows):
            return False
        return splits_of(run, tile_rows) * road.max_rows * width <= self._room(road, width, padded_in)

    def use_runs(self, runs: Mapping[tuple[ProductShape, Road], int]) -> None:
        """Takes measured runs instead of the rule's: once, before the first step, for they decide the order of sums."""
        assert not self.runs
        for (shape, road), run in runs.items():
            assert self.may_run(road, shape.width, shape.padded_in, run)
        self.runs = MappingProxyType(dict(runs))

    def run(self, road: Road, width: int, padded_in: int) -> int:
        """Tile rows that each warp takes: as many as leave enough blocks to fill the card."""
        blocks, tile_rows, run = width // road.columns, padded_in // 16, 1
        while (
            blocks * splits_of(2 * run, tile_rows) >= LEAST_BLOCKS * self.multiprocessors
            and PRODUCT_WARPS * run < tile_rows
        ):
            run *= 2
        return run


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
        self.shape = ProductShape(
            first.bits, first.codebook, tuple(linear.padded_out for linear in linears), first.padded_in
        )
        self.width = self.shape.width
        self.partial_values = scratch.partial_values(self.codebook, self.width, self.padded_in)
        self._roads = roads_of(self.codebook, is_exact=scratch.is_exact)
        self._rule = {road: scratch.run(road, self.width, self.padded_in) for road in self._roads}
        self._first_place = places[0]
        self._step = places[1] - places[0] if len(places) > 1 else 0
        last = [linears[min(i, len(linears) - 1)] for i in range(MAX_GROUP)]
        self._words = tuple(linear.words.data_ptr() for linear in last)
        self._tiles = tuple(linear.padded_out // 16 for linear in last)

    def multiply(self, rows: int, run: int | None = None) -> None:
        """partial = prepared inputs times the matrices; `run` is for who measures which is the best."""
        road, scratch = self._road(rows), self._scratch
        ends = [sum(linear.padded_out for linear in self._linears[: i + 1]) // road.columns for i in range(MAX_GROUP)]
        row_bytes, scale_bytes, run = 2 * self.padded_in, self.padded_in // 16, run or self._run(road)
        tile_rows = self.padded_in // 16
        self._kernels.get(catalogue.exl3_product(self.bits, self.codebook, road))(
            (ends[-1], splits_of(run, tile_rows), 1), PRODUCT_THREADS, *self._words, *self._tiles, ends[0], ends[1],
            scratch.inputs.data_ptr() + FEW_ROWS * row_bytes * self._first_place, FEW_ROWS * row_bytes * self._step,
            scratch.scales.data_ptr() + FEW_ROWS * scale_bytes * self._first_place,
            FEW_ROWS * scale_bytes * self._step, row_bytes, scale_bytes,
            scratch.partial.data_ptr() + 4 * self._offset, tile_rows, *units_of(run), rows,
        )  # fmt: skip

    def _road(self, rows: int) -> Road:
        return next(road for road in self._roads if rows <= road.max_rows)

    def _run(self, road: Road) -> int:
        return self._scratch.runs.get((self.shape, road), self._rule[road])

    def sums(self, number: int, rows: int, run: int | None = None) -> Sums:
        """Where the sums of matrix `number` are after `multiply`."""
        before = sum(linear.padded_out for linear in self._linears[:number])
        address = self._scratch.partial.data_ptr() + 4 * (self._offset + before)
        run = run or self._run(self._road(rows))
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
