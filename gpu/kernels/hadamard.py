"""The rotations around an EXL3 product: 128-point Hadamard with scales, one warp for each block of 128.

Launch: `input_kernel`: grid (ceil(blocks / 8), rows, matrices), 256 threads, a warp a block; every block computes the
    norm of its row for itself.
    `finish_kernel` says its own.
Layout: a lane holds four consecutive values; strides 1 and 2 are in its registers, 4 to 64 are shuffles.
Source: section 4 of the format description.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.norms import row_factor
from gpu.kernels.warps import ALL_LANES, warp_sum
from gpu.ptx import (
    exponent_of,
    halves_from_floats,
    let_next_start,
    load_float,
    load_floats,
    load_half,
    load_halves,
    load_long,
    round_to_int,
    store_float,
    store_floats,
    store_words,
    wait_for_inputs,
)
from gpu.rotate_ir import INVERSE_ROOT_128

WARPS = 4
INPUT_WARPS = 8
STAGED = 512  # 128 sums of each of four warps
CODE_LIMIT = 32639.0  # 127 * 256 + 127: the largest code whose high limb is a signed byte
MUL1_SCALE = 0.00676727294921875  # value of a mul1 weight = byte sum * scale + offset
MUL1_OFFSET = -3.453125


@cuda.jit(device=True, inline=True)
def transform_fours(v0, v1, v2, v3, lane, lanes):  # type: ignore[no-untyped-def]
    """The Hadamard transform of 4 * lanes values, four a lane; float32 throughout, strides ascending, no scale."""
    a, b = v0 + v1, v0 - v1
    c, d = v2 + v3, v2 - v3
    v0, v1, v2, v3 = a + c, b + d, a - c, b - d
    mask = 1
    while mask < lanes:
        o0 = cuda.shfl_xor_sync(ALL_LANES, v0, mask)
        o1 = cuda.shfl_xor_sync(ALL_LANES, v1, mask)
        o2 = cuda.shfl_xor_sync(ALL_LANES, v2, mask)
        o3 = cuda.shfl_xor_sync(ALL_LANES, v3, mask)
        if lane & mask:
            v0, v1, v2, v3 = o0 - v0, o1 - v1, o2 - v2, o3 - v3
        else:
            v0, v1, v2, v3 = v0 + o0, v1 + o1, v2 + o2, v3 + o3
        mask *= 2
    return v0, v1, v2, v3


@cuda.jit(device=True, inline=True)
def rotate_128(v0, v1, v2, v3, lane):  # type: ignore[no-untyped-def]
    """The rotated four values of a lane."""
    v0, v1, v2, v3 = transform_fours(v0, v1, v2, v3, lane, 32)
    scale = types.float32(INVERSE_ROOT_128)
    return v0 * scale, v1 * scale, v2 * scale, v3 * scale


@cuda.jit(device=True, inline=True)
def _scaled(x_at, s_at, norm_at, factor, i, known):  # type: ignore[no-untyped-def]
    """x[i] * norm[i] * factor * suh[i], zero past the known values; no norm if its address is 0."""
    if i >= known:
        return types.float32(0.0)
    value = load_float(x_at + types.uint64(4 * i)) * factor
    if norm_at != 0:
        value *= load_float(norm_at + types.uint64(4 * i))
    return value * load_half(s_at + types.uint64(2 * i))


@cache
def input_kernel(is_bytes: bool) -> Any:
    """Norm (optional), scale, rotation and rounding of the inputs of some linears, as `exl3_product` takes them.

    Arguments: x (address of float32 rows), x_stride, in_features, norm_weight (address of float32 [in_features] or 0),
    eps, suh (address of fp16 [M, 128 * blocks]), blocks, row_capacity, out (address of int16 codes or fp16
    [M, row_capacity, 128 * blocks]), scales (address of float32 [M, row_capacity, blocks, 2]).
    """
    store_inputs = input_writer(is_bytes)

    def kernel(x, x_stride, in_features, norm_weight, eps, suh, blocks, row_capacity, out, scales):  # type: ignore[no-untyped-def]
        staged = cuda.shared.array(INPUT_WARPS, types.float32)
        let_next_start()
        wait_for_inputs()
        thread = cuda.threadIdx.x
        lane, warp = thread & 31, thread >> 5
        row, matrix = cuda.blockIdx.y, cuda.blockIdx.z
        x_row = x + types.uint64(row * x_stride * 4)
        factor = types.float32(1.0)
        if norm_weight != 0:
            total = types.float32(0.0)
            for i in range(thread, in_features, 32 * INPUT_WARPS):
                value = load_float(x_row + types.uint64(4 * i))
                total += value * value
            factor = row_factor(total, in_features, eps, staged, INPUT_WARPS)
        block = cuda.blockIdx.x * INPUT_WARPS + warp
        if block >= blocks:
            return
        first = 128 * block + 4 * lane
        width = 128 * blocks
        known = in_features - first
        x_at, s_at = x_row + types.uint64(4 * first), suh + types.uint64((matrix * width + first) * 2)
        n_at = norm_weight + types.uint64(4 * first) if norm_weight != 0 else types.uint64(0)
        if (x_stride | in_features) & 3 == 0:
            v0 = v1 = v2 = v3 = types.float32(0.0)
            if known > 0:
                x0, x1, x2, x3 = load_floats(x_at)
                s0, s1, s2, s3 = load_halves(s_at)
                v0, v1, v2, v3 = x0 * factor * s0, x1 * factor * s1, x2 * factor * s2, x3 * factor * s3
                if n_at != 0:
                    n0, n1, n2, n3 = load_floats(n_at)
                    v0, v1, v2, v3 = v0 * n0, v1 * n1, v2 * n2, v3 * n3
        else:
            v0 = _scaled(x_at, s_at, n_at, factor, 0, known)
            v1 = _scaled(x_at, s_at, n_at, factor, 1, known)
            v2 = _scaled(x_at, s_at, n_at, factor, 2, known)
            v3 = _scaled(x_at, s_at, n_at, factor, 3, known)
        v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
        at = out + types.uint64(((matrix * row_capacity + row) * width + first) * 2)
        scale_at = scales + types.uint64(8 * ((matrix * row_capacity + row) * blocks + block))
        store_inputs(v0, v1, v2, v3, lane, at, scale_at)

    kernel.__name__ = kernel.__qualname__ = "prepare_codes" if is_bytes else "prepare_halves"
    return cuda.jit(kernel)


@cuda.jit(device=True, inline=True)
def _peak_of(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    """The largest magnitude of a warp's values; NaN if there is NaN or infinity among them."""
    peak = max(max(abs(v0), abs(v1)), max(abs(v2), abs(v3)))
    if v0 - v0 + v1 - v1 + v2 - v2 + v3 - v3 != 0:  # the maximum may pass over them
        peak = types.float32(math.nan)
    mask = 16
    while mask > 0:
        other = cuda.shfl_xor_sync(ALL_LANES, peak, mask)
        peak = other if other > peak or other != other else peak
        mask //= 2
    return peak


@cuda.jit(device=True, inline=True)
def _store_halves(v0, v1, v2, v3, lane, at, scale_at):  # type: ignore[no-untyped-def]
    """Writes 128 values of a warp as fp16 over a power of two, so that none overflows, and that power."""
    peak = _peak_of(v0, v1, v2, v3)
    scale = types.float32(1.0)
    if peak != peak:
        scale = peak
    elif peak > types.float32(0.0):
        scale = exponent_of(peak)
    inverse = types.float32(1.0) / scale
    store_words(at, halves_from_floats(v0 * inverse, v1 * inverse), halves_from_floats(v2 * inverse, v3 * inverse))
    if lane == 0:
        store_float(scale_at, scale)


@cuda.jit(device=True, inline=True)
def _store_codes(v0, v1, v2, v3, lane, at, scale_at):  # type: ignore[no-untyped-def]
    """Writes 128 values of a warp as int16 codes in two signed bytes each, and their two scales."""
    peak = _peak_of(v0, v1, v2, v3)
    inverse = types.float32(CODE_LIMIT) / peak if peak > types.float32(0.0) else types.float32(0.0)
    c0, c1 = round_to_int(v0 * inverse), round_to_int(v1 * inverse)
    c2, c3 = round_to_int(v2 * inverse), round_to_int(v3 * inverse)
    total = warp_sum(c0 + c1 + c2 + c3)
    low = types.uint32(_limbs(c0)) | (types.uint32(_limbs(c1)) << types.uint32(16))
    high = types.uint32(_limbs(c2)) | (types.uint32(_limbs(c3)) << types.uint32(16))
    store_words(at, low, high)
    if lane == 0:
        scale = peak / types.float32(CODE_LIMIT)
        store_float(scale_at, scale * types.float32(MUL1_SCALE))
        store_float(scale_at + types.uint64(4), scale * types.float32(total) * types.float32(MUL1_OFFSET))


@cuda.jit(device=True, inline=True)
def _limbs(code):  # type: ignore[no-untyped-def]
    """256 * high + low = code with both limbs signed bytes, as 16 bits."""
    low = ((code + 128) & 255) - 128
    return ((code - low) & 0xFF00) | (low & 0xFF)


def input_writer(is_bytes: bool) -> Any:
    """The device function that writes a warp's 128 rotated values as a product's inputs, with their scales."""
    return _store_codes if is_bytes else _store_halves


@cuda.jit(device=True, inline=True)
def _store_column(place, column, known, value, accumulate, i):  # type: ignore[no-untyped-def]
    if column + i < known:
        at = place + types.uint64(4 * i)
        store_float(at, load_float(at) + value if accumulate else value)


@cuda.jit(device=True, inline=True)
def _one_of(at, stride, split, splits):  # type: ignore[no-untyped-def]
    """Four neighbouring columns of a split; zeros behind the last."""
    v0, v1, v2, v3 = load_floats(at + types.uint64(min(split, splits - 1)) * stride)
    factor = types.float32(1.0) if split < splits else types.float32(0.0)
    return v0 * factor, v1 * factor, v2 * factor, v3 * factor


@cuda.jit(device=True, inline=True)
def sum_some(at, stride, splits, first, step):  # type: ignore[no-untyped-def]
    """Four neighbouring columns summed over the splits first, first + step ..., eight loads under way at a time.

    Sums and what lies behind them are finite, or the output is not a number anyway.
    """
    v0 = v1 = v2 = v3 = types.float32(0.0)
    for split in range(first, splits, 8 * step):
        a0, a1, a2, a3 = _one_of(at, stride, split, splits)
        b0, b1, b2, b3 = _one_of(at, stride, split + step, splits)
        c0, c1, c2, c3 = _one_of(at, stride, split + 2 * step, splits)
        d0, d1, d2, d3 = _one_of(at, stride, split + 3 * step, splits)
        e0, e1, e2, e3 = _one_of(at, stride, split + 4 * step, splits)
        f0, f1, f2, f3 = _one_of(at, stride, split + 5 * step, splits)
        g0, g1, g2, g3 = _one_of(at, stride, split + 6 * step, splits)
        h0, h1, h2, h3 = _one_of(at, stride, split + 7 * step, splits)
        v0 += ((a0 + b0) + (c0 + d0)) + ((e0 + f0) + (g0 + h0))
        v1 += ((a1 + b1) + (c1 + d1)) + ((e1 + f1) + (g1 + h1))
        v2 += ((a2 + b2) + (c2 + d2)) + ((e2 + f2) + (g2 + h2))
        v3 += ((a3 + b3) + (c3 + d3)) + ((e3 + f3) + (g3 + h3))
    return v0, v1, v2, v3


@cuda.jit(device=True, inline=True)
def stage(staged, place, v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    """Writes a lane's four columns to shared memory."""
    staged[place], staged[place + 1], staged[place + 2], staged[place + 3] = v0, v1, v2, v3


@cuda.jit(device=True, inline=True)
def staged_sum(staged, lane, first, count):  # type: ignore[no-untyped-def]
    """The sum of what `count` warps from `first` on have staged, for a lane's four columns."""
    place = types.int32(128 * first + 4 * lane)
    v0, v1, v2, v3 = staged[place], staged[place + 1], staged[place + 2], staged[place + 3]
    for _ in range(1, count):
        place += 128
        v0, v1 = v0 + staged[place], v1 + staged[place + 1]
        v2, v3 = v2 + staged[place + 2], v3 + staged[place + 3]
    return v0, v1, v2, v3


@cuda.jit(device=True, inline=True)
def _finish_block(v0, v1, v2, v3, lane, row, block, svh, bias, outputs, accumulate):  # type: ignore[no-untyped-def]
    """Rotates a warp's 128 sums, scales, adds the bias and writes them to their place."""
    v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
    entry = outputs + types.uint64(24 * block)
    target = load_long(entry) + types.uint64(4) * (load_long(entry + types.uint64(8)) * types.uint64(row))
    known = types.int32(load_long(entry + types.uint64(16)))
    column = 4 * lane
    first = types.uint64(2 * (128 * block + column))
    s0, s1, s2, s3 = load_halves(svh + first)
    b0, b1, b2, b3 = load_halves(bias + first)
    v0, v1, v2, v3 = v0 * s0 + b0, v1 * s1 + b1, v2 * s2 + b2, v3 * s3 + b3
    place = target + types.uint64(4 * column)
    if column + 3 < known and place & types.uint64(15) == types.uint64(0):
        if accumulate:
            o0, o1, o2, o3 = load_floats(place)
            v0, v1, v2, v3 = v0 + o0, v1 + o1, v2 + o2, v3 + o3
        store_floats(place, v0, v1, v2, v3)
        return
    _store_column(place, column, known, v0, accumulate, 0)
    _store_column(place, column, known, v1, accumulate, 1)
    _store_column(place, column, known, v2, accumulate, 2)
    _store_column(place, column, known, v3, accumulate, 3)


@cache
def finish_kernel(is_split: bool) -> Any:
    """Sums the splits, rotates, scales by svh, adds the bias and writes each block of 128 columns to its place.

    Launch: with splits, a block of four warps for 128 columns, each summing a quarter of the splits: grid (blocks,
    rows); without, a warp for 128 columns: grid (ceil(blocks / 4), rows); 128 threads.
    Arguments: partial (address of float32 [splits, rows, width]), splits, rows, width, svh and bias (addresses of fp16
    [width]), outputs (address of int64 [blocks, 3]: address of row 0, values from row to row, columns that exist),
    blocks, accumulate (add to what is there instead of writing over it).
    """

    def split(partial, splits, rows, width, svh, bias, outputs, blocks, accumulate):  # type: ignore[no-untyped-def]
        staged = cuda.shared.array(STAGED, types.float32)
        let_next_start()
        wait_for_inputs()
        lane, warp = cuda.threadIdx.x & 31, cuda.threadIdx.x >> 5
        block, row = cuda.blockIdx.x, cuda.blockIdx.y
        at = partial + types.uint64((row * width + 128 * block + 4 * lane) * 4)
        v0, v1, v2, v3 = sum_some(at, types.uint64(4 * rows * width), splits, warp, WARPS)
        stage(staged, 128 * warp + 4 * lane, v0, v1, v2, v3)
        cuda.syncthreads()
        if warp == 0:
            v0, v1, v2, v3 = staged_sum(staged, lane, 0, WARPS)
            _finish_block(v0, v1, v2, v3, lane, row, block, svh, bias, outputs, accumulate)

    def single(partial, splits, rows, width, svh, bias, outputs, blocks, accumulate):  # type: ignore[no-untyped-def]
        let_next_start()
        wait_for_inputs()
        lane, warp = cuda.threadIdx.x & 31, cuda.threadIdx.x >> 5
        block, row = cuda.blockIdx.x * WARPS + warp, cuda.blockIdx.y
        if block < blocks:
            v0, v1, v2, v3 = load_floats(partial + types.uint64((row * width + 128 * block + 4 * lane) * 4))
            _finish_block(v0, v1, v2, v3, lane, row, block, svh, bias, outputs, accumulate)

    kernel = split if is_split else single
    kernel.__name__ = kernel.__qualname__ = "finish_splits" if is_split else "finish_single"
    return cuda.jit(kernel)
