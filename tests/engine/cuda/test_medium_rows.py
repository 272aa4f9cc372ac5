"""How products of medium numbers of rows are divided and placed, with addresses but without a card."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from engine.cuda.exl3 import NO_NORM, CudaExl3Linear
from engine.cuda.few_rows import FEW_ROWS
from engine.cuda.linear import LinearGroup, Scratch
from engine.cuda.medium_rows import MAX_SPLITS, kernels_of
from gpu.kernels.medium_layout import CHUNK, MAX_ROWS, SHAPES, choose_splits, shape_for
from tests.fakes.fake_kernels import FakeKernels

STATIC_SHARED = 48 * 1024
REGISTERS = 65536
MANY = 512


@pytest.fixture(autouse=True)
def multiprocessors(monkeypatch: pytest.MonkeyPatch) -> None:
    about = SimpleNamespace(multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)


def linear(width: int, inputs: int, bits: int = 4) -> CudaExl3Linear:
    words = torch.zeros(inputs // 16, width // 16, 16 * bits, dtype=torch.int16)
    suh, svh, bias = (torch.zeros(size, dtype=torch.float16) for size in (inputs, width, width))
    return CudaExl3Linear("mul1", bits, inputs, width, words, suh, svh, bias)


def group_of(linears: list[CudaExl3Linear], launches: FakeKernels) -> tuple[LinearGroup, Scratch]:
    scratch = Scratch(torch.device("cpu"), is_exact=True)
    for each in linears:
        scratch.reserve_for(each, MANY)
    outs = [torch.zeros(MANY, each.out_features) for each in linears]
    return LinearGroup(linears, outs, scratch, launches), scratch  # type: ignore[arg-type]


def test_every_number_of_rows_has_the_smallest_shape_that_holds_it() -> None:
    assert [shape.max_rows for shape in SHAPES] == sorted(shape.max_rows for shape in SHAPES)
    for rows in range(1, MAX_ROWS + 1):
        shape = shape_for(rows)
        assert shape.max_rows >= rows
        assert all(other.max_rows < rows for other in SHAPES[: SHAPES.index(shape)])


def test_shapes_fit_every_card() -> None:
    for each in SHAPES:
        assert each.groups % 2 == 0
        assert each.threads * each.resident * 64 <= REGISTERS, "sums alone take as many registers"
        for bits in range(1, 9):
            assert each.stages(bits) >= 3
            assert each.stages(bits) * each.stage_bytes(bits) <= STATIC_SHARED


@pytest.mark.parametrize("multiprocessors_", [1, 30, 82, 132])
@pytest.mark.parametrize("in_size", [128, 1152, 4096, 14336])
def test_splits_stay_within_inputs_and_room(multiprocessors_: int, in_size: int) -> None:
    for shape in SHAPES:
        for blocks in (1, 4, 56, 501):
            for most in (0, 1, 5, MAX_SPLITS):
                splits = choose_splits(shape, blocks, in_size, multiprocessors_, most)
                assert 1 <= splits <= max(1, min(most, in_size // (16 * CHUNK)))


def test_a_narrow_matrix_is_split_and_one_that_fills_the_card_is_not() -> None:
    for shape in SHAPES:
        assert choose_splits(shape, 4, 4096, 132, MAX_SPLITS) >= 8
        assert choose_splits(shape, 1000, 4096, 132, MAX_SPLITS) == 1


def test_rows_outside_of_the_range_go_the_other_ways() -> None:
    launches = FakeKernels()
    group, _ = group_of([linear(256, 384)], launches)
    assert [rows for rows in range(1, 200) if group.medium.takes(rows)] == list(range(FEW_ROWS + 1, MAX_ROWS + 1))
    group.multiply(torch.zeros(FEW_ROWS, 384))
    assert not any("medium" in name for name in launches.names)


@pytest.mark.parametrize("rows", [17, 32, 33, 64, 100, 128])
def test_a_launch_finds_its_matrices_and_their_inputs(rows: int) -> None:
    launches, linears = FakeKernels(), [linear(512, 384), linear(128, 384), linear(256, 384)]
    group, scratch = group_of(linears, launches)
    x = torch.zeros(rows, 384)
    group.multiply(x, NO_NORM)
    shape = shape_for(rows)
    assert launches.names[:2] == ["prepare_medium", f"exl3_medium_mul1_k4_{shape.name}"]
    assert launches.names[2].startswith("finish_")
    (_, prepare_grid, prepared), (_, grid, arguments), (_, finish_grid, finished) = launches.calls
    assert prepare_grid == (rows, 3, 1)
    assert prepared[8:] == [scratch.many.rotated.data_ptr(), scratch.medium.scales.data_ptr()]
    ends, total = [], 0
    for each in linears:
        total += -(-each.padded_out // shape.columns)
        ends.append(total)
    assert grid[0] == total
    assert arguments[:3] == [each.words.data_ptr() for each in linears]
    assert arguments[3:8] == [32, 8, 16, ends[0], ends[1]]
    assert arguments[8:13] == [prepared[8], 2 * rows * 384, 2 * 384, prepared[9], 4 * rows]
    assert arguments[13:] == [scratch.many.product.data_ptr(), 896, 24, rows]
    assert finished[:4] == [arguments[13], grid[1], rows, 896]
    assert finish_grid[1] == rows


def test_matrices_too_wide_for_the_scratch_are_decoded() -> None:
    launches = FakeKernels()
    wide = linear(256, 128)
    group, scratch = group_of([wide], launches)
    scratch.many.product = scratch.many.product[: 100 * 256]
    assert group.medium.takes(100)
    assert not group.medium.takes(101)
    group.medium.multiply(torch.zeros(100, 128), NO_NORM, accumulate=False)
    assert launches.calls[1][1][1] == 1, "there is room for the sums of one split"


def test_a_linear_names_a_kernel_for_each_shape() -> None:
    names = [source.name for source in kernels_of(linear(128, 128, bits=3))]
    assert len(set(names)) == len(SHAPES) + 1
