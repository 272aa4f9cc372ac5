"""Attention with grouped key/value heads over a paged cache: projections, head norms, rotation, attention, output."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import AttentionShape, Backend, Batch, LayerCache, Linear, Norm, RopeTable


@dataclass(frozen=True)
class AttentionBuffers:
    """Static buffers of the largest step, float32: normed [R, E], q and out [R, H*D], k and v [R, KVH*D]."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    out: torch.Tensor


@dataclass(frozen=True)
class Attention:
    """One attention layer on a backend.

    Attributes:
        query_factors: float32 [positions], by which the queries of a position are multiplied. That is done before the
            rotation, for backends may hand queries on while they rotate them; so there can be no head norms.
    """

    backend: Backend
    q_proj: Linear
    k_proj: Linear
    v_proj: Linear
    o_proj: Linear
    head_norms: tuple[Norm, Norm] | None
    rope: RopeTable
    shape: AttentionShape
    cache: LayerCache
    buffers: AttentionBuffers
    query_factors: torch.Tensor | None = None

    def __post_init__(self) -> None:
        assert self.query_factors is None or self.head_norms is None, "no family has both"

    def forward(
        self, residual: torch.Tensor, norm: Norm, batch: Batch, scratch: torch.Tensor, post_norm: Norm | None = None
    ) -> None:
        """residual [T, E] += attention of its norm, normed again if asked; appends keys and values to the cache."""
        rows = batch.num_rows
        q, k, v, mixed = (
            buffer[:rows] for buffer in (self.buffers.q, self.buffers.k, self.buffers.v, self.buffers.out)
        )
        backend = self.backend
        backend.norm_linears(residual, norm, (self.q_proj, self.k_proj, self.v_proj), (q, k, v), scratch)
        if self.query_factors is not None:
            q.mul_(self.query_factors.index_select(0, batch.positions)[:, None])
        backend.rotate_and_append(q, k, v, self.head_norms, self.rope, self.shape, batch, self.cache)
        backend.attention(q, self.shape, batch, self.cache, mixed)
        if post_norm is None:
            backend.add_linear(mixed, self.o_proj, residual, scratch)
            return
        backend.linears(mixed, (self.o_proj,), (scratch,))
        backend.rms_norm(scratch, post_norm, scratch)
        residual.add_(scratch)
