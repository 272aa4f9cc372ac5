"""Inputs of the medium-rows product: norm, scales and rotation of a row, rounded to fp16 over one power of two.

A rotation leaves the length of a block as it is, so no rotated value is larger than the length of the whole scaled row:
one pass over the row finds that, a second writes. The bound is some 30 times the largest value, of which fp16's range
takes no notice.

Launch: grid (rows, matrices), 1024 threads, a warp a block of 128 values at a time.
Layout: a lane holds four consecutive values; see `hadamard.rotate_128`.
Source: section 4 of the format description.
"""

from __future__ import annotations

import math

from numba import cuda
from numba.core import types

from gpu.kernels.hadamard import rotate_128
from gpu.kernels.norms import inverse_rms
from gpu.kernels.warps import warp_sums
from gpu.ptx import (
    exponent_of,
    halves_from_floats,
    let_next_start,
    load_float,
    load_floats,
    load_half,
    load_halves,
    store_float,
    store_words,
)

WARPS = 32
TOP = 16384.0  # a length between one and two powers of two becomes a value below 2**15: fp16 ends at 2**16
SMALLEST = 1e-30  # length of a row that is taken for zeros


@cuda.jit(device=True, inline=True)
def _read_one(x_row, norm_weight, suh, at, known):  # type: ignore[no-untyped-def]
    """x, and x * norm * suh, of one place; zeros past the known values."""
    if at >= known:
        return types.float32(0.0), types.float32(0.0)
    x = load_float(x_row + types.uint64(4) * types.uint64(at))
    scale = load_half(suh + types.uint64(2) * types.uint64(at))
    if norm_weight != 0:
        scale *= load_float(norm_weight + types.uint64(4) * types.uint64(at))
    return x, x * scale


@cuda.jit(device=True, inline=True)
def _read_four(x_row, norm_weight, suh, at, known, is_aligned):  # type: ignore[no-untyped-def]
    """Four values x from place `at` on, and x * norm * suh of them."""
    if is_aligned and at + 3 < known:
        x0, x1, x2, x3 = load_floats(x_row + types.uint64(4) * types.uint64(at))
        s0, s1, s2, s3 = load_halves(suh + types.uint64(2) * types.uint64(at))
        if norm_weight != 0:
            n0, n1, n2, n3 = load_floats(norm_weight + types.uint64(4) * types.uint64(at))
            s0, s1, s2, s3 = s0 * n0, s1 * n1, s2 * n2, s3 * n3
        return x0, x1, x2, x3, x0 * s0, x1 * s1, x2 * s2, x3 * s3
    x0, v0 = _read_one(x_row, norm_weight, suh, at, known)
    x1, v1 = _read_one(x_row, norm_weight, suh, at + 1, known)
    x2, v2 = _read_one(x_row, norm_weight, suh, at + 2, known)
    x3, v3 = _read_one(x_row, norm_weight, suh, at + 3, known)
    return x0, x1, x2, x3, v0, v1, v2, v3


@cuda.jit(launch_bounds=(1024, 1))
def prepare_medium(x, x_stride, in_features, norm_weight, eps, suh, blocks, row_capacity, out, scales):  # type: ignore[no-untyped-def]
    """Norm (optional), scale, rotation and rounding of a row for each of some linears.

    Arguments: x (address of float32 rows of any alignment), x_stride, in_features, norm_weight (address of float32
    [in_features] or 0), eps, suh (address of fp16 [M, 128 * blocks]), blocks, row_capacity, out (address of fp16
    [M, row_capacity, 128 * blocks]), scales (address of float32 [M, row_capacity]).
    """
    squares, lengths = cuda.shared.array(WARPS, types.float32), cuda.shared.array(WARPS, types.float32)
    let_next_start()
    thread = types.int32(cuda.threadIdx.x)
    lane, warp = types.int32(thread & 31), types.int32(thread >> 5)
    row, matrix = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y)
    width = types.int32(128 * blocks)
    x_row = x + types.uint64(4) * types.uint64(row) * types.uint64(x_stride)
    own_suh = suh + types.uint64(2) * types.uint64(matrix) * types.uint64(width)
    is_aligned = (x_row & types.uint64(15)) == types.uint64(0)
    square = length = types.float32(0.0)
    for at in range(4 * thread, in_features, 128 * WARPS):
        x0, x1, x2, x3, v0, v1, v2, v3 = _read_four(x_row, norm_weight, own_suh, at, in_features, is_aligned)
        square += x0 * x0 + x1 * x1 + x2 * x2 + x3 * x3
        length += v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3
    square, length = warp_sums(square, length)
    if lane == 0:
        squares[warp], lengths[warp] = square, length
    cuda.syncthreads()
    square, length = warp_sums(squares[lane], lengths[lane])
    factor = types.float32(1.0)
    if norm_weight != 0:
        factor = inverse_rms(square, in_features, eps)
    scale = exponent_of(factor * math.sqrt(length) + types.float32(SMALLEST)) * types.float32(1.0 / TOP)
    inverse = factor / scale
    place = types.uint64(matrix * row_capacity + row)
    if thread == 0:
        store_float(scales + types.uint64(4) * place, scale)
    for block in range(warp, blocks, WARPS):
        first = types.int32(128 * block + 4 * lane)
        _, _, _, _, v0, v1, v2, v3 = _read_four(x_row, norm_weight, own_suh, first, in_features, is_aligned)
        v0, v1, v2, v3 = rotate_128(v0 * inverse, v1 * inverse, v2 * inverse, v3 * inverse, lane)
        at = out + types.uint64(2) * (place * types.uint64(width) + types.uint64(first))
        store_words(at, halves_from_floats(v0, v1), halves_from_floats(v2, v3))
