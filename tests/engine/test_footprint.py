"""Memory planned and measured: what fits, how much is missing in words, and what counts once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from engine.budget import PAGE_TOKENS
from engine.errors import NotEnoughMemoryError
from engine.fit.plan import MemoryPlan
from engine.footprint import MemoryUse, memory_of

PER_TOKEN = 100_000
PLAN = MemoryPlan(5_000_000_000, PER_TOKEN, 40 * PAGE_TOKENS, 1_000_000_000)


def refused(plan: MemoryPlan, free_bytes: int) -> NotEnoughMemoryError:
    with pytest.raises(NotEnoughMemoryError) as caught:
        plan.check(free_bytes)
    assert caught.value.way_out
    return caught.value


def test_a_plan_that_just_fits() -> None:
    assert PLAN.total_bytes == 6_000_000_000 + PER_TOKEN * 41 * PAGE_TOKENS
    PLAN.check(PLAN.total_bytes)
    refused(PLAN, PLAN.total_bytes - 1)


@pytest.mark.parametrize("missing", [1, PER_TOKEN * PAGE_TOKENS, PER_TOKEN * PAGE_TOKENS + 1, 900_000_000])
def test_the_context_that_is_offered_fits_and_the_next_does_not(missing: int) -> None:
    free = PLAN.total_bytes - missing
    error = refused(PLAN, free)
    tokens = error.suggested_cache_tokens
    assert tokens is not None
    assert f"{tokens:,} tokens" in error.way_out
    MemoryPlan(5_000_000_000, PER_TOKEN, tokens, 1_000_000_000).check(free)
    refused(MemoryPlan(5_000_000_000, PER_TOKEN, tokens + PAGE_TOKENS, 1_000_000_000), free)


@pytest.mark.parametrize(
    ("bits", "offered"), [((16, 16), "8 bits"), ((8, 8), "4 bits"), ((8, 2), "4 bits"), ((4, 4), "")]
)
def test_a_narrower_cache_is_a_way_out(bits: tuple[int, int], offered: str) -> None:
    plan = MemoryPlan(5_000_000_000, PER_TOKEN, 40 * PAGE_TOKENS, 1_000_000_000, bits)
    way_out = refused(plan, plan.total_bytes - 1).way_out
    assert ("cache of" in way_out) == bool(offered)
    assert offered in way_out


def test_a_cache_that_would_still_not_fit_is_not_offered() -> None:
    assert "cache of 4 bits" in refused(PLAN, PLAN.total_bytes - PLAN.cache_bytes * 7 // 10).way_out
    assert "cache of" not in refused(PLAN, PLAN.total_bytes - PLAN.cache_bytes * 8 // 10).way_out


def test_what_is_missing_is_said() -> None:
    error = refused(PLAN, PLAN.total_bytes - 2_340_000_000)
    assert "2.2 GB are missing" in error.message
    assert "6.6 GB (4.7 GB of weights, 1.0 GB of cache, 0.9 GB to work with)" in error.message
    assert error.suggested_cache_tokens is None
    assert "smaller model" in error.way_out


def test_running_out_in_the_middle() -> None:
    error = PLAN.ran_out(taken_bytes=3_000_000_000, free_bytes=PLAN.total_bytes - 3_500_000_000)
    assert "at least 0.5 GB are missing" in error.message
    assert "had taken 2.8 GB" in error.message
    assert error.suggested_cache_tokens is not None
    short_of_nothing = PLAN.ran_out(taken_bytes=PLAN.total_bytes, free_bytes=0)
    assert "at least 0.1 GB are missing" in short_of_nothing.message


@dataclass(frozen=True)
class Handle:
    words: torch.Tensor
    scales: np.ndarray[tuple[int], np.dtype[np.float32]]
    inner: object


def test_memory_counts_once_what_is_shared() -> None:
    block, array = torch.empty(1000, dtype=torch.uint8), np.zeros(10, np.float32)
    first, second = block[:100], block[100:200].view(torch.float16)
    both = Handle(first, array, (second, None, Handle(block, array[:5], [])))
    assert memory_of([both, first, "text"]) == 1000 + 40
    assert memory_of([torch.empty(3), torch.empty(5)]) == 32


def test_the_rest_of_the_memory_is_work() -> None:
    use = MemoryUse(PLAN, weights_bytes=5_050_000_000, cache_bytes=2_000_000_000, total_bytes=8_000_000_000)
    assert use.working_bytes == 950_000_000
    assert use.over_packed == pytest.approx(0.01)
