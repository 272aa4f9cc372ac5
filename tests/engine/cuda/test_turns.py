"""What kernels are told of a step's rotation, with addresses but without a card: rows of tables are read back."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import pytest
import torch

from engine.backend import Batch
from engine.cuda.turns import CudaRope, StepTurns, Turning
from engine.vision.mrope import chunked_streams, interleaved_streams

POSITIONS, ROTARY = 90, 16


@pytest.fixture
def rope() -> CudaRope:
    tables = torch.rand(2, POSITIONS, ROTARY // 2, generator=torch.Generator().manual_seed(3))
    return CudaRope(tables[0].contiguous(), tables[1].contiguous(), chunked_streams((2, 3, 3)))


def batch_at(positions: list[int], *, consecutive: bool = True, turns: torch.Tensor | None = None) -> Batch:
    index = torch.tensor(positions, dtype=torch.int32)
    zeros = torch.zeros(len(positions), dtype=torch.int32)
    first = positions[0] if consecutive else None
    return Batch(zeros.long(), index, zeros, zeros[None], consecutive, first, turns)


def read_back(turning: Turning, positions: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [T, rotary / 2] as the kernels read them."""
    found = []
    for table in (turning.cosines, turning.sines):
        for row, position in enumerate(positions):
            at = position
            if turning.offsets:
                at += ctypes.c_int32.from_address(turning.offsets + 4 * row).value
            found.append(list((ctypes.c_float * (ROTARY // 2)).from_address(table + 4 * (ROTARY // 2) * at)))
    values = torch.tensor(found).view(2, len(positions), -1)
    return values[0], values[1]


def test_text_reads_the_tables_themselves(rope: CudaRope) -> None:
    turning = StepTurns().of(rope, batch_at([5, 6, 7]))
    assert turning == Turning(rope.cosines.data_ptr(), rope.sines.data_ptr(), 0)


def test_a_captured_step_reads_its_offsets(rope: CudaRope) -> None:
    offsets = torch.tensor([0, -7, -20], dtype=torch.int32)
    turning = StepTurns().of(rope, replace(batch_at([5, 9, 80], consecutive=False), turn_offsets=offsets))
    cosines, sines = read_back(turning, [5, 9, 80])
    assert torch.equal(cosines, rope.cosines[[5, 2, 60]])
    assert torch.equal(sines, rope.sines[[5, 2, 60]])


@pytest.mark.parametrize("streams", [chunked_streams((2, 3, 3)), interleaved_streams((4, 2, 2))], ids=["chunk", "turn"])
@pytest.mark.parametrize(("positions", "consecutive"), [([40, 41, 42, 43], True), ([3, 17, 80, 55], False)])
def test_three_positions(rope: CudaRope, streams: torch.Tensor, positions: list[int], consecutive: bool) -> None:
    rope = replace(rope, streams=streams)
    turns = torch.tensor([[30, 30, 30, 9], [30, 30, 31, 8], [30, 31, 30, 7]], dtype=torch.int32)
    kept = StepTurns()
    turning = kept.of(rope, batch_at(positions, consecutive=consecutive, turns=turns))
    assert bool(turning.offsets) is not consecutive
    for found, table in zip(read_back(turning, positions), (rope.cosines, rope.sines), strict=True):
        for row in range(4):
            wanted = [float(table[int(turns[stream, row]), i]) for i, stream in enumerate(streams.tolist())]
            assert found[row].tolist() == wanted


def test_tables_are_made_once_a_step(rope: CudaRope) -> None:
    turns, other = torch.full((3, 2), 4, dtype=torch.int32), torch.full((3, 2), 5, dtype=torch.int32)
    kept, second = StepTurns(), replace(rope, cosines=rope.sines)
    first = kept.of(rope, batch_at([10, 11], turns=turns))
    assert kept.of(second, batch_at([10, 11], turns=turns)) != first
    assert kept.of(rope, batch_at([10, 11], turns=turns)) == first, "layers take turns with their ropes"
    cosines, _ = read_back(kept.of(rope, batch_at([10, 11], turns=other)), [10, 11])
    assert torch.equal(cosines, rope.cosines[[5, 5]])
    assert len(kept._made) == 1, "those of the step before are dropped"


def test_models_with_one_position_take_no_notice(rope: CudaRope) -> None:
    turns = torch.full((3, 2), 4, dtype=torch.int32)
    turning = StepTurns().of(replace(rope, streams=None), batch_at([10, 11], turns=turns))
    assert turning.cosines == rope.cosines.data_ptr()
