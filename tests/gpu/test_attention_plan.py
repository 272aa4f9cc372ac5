"""How attention is divided among blocks: every plan fits what was reserved, and long sequences get the blocks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gpu.kernels.attention_layout import (
    MAX_SPLITS,
    STEP_KEYS,
    TILE_ROWS,
    WARPS,
    group_slices,
    partial_values,
    plan_attention,
    tile_tokens,
)
from gpu.reference.attention import deal

CARDS = (20, 46, 132)


@pytest.mark.parametrize("group", [*range(1, 75), 128, 321])
def test_every_slice_of_a_group_has_heads_and_fits_a_tile(group: int) -> None:
    slices, heads = group_slices(group), -(-group // group_slices(group))
    sizes = [min(heads, group - i * heads) for i in range(slices)]
    assert sum(sizes) == group
    assert all(1 <= size <= TILE_ROWS for size in sizes)
    assert 1 <= tile_tokens(group) * heads <= TILE_ROWS
    assert slices == 1 or tile_tokens(group) == 1


@pytest.mark.parametrize("consecutive", [False, True])
@pytest.mark.parametrize("multiprocessors", CARDS)
def test_partial_outputs_of_every_plan_fit(multiprocessors: int, consecutive: bool) -> None:
    for rows, group, kv_heads, padded in product(
        (*range(1, 34), 100, 2048), (1, 3, 4, 16, 24, 71), (1, 2, 8, 32), (64, 128, 256)
    ):
        plan = plan_attention(rows, group, kv_heads, padded, multiprocessors, consecutive=consecutive)
        if not plan.needs_combine:
            continue
        slots = plan.grid[0] if plan.pool else plan.grid[2] * rows
        assert slots * kv_heads * group * (padded + 2) <= partial_values(padded, multiprocessors)
        assert not plan.many
        assert plan.grid[2] <= MAX_SPLITS
        if plan.pool:
            assert (plan.tokens, plan.grid[0]) == (1, plan.pool + rows - 1)


def test_a_batch_at_once_fills_the_card_and_no_more() -> None:
    for rows in (1, 2, 4, 8, 16):
        plan = plan_attention(rows, 4, 8, 128, 132, consecutive=False)
        assert plan.pool > 0 or plan.grid[0] == rows
        assert 240 <= plan.grid[0] * plan.grid[1] <= 264


@pytest.mark.parametrize("window", [0, 1, 33, 4096])
def test_pieces_cover_the_keys_and_none_is_empty(window: int) -> None:
    random = np.random.default_rng(window)
    for rows, pool in product((1, 2, 5, 16, 32), (1, 2, 17, 33, 300)):
        for longest in (1, 100, 5000, 130_000):
            positions = random.integers(0, longest, rows).tolist()
            pieces = deal(positions, window, pool)
            assert sum(pieces) < pool + rows
            for position, count in zip(positions, pieces, strict=True):
                first = max(0, position - window + 1) // STEP_KEYS if window else 0
                steps = position // STEP_KEYS + 1 - first
                share = -(-steps // (count * WARPS))
                assert 1 <= count <= MAX_SPLITS
                assert (count - 1) * share * WARPS < steps <= count * share * WARPS


def test_one_long_sequence_among_short_ones_gets_nearly_all_blocks() -> None:
    plan = plan_attention(8, 4, 8, 64, 132, consecutive=False)
    long_first = deal([32767, *[100] * 7], 0, plan.pool)
    assert long_first[0] >= 20
    assert long_first[1:] == [1] * 7
    assert deal([120] * 8, 0, plan.pool) == [1] * 8
    assert deal([32767] * 8, 0, plan.pool) == [4] * 8
