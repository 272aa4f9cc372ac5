"""A pre-norm transformer block over a float32 residual stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Batch, Norm
from engine.layers.attention import Attention
from engine.layers.mlp import GatedMlp


@dataclass(frozen=True)
class Block:
    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm
    mlp: GatedMlp

    def forward(self, residual: torch.Tensor, batch: Batch, scratch: torch.Tensor) -> None:
        """Updates residual [T, E] in place; scratch is [T, E]."""
        self.attention.forward(residual, self.attention_norm, batch, scratch)
        self.mlp.forward(residual, self.mlp_norm)
