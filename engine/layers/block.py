"""A pre-norm transformer block over a float32 residual stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Batch, Norm
from engine.layers.attention import Attention
from engine.layers.mlp import GatedMlp


@dataclass(frozen=True)
class Block:
    """Two norms, or four: those of what is added to the stream are None where a family has none."""

    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm
    mlp: GatedMlp
    attention_post_norm: Norm | None = None
    mlp_post_norm: Norm | None = None

    @property
    def is_plain(self) -> bool:
        """Two norms and silu: what fused kernels may take."""
        return self.attention_post_norm is self.mlp_post_norm is None and self.mlp.activation == "silu"

    def forward(self, residual: torch.Tensor, batch: Batch, scratch: torch.Tensor) -> None:
        """Updates residual [T, E] in place; scratch is [T, E]."""
        self.attention.forward(residual, self.attention_norm, batch, scratch, self.attention_post_norm)
        self.mlp.forward(residual, self.mlp_norm, self.mlp_post_norm)
