"""The gated MLP, added to the residual stream: down(act(gate(x)) * up(x)), with silu or gelu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from engine.backend import Backend, Linear, MlpBuffers, Norm


@dataclass(frozen=True)
class GatedMlp:
    """One MLP on a backend."""

    backend: Backend
    gate_proj: Linear
    up_proj: Linear
    down_proj: Linear
    buffers: MlpBuffers
    activation: Literal["silu", "gelu_tanh"] = "silu"

    def forward(self, residual: torch.Tensor, norm: Norm, post_norm: Norm | None = None) -> None:
        """residual [T, E] += the MLP of its norm, normed again if asked."""
        if self.activation == "silu" and post_norm is None:
            projections = (self.gate_proj, self.up_proj, self.down_proj)
            self.backend.add_gated_mlp(residual, norm, *projections, self.buffers)
            return
        rows, backend = residual.shape[0], self.backend
        gate, up, hidden = (each[:rows] for each in (self.buffers.gate, self.buffers.up, self.buffers.hidden))
        backend.norm_linears(residual, norm, (self.gate_proj, self.up_proj), (gate, up), hidden)
        (backend.gated_silu if self.activation == "silu" else backend.gated_gelu)(gate, up)
        if post_norm is None:
            backend.add_linear(gate, self.down_proj, residual, hidden)
            return
        backend.linears(gate, (self.down_proj,), (hidden,))
        backend.rms_norm(hidden, post_norm, hidden)
        residual.add_(hidden)
