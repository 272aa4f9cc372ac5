"""Attention inside images on a card: tokens of one image see each other, the later ones too.

Done after the causal kernel, for the rows of images alone, whose outputs it replaces; by torch's attention over keys
gathered from fp16 pages, some heads at a time, for such rows are few in a conversation. Knows nothing of layers.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from engine.backend import AttentionShape, Batch
from engine.budget import PAGE_TOKENS
from engine.cuda.packed import CudaCache

GATHERED_VALUES = 32 * 2**20  # of keys, and as many of values, that are gathered at a time: 64 MB each


def attend_spans(q: torch.Tensor, shape: AttentionShape, batch: Batch, cache: CudaCache, out: torch.Tensor) -> None:
    """out [T, H*D]: rows of images attend to all keys up to their image's end, within the window from their own place.

    Args:
        q: rotated queries float32 [T, H*D] of a chunk.
        batch: the chunk; its keys are in the cache.
    """
    for span in batch.image_spans:
        _attend_span(q, span, shape, batch, cache, out)


def _attend_span(
    q: torch.Tensor, span: tuple[int, int], shape: AttentionShape, batch: Batch, cache: CudaCache, out: torch.Tensor
) -> None:
    assert shape.sinks is None, "no family with images has sinks"
    assert shape.softcap is None, "no family with images has soft caps"
    assert batch.first_position is not None, "of chunks with images the host knows where they begin"
    begin, end = max(span[0], batch.first_position), span[1]
    rows = slice(begin - batch.first_position, end - batch.first_position)
    assert rows.stop <= q.shape[0], "an image is split between chunks"
    first = max(0, begin + 1 - shape.window) if shape.window else 0
    base = first // PAGE_TOKENS
    pages = batch.page_table.index_select(0, batch.sequences[:1])[0, base : -(-end // PAGE_TOKENS)]
    part = slice(first - base * PAGE_TOKENS, end - base * PAGE_TOKENS)
    seen = None
    if shape.window:
        places, own = torch.arange(first, end, device=q.device), torch.arange(begin, end, device=q.device)
        seen = places[None, :] > own[:, None] - shape.window
    kv_heads, group, head_dim = shape.num_kv_heads, shape.num_heads // shape.num_kv_heads, shape.head_dim
    queries, mixed = (each[rows].view(-1, kv_heads, group, head_dim) for each in (q, out))
    step = max(1, GATHERED_VALUES // (pages.shape[0] * PAGE_TOKENS * cache.padded))
    for head in range(0, kv_heads, step):
        heads = slice(head, head + step)
        k, v = (each[:, heads].index_select(0, pages) for each in (cache.k, cache.v))
        dense = (k.transpose(0, 1).flatten(1, 2), v.permute(1, 0, 3, 2).contiguous().flatten(1, 2))
        keys, values = (each[:, None, part, :head_dim].expand(-1, group, -1, -1) for each in dense)
        found = functional.scaled_dot_product_attention(
            queries[:, heads].permute(1, 2, 0, 3).half(), keys, values, attn_mask=seen, scale=shape.scale
        )
        mixed[:, heads] = found.permute(2, 0, 1, 3).float()
