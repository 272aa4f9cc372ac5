"""Where a step's keys and values are staged, and how attention over packed pages is divided, without a card."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.backend import Batch, CacheShape
from engine.cuda.packed import CudaCache, PackedCache, PackedPages, few_plan, plan_for
from gpu.kernels.packed_layout import head_words

CPU = torch.device("cpu")


class FakeKernels:
    """Notes launches."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[int, ...], list[Any]]] = []

    def get(self, source: Any) -> Any:
        return lambda grid, _threads, *arguments: self.calls.append((source.name, grid, list(arguments)))


@pytest.fixture
def kernels() -> FakeKernels:
    return FakeKernels()


@pytest.fixture
def pages(kernels: FakeKernels) -> PackedPages:
    return PackedPages(kernels, CPU, 46)  # type: ignore[arg-type]


def batch(sequences: int, rows: int, consecutive: bool) -> Batch:
    index = torch.zeros(rows, dtype=torch.int32)
    return Batch(index.long(), index, index, torch.full((sequences, 3), 7, dtype=torch.int32), consecutive)


def test_one_sequence_is_staged_in_order_and_several_have_a_page_each(pages: PackedPages) -> None:
    cache = pages.allocate(CacheShape(9, 2, 80, (4, 3), 20), 96)
    assert (cache.k.shape, cache.v.shape) == ((9, 2, head_words(96, 4)), (9, 2, head_words(96, 3)))
    staging, chunk = pages.stage(cache, batch(1, 600, True))
    assert staging.k.shape == (20, 2, 256, 96)
    assert staging.v.shape == (20, 2, 96, 256)
    assert chunk.page_table.tolist() == [list(range(20))]
    _, step = pages.stage(cache, batch(3, 3, False))
    assert step.page_table.tolist() == [[i] * 20 for i in range(3)]
    assert step.page_table.is_contiguous()


def test_short_contexts_have_a_staging_page_for_every_sequence(pages: PackedPages) -> None:
    cache = pages.allocate(CacheShape(9, 2, 64, (4, 4), 2), 64)
    staging, step = pages.stage(cache, batch(16, 16, False))
    assert staging.k.shape[0] == 16
    assert step.page_table[:, 0].tolist() == list(range(16))


def test_layers_of_a_size_share_their_staging_pages(pages: PackedPages) -> None:
    shape = CacheShape(9, 2, 64, (4, 4), 2)
    first, second = pages.allocate(shape, 64), pages.allocate(shape, 64)
    one = batch(1, 5, True)
    assert pages.stage(first, one)[0] is pages.stage(second, one)[0]
    assert first.k.data_ptr() != second.k.data_ptr()


def test_fp16_pages_are_left_alone(pages: PackedPages, kernels: FakeKernels) -> None:
    cache, one = CudaCache(torch.zeros(1, 1, 256, 32), torch.zeros(1, 1, 32, 256)), batch(1, 5, True)
    assert pages.stage(cache, one) == (cache, one)
    pages.append(cache, one)
    assert kernels.calls == []


def test_a_step_is_quantized_in_one_launch(pages: PackedPages, kernels: FakeKernels) -> None:
    cache = pages.allocate(CacheShape(9, 2, 64, (5, 8), 2), 64)
    pages.append(cache, batch(4, 4, False))
    (call,) = kernels.calls
    assert call[:2] == ("append_packed_64_k5v8", (4, 2, 2))


def packed_cache(padded: int, heads: int) -> PackedCache:
    words = torch.zeros(1, heads, 1, dtype=torch.int32)
    return PackedCache(words, words, padded, padded, (4, 4))


@pytest.mark.parametrize(("padded", "parts"), [(64, 1), (96, 1), (128, 2), (160, 5), (256, 2)])
def test_blocks_take_whole_groups(padded: int, parts: int) -> None:
    plan = plan_for(1, 4, packed_cache(padded, 8), 132, consecutive=False)
    assert plan.grid[1] == 8 * parts
    assert not plan.many


def test_a_plan_for_many_rows_becomes_one_without_splits() -> None:
    cache = packed_cache(128, 8)
    plan = plan_for(2048, 4, cache, 132, consecutive=True)
    assert plan.many
    assert few_plan(plan, 2048, 4, cache).grid == (512, 16, 1)
    few = plan_for(2, 4, cache, 132, consecutive=False)
    assert few_plan(few, 2, 4, cache) is few


def test_memory_comes_back(pages: PackedPages) -> None:
    cache = pages.allocate(CacheShape(9, 2, 64, (4, 4), 2), 64)
    pages.trim()
    with pytest.raises(KeyError):
        pages.stage(cache, batch(1, 5, True))
