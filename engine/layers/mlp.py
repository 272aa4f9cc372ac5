"""The gated SiLU MLP: down(silu(gate(x)) * up(x))."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Backend, Linear


@dataclass(frozen=True)
class MlpBuffers:
    """Static float32 buffers [R, I]."""

    gate: torch.Tensor
    up: torch.Tensor


@dataclass(frozen=True)
class GatedMlp:
    backend: Backend
    gate_proj: Linear
    up_proj: Linear
    down_proj: Linear
    buffers: MlpBuffers

    def forward(self, x: torch.Tensor, out: torch.Tensor) -> None:
        """out [T, E] = the MLP of x [T, E]."""
        gate, up = self.buffers.gate[: x.shape[0]], self.buffers.up[: x.shape[0]]
        self.backend.linears(x, (self.gate_proj, self.up_proj), (gate, up))
        self.backend.gated_silu(gate, up)
        self.backend.linears(gate, (self.down_proj,), (out,))
