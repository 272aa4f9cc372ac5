"""Random inputs and poisoned outputs for trying a kernel: the same for the same case, other for every other case."""

from __future__ import annotations

import zlib
from typing import Any

import torch


class Draw:
    """Draws tensors for one case on one device."""

    def __init__(self, case: Any, device: torch.device) -> None:
        self.device = device
        self._generator = torch.Generator(device="cpu").manual_seed(zlib.crc32(repr(case).encode()))

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32, scale: float = 1.0) -> torch.Tensor:
        """Normal values of a standard deviation."""
        return (torch.randn(shape, generator=self._generator) * scale).to(dtype).to(self.device)

    def uniform(self, low: float, high: float, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return (torch.rand(shape, generator=self._generator) * (high - low) + low).to(dtype).to(self.device)

    def integers(self, low: int, high: int, *shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
        """Integers from low to high - 1."""
        return torch.randint(low, high, shape, generator=self._generator).to(dtype).to(self.device)

    def order(self, count: int) -> list[int]:
        """0 to count - 1, shuffled."""
        return torch.randperm(count, generator=self._generator).tolist()

    def padded(self, values: torch.Tensor, width: int) -> torch.Tensor:
        """A matrix with rows of `width` values, NaN behind its own."""
        wide = poisoned(values.shape[0], width, dtype=values.dtype, device=self.device)
        wide[:, : values.shape[1]] = values
        return wide


def padded_size(size: int) -> int:
    """Of a side of a matrix: whole blocks of the rotation."""
    return -(-size // 128) * 128


def poisoned(*shape: int, device: torch.device, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """NaN everywhere: what a kernel leaves out shows, and what it writes beyond its place shows too."""
    return torch.full(shape, float("nan"), dtype=dtype, device=device)
