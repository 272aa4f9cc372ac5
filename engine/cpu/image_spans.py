"""Attention inside images on the CPU: tokens of one image see each other, the later ones too.

Done after the causal kernel, for the rows of images alone, whose outputs it replaces; in torch, for such rows are few
in a conversation. Knows nothing of sequences beyond their pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.backend import AttentionShape
from engine.budget import PAGE_TOKENS

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class SpanPages:
    """Where a sequence's keys and values lie, as fp16 bits: k [P, KVH, Dpad, 256], v [P, KVH, 256, Dpad]."""

    k: Array
    v: Array
    pages: Array  # of the sequence, in order

    def read(self, head: int, first: int, end: int, head_dim: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys [head_dim, N] and values [N, head_dim] float32 of the places from `first` to before `end`."""
        base = first // PAGE_TOKENS
        own = self.pages[base : -(-end // PAGE_TOKENS)]
        part = slice(first - base * PAGE_TOKENS, end - base * PAGE_TOKENS)
        k = self.k[own, head, :head_dim].transpose(1, 0, 2).reshape(head_dim, -1)[:, part]
        v = self.v[own, head].reshape(len(own) * PAGE_TOKENS, -1)[part, :head_dim]
        return tuple(torch.from_numpy(each.view(np.float16).astype(np.float32)) for each in (k, v))  # type: ignore[return-value]


def attend_span(
    q: Array, first_position: int, span: tuple[int, int], shape: AttentionShape, cache: SpanPages, out: Array
) -> None:
    """out [T, H*D]: the rows of one image attend to all keys up to its end, within the window from their own place.

    Args:
        q: rotated queries float32 [T, H*D] of a chunk.
        first_position: of the chunk.
        span: places of the image's first token and after its last; the end lies in the chunk.
    """
    assert shape.sinks is None, "no family with images has sinks"
    head_dim = q.shape[1] // shape.num_heads
    group, kv_heads = shape.num_heads // shape.num_kv_heads, shape.num_kv_heads
    begin, end = max(span[0], first_position), span[1]
    rows = slice(begin - first_position, end - first_position)
    assert rows.stop <= q.shape[0], "an image is split between chunks"
    first = max(0, begin + 1 - shape.window) if shape.window else 0
    hidden = None
    if shape.window:
        hidden = torch.arange(first, end)[None, :] <= torch.arange(begin, end)[:, None] - shape.window
    queries = torch.from_numpy(q[rows]).view(-1, kv_heads, group, head_dim)
    mixed = torch.from_numpy(out[rows]).view(-1, kv_heads, group, head_dim)
    for head in range(kv_heads):
        keys, values = cache.read(head, first, end, head_dim)
        for each in range(group):
            scores = queries[:, head, each] @ keys * shape.scale
            if shape.softcap is not None:
                scores = torch.tanh(scores / shape.softcap) * shape.softcap
            if hidden is not None:
                scores.masked_fill_(hidden, -torch.inf)
            mixed[:, head, each] = scores.softmax(dim=-1) @ values
