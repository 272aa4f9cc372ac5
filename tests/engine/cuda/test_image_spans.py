"""Attention inside images over the card's pages, on the CPU, against the CPU backend's over pages of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.backend import AttentionShape, Batch
from engine.cpu import image_spans as cpu
from engine.cuda import image_spans
from engine.cuda.packed import CudaCache
from tests.oracles.tiny_models import relative_error

TOLERANCE = 2e-3  # queries are rounded to fp16 here
NAN = float("nan")


@pytest.mark.parametrize("window", [None, 5, 40, 300])
@pytest.mark.parametrize(("head_dim", "heads", "kv_heads"), [(16, 4, 2), (24, 3, 3), (64, 8, 1)])
@pytest.mark.parametrize(
    ("first", "rows", "spans"), [(0, 40, ((3, 19), (20, 36))), (250, 300, ((240, 262), (500, 550)))]
)
def test_as_on_the_cpu(
    window: int | None, head_dim: int, heads: int, kv_heads: int, first: int, rows: int,
    spans: tuple[tuple[int, int], ...], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(image_spans, "GATHERED_VALUES", 2 * 3 * 256 * 64)  # two heads of the longer prompt at a time
    generator = torch.Generator().manual_seed(rows + head_dim)
    padded, end = -(-head_dim // 32) * 32, first + rows
    pages = torch.tensor([4, 1, 3], dtype=torch.int32)
    k = torch.full((5, kv_heads, 256, padded), NAN, dtype=torch.float16)
    v = torch.full((5, kv_heads, padded, 256), NAN, dtype=torch.float16)
    keys, values = (torch.randn(end, kv_heads, head_dim, generator=generator).half() for _ in range(2))
    for place in range(end):
        page, slot = int(pages[place // 256]), place % 256
        k[page, :, slot, :head_dim], v[page, :, :head_dim, slot] = keys[place], values[place]
    q = torch.randn(rows, heads * head_dim, generator=generator)
    shape = AttentionShape(heads, kv_heads, head_dim, 0.7 * head_dim**-0.5, window)
    position = torch.arange(first, end, dtype=torch.int32)
    batch = Batch(
        position.long(), position, torch.zeros(rows, dtype=torch.int32), pages[None], True, first, image_spans=spans
    )
    found, wanted = torch.full_like(q, NAN), torch.full_like(q, NAN)
    image_spans.attend_spans(q, shape, batch, CudaCache(k, v), found)
    bits = [each.transpose(2, 3).contiguous().view(torch.int16).numpy().view(np.uint16) for each in (k, v)]
    own = cpu.SpanPages(bits[0], bits[1], pages.numpy())
    for span in spans:
        cpu.attend_span(q.numpy(), first, span, shape, own, wanted.numpy())
    known = ~wanted.isnan()
    assert torch.equal(~found.isnan(), known)
    assert relative_error(found[known], wanted[known]) <= TOLERANCE


def test_an_image_that_ends_behind_the_chunk_is_our_mistake() -> None:
    zeros = torch.zeros(4, dtype=torch.int32)
    batch = Batch(zeros.long(), zeros, zeros, zeros[None], True, 0, image_spans=((2, 6),))
    cache = CudaCache(torch.zeros(1, 1, 256, 32), torch.zeros(1, 1, 32, 256))
    with pytest.raises(AssertionError, match="split"):
        image_spans.attend_spans(
            torch.zeros(4, 32), AttentionShape(1, 1, 32, 1.0, None), batch, cache, torch.zeros(4, 32)
        )
