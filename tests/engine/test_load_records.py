from __future__ import annotations

from pathlib import Path

import pytest

from engine.budget import CPU_BUDGET
from engine.cpu.backend import CpuBackend
from engine.fit.cards import CardReading
from engine.fit.experience import CardKey, Experience, LoadRecord
from engine.fit.plan import MemoryPlan
from engine.load_records import CardExperience, context_of


def test_the_drivers_context_is_what_is_left_of_this_process() -> None:
    reading = CardReading(
        used_bytes=9_000_000_000, total_bytes=24_000_000_000, load_percent=0, others_bytes=1_000_000_000
    )
    assert context_of(reading, 7_500_000_000) == 500_000_000
    assert context_of(reading, 8_000_000_000) == 0
    assert context_of(reading, 9_500_000_000) == 0
    assert context_of(CardReading(1, 2, None, None), 1) == 0
    assert context_of(None, 1) == 0


def test_the_cpu_leaves_no_record(tmp_path: Path) -> None:
    known = CardExperience.of(CpuBackend(), Experience(tmp_path))
    assert known.corrected(CPU_BUDGET) == CPU_BUDGET
    known.remember(MemoryPlan(1, 1, 256, 1), 0, 5)
    assert not list(tmp_path.iterdir())


def test_what_images_will_take_is_not_expected_of_a_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def __init__(self, card: str) -> None:
            pass

        def read(self) -> None:
            return None

        def close(self) -> None:
            pass

    monkeypatch.setattr("engine.load_records.CardMonitor", Silent)
    key = CardKey("GPU-1", "580", is_roomy=False)
    plan = MemoryPlan(1_000, 1, 256, 500)
    CardExperience(Experience(tmp_path), key).remember(plan, 30, 1_200, later_bytes=400)
    (record,) = Experience(tmp_path).records(key)
    assert record == LoadRecord(plan.total_bytes - 430, 1_200, 0)
