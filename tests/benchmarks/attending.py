"""Attention as the engine runs it: decode over a paged cache, prefill of one sequence beside torch's own.

Heads of an 8B model: 32 for queries, 8 for keys and values, 128 values each. Knows nothing of kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from engine.backend import AttentionShape, Batch, CacheShape
from engine.budget import PAGE_TOKENS
from gpu.ops import worst_error
from gpu.reference import attention
from tests.benchmarks.bench import Bench, tolerance_of
from tests.benchmarks.floors import Road, Work
from tests.benchmarks.machine import Launches
from tests.benchmarks.synthetic import RandomBits

SHAPE = AttentionShape(num_heads=32, num_kv_heads=8, head_dim=128, scale=128**-0.5, window=None)
CHECKED_ROWS = 24  # of a copy: the reference goes row by row


@dataclass(frozen=True)
class AttendCase:
    """Decode: `batch` sequences with so many keys each. Prefill: one sequence of so many tokens from its start on."""

    batch: int
    tokens: int
    prefill: bool

    @property
    def rows(self) -> int:
        return self.tokens if self.prefill else self.batch

    @property
    def work(self) -> Work:
        """Keys and values once, queries in and out; two tensor products for each pair of a query and a key."""
        values = self.batch * self.tokens * SHAPE.num_kv_heads * SHAPE.head_dim
        rows = self.rows * SHAPE.num_heads * SHAPE.head_dim
        pairs = self.tokens * (self.tokens + 1) / 2 if self.prefill else self.batch * self.tokens
        road = Road("halves", half_macs=2 * pairs * SHAPE.num_heads * SHAPE.head_dim)
        return Work(2 * 2 * values + 2 * 4 * rows, (road,) if self.prefill else (), road.half_macs)


def benches() -> tuple[Bench, ...]:
    """Decode of 1 and 8 sequences, prefill beside torch's scaled dot product attention."""
    decodes = [AttendCase(batch, tokens, False) for batch in (1, 8) for tokens in (128, 4096, 32768)]
    prefills = [AttendCase(1, tokens, True) for tokens in (512, 2048, 8192)]
    return tuple(_bench(case) for case in (*decodes, *prefills))


def cpu_benches() -> tuple[Bench, ...]:
    """For the processor: one conversation, and prefill of up to 2048 tokens, beside torch's in float32."""
    cases = (*(AttendCase(1, tokens, False) for tokens in (4096, 32768)),
             *(AttendCase(1, tokens, True) for tokens in (512, 2048)))  # fmt: skip
    named = [replace(_bench(case), name=f"CPU {_bench(case).name}") for case in cases]
    return tuple(replace(bench, beside_name="torch SDPA, float32") if bench.beside else bench for bench in named)


def _bench(case: AttendCase) -> Bench:
    tolerance = tolerance_of("attend")
    set_bytes = int(case.work.num_bytes)
    if case.prefill:
        name = f"attention, prefill {case.tokens}"
        return Bench("attention prefill", name, case.work, tolerance, set_bytes, partial(PreparedAttention, case),
                     "torch SDPA, fp16", partial(sdpa, case))  # fmt: skip
    name = f"attention, batch {case.batch}, context {case.tokens}"
    return Bench("attention decode", name, case.work, tolerance, set_bytes, partial(PreparedAttention, case))


class PreparedAttention:
    """One paged cache whose pages are dealt out to the copies in random order."""

    def __init__(self, case: AttendCase, machine: Any, copies: int) -> None:
        self._case, self._device = case, machine.device
        backend = machine.backend()
        each = -(-case.tokens // PAGE_TOKENS)
        pages = copies * case.batch * each
        shape = CacheShape(pages, SHAPE.num_kv_heads, SHAPE.head_dim)
        self._cache = backend.allocate_cache(shape)
        self._keys, self._values = _pages(self._cache)
        order = torch.randperm(pages, generator=torch.Generator().manual_seed(0)).to(machine.device, torch.int32)
        tables = order.view(copies, case.batch, each)
        self._batches = [_batch(case, table) for table in tables]
        size = (copies, case.rows, SHAPE.num_heads * SHAPE.head_dim)
        self._q, self._out = (torch.zeros(size, device=machine.device) for _ in range(2))
        self.refresh(0)
        self.launches = tuple(
            partial(backend.attention, self._q[i], SHAPE, batch, self._cache, self._out[i])
            for i, batch in enumerate(self._batches)
        )

    def refresh(self, seed: int) -> None:
        random = RandomBits(seed, self._device)
        self._q.copy_(random.normal(*self._q.shape, scale=2.0))
        for tensor in (self._keys, self._values):
            for page in tensor.split(256):  # in pieces: the draw is float32
                page.copy_(random.normal(*page.shape))
        self._out.fill_(float("nan"))

    def error(self) -> float:
        if not bool(self._out.isfinite().all()):
            return float("inf")
        return max(self._error_of(number) for number in {0, len(self._batches) - 1})

    def _error_of(self, number: int) -> float:
        batch, rows = self._batches[number], self._case.rows
        chosen = torch.linspace(0, rows - 1, min(rows, CHECKED_ROWS), device=self._device).long()
        q = self._q[number, chosen].view(-1, SHAPE.num_heads, SHAPE.head_dim)
        wanted = attention.attend(
            q, batch.positions[chosen], batch.sequences[chosen], batch.page_table, self._keys, self._values, 0,
            SHAPE.scale,
        )  # fmt: skip
        return worst_error((self._out[number, chosen],), (wanted.flatten(1),))


def _pages(cache: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """fp16 keys [P, KVH, 256, D] and values [P, KVH, D, 256] of a cache; the processor's lie the other way round."""
    if isinstance(cache.k, torch.Tensor):
        return cache.k, cache.v
    k, v = (torch.from_numpy(pages.view("float16")).transpose(2, 3) for pages in (cache.k, cache.v))
    return k, v


def _batch(case: AttendCase, table: torch.Tensor) -> Batch:
    device = table.device
    if case.prefill:
        positions = torch.arange(case.tokens, dtype=torch.int32, device=device)
        sequences = torch.zeros_like(positions)
    else:
        positions = torch.full((case.batch,), case.tokens - 1, dtype=torch.int32, device=device)
        sequences = torch.arange(case.batch, dtype=torch.int32, device=device)
    ids = torch.zeros(case.rows, dtype=torch.int64, device=device)
    return Batch(ids, positions, sequences, table.contiguous(), consecutive=case.prefill)


def sdpa(case: AttendCase, machine: Any, copies: int) -> Launches:
    """torch's causal attention over contiguous tensors, no pages: fp16; on the processor float32, faster there."""
    random = RandomBits(2, machine.device)
    dtype = torch.float32 if machine.device.type == "cpu" else torch.float16

    def draw(heads: int) -> torch.Tensor:
        return random.normal(1, heads, case.tokens, SHAPE.head_dim).to(dtype)

    def launch(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
        torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    heads = (SHAPE.num_heads, SHAPE.num_kv_heads, SHAPE.num_kv_heads)
    return tuple(partial(launch, *(draw(count) for count in heads)) for _ in range(copies))
