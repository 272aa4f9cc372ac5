"""What a "GB" is: 10^9 bytes of files, 2^30 bytes of memory, in every text that a person reads."""

from __future__ import annotations

import pytest

from engine.fit.cards import Card
from engine.fit.plan import MemoryPlan
from engine.units import FILE_GB, MEMORY_GB, file_amount, memory_amount, memory_gb, memory_of_total


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 B"), (967, "967 B"), (3_400, "3 kB"), (5_000_000, "5.0 MB"), (50_500_000, "50.5 MB"),
        (118_400_000, "118 MB"), (7_400_000_000, "7.4 GB"), (MEMORY_GB, "1.1 GB"),
    ],
)  # fmt: skip
def test_files_are_counted_in_thousands(num_bytes: int, text: str) -> None:
    assert file_amount(num_bytes) == text


def test_memory_is_counted_as_it_is_sold() -> None:
    assert memory_amount(12 * MEMORY_GB) == "12.0 GB"
    assert memory_amount(FILE_GB) == "0.9 GB"
    assert memory_amount(30 << 20) == "< 0.1 GB"
    assert memory_amount(0) == "0.0 GB"
    assert memory_gb(32 << 20) == "0.031"
    assert memory_of_total(6 * MEMORY_GB, 12 * MEMORY_GB) == "6.0 of 12.0 GB"


def test_a_card_its_free_memory_and_what_a_load_needs_are_in_one_unit() -> None:
    card = Card(0, "NVIDIA GeForce RTX 4070", "GPU-0", (8, 9), "580.10", 12 * MEMORY_GB, "cuda:0")
    assert card.label == "RTX 4070, 12 GB"
    error = MemoryPlan(14 * MEMORY_GB, 4096, 0, 0).ran_out(0, card.memory_total_bytes)
    assert "14.0 GB of weights" in error.message
    assert "12.0 GB were free" in error.message
