"""A packed EXL3 matrix on the card, and what the roads for few and for many rows share. Knows nothing of launches."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class CudaExl3Linear:
    """One prepared matrix: all tensors on the card; suh, svh, bias fp16 of padded size."""

    codebook: str
    bits: int
    in_features: int
    out_features: int
    words: torch.Tensor
    suh: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor

    @property
    def padded_in(self) -> int:
        return int(self.suh.shape[0])

    @property
    def padded_out(self) -> int:
        return int(self.svh.shape[0])


@dataclass(frozen=True)
class InputNorm:
    """An RMS norm that is applied on the way into a product: its weight's address (0: no norm) and epsilon."""

    weight: int = 0
    eps: float = 0.0


NO_NORM = InputNorm()
