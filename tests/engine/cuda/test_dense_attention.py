"""Which chunks go through dense attention, and that its parts add up to attention over all keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.backend import AttentionShape, Batch
from engine.cuda.dense_attention import DenseAttention, Part
from gpu.launch import KernelCache
from gpu.reference import attention, dense

CHUNK = 4096
SHAPE = AttentionShape(num_heads=4, num_kv_heads=2, head_dim=64, scale=0.125, window=None)


def _batch(first: int | None, rows: int, pages: list[int]) -> Batch:
    positions = torch.arange(first or 0, (first or 0) + rows, dtype=torch.int32)
    zeros = torch.zeros(rows, dtype=torch.int32)
    return Batch(zeros.long(), positions, zeros, torch.tensor([pages], dtype=torch.int32), True, first)


class _Plain(DenseAttention):
    """The same road with every kernel replaced by plain torch."""

    def __init__(self, chunk: int, *, refuses: bool = False) -> None:
        super().__init__(KernelCache(None, (9, 0)), torch.device("cpu"), chunk, (9, 0))
        self.is_there, self._refuses = True, refuses
        self.num_parts = 0

    def _gather(self, shape, batch, caches, first, count, pitch):  # type: ignore[no-untyped-def]
        k, v = (self._space(name, shape.num_kv_heads, pitch, shape.head_dim) for name in ("k", "v"))
        found = dense.gather(*caches, batch.page_table[0], first, count, shape.head_dim)
        k[:, :count], v[:, :count] = found
        return k, v

    def _part(self, q, keys, shape, *, is_causal):  # type: ignore[no-untyped-def]
        if self._refuses:
            raise RuntimeError("no such kernel")
        self.num_parts += 1
        k, v = (each.double().repeat_interleave(shape.num_heads // shape.num_kv_heads, 0) for each in keys)
        scores = q.double() @ k.transpose(1, 2) * shape.scale
        if is_causal:
            scores = scores.masked_fill(torch.ones_like(scores[0], dtype=torch.bool).triu(1), float("-inf"))
        return Part((scores.softmax(-1) @ v).half(), scores.logsumexp(-1).float())

    def _merge(self, part, other, shape, out, out_lse, lse):  # type: ignore[no-untyped-def]
        rows = out.shape[0]
        held = out.view(rows, shape.num_heads, -1).transpose(0, 1) if part is None else part.out[:, :rows]
        if other is not None:
            held, total = dense.merge(held, lse[:, :rows], other.out[:, :rows], other.lse[:, :rows])
            out_lse[:, :rows] = total
        out.copy_(held.transpose(0, 1).flatten(1))


def _caches(num_pages: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    k = torch.randn(num_pages, 2, 256, 64, generator=generator).half()
    return k, torch.randn(num_pages, 2, 64, 256, generator=generator).half()


@pytest.mark.parametrize(("first", "rows"), [(0, 512), (0, 400), (512, 512), (1536, 450)])
def test_parts_add_up(first: int, rows: int) -> None:
    road, caches = _Plain(512), _caches(9)
    pages = torch.randperm(9, generator=torch.Generator().manual_seed(1)).tolist()
    batch = _batch(first, rows, pages)
    pitch = road.pitch_for(SHAPE, batch, 64)
    assert pitch == 512
    q = torch.randn(rows, 4 * 64, generator=torch.Generator().manual_seed(2))
    road.queries(SHAPE, pitch)[:, :rows] = q.view(rows, 4, 64).transpose(0, 1)
    out = torch.full_like(q, float("nan"))
    assert road.attend(q, SHAPE, batch, caches, out)
    assert road.num_parts == 2 + 1 + first // 512  # the plans, the chunk itself, the keys before it
    some = torch.tensor([0, 1, 77, rows - 1])
    wanted = attention.attend(
        q.view(rows, 4, 64)[some], batch.positions[some], batch.sequences[some], batch.page_table, *caches, 0, 0.125
    )
    error = (out[some] - wanted.flatten(1)).norm() / wanted.norm()
    assert error < 1e-3


def test_a_refusal_gives_the_queries_back_and_closes_the_road() -> None:
    road, batch = _Plain(512, refuses=True), _batch(0, 500, [0, 1])
    queries = torch.randn(4, 500, 64, generator=torch.Generator().manual_seed(3)).half()
    road.queries(SHAPE, 512)[:, :500] = queries
    q, out = torch.full((500, 256), float("nan")), torch.full((500, 256), 7.0)
    assert not road.attend(q, SHAPE, batch, _caches(3), out)
    assert torch.equal(q.view(500, 4, 64), queries.transpose(0, 1).float())
    assert (out == 7.0).all()
    assert road.pitch_for(SHAPE, batch, 64) == 0


@pytest.mark.parametrize(
    ("first", "rows", "pitch"),
    [
        (0, 4096, 4096), (0, 3073, 4096), (0, 3072, 0), (0, 2048, 2048), (0, 1537, 2048), (0, 1536, 0), (0, 512, 0),
        (4096, 4096, 4096), (8192, 4000, 4096), (4096, 2048, 0), (2048, 4096, 0), (None, 4096, 0),
    ],
)  # fmt: skip
def test_chunks_of_few_shapes_are_taken(first: int | None, rows: int, pitch: int) -> None:
    assert _Plain(CHUNK).pitch_for(SHAPE, _batch(first, rows, [0]), 64) == pitch


@pytest.mark.parametrize(("window", "is_taken"), [(4095, False), (4096, True)])
def test_a_chunk_must_lie_inside_the_window(window: int, is_taken: bool) -> None:
    shape = AttentionShape(4, 2, 64, 0.125, window)
    assert bool(_Plain(CHUNK).pitch_for(shape, _batch(0, 4096, [0]), 64)) == is_taken


@pytest.mark.parametrize("options", [{"softcap": 50.0}, {"sinks": SimpleNamespace(logits=torch.zeros(4))}])
def test_soft_caps_and_sinks_take_the_other_road(options: dict[str, Any]) -> None:
    batch = _batch(0, 4096, [0])
    assert _Plain(CHUNK).pitch_for(SHAPE, batch, 64) > 0
    assert _Plain(CHUNK).pitch_for(replace(SHAPE, **options), batch, 64) == 0


def test_other_heads_and_cards_take_the_other_road() -> None:
    batch = _batch(0, 4096, [0])
    assert _Plain(CHUNK).pitch_for(AttentionShape(4, 2, 80, 0.125, None), batch, 96) == 0
    consumer = DenseAttention(KernelCache(Path("unused"), (8, 9)), torch.device("cpu"), CHUNK, (8, 9))
    assert consumer.pitch_for(SHAPE, batch, 64) == 0
