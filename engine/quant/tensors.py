"""The weights of one linear layer as they lie on disk, checked, before a backend prepares them.

Shapes follow `y = x W + bias` with `W[in, out]`. Knows nothing of files or devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Codebook = Literal["3inst", "mcg", "mul1"]


@dataclass(frozen=True)
class Exl3Linear:
    """A trellis-quantized linear. `in_features` and `out_features` are the true sizes, the tensors are padded to 128.

    Attributes:
        trellis: int16 [padded_in/16, padded_out/16, 16*bits], bit patterns.
        suh: float16 [padded_in], input scales with sign.  svh: float16 [padded_out].
        bias: float16 [padded_out] or None.
    """

    key: str
    in_features: int
    out_features: int
    bits: int
    codebook: Codebook
    trellis: torch.Tensor
    suh: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor | None

    @property
    def padded_in(self) -> int:
        return 16 * self.trellis.shape[0]

    @property
    def padded_out(self) -> int:
        return 16 * self.trellis.shape[1]

    @property
    def num_bytes(self) -> int:
        tensors = [self.trellis, self.suh, self.svh] + ([] if self.bias is None else [self.bias])
        return sum(t.numel() * t.element_size() for t in tensors)


@dataclass(frozen=True)
class PlainLinear:
    """An unquantized linear: `weight` is [out_features, in_features] in its stored dtype, `bias` [out_features]."""

    key: str
    in_features: int
    out_features: int
    weight: torch.Tensor
    bias: torch.Tensor | None

    @property
    def num_bytes(self) -> int:
        tensors = [self.weight] + ([] if self.bias is None else [self.bias])
        return sum(t.numel() * t.element_size() for t in tensors)


LinearWeights = Exl3Linear | PlainLinear
