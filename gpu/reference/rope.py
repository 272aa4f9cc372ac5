"""Head norms, rotary embedding and the append to the paged cache in plain torch: the oracle of `rope`."""

from __future__ import annotations

import torch

from gpu.kernels.page_layout import PAGE
from gpu.reference.elementwise import rms_norm


def rotate(x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """x [T, heads, D] with its first 2 * R values rotated; cosines, sines [T, R] pair value i with value i + R."""
    half = cosines.shape[1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    c, s = cosines[:, None].double(), sines[:, None].double()
    return torch.cat((first * c - second * s, second * c + first * s, rest), dim=-1)


def rotate_and_append(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    weights: tuple[torch.Tensor, torch.Tensor] | None,
    eps: float,
    cosines: torch.Tensor,
    sines: torch.Tensor,
    positions: torch.Tensor,
    sequences: torch.Tensor,
    table: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    offsets: torch.Tensor | None = None,
) -> torch.Tensor:
    """The rotated q, float64; writes the rotated k, and v, into the caches.

    Args:
        q: [T, H, D].  k, v: [T, KVH, D].
        weights: of the head norms of q and k, [D] each, or None for no norm.
        cosines, sines: [all positions, R].
        positions, sequences: [T].  table: [B, pages of a sequence], page numbers.
        k_cache: [P, KVH, 256, Dp].  v_cache: [P, KVH, Dp, 256].
        offsets: [T], what is added to a position where it names a row of cosines and sines.
    """
    if weights is not None:
        q, k = rms_norm(q, weights[0], eps), rms_norm(k, weights[1], eps)
    at = positions.long() if offsets is None else positions.long() + offsets.long()
    rotated_q, rotated_k = (rotate(x.double(), cosines[at], sines[at]) for x in (q, k))
    head_dim = k.shape[2]
    for token in range(k.shape[0]):
        position = int(positions[token])
        page, slot = int(table[int(sequences[token]), position // PAGE]), position % PAGE
        k_cache[page, :, slot, :head_dim] = rotated_k[token].to(k_cache.dtype)
        v_cache[page, :, :head_dim, slot] = v[token].to(v_cache.dtype)
    return rotated_q
