"""How products of few rows are grouped, divided and placed, with addresses but without a card."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch

from engine.cuda.exl3 import CudaExl3Linear
from engine.cuda.few_rows import (
    FEW_ROWS,
    LEAST_BLOCKS,
    READ_BEHIND,
    FewScratch,
    Product,
    kernels_of,
    products_of,
    road_for,
    roads_of,
)
from gpu.kernels.few_layout import PRODUCT_WARPS, UNIT_ROWS, splits_of
from tests.fakes.fake_kernels import FakeKernels

CODEBOOKS = ("mul1", "mcg", "3inst")
MULTIPROCESSORS = (1, 46, 132)
BITS = ((4, 4, 4), (4, 3, 4), (3, 4, 4), (4, 4, 3), (2, 3, 4))
WIDTHS = ((128, 128, 128), (4096, 1024, 1024), (512, 128, 256))


@pytest.fixture(params=MULTIPROCESSORS)
def scratch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FewScratch:
    about = SimpleNamespace(multi_processor_count=request.param)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    return FewScratch(torch.device("cpu"), is_exact=True)


def linear(bits: int, width: int, codebook: str = "mul1", inputs: int = 512) -> CudaExl3Linear:
    words = torch.zeros(inputs // 16, width // 16, 16 * bits, dtype=torch.int16)
    zeros = [torch.zeros(size, dtype=torch.float16) for size in (inputs, width, width)]
    return CudaExl3Linear(codebook, bits, inputs, width, words, zeros[0], zeros[1], zeros[2])


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_every_number_of_rows_has_the_narrowest_road_that_holds_it(codebook: str) -> None:
    roads = roads_of(codebook)
    assert [road.max_rows for road in roads] == sorted({road.max_rows for road in roads})
    assert roads[-1].max_rows == FEW_ROWS
    for rows in range(1, FEW_ROWS + 1):
        road = road_for(codebook, rows)
        assert road.max_rows >= rows
        assert all(other.max_rows < rows for other in roads[: roads.index(road)])
    with pytest.raises(StopIteration):
        road_for(codebook, FEW_ROWS + 1)


def test_only_bytes_of_mul1_are_multiplied_as_integers() -> None:
    assert {codebook for codebook in CODEBOOKS for road in roads_of(codebook) if road.is_bytes} == {"mul1"}


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_a_linear_names_a_kernel_for_each_road(codebook: str) -> None:
    names = [source.name for source in kernels_of(linear(3, 128, codebook), is_exact=True)]
    assert len(set(names)) == len(roads_of(codebook))
    assert all(f"_{codebook}_k3_" in name for name in names)


@pytest.mark.parametrize("codebook", CODEBOOKS)
def test_runs_fill_the_card_and_leave_no_block_without_inputs(codebook: str, scratch: FewScratch) -> None:
    room = LEAST_BLOCKS * scratch.multiprocessors
    for road, inputs in itertools.product(roads_of(codebook), (128, 512, 1152, 14336)):
        before, tile_rows = None, inputs // 16
        for width in (128, 256, 1024, 4096, 28672, 128256):
            run, blocks = scratch.run(road, width, inputs), width // road.columns
            assert run % UNIT_ROWS == 0 or UNIT_ROWS % run == 0, "units of a scale are whole, or all of a run"
            splits = splits_of(run, tile_rows)
            assert (splits - 1) * PRODUCT_WARPS * run < tile_rows, "no block is without inputs"
            assert run == 1 or splits * blocks >= room, "the run is longer than the card has blocks for"
            assert run == 1 or PRODUCT_WARPS * run < 2 * tile_rows, "every warp but the last ones has work"
            longer = splits_of(2 * run, tile_rows) * blocks
            is_longest = PRODUCT_WARPS * run >= tile_rows
            assert longer < room or is_longest, "a longer run would still have filled the card"
            assert before is None or run >= before, "wider products need fewer parts"
            before = run


@pytest.mark.parametrize("codebook", CODEBOOKS)
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("bits", BITS)
def test_sums_of_a_group_keep_apart_and_within_the_scratch(
    bits: tuple[int, int, int], widths: tuple[int, int, int], codebook: str, scratch: FewScratch
) -> None:
    linears = [linear(k, width, codebook) for k, width in zip(bits, widths)]
    for each in linears:
        scratch.reserve_for(each)
    products, owners = products_of(linears, scratch, FakeKernels())  # type: ignore[arg-type]
    assert len(products) == len(set(bits))
    start, end = scratch.partial.data_ptr(), scratch.partial.data_ptr() + 4 * scratch.partial.numel()
    for rows in range(1, FEW_ROWS + 1):
        taken = []
        for own, (product, number) in zip(linears, owners, strict=True):
            assert product.bits == own.bits
            sums = product.sums(number, rows)
            assert start <= sums.address
            assert sums.address % 16 == start % 16, "four columns are read at once"
            last = 4 * ((sums.splits * rows - 1) * sums.width + own.padded_out)
            assert sums.address + last <= end
            # Columns of one launch lie side by side; launches lie one behind the other.
            taken.append((id(product), sums.address, sums.address + last, own.padded_out, sums.width))
        for a, b in itertools.combinations(sorted(taken, key=lambda each: each[1]), 2):
            if a[0] == b[0]:
                assert a[1] + 4 * a[3] <= b[1], "columns of two matrices are the same"
                assert b[1] - a[1] + 4 * b[3] <= 4 * a[4], "columns reach into the next row"
            else:
                assert a[2] <= b[1], "two launches share memory"


@pytest.mark.parametrize(
    ("bits", "groups"),
    list(zip(BITS, ([(0, 1, 2)], [(0, 2), (1,)], [(0,), (1, 2)], [(0, 1), (2,)], [(0,), (1,), (2,)]))),
)
@pytest.mark.parametrize("rows", [1, 4, 5, 8, 9, 16])
def test_a_launch_finds_its_matrices_and_their_inputs(
    bits: tuple[int, ...], groups: list[tuple[int, ...]], rows: int, scratch: FewScratch
) -> None:
    launches, widths, inputs = FakeKernels(), (512, 128, 256), 384
    linears = [linear(k, width, "mul1", inputs) for k, width in zip(bits, widths)]
    for each in linears:
        scratch.reserve_for(each)
    products, owners = products_of(linears, scratch, launches)  # type: ignore[arg-type]
    for product in products:
        product.multiply(rows)
    road = road_for("mul1", rows)
    assert len(launches.calls) == len(groups)
    for (name, _, arguments), places in zip(launches.calls, groups):
        own = [linears[place] for place in places]
        assert name == f"exl3_product_mul1_k{own[0].bits}_{road.kind}{road.groups}"
        ends = list(itertools.accumulate(each.padded_out // road.columns for each in own))
        words, tiles, borders = arguments[:3], arguments[3:6], arguments[6:8]
        x, x_step, scales, scale_step, row_bytes, scale_bytes, partial = arguments[8:15]
        for number, place in enumerate(places):
            assert words[number] == linears[place].words.data_ptr()
            assert tiles[number] == linears[place].padded_out // 16
            assert x + number * x_step == scratch.inputs.data_ptr() + place * FEW_ROWS * row_bytes
            assert scales + number * scale_step == scratch.scales.data_ptr() + place * FEW_ROWS * scale_bytes
            assert owners[place] == (owners[places[0]][0], number)
        # A block's column tells its matrix: those that are not there begin behind the last.
        assert borders == [ends[0], ends[1] if len(ends) > 1 else ends[-1]]
        assert (row_bytes, scale_bytes) == (2 * inputs, 8 * inputs // 128)
        assert partial == owners[places[0]][0].sums(0, rows).address


def test_inputs_of_three_linears_fit_the_scratch(scratch: FewScratch) -> None:
    for inputs in (128, 1152, 640):
        scratch.reserve_for(linear(4, 128, inputs=inputs))
    assert scratch.inputs.numel() == (3 * FEW_ROWS + 1) * 1152 + READ_BEHIND
    assert scratch.scales.numel() == 3 * FEW_ROWS * 1152 // 128 * 2


@pytest.mark.parametrize("other", [linear(4, 128, "mcg"), linear(4, 128, "mul1", inputs=256)])
def test_linears_of_other_inputs_or_codebooks_are_no_group(other: CudaExl3Linear, scratch: FewScratch) -> None:
    with pytest.raises(AssertionError):
        products_of([linear(4, 128), other], scratch, FakeKernels())  # type: ignore[arg-type]


def test_a_product_of_four_matrices_is_refused(scratch: FewScratch) -> None:
    with pytest.raises(AssertionError):
        Product([linear(4, 128)] * 4, range(4), 0, scratch, FakeKernels())  # type: ignore[arg-type]
