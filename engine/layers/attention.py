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
    """One attention layer on a backend."""

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

    def forward(self, residual: torch.Tensor, norm: Norm, batch: Batch, scratch: torch.Tensor) -> None:
        """residual [T, E] += attention of its norm; appends the step's keys and values to the cache."""
        rows = batch.num_rows
        q, k, v, mixed = (
            buffer[:rows] for buffer in (self.buffers.q, self.buffers.k, self.buffers.v, self.buffers.out)
        )
        backend = self.backend
        backend.norm_linears(residual, norm, (self.q_proj, self.k_proj, self.v_proj), (q, k, v), scratch)
        backend.rotate_and_append(q, k, v, self.head_norms, self.rope, self.shape, batch, self.cache)
        backend.attention(q, self.shape, batch, self.cache, mixed)
        backend.add_linear(mixed, self.o_proj, residual, scratch)
