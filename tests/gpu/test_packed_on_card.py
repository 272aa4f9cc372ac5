"""The CUDA backend's quantized cache as a model uses it: chunks, single tokens, copied pages, many sequences."""

from __future__ import annotations

import pytest
import torch

from engine.backend import AttentionShape, Batch, CacheShape
from engine.cuda.backend import CudaBackend
from gpu.reference import packed

pytestmark = pytest.mark.gpu

TOLERANCE = 2e-3  # staging pages are fp16, and so are the operands of both products


@pytest.fixture(scope="module")
def backend() -> CudaBackend:
    return CudaBackend(0, None)


def held(x: torch.Tensor, heads: int, bits: int) -> torch.Tensor:
    """What the cache holds of keys or values [T, KVH * D]: float64 [T, KVH, D]."""
    values = x.half().float().view(x.shape[0], heads, -1)
    return packed.dequantize(*packed.quantize(values, bits), bits)


@pytest.mark.parametrize("window", [None, 90])
@pytest.mark.parametrize("bits", [(8, 8), (4, 4), (3, 6)])
def test_chunks_and_tokens_agree_with_attention_over_what_is_held(
    backend: CudaBackend, bits: tuple[int, int], window: int | None
) -> None:
    heads, kv_heads, head_dim, tokens = 8, 2, 64, 1300
    shape, device = AttentionShape(heads, kv_heads, head_dim, head_dim**-0.5, window), backend.device
    cache = backend.allocate_cache(CacheShape(8, kv_heads, head_dim, bits, 6))
    rope = backend.prepare_rope(torch.ones(tokens, head_dim // 2), torch.zeros(tokens, head_dim // 2))
    generator = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(tokens, n * head_dim, generator=generator).to(device) for n in (heads, kv_heads, kv_heads))
    out = torch.full_like(q, float("nan"))
    pages = [[6, 1, 4, 2, 7, 3]]
    for first, end in ((0, 1200), (1200, 1205), (1205, 1298), (1298, 1299), (1299, 1300)):
        if end == tokens:
            backend.copy_page(cache, 3, 5)
            pages = [[6, 1, 4, 2, 7, 5]]
        positions = torch.arange(first, end, dtype=torch.int32, device=device)
        table = torch.tensor(pages, dtype=torch.int32, device=device)
        batch = Batch(positions.long(), positions, torch.zeros_like(positions), table, end - first > 1, first)
        part = slice(first, end)
        backend.rotate_and_append(q[part], k[part].clone(), v[part].clone(), None, rope, shape, batch, cache)
        backend.attention(q[part], shape, batch, cache, out[part])
    keys, values = (held(x, kv_heads, width) for x, width in zip((k, v), bits, strict=True))
    order = torch.arange(tokens, device=device)
    hidden = order[None] > order[:, None]
    if window:
        hidden |= order[None] <= order[:, None] - window
    group = heads // kv_heads
    scores = torch.einsum("qhd,khd->hqk", q.double().view(tokens, heads, -1), keys.repeat_interleave(group, 1))
    weights = (scores * shape.scale).masked_fill(hidden, -1e300).softmax(-1)
    wanted = torch.einsum("hqk,khd->qhd", weights, values.repeat_interleave(group, 1)).flatten(1)
    for first, end in ((0, 1200), (1200, 1298), (1298, 1300)):
        error = (out[first:end].double() - wanted[first:end]).norm() / wanted[first:end].norm()
        assert error < TOLERANCE
