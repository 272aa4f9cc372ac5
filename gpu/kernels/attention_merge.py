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
from gpu.kernels.step_ir import load_float_if, load_ones, plus_weighted
from gpu.kernels.warps import ALL_LANES, warp_sum
from gpu.ptx import exp2_fast, load_float, store_float


@cuda.jit(device=True, inline=True)
def share_out(positions, row, splits, rows, window, pool, lane):  # type: ignore[no-untyped-def]
    """Of a row: its splits, the slot of the first in `partial`, and slots from one to the next; needs no kernel's work.

    With a pool `splits` does not count. All lanes take part.
    """
    slot, slots = row, rows
    if pool > 0:
        pieces, piece_end = deal(positions, rows, types.int32(window - 1 if window > 0 else ALL_KEYS), pool, lane)
        splits = types.int32(cuda.shfl_sync(ALL_LANES, pieces, row))
        slot, slots = types.int32(cuda.shfl_sync(ALL_LANES, piece_end, row) - splits), types.int32(1)
    return splits, slot, slots


@cache
def merger(has_sinks: bool) -> Any:
    """`merged`, a device function.

    It gives value i of a head's output from its splits, two or more; of them `share_out` gives the number and places. A
    warp has one head; every warp computes the weights of all splits, a lane one. Maxima are in powers of two. Without
    `has_sinks` `sinks` does not count.
    """

    @cuda.jit(device=True, inline=True)
    def merged(  # type: ignore[no-untyped-def]
        partial, head, heads, splits, slot, slots, padded, i, lane, sinks
    ):
        wide = types.int32(padded + 2)
        at = partial + types.uint64(4) * types.uint64(types.uint32(types.int32(slot * heads + head) * wide + i))
        stride = types.uint32(4 * slots * heads * wide)
        last = at + types.uint64(types.uint32(lane)) * types.uint64(stride)
        last += types.uint64(types.uint32(4 * types.int32(padded - i)))
        total, maximum = load_float_if(last, lane < splits), types.float32(MASKED)
        if lane < splits:
            maximum = load_float(last + types.uint64(4))
        # Values are under way before it is known which count: behind the last split with keys there may be anything.
        values = load_ones(at, stride, types.int32(0), splits)
        more = load_ones(at, stride, types.int32(8), splits)
        # Splits with keys come first; behind the last of them nothing was written but sum and maximum.
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
        value = plus_weighted(types.float32(0.0), values, weight, types.int32(0), used)
        if used > 8:
            value = plus_weighted(value, more, weight, types.int32(8), used)
            split = types.int32(16)
            while split < used:
                value = plus_weighted(value, load_ones(at, stride, split, used), weight, split, used)
                split = types.int32(split + 8)
        return value

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
        lane = types.int32(thread & 31)
        splits, slot, slots = share_out(positions, row, splits, rows, window, pool, lane)
        if splits == 1:
            return
        at = out + types.uint64(4) * types.uint64(types.uint32(row * out_stride + head * head_dim + thread))
        i = thread
        while i < padded:
            value = merged(partial, head, heads, splits, slot, slots, padded, i, lane, sinks)
            if i < head_dim:
                store_float(at, value)
            at += types.uint64(4 * COMBINE_THREADS)
            i = types.int32(i + COMBINE_THREADS)

    kernel.__name__ = kernel.__qualname__ = "combine_sinks" if has_sinks else "combine"
    return cuda.jit(kernel, launch_bounds=(COMBINE_THREADS, 6))
