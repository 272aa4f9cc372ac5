"""The factor of an RMS norm, from a sum of squares. Knows nothing of where the squares come from."""

from __future__ import annotations

import math

from numba import cuda
from numba.core import types

from gpu.kernels.warps import block_sum


@cuda.jit(device=True, inline=True)
def inverse_rms(squares, size, eps):  # type: ignore[no-untyped-def]
    """1 / rms of `size` values whose squares sum up to `squares`."""
    return types.float32(1.0) / math.sqrt(squares / types.float32(size) + eps)


@cuda.jit(device=True, inline=True)
def row_factor(squares, size, eps, staged, warps):  # type: ignore[no-untyped-def]
    """1 / rms of a row of `size` values, from each thread's share of its squares; staged is shared float32 [warps]."""
    return inverse_rms(block_sum(squares, staged, warps), size, eps)
