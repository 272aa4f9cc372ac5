"""The attention kernels against a plain softmax in float64, over pages full of NaN wherever nothing was written."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from engine.backend import AttentionShape, Batch, CacheShape
from engine.budget import PAGE_TOKENS
from engine.cpu.backend import CpuBackend, CpuCache
from engine.cpu.softmax_kernels import SPLIT_TOKENS
from engine.models.rope_tables import rope_tables
from engine.models.spec import RopeSpec

NAN_BITS = np.uint16(0x7E00)
TOLERANCE = 2e-6
HEAD_DIMS = [16, 64, 80, 96, 128]


@dataclass
class History:
    """A sequence's keys and values as the cache holds them: fp16, [T, KVH, D], in pages of its own."""

    k: torch.Tensor
    v: torch.Tensor
    pages: list[int]


@pytest.fixture(scope="module")
def backend() -> CpuBackend:
    return CpuBackend()


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def poisoned_cache(backend: CpuBackend, shape: AttentionShape, num_pages: int) -> CpuCache:
    cache = backend.allocate_cache(CacheShape(num_pages, shape.num_kv_heads, shape.head_dim))
    cache.k[:, :, : shape.head_dim] = NAN_BITS
    cache.v[..., : shape.head_dim] = NAN_BITS
    return cache


def batch_of(positions: list[int], sequences: list[int], pages: list[list[int]], consecutive: bool) -> Batch:
    width = max(map(len, pages))
    return Batch(
        token_ids=torch.zeros(len(positions), dtype=torch.int64),
        positions=torch.tensor(positions, dtype=torch.int32),
        sequences=torch.tensor(sequences, dtype=torch.int32),
        page_table=torch.tensor([row + [0] * (width - len(row)) for row in pages], dtype=torch.int32),
        consecutive=consecutive,
    )


def filled(cache: CpuCache, shape: AttentionShape, num_tokens: int, pages: list[int], seed: int) -> History:
    """Writes random keys and values of one sequence straight into the cache."""
    k, v = (random(num_tokens, shape.num_kv_heads, shape.head_dim, seed=seed + i).half() for i in (0, 1))
    for position in range(num_tokens):
        page, slot = pages[position // PAGE_TOKENS], position % PAGE_TOKENS
        cache.k[page, :, : shape.head_dim, slot] = k[position].numpy().view(np.uint16)
        cache.v[page, :, slot, : shape.head_dim] = v[position].numpy().view(np.uint16)
    return History(k, v, pages)


def attended(q: torch.Tensor, position: int, history: History, shape: AttentionShape) -> torch.Tensor:
    """Plain attention of one row [H*D] in float64, by the formula: a sink is a term of the sum below the line."""
    first = max(0, position + 1 - shape.window) if shape.window else 0
    group = shape.num_heads // shape.num_kv_heads
    keys, values = (
        each[first : position + 1].double().repeat_interleave(group, dim=1) for each in (history.k, history.v)
    )
    scores = torch.einsum("hd,thd->ht", q.double().view(shape.num_heads, -1), keys) * shape.scale
    if shape.softcap is not None:
        scores = shape.softcap * torch.tanh(scores / shape.softcap)
    peak = scores.amax(-1, keepdim=True)
    weights = (scores - peak).exp()
    total = weights.sum(-1, keepdim=True)
    if shape.sinks is not None:
        total += (torch.from_numpy(shape.sinks.logits).double()[:, None] - peak).exp()
    return torch.einsum("ht,thd->hd", weights / total, values).flatten()


def error_of(got: torch.Tensor, truth: torch.Tensor) -> float:
    assert torch.isfinite(got).all()
    return float((got - truth).norm() / truth.norm())


def shape_of(kv_heads: int, group: int, head_dim: int, window: int | None = None) -> AttentionShape:
    return AttentionShape(kv_heads * group, kv_heads, head_dim, head_dim**-0.5, window)


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
@pytest.mark.parametrize("group", [1, 3, 8])
@pytest.mark.parametrize("window", [None, 1, 30, 300])
def test_rows_of_several_sequences(backend: CpuBackend, head_dim: int, group: int, window: int | None) -> None:
    shape = shape_of(2, group, head_dim, window)
    cache = poisoned_cache(backend, shape, 8)
    histories = [
        filled(cache, shape, length, pages, seed=length)
        for length, pages in ((1, [6]), (PAGE_TOKENS, [3]), (PAGE_TOKENS + 1, [5, 1]), (600, [7, 2, 4]))
    ]
    rows = [3, 0, 2, 1, 3]
    positions = [len(histories[row].k) - 1 for row in rows]
    positions[4] = 40  # an earlier token of the same sequence
    q = random(len(rows), shape.num_heads * head_dim, seed=9) * 3
    out = torch.full_like(q, torch.nan)
    backend.attention(q, shape, batch_of(positions, rows, [h.pages for h in histories], False), cache, out)
    truth = torch.stack([attended(q[i], positions[i], histories[rows[i]], shape) for i in range(len(rows))])
    assert error_of(out, truth) <= TOLERANCE
    for i, row in enumerate(rows):  # alone, bit for bit
        alone = torch.full_like(q[:1], torch.nan)
        batch = batch_of([positions[i]], [0], [histories[row].pages], False)
        backend.attention(q[i : i + 1], shape, batch, cache, alone)
        assert torch.equal(alone[0], out[i])


@pytest.mark.parametrize(("group", "softcap"), [(4, None), (7, 30.0)])
@pytest.mark.parametrize("window", [None, 700])
def test_long_conversations_in_splits(
    backend: CpuBackend, group: int, softcap: float | None, window: int | None
) -> None:
    shape = replace(shape_of(1, group, 80, window), softcap=softcap)
    cache = poisoned_cache(backend, shape, 10)
    history = filled(cache, shape, 2500, [9, 0, 3, 7, 1, 8, 2, 6, 4, 5], seed=5)
    positions = [2499, 0, SPLIT_TOKENS - 1, SPLIT_TOKENS, 2 * SPLIT_TOKENS + 3]
    q = random(len(positions), shape.num_heads * 80, seed=6) * 3
    q[0] *= 20  # one key of one split outweighs all others
    out = torch.full_like(q, torch.nan)
    backend.attention(q, shape, batch_of(positions, [0] * 5, [history.pages], False), cache, out)
    for row, position in enumerate(positions):
        assert error_of(out[row], attended(q[row], position, history, shape)) <= 20 * TOLERANCE
        alone = torch.full_like(q[:1], torch.nan)
        backend.attention(q[row : row + 1], shape, batch_of([position], [0], [history.pages], False), cache, alone)
        assert torch.equal(alone[0], out[row])


@pytest.mark.parametrize("consecutive", [True, False])
def test_a_query_of_nan_stays_one_and_alone(backend: CpuBackend, consecutive: bool) -> None:
    shape = shape_of(1, 4, 64)
    cache = poisoned_cache(backend, shape, 3)
    filled(cache, shape, 530, [2, 1, 0], seed=1)
    q = random(12, 256, seed=2)
    q[5] = torch.nan
    out = torch.zeros_like(q)
    backend.attention(q, shape, batch_of(list(range(518, 530)), [0] * 12, [[2, 1, 0]], consecutive), cache, out)
    assert out[5].isnan().all()
    assert torch.isfinite(out[:5]).all()
    assert torch.isfinite(out[6:]).all()


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
@pytest.mark.parametrize("group", [1, 3, 8])
@pytest.mark.parametrize("window", [None, 1, 30, 300])
def test_chunks(backend: CpuBackend, head_dim: int, group: int, window: int | None) -> None:
    shape = shape_of(2, group, head_dim, window)
    cache = poisoned_cache(backend, shape, 6)
    history = filled(cache, shape, 530, [4, 0, 5], seed=1)
    for first, count in ((0, 2), (0, 70), (63, 3), (200, 101), (256, 274), (529, 1)):
        q = random(count, shape.num_heads * head_dim, seed=first) * 3
        out = torch.full_like(q, torch.nan)
        batch = batch_of(list(range(first, first + count)), [0] * count, [history.pages], True)
        backend.attention(q, shape, batch, cache, out)
        truth = torch.stack([attended(q[i], first + i, history, shape) for i in range(count)])
        assert error_of(out, truth) <= TOLERANCE, (first, count)


def with_options(backend: CpuBackend, shape: AttentionShape, softcap: float | None, sinks: bool) -> AttentionShape:
    """The shape with a soft cap and a sink for each head, one of which outweighs every key."""
    logits = random(shape.num_heads, seed=4) * 3
    logits[-1] = 400.0
    return replace(shape, softcap=softcap, sinks=backend.prepare_sinks(logits) if sinks else None)


@pytest.mark.parametrize(("softcap", "sinks"), [(2.5, False), (None, True), (4.0, True), (50.0, False)])
@pytest.mark.parametrize("head_dim", [64, 80])
@pytest.mark.parametrize("group", [1, 3, 8])
@pytest.mark.parametrize("window", [None, 1, 30, 300])
def test_soft_caps_and_sinks(
    backend: CpuBackend, head_dim: int, group: int, window: int | None, softcap: float | None, sinks: bool
) -> None:
    plain = shape_of(2, group, head_dim, window)
    shape = with_options(backend, plain, softcap, sinks)
    cache = poisoned_cache(backend, shape, 6)
    history = filled(cache, shape, 530, [4, 0, 5], seed=1)
    for first, count, consecutive in ((0, 70, True), (200, 101, True), (511, 1, True), (529, 1, True), (250, 9, False)):
        q = random(count, shape.num_heads * head_dim, seed=first) * 5
        out, without = torch.full_like(q, torch.nan), torch.empty_like(q)
        batch = batch_of(list(range(first, first + count)), [0] * count, [history.pages], consecutive)
        backend.attention(q, shape, batch, cache, out)
        truth = torch.stack([attended(q[i], first + i, history, shape) for i in range(count)])
        assert error_of(out, truth) <= 5 * TOLERANCE, (first, count)
        backend.attention(q, plain, batch, cache, without)
        if window != 1 or sinks:  # a single key has all the weight, however its score is capped
            assert error_of(without, truth) > 1e-3
        if sinks:
            assert (out[:, -head_dim:] == 0).all()


def test_a_sink_that_weighs_nothing_changes_nothing(backend: CpuBackend) -> None:
    plain = shape_of(1, 2, 64)
    shape = replace(plain, sinks=backend.prepare_sinks(torch.full((2,), -torch.inf)))
    cache = poisoned_cache(backend, shape, 1)
    filled(cache, shape, 100, [0], seed=1)
    q = random(100, 128, seed=2)
    for consecutive in (True, False):
        outs = [torch.full_like(q, torch.nan) for _ in range(2)]
        for each, out in zip((plain, shape), outs, strict=True):
            backend.attention(q, each, batch_of(list(range(100)), [0] * 100, [[0]], consecutive), cache, out)
        assert torch.equal(*outs)


@pytest.mark.parametrize("group", [2, 4, 5, 6, 7])
def test_other_groups(backend: CpuBackend, group: int) -> None:
    shape = shape_of(1, group, 64)
    cache = poisoned_cache(backend, shape, 1)
    history = filled(cache, shape, 100, [0], seed=1)
    q = random(100, shape.num_heads * 64, seed=2)
    truth = torch.stack([attended(q[i], i, history, shape) for i in range(100)])
    for consecutive in (True, False):
        out = torch.full_like(q, torch.nan)
        backend.attention(q, shape, batch_of(list(range(100)), [0] * 100, [[0]], consecutive), cache, out)
        assert error_of(out, truth) <= TOLERANCE


@pytest.mark.parametrize("consecutive", [True, False])
def test_very_peaked_scores(backend: CpuBackend, consecutive: bool) -> None:
    shape = shape_of(1, 2, 64)
    cache = poisoned_cache(backend, shape, 2)
    history = filled(cache, shape, 300, [1, 0], seed=1)
    q = random(300, 128, seed=2) * 1000
    out = torch.full_like(q, torch.nan)
    backend.attention(q, shape, batch_of(list(range(300)), [0] * 300, [[1, 0]], consecutive), cache, out)
    truth = torch.stack([attended(q[i], i, history, shape) for i in range(300)])
    assert error_of(out, truth) <= 1e-3  # scores of some thousands: their last bits weigh


@pytest.mark.parametrize("head_dim", [16, 80, 128])
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("partial", [1.0, 0.5])
def test_rotate_and_append(backend: CpuBackend, head_dim: int, normed: bool, partial: float) -> None:
    shape = shape_of(2, 3, head_dim)
    rotary_dim = int(head_dim * partial)
    cosines, sines = rope_tables(RopeSpec("default", 1e4, rotary_dim), 600)
    cache = poisoned_cache(backend, shape, 4)
    positions, sequences, pages = [511, 0, 256, 255], [0, 1, 0, 0], [[2, 0], [3]]
    q, k, v = (random(4, heads * head_dim, seed=heads) for heads in (6, 2, 2))
    k *= 40.0
    q_weight, k_weight = random(head_dim, seed=7), random(head_dim, seed=8)
    norms = (backend.prepare_norm(q_weight, 1e-6), backend.prepare_norm(k_weight, 1e-6)) if normed else None
    got_q, got_k = q.clone(), k.clone()
    batch = batch_of(positions, sequences, pages, False)
    backend.rotate_and_append(got_q, got_k, v, norms, backend.prepare_rope(cosines, sines), shape, batch, cache)

    def rotated(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        heads = x.double().view(4, -1, head_dim)
        if normed:
            heads = heads / (heads.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weight.double()
        cos, sin = cosines[positions].double()[:, None], sines[positions].double()[:, None]
        a, b, rest = heads.split([rotary_dim // 2, rotary_dim // 2, head_dim - rotary_dim], dim=-1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    true_k = rotated(k, k_weight)
    assert error_of(got_q.double(), rotated(q, q_weight).flatten(1)) <= 1e-6
    for row, (position, sequence) in enumerate(zip(positions, sequences, strict=True)):
        page, slot = pages[sequence][position // PAGE_TOKENS], position % PAGE_TOKENS
        stored_k = torch.from_numpy(cache.k[page, :, :head_dim, slot].copy().view(np.float16))
        stored_v = torch.from_numpy(cache.v[page, :, slot, :head_dim].copy().view(np.float16))
        torch.testing.assert_close(stored_k.double(), true_k[row], rtol=1e-3, atol=1e-4)
        assert torch.equal(stored_v, v[row].view(2, head_dim).half())
    written = int((cache.k[:, :, :head_dim] != NAN_BITS).sum())
    assert written == 4 * 2 * head_dim


def test_copied_page(backend: CpuBackend) -> None:
    shape = shape_of(2, 1, 16)
    cache = poisoned_cache(backend, shape, 3)
    filled(cache, shape, PAGE_TOKENS, [2], seed=1)
    backend.copy_page(cache, 2, 0)
    assert np.array_equal(cache.k[0], cache.k[2])
    assert np.array_equal(cache.v[0], cache.v[2])
    assert (cache.k[1] == NAN_BITS).all()
