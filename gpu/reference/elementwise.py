"""Norm, SiLU and GELU products, and embedding rows in plain torch: the oracles of the elementwise kernels."""

from __future__ import annotations

import torch


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """float64 [T, E] = x / sqrt(mean(x^2) + eps) * weight."""
    wide = x.double()
    return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * weight.double()


def gated_silu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """float64 silu(gate) * up."""
    return torch.nn.functional.silu(gate.double()) * up.double()


def gated_gelu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """float64 gelu(gate) * up, with the approximation by a hyperbolic tangent."""
    return torch.nn.functional.gelu(gate.double(), approximate="tanh") * up.double()


def embed(table: torch.Tensor, token_ids: torch.Tensor) -> torch.Tensor:
    """float32 [T, E]: the table's rows named by int64 token ids."""
    return table[token_ids].float()
