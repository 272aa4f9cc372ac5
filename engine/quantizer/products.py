"""Matrix products over calibration tokens: in float32 on processors, in half precision with float32 sums on cards.

Half precision has the mantissa of TF32 and is two to eight times as fast as float32 on every card that the kernels run
on. Its range is small, so every row of the first factor and every column of the second is brought to the same size by
a power of two, which loses nothing. Knows nothing of what is multiplied.
"""

from __future__ import annotations

import torch

TOP_EXPONENT = 12  # of the largest magnitude of a row: far from both ends of float16
_FIELD = 23  # bits behind a float32's exponent field
_BIAS = 127


def times(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left @ right, float32 [..., m].

    Args:
        left: float32 [..., n]; another type is multiplied as it is. What is not finite spoils its own row alone.
        right: float32 [n, m]; not finite, a column.
    """
    if left.device.type != "cuda" or left.dtype != torch.float32:
        return left @ right
    rows, row_sizes = in_half(left.reshape(-1, left.shape[-1]), 1)
    columns, column_sizes = in_half(right, 0)
    product: torch.Tensor = torch.mm(rows, columns, out_dtype=torch.float32)
    return product.mul_(row_sizes).mul_(column_sizes).view(*left.shape[:-1], right.shape[1])


def in_half(matrix: torch.Tensor, along: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix in float16 and the factors, float32, that bring it back.

    Args:
        matrix: float32 [n, m].
        along: the dimension that a product sums over; each line along it gets a factor of its own, a power of two.

    Returns:
        The scaled matrix, and factors [n, 1] or [1, m].
    """
    largest = torch.linalg.vector_norm(matrix, torch.inf, dim=along, keepdim=True)
    field = (largest.view(torch.int32) >> _FIELD) & 0xFF  # 0: zeros; 255: not finite
    # Both the factor and its inverse stay normal numbers, so that either is exact.
    scale = (2 * _BIAS + TOP_EXPONENT - field).clamp(1, 2 * _BIAS - 1)
    scaled = torch.empty_like(matrix, dtype=torch.float16)
    torch.mul(matrix, (scale << _FIELD).view(torch.float32), out=scaled)
    return scaled, ((2 * _BIAS - scale) << _FIELD).view(torch.float32)
