"""The floors are the formulas that NOTES.md states, on figures that can be worked out by hand."""

from __future__ import annotations

import pytest

from tests.benchmarks.floors import (
    CORES,
    CoreRates,
    Floor,
    Rates,
    Road,
    Work,
    core_rates,
    extraction_ops,
    floor_of,
    product_roads,
    product_work,
    road_floor,
)

RATES = Rates(1e12, cores=100, clock_hz=1e9, core=CoreRates(64, 32, 1000, 2000, 1e9))


def test_bytes_set_the_floor_of_what_only_moves() -> None:
    floor = floor_of(Work(5e6), RATES)
    assert floor.seconds == pytest.approx(5e-6)
    assert floor.limit == "bytes"


@pytest.mark.parametrize(
    ("road", "clocks", "limit"),
    [
        (Road("r", alu=640, multiply=32), 10, "bit operations, r"),
        (Road("r", alu=64, multiply=640), 20, "multiplications, r"),
        (Road("r", alu=640, multiply=320, other=640), 12.5, "instructions, r"),
        (Road("r", half_macs=30_000, byte_macs=4000, alu=64), 32, "tensor cores, r"),
    ],
)
def test_a_road_is_as_slow_as_its_slowest_kind_of_work(road: Road, clocks: float, limit: str) -> None:
    floor = road_floor(road, RATES)
    assert floor.seconds == pytest.approx(clocks / 1e11)  # 100 multiprocessors at 1 GHz
    assert floor.limit == limit


def test_the_best_road_counts_and_the_larger_floor_wins() -> None:
    slow, fast = Road("slow", alu=64e6), Road("fast", alu=32e6)
    assert floor_of(Work(1, (slow, fast)), RATES).limit == "bit operations, fast"
    assert floor_of(Work(1, (slow, fast)), RATES).seconds == pytest.approx(5e-6)
    assert floor_of(Work(1e9, (slow, fast)), RATES).limit == "bytes"
    assert floor_of(Work(1, (slow,)), Rates(1e12)).limit == "bytes"  # a processor has no roads


def test_multiply_adds_of_a_processor() -> None:
    rates = Rates(1e10, macs_per_s=1e11)
    assert floor_of(Work(1e6, macs=1e8), rates) == Floor(1e-3, "multiply-adds")
    assert floor_of(Work(1e8, macs=1e8), rates) == Floor(1e-2, "bytes")
    assert floor_of(Work(1e6, macs=1e12), RATES).limit == "bytes"  # a card has its roads
    assert product_work(4, "mcg", 256, (128,), rows=512).macs == 256 * 128 * 512
    assert product_work(4, "mul1", 256, (128,), rows=512).macs == 256 * 128 * 256  # two 16-bit ones at a time


@pytest.mark.parametrize(
    ("bits", "expected"), [(1, 16 / 8), (2, 15 / 8), (3, 17 / 8), (4, 12 / 8), (6, 16 / 8), (8, 8 / 8)]
)
def test_instructions_to_cut_a_state_out(bits: int, expected: float) -> None:
    assert extraction_ops(bits) == expected


def test_roads_of_a_product() -> None:
    dots, byte, half = product_roads(4, "mul1", 1000, rows=1)
    assert (dots.alu, dots.multiply, dots.half_macs) == (1500, 2000, 0)
    assert (byte.multiply, byte.byte_macs) == (1000, 4 * 8 * 1000)
    assert (half.alu, half.multiply, half.half_macs) == (2000, 2000, 8 * 1000)
    assert product_roads(4, "mul1", 1000, rows=17)[1].byte_macs == 4 * 24 * 1000
    assert [road.name for road in product_roads(4, "mcg", 1000, rows=1)] == ["halves"]
    assert product_roads(4, "mul1", 1000, rows=128)[0].alu == dots.alu  # decoded once for all rows


def test_bytes_of_a_product() -> None:
    work = product_work(4, "mul1", 256, (128, 128), rows=3)
    assert work.num_bytes == 256 * 256 // 2 + 2 * (2 * 256 + 2 * 256) + 4 * 3 * (256 + 256)


def test_the_h200_figure_of_the_kernel_table() -> None:
    """4096 x 14336 at 4 bits: 6.8 us by bytes at 4.3 TB/s, and no road takes longer than that."""
    rates = Rates(4.3e12, 132, 1.98e9, core_rates((9, 0)))
    floor = floor_of(product_work(4, "mul1", 4096, (14336,), rows=1), rates)
    assert floor.limit == "bytes"
    assert 1e6 * floor.seconds == pytest.approx(6.85, abs=0.05)


def test_an_unknown_card_takes_the_nearest_older_rates() -> None:
    assert core_rates((9, 0)) is CORES[9, 0]
    assert core_rates((12, 1)) is CORES[12, 0]
    assert core_rates((7, 5)) is CORES[8, 0]
