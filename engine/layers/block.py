"""A pre-norm transformer block over a float32 residual stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Backend, Batch, Norm
from engine.layers.attention import Attention
from engine.layers.mlp import GatedMlp


@dataclass(frozen=True)
class Block:
    backend: Backend
    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm
    mlp: GatedMlp

    def forward(self, residual: torch.Tensor, batch: Batch, normed: torch.Tensor, delta: torch.Tensor) -> None:
        """Updates residual [T, E] in place; normed and delta [T, E] are scratch."""
        self.backend.rms_norm(residual, self.attention_norm, normed)
        self.attention.forward(normed, batch, delta)
        self.backend.add(residual, delta)
        self.backend.rms_norm(residual, self.mlp_norm, normed)
        self.mlp.forward(normed, delta)
        self.backend.add(residual, delta)
