"""Paged attention in plain torch: the oracle of `attention`."""

from __future__ import annotations

import torch

from gpu.kernels.attention_layout import MAX_SPLITS, STEP_KEYS, WARPS
from gpu.kernels.page_layout import PAGE


def attend(
    q: torch.Tensor,
    positions: torch.Tensor,
    sequences: torch.Tensor,
    table: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    window: int,
    scale: float,
    softcap: float | None = None,
    sinks: torch.Tensor | None = None,
) -> torch.Tensor:
    """float64 [T, H, D]: each token's heads over the keys of its sequence up to its own position.

    Args:
        q: [T, H, D]; heads H / KVH * i and following share key/value head i.
        positions, sequences: [T].  table: [B, pages of a sequence], page numbers.
        k_cache: [P, KVH, 256, Dp].  v_cache: [P, KVH, Dp, 256].
        window: keys that a token sees, itself included; 0 for all.
        softcap: scores become softcap * tanh(score / softcap).
        sinks: [H], logits that take part in each head's softmax and have no value.
    """
    out = torch.empty(q.shape, dtype=torch.float64, device=q.device)
    num_heads, head_dim = q.shape[1:]
    num_kv_heads = k_cache.shape[1]
    for token in range(q.shape[0]):
        last = int(positions[token])
        first = max(0, last - window + 1) if window else 0
        keys = torch.arange(first, last + 1, device=q.device)
        pages, slots = table[int(sequences[token])].long()[keys // PAGE], keys % PAGE
        k = k_cache[pages, :, slots, :head_dim].double()  # [n, KVH, D]
        v = v_cache[pages, :, :head_dim, slots].double()
        grouped = q[token].double().view(num_kv_heads, num_heads // num_kv_heads, head_dim)
        scores = torch.einsum("hgd,nhd->hgn", grouped, k) * scale
        if softcap is not None:
            scores = softcap * (scores / softcap).tanh()
        if sinks is not None:
            scores = torch.cat((scores, sinks.double().view(num_kv_heads, -1, 1)), -1)
        weights = scores.softmax(-1)[..., : keys.shape[0]]
        out[token] = torch.einsum("hgn,nhd->hgd", weights, v).reshape(num_heads, head_dim)
    return out


def deal(positions: list[int], window: int, pool: int) -> list[int]:
    """Into how many pieces the keys of each row are divided, by the rule of the kernels.

    Args:
        positions: of the rows' tokens.
        window: 0 for all keys.
        pool: pieces over all rows number fewer than this and the rows together.
    """
    oldest = [max(0, position - window + 1) if window else 0 for position in positions]
    steps = [position // STEP_KEYS + 1 - first // STEP_KEYS for position, first in zip(positions, oldest)]
    share = -(-sum(steps) // (WARPS * pool))
    shares = [WARPS * max(share, -(-each // (WARPS * MAX_SPLITS))) for each in steps]
    return [-(-each // own) for each, own in zip(steps, shares)]
