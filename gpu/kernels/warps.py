"""What the lanes of a warp, and the warps of a block, add up together. Knows nothing of what the values mean."""

from __future__ import annotations

from numba import cuda
from numba.core import types

ALL_LANES = 0xFFFFFFFF


@cuda.jit(device=True, inline=True)
def warp_sum(value):  # type: ignore[no-untyped-def]
    """The sum of a value over a warp, in every lane."""
    mask = 16
    while mask > 0:
        value += cuda.shfl_xor_sync(ALL_LANES, value, mask)
        mask //= 2
    return value


@cuda.jit(device=True, inline=True)
def warp_sums(x, y):  # type: ignore[no-untyped-def]
    """The sums of two values over a warp, in every lane; each does not wait for the other."""
    mask = 16
    while mask > 0:
        x += cuda.shfl_xor_sync(ALL_LANES, x, mask)
        y += cuda.shfl_xor_sync(ALL_LANES, y, mask)
        mask //= 2
    return x, y


@cuda.jit(device=True, inline=True)
def block_sum(value, staged, warps):  # type: ignore[no-untyped-def]
    """The sum of a float32 over a block, in every thread; staged is shared float32 [warps]."""
    value = warp_sum(value)
    if cuda.threadIdx.x & 31 == 0:
        staged[cuda.threadIdx.x >> 5] = value
    cuda.syncthreads()
    total = types.float32(0.0)
    for warp in range(warps):
        total += staged[warp]
    return total
