"""The splits of attention merged: their sum as a kernel of its own, and as a step of the kernel that reads them.

Launch: `combine`: grid (rows, H), COMBINE_THREADS threads, after `attend_few` with a pool or more than one split.
Layout: partial and output as in `attention`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.attention import deal
from gpu.kernels.attention_ir import MASKED
from gpu.kernels.attention_layout import ALL_KEYS, COMBINE_THREADS
from gpu.kernels.attention_scores import sink_weight
from gpu.kernels.warps import ALL_LANES, warp_sum
from gpu.ptx import exp2_fast, load_float, store_float


@cuda.jit(device=True, inline=True)
def _part(at, stride, split, used):  # type: ignore[no-untyped-def]
    """A split's value; behind the last of them its own again, which has no weight there."""
    return load_float(at + types.uint64(min(split, used - 1)) * stride)


@cache
def merger(has_sinks: bool) -> Any:
    """`merged`, a device function.

    It gives value i of a head's output from its splits, and how many they were: with one, it is in the output already.
    A warp has one head; every warp computes the weights of all splits, a lane one. Maxima are in powers of two. With a
    pool `splits` does not count; without `has_sinks` `sinks` does not.
    """

    @cuda.jit(device=True, inline=True)
    def merged(  # type: ignore[no-untyped-def]
        partial, positions, row, head, heads, splits, rows, window, pool, padded, i, lane, sinks
    ):
        wide = padded + 2
        slot, slots = row, rows  # of the first split, and up to the next
        if pool > 0:
            pieces, piece_end = deal(positions, rows, types.int32(window - 1 if window > 0 else ALL_KEYS), pool, lane)
            splits = types.int32(cuda.shfl_sync(ALL_LANES, pieces, row))
            slot, slots = types.int32(cuda.shfl_sync(ALL_LANES, piece_end, row) - splits), types.int32(1)
        value = types.float32(0.0)
        if splits == 1:
            return value, splits
        first = partial + types.uint64(4) * types.uint64((slot * heads + head) * wide)
        stride = types.uint64(4) * types.uint64(slots * heads * wide)
        total, maximum = types.float32(0.0), types.float32(MASKED)
        if lane < splits:
            at = first + types.uint64(lane) * stride + types.uint64(4 * padded)
            total, maximum = load_float(at), load_float(at + types.uint64(4))
        # Splits with keys come first; behind the last of them nothing was written but the sum.
        used = types.int32(32 - cuda.clz(cuda.ballot_sync(ALL_LANES, total > types.float32(0.0))))
        peak = maximum
        mask = 16
        while mask > 0:
            peak = max(peak, cuda.shfl_xor_sync(ALL_LANES, peak, mask))
            mask //= 2
        weight = exp2_fast(maximum - peak)
        total = warp_sum(total * weight)
        if has_sinks:
            total += sink_weight(sinks, head, peak)
        weight = weight / total if lane < used else types.float32(0.0)
        at = first + types.uint64(4 * i)
        for split in range(0, used, 8):  # eight loads under way at a time
            value0, value1 = _part(at, stride, split, used), _part(at, stride, split + 1, used)
            value2, value3 = _part(at, stride, split + 2, used), _part(at, stride, split + 3, used)
            value4, value5 = _part(at, stride, split + 4, used), _part(at, stride, split + 5, used)
            value6, value7 = _part(at, stride, split + 6, used), _part(at, stride, split + 7, used)
            value += value0 * cuda.shfl_sync(ALL_LANES, weight, split)
            value += value1 * cuda.shfl_sync(ALL_LANES, weight, split + 1)
            value += value2 * cuda.shfl_sync(ALL_LANES, weight, split + 2)
            value += value3 * cuda.shfl_sync(ALL_LANES, weight, split + 3)
            value += value4 * cuda.shfl_sync(ALL_LANES, weight, split + 4)
            value += value5 * cuda.shfl_sync(ALL_LANES, weight, split + 5)
            value += value6 * cuda.shfl_sync(ALL_LANES, weight, split + 6)
            value += value7 * cuda.shfl_sync(ALL_LANES, weight, split + 7)
        return value, splits

    return merged


@cache
def combine_kernel(has_sinks: bool) -> Any:
    """`combine`: out [rows, H * head_dim] from partial; sinks: float32 [H]."""
    merged = merger(has_sinks)

    def kernel(  # type: ignore[no-untyped-def]
        partial, positions, splits, rows, window, pool, padded, head_dim, out, out_stride, sinks
    ):
        row, head, heads = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.y)
        thread = types.int32(cuda.threadIdx.x)
        for i in range(thread, padded, COMBINE_THREADS):
            value, used = merged(
                partial, positions, row, head, heads, splits, rows, window, pool, padded, types.int32(i), thread & 31,
                sinks,
            )  # fmt: skip
            if used > 1 and i < head_dim:
                store_float(out + types.uint64(4) * types.uint64(row * out_stride + head * head_dim + i), value)

    kernel.__name__ = kernel.__qualname__ = "combine_sinks" if has_sinks else "combine"
    return cuda.jit(kernel)
