"""Working memory that grows while a model is loaded. Knows nothing of what it holds."""

from __future__ import annotations

import torch


def grown(buffer: torch.Tensor, count: int) -> torch.Tensor:
    """The buffer if it has room for `count` values, else a new one of its kind [count]; what it held is lost."""
    return buffer if count <= buffer.numel() else torch.empty(count, dtype=buffer.dtype, device=buffer.device)
