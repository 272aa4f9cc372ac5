"""The quantized cache of the CPU backend against plain attention in float64 over what the format holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch

from engine.backend import AttentionShape, Batch, CacheShape
from engine.cpu.backend import CpuBackend
from gpu.reference import packed

DECODE_TOLERANCE = 3e-6  # float32 throughout
CHUNK_TOLERANCE = 1e-3  # a chunk reads what the format holds as fp16


@dataclass
class History:
    """Queries, keys and values of all positions, and the pages they are in."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    pages: Sequence[int] = field(default=(3, 1))


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sequence(shape: AttentionShape, num_tokens: int, seed: int = 0, pages: Sequence[int] = (3, 1)) -> History:
    sizes = (shape.num_heads, shape.num_kv_heads, shape.num_kv_heads)
    q, k, v = (random(num_tokens, n * shape.head_dim, seed=10 * seed + i) for i, n in enumerate(sizes))
    return History(2 * q, k, v, pages)


def run(
    backend: CpuBackend, cache: object, shape: AttentionShape, sequences: Sequence[History],
    positions: Sequence[Sequence[int]],
) -> torch.Tensor:  # fmt: skip
    """One step over the tokens at these positions of each sequence."""
    half = shape.head_dim // 2
    rope = backend.prepare_rope(torch.ones(1200, half), torch.zeros(1200, half))
    tokens = [(i, position) for i, own in enumerate(positions) for position in own]
    q, k, v = (torch.stack([getattr(sequences[i], name)[at] for i, at in tokens]) for name in ("q", "k", "v"))
    batch = Batch(
        torch.zeros(len(tokens), dtype=torch.int64),
        torch.tensor([at for _, at in tokens], dtype=torch.int32),
        torch.tensor([i for i, _ in tokens], dtype=torch.int32),
        torch.tensor([list(each.pages) for each in sequences], dtype=torch.int32),
        consecutive=len(sequences) == 1,
    )
    backend.rotate_and_append(q, k, v, None, rope, shape, batch, cache)  # type: ignore[arg-type]
    out = torch.full_like(q, float("nan"))
    backend.attention(q, shape, batch, cache, out)  # type: ignore[arg-type]
    return out


def held(x: torch.Tensor, shape: AttentionShape, bits: int) -> torch.Tensor:
    """What a cache holds of keys or values [T, KVH * D]: float64 [T, KVH, D]."""
    padded = -(-shape.head_dim // 32) * 32
    filled = torch.zeros(x.shape[0], shape.num_kv_heads, padded)
    filled[..., : shape.head_dim] = x.view(x.shape[0], shape.num_kv_heads, -1)
    return packed.dequantize(*packed.quantize(filled, bits), bits)[..., : shape.head_dim]


def truth(own: History, shape: AttentionShape, bits: tuple[int, int], position: int) -> torch.Tensor:
    first = max(0, position + 1 - shape.window) if shape.window else 0
    group, size = shape.num_heads // shape.num_kv_heads, shape.head_dim
    k, v = (
        held(x[first : position + 1], shape, width).repeat_interleave(group, 1)
        for x, width in zip((own.k, own.v), bits, strict=True)
    )
    scores = torch.einsum("hd,thd->ht", own.q[position].double().view(-1, size), k) * shape.scale
    if shape.softcap is not None:
        scores = shape.softcap * torch.tanh(scores / shape.softcap)
    total = scores.exp().sum(-1, keepdim=True)
    if shape.sinks is not None:
        total += torch.from_numpy(shape.sinks.logits).double().exp()[:, None]
    return torch.einsum("ht,thd->hd", scores.exp() / total, v).flatten()


def error_of(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


@pytest.fixture(scope="module")
def backend() -> CpuBackend:
    return CpuBackend()


@pytest.mark.parametrize(
    ("head_dim", "bits", "window", "heads"),
    [(64, (8, 8), None, (4, 4)), (64, (4, 4), 40, (8, 2)), (80, (3, 5), None, (2, 1)), (16, (2, 6), 300, (4, 1)),
     (128, (7, 2), None, (8, 1)), (96, (5, 3), 7, (3, 3)), (256, (6, 7), None, (2, 2))],
)  # fmt: skip
def test_chunk_then_decode(
    backend: CpuBackend, head_dim: int, bits: tuple[int, int], window: int | None, heads: tuple[int, int]
) -> None:
    shape = AttentionShape(*heads, head_dim, head_dim**-0.5, window)
    cache = backend.allocate_cache(CacheShape(4, heads[1], head_dim, bits, 2))
    own = sequence(shape, 262)
    first = run(backend, cache, shape, [own], [range(200)])
    second = run(backend, cache, shape, [own], [range(200, 259)])
    for found, start in ((first, 0), (second, 200)):
        wanted = torch.stack([truth(own, shape, bits, start + i) for i in range(found.shape[0])])
        assert error_of(found, wanted) < CHUNK_TOLERANCE
    for position in (259, 260, 261):
        found = run(backend, cache, shape, [own], [[position]])
        assert error_of(found[0], truth(own, shape, bits, position)) < DECODE_TOLERANCE


@pytest.mark.parametrize(("softcap", "sinks"), [(1.5, False), (None, True), (2.0, True)])
@pytest.mark.parametrize("window", [None, 37])
def test_soft_caps_and_sinks(backend: CpuBackend, softcap: float | None, sinks: bool, window: int | None) -> None:
    bits, plain = (4, 6), AttentionShape(6, 2, 80, 80**-0.5, window)
    logits = backend.prepare_sinks(6 + random(6, seed=3)) if sinks else None
    shape = replace(plain, softcap=softcap, sinks=logits)
    cache = backend.allocate_cache(CacheShape(4, 2, 80, bits, 2, has_softcap=softcap is not None, has_sinks=sinks))
    own = sequence(shape, 262)
    chunk = run(backend, cache, shape, [own], [range(259)])
    assert error_of(chunk, torch.stack([truth(own, shape, bits, i) for i in range(259)])) < CHUNK_TOLERANCE
    for position in (259, 260, 261):
        found = run(backend, cache, shape, [own], [[position]])[0]
        assert error_of(found, truth(own, shape, bits, position)) < 3 * DECODE_TOLERANCE
        assert error_of(found, truth(own, plain, bits, position)) > 1e-2


def test_several_sequences_decode_together(backend: CpuBackend) -> None:
    shape, bits = AttentionShape(4, 2, 64, 0.125, None), (4, 6)
    cache = backend.allocate_cache(CacheShape(6, 2, 64, bits, 2))
    both = [sequence(shape, 40, 1, (5, 0)), sequence(shape, 258, 2, (2, 4))]
    run(backend, cache, shape, [both[0]], [range(39)])
    run(backend, cache, shape, [both[1]], [range(257)])
    found = run(backend, cache, shape, both, [[39], [257]])
    for row, (own, position) in enumerate(zip(both, (39, 257), strict=True)):
        assert error_of(found[row], truth(own, shape, bits, position)) < DECODE_TOLERANCE


def test_a_long_conversation_in_splits_and_alone(backend: CpuBackend) -> None:
    shape, bits = AttentionShape(6, 2, 64, 0.125, 590), (5, 4)
    cache = backend.allocate_cache(CacheShape(6, 2, 64, bits, 5))
    pages, length = (3, 1, 5, 0, 2), 1200
    own = sequence(shape, length, 3, pages)
    run(backend, cache, shape, [own], [range(length - 1)])
    short = sequence(shape, 20, 4, (4, 4, 4, 4, 4))
    run(backend, cache, shape, [short], [range(19)])
    together = run(backend, cache, shape, [short, own], [[19], [length - 1]])
    assert error_of(together[1], truth(own, shape, bits, length - 1)) < DECODE_TOLERANCE
    assert torch.equal(run(backend, cache, shape, [own], [[length - 1]])[0], together[1])


def test_a_copied_page_holds_the_same(backend: CpuBackend) -> None:
    shape, bits = AttentionShape(2, 1, 64, 0.125, None), (8, 3)
    cache = backend.allocate_cache(CacheShape(4, 1, 64, bits, 2))
    own = sequence(shape, 100)
    run(backend, cache, shape, [own], [range(99)])
    backend.copy_page(cache, 3, 2)
    own.pages = (2, 1)
    assert error_of(run(backend, cache, shape, [own], [[99]])[0], truth(own, shape, bits, 99)) < DECODE_TOLERANCE
