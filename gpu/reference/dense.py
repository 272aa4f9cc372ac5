"""Pages made dense and parts of attention merged, in plain torch: the oracle of `dense`."""

from __future__ import annotations

import torch

from gpu.kernels.page_layout import PAGE


def gather(
    k_cache: torch.Tensor, v_cache: torch.Tensor, pages: torch.Tensor, first: int, count: int, head_dim: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """K and V [KVH, count, D] of one sequence's positions from `first` on; pages: its row of the page table."""
    at = torch.arange(first, first + count, device=k_cache.device)
    page, slot = pages.long()[at // PAGE], at % PAGE
    return k_cache[page, :, slot, :head_dim].transpose(0, 1), v_cache[page, :, :head_dim, slot].transpose(0, 1)


def merge(
    part: torch.Tensor, lse: torch.Tensor, other: torch.Tensor, other_lse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention over the keys of both parts, float64 [H, T, D], and its log-sum-exp [H, T], from those of each part."""
    total = torch.logaddexp(lse.double(), other_lse.double())
    weights = [(each.double() - total).exp()[..., None] for each in (lse, other_lse)]
    return weights[0] * part.double() + weights[1] * other.double(), total
