"""Soft caps and sinks through the CUDA backend, as a model will use them: chunks, single tokens, several sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.backend import AttentionShape, Batch, CacheShape
from engine.cuda.backend import CudaBackend
from gpu.reference import packed

pytestmark = pytest.mark.gpu

HEADS, KV_HEADS, HEAD_DIM = 8, 2, 64
TOKENS, CHUNK = 1700, 1600  # the chunk is one that cuDNN would get without a soft cap or sinks
PAGES = [[6, 1, 4, 2, 7, 3, 5]]


@pytest.fixture(scope="module")
def backend() -> CudaBackend:
    return CudaBackend(0, None)


def formula(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, shape: AttentionShape) -> torch.Tensor:
    """float64 [T, H * D] of q [T, H, D], k and v [T, KVH, D]: every token over the keys up to its own."""
    order = torch.arange(q.shape[0], device=q.device)
    hidden = order[None] > order[:, None]
    if shape.window:
        hidden |= order[None] <= order[:, None] - shape.window
    group = shape.num_heads // shape.num_kv_heads
    scores = torch.einsum("qhd,khd->hqk", q.double(), k.double().repeat_interleave(group, 1)) * shape.scale
    if shape.softcap is not None:
        scores = shape.softcap * (scores / shape.softcap).tanh()
    scores = scores.masked_fill(hidden, -1e300)
    if shape.sinks is not None:
        column = shape.sinks.logits.double()[:, None, None].expand(-1, q.shape[0], 1)
        scores = torch.cat((scores, column), -1)
    weights = scores.softmax(-1)[..., : q.shape[0]]
    return torch.einsum("hqk,khd->qhd", weights, v.double().repeat_interleave(group, 1)).flatten(1)


def errors(
    backend: CudaBackend, bits: tuple[int, int], window: int | None, softcap: float | None, sinks: bool
) -> list[float]:
    """Relative errors of a chunk, some tokens after it, the last token; then the chunk's against its plain form."""
    device, half = backend.device, HEAD_DIM // 2
    generator = torch.Generator().manual_seed(1)
    logits = backend.prepare_sinks(5 + torch.randn(HEADS, generator=generator)) if sinks else None
    plain = AttentionShape(HEADS, KV_HEADS, HEAD_DIM, HEAD_DIM**-0.5, window)
    shape = AttentionShape(HEADS, KV_HEADS, HEAD_DIM, HEAD_DIM**-0.5, window, softcap, logits)
    cache: Any = backend.allocate_cache(CacheShape(8, KV_HEADS, HEAD_DIM, bits, 7, softcap is not None, sinks))
    rope = backend.prepare_rope(torch.ones(TOKENS, half), torch.zeros(TOKENS, half))
    q, k, v = (
        (torch.randn(TOKENS, n * HEAD_DIM, generator=generator) * scale).to(device)
        for n, scale in ((HEADS, 2.0), (KV_HEADS, 1.0), (KV_HEADS, 1.0))
    )
    out = torch.full_like(q, float("nan"))
    spans = ((0, CHUNK), (CHUNK, CHUNK + 5), (CHUNK + 5, TOKENS - 1), (TOKENS - 1, TOKENS))
    for first, end in spans:
        positions = torch.arange(first, end, dtype=torch.int32, device=device)
        table = torch.tensor(PAGES, dtype=torch.int32, device=device)
        batch = Batch(positions.long(), positions, torch.zeros_like(positions), table, end - first > 1, first)
        part, own = slice(first, end), q[first:end].clone()
        backend.rotate_and_append(own, k[part].clone(), v[part].clone(), None, rope, shape, batch, cache)
        backend.attention(own, shape, batch, cache, out[part])
    keys, values = (x.half().float().view(TOKENS, KV_HEADS, -1) for x in (k, v))
    if bits != (16, 16):
        keys, values = (
            packed.dequantize(*packed.quantize(x, width), width) for x, width in zip((keys, values), bits, strict=True)
        )
    queries = q.view(TOKENS, HEADS, -1)
    wanted, without = (formula(queries, keys, values, each) for each in (shape, plain))
    pairs = [(wanted, first, end) for first, end in (spans[0], (CHUNK, TOKENS - 1), spans[-1])]
    return [
        float((out[first:end].double() - truth[first:end]).norm() / truth[first:end].norm())
        for truth, first, end in (*pairs, (without, 0, CHUNK))
    ]


@pytest.mark.parametrize(("softcap", "sinks"), [(2.5, False), (None, True), (4.0, True)])
@pytest.mark.parametrize("window", [None, 90])
@pytest.mark.parametrize("bits", [(16, 16), (8, 8), (4, 4)])
def test_a_model_gets_its_soft_cap_and_sinks(
    backend: CudaBackend, bits: tuple[int, int], window: int | None, softcap: float | None, sinks: bool
) -> None:
    *found, without = errors(backend, bits, window, softcap, sinks)
    assert max(found) < 2e-3  # fp16 are staging pages and the operands of both products
    assert without > 2e-2
