"""What stands between the products, as a backend offers it: norm, embedding, rope with the cache append, sampler.

Sizes of an 8B model: a decode row and a prefill chunk. Knows nothing of kernels.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from engine.backend import Batch, CacheShape
from engine.budget import PAGE_TOKENS
from gpu.ops import worst_error
from gpu.reference import elementwise, rope
from gpu.reference.sampling import RowSettings, choose_token
from gpu.sampler import SamplerBuffers
from tests.benchmarks.attending import SHAPE
from tests.benchmarks.bench import Bench, tolerance_of
from tests.benchmarks.floors import Work
from tests.benchmarks.synthetic import RandomBits

HIDDEN, VOCAB = 4096, 128256
EPS = 1e-5
ROWS = (1, 2048)
NAN = float("nan")


def benches() -> tuple[Bench, ...]:
    """All of them, on a card."""
    found = [_norm(rows) for rows in ROWS] + [_embed(rows) for rows in ROWS] + [_rope(rows) for rows in (1, 16, 2048)]
    greedy, filtered = RowSettings(temperature=0.0), RowSettings(0.8, top_k=40, top_p=0.95, min_p=0.02, seed=7)
    found += [_sampler(rows, *kind) for rows in (1, 16) for kind in (("greedy", greedy), ("top-k, top-p", filtered))]
    return tuple(found)


class _Norm:
    def __init__(self, rows: int, machine: Any, copies: int) -> None:
        backend = machine.backend()
        self._device = machine.device
        self._x, self._out = (torch.zeros(copies, rows, HIDDEN, device=machine.device) for _ in range(2))
        self._weight = RandomBits(3, machine.device).normal(HIDDEN)
        norm = backend.prepare_norm(self._weight, EPS)
        self.launches = tuple(partial(backend.rms_norm, x, norm, out) for x, out in zip(self._x, self._out))

    def refresh(self, seed: int) -> None:
        self._x.copy_(RandomBits(seed, self._device).normal(*self._x.shape, scale=3.0))
        self._out.fill_(NAN)

    def error(self) -> float:
        return worst_error((self._out,), (elementwise.rms_norm(self._x, self._weight, EPS),))


def _norm(rows: int) -> Bench:
    size = 2 * 4 * rows * HIDDEN
    return Bench("norm", f"RMS norm {HIDDEN}, {_rows(rows)}", Work(size + 4 * HIDDEN), tolerance_of("rms_norm"), size,
                 partial(_Norm, rows))  # fmt: skip


class _Embed:
    def __init__(self, rows: int, machine: Any, copies: int) -> None:
        backend = machine.backend()
        self._device = machine.device
        table = RandomBits(4, machine.device).normal(VOCAB, HIDDEN).half()
        self._table = backend.prepare_embedding(table)
        self._ids = torch.zeros(copies, rows, dtype=torch.int64, device=machine.device)
        self._out = torch.zeros(copies, rows, HIDDEN, device=machine.device)
        self.launches = tuple(partial(backend.embed, self._table, ids, out) for ids, out in zip(self._ids, self._out))

    def refresh(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._ids.copy_(torch.randint(0, VOCAB, self._ids.shape, generator=generator))
        self._out.fill_(NAN)

    def error(self) -> float:
        wanted = elementwise.embed(self._table, self._ids.flatten()).view_as(self._out)
        return worst_error((self._out,), (wanted,))


def _embed(rows: int) -> Bench:
    size = (2 + 4) * rows * HIDDEN
    return Bench("embed", f"embedding {VOCAB}x{HIDDEN} fp16, {_rows(rows)}", Work(size), tolerance_of("embed"), size,
                 partial(_Embed, rows))  # fmt: skip


class PreparedRope:
    """Decode rows: every copy appends to another slot of the sequences' pages. Prefill: to pages of its own."""

    def __init__(self, rows: int, machine: Any, copies: int) -> None:
        backend, device = machine.backend(), machine.device
        self._device, self._rows, self._copies = device, rows, copies
        prefill = rows > 16
        sequences = 1 if prefill else rows
        pages = -(-rows // PAGE_TOKENS) * copies if prefill else sequences * -(-copies // PAGE_TOKENS)
        self._cache = backend.allocate_cache(CacheShape(pages, SHAPE.num_kv_heads, SHAPE.head_dim))
        order = torch.randperm(pages, generator=torch.Generator().manual_seed(0)).to(device, torch.int32)
        phases = torch.linspace(0.0, 50.0, 8192 * SHAPE.head_dim // 2, device=device).view(8192, -1)
        self._angles = phases.cos(), phases.sin()
        prepared = backend.prepare_rope(*self._angles)
        self._drawn, self._q = (self._empty(SHAPE.num_heads) for _ in range(2))
        self._k, self._v = (self._empty(SHAPE.num_kv_heads) for _ in range(2))
        ids = torch.zeros(rows, dtype=torch.int64, device=device)
        self._batches = []
        for number in range(copies):
            if prefill:
                table = order.view(copies, -1)[number][None].contiguous()
                positions = torch.arange(rows, dtype=torch.int32, device=device)
                owners = torch.zeros_like(positions)
            else:
                table = order.view(-1, sequences)[number // PAGE_TOKENS][:, None].contiguous()
                positions = torch.full((rows,), number % PAGE_TOKENS, dtype=torch.int32, device=device)
                owners = torch.arange(rows, dtype=torch.int32, device=device)
            self._batches.append(Batch(ids, positions, owners, table, consecutive=prefill))
        self.launches = tuple(
            partial(backend.rotate_and_append, self._q[i], self._k[i], self._v[i], None, prepared, SHAPE, batch,
                    self._cache)
            for i, batch in enumerate(self._batches)
        )  # fmt: skip

    def _empty(self, heads: int) -> torch.Tensor:
        return torch.zeros(self._copies, self._rows, heads * SHAPE.head_dim, device=self._device)

    def refresh(self, seed: int) -> None:
        random = RandomBits(seed, self._device)
        for tensor in (self._drawn, self._k, self._v):
            tensor.copy_(random.normal(*tensor.shape))
        self._q.copy_(self._drawn)
        self._cache.k.fill_(NAN)
        self._cache.v.fill_(NAN)

    def error(self) -> float:
        return max(self._error_of(number) for number in {0, self._copies - 1})

    def _error_of(self, number: int) -> float:
        batch = self._batches[number]
        k_cache, v_cache = torch.full_like(self._cache.k, NAN), torch.full_like(self._cache.v, NAN)
        q, k, v = (each[number].view(self._rows, -1, SHAPE.head_dim) for each in (self._drawn, self._k, self._v))
        wanted = rope.rotate_and_append(
            q, k, v, None, EPS, *self._angles, batch.positions, batch.sequences, batch.page_table, k_cache, v_cache
        )
        at = batch.positions.long()
        pages, slots = batch.page_table[batch.sequences.long(), at // PAGE_TOKENS].long(), at % PAGE_TOKENS
        found = (self._q[number], self._cache.k[pages, :, slots], self._cache.v[pages, :, :, slots])
        return worst_error(found, (wanted.flatten(1), k_cache[pages, :, slots], v_cache[pages, :, :, slots]))


def _rope(rows: int) -> Bench:
    queries, keys = rows * SHAPE.num_heads * SHAPE.head_dim, rows * SHAPE.num_kv_heads * SHAPE.head_dim
    size = 2 * 4 * queries + (4 + 2) * 2 * keys
    return Bench("rope", f"rotate and append, {_rows(rows)}", Work(size), tolerance_of("rotate_and_append"), size,
                 partial(PreparedRope, rows))  # fmt: skip


class _Sampler:
    """One sampler, as a model has; so only the last copy's choice is left to look at."""

    def __init__(self, rows: int, settings: RowSettings, machine: Any, copies: int) -> None:
        self._settings, self._device = settings, machine.device
        self._buffers = SamplerBuffers(machine.kernels, rows, VOCAB, 1024, machine.device)
        for row in range(rows):
            self._buffers.set_settings(row, settings)
            self._buffers.set_position(row, 100, active=False)
        self._logits = torch.zeros(copies, rows, VOCAB, device=machine.device)
        self.launches = tuple(partial(self._buffers.launch, logits, rows) for logits in self._logits)

    def refresh(self, seed: int) -> None:
        self._logits.copy_(RandomBits(seed, self._device).normal(*self._logits.shape, scale=3.0))
        self._buffers.tokens.fill_(-1)

    def error(self) -> float:
        """The share of tokens that are not the oracle's."""
        rows = self._logits[-1].cpu().numpy()
        wanted = [choose_token(row, self._settings, 100) for row in rows]
        found = self._buffers.tokens[: len(wanted)].tolist()
        return sum(a != b for a, b in zip(found, wanted, strict=True)) / len(wanted)


def _sampler(rows: int, kind: str, settings: RowSettings) -> Bench:
    size = 4 * rows * VOCAB
    return Bench("sampler", f"sampler {VOCAB}, {kind}, {_rows(rows)}", Work(size), 0.0, size,
                 partial(_Sampler, rows, settings))  # fmt: skip


def _rows(rows: int) -> str:
    return f"{rows} row" + "s" * (rows > 1)
