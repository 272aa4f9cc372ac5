"""The gated SiLU MLP, added to the residual stream: down(silu(gate(x)) * up(x))."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Backend, Linear, MlpBuffers, Norm


@dataclass(frozen=True)
class GatedMlp:
    backend: Backend
    gate_proj: Linear
    up_proj: Linear
    down_proj: Linear
    buffers: MlpBuffers

    def forward(self, residual: torch.Tensor, norm: Norm) -> None:
        """residual [T, E] += the MLP of its norm."""
        projections = (self.gate_proj, self.up_proj, self.down_proj)
        self.backend.add_gated_mlp(residual, norm, *projections, self.buffers)
