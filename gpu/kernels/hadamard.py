"""The rotations around an EXL3 product: 128-point Hadamard with scales, one warp for each block of 128.

Launch: `input_kernel`: grid (ceil(blocks / 8), rows, matrices), 256 threads, a warp a block; every block computes the
    norm of its row for itself.
    `finish_kernel` says its own.
Layout: a lane holds four consecutive values; strides 1 and 2 are in its registers, 4 to 64 are shuffles.
Source: section 4 of the format description.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.norms import row_factor
from gpu.kernels.step_ir import (
    load_four_shared,
    load_fours,
    store_four_shared,
    sum_of_fours,
    warp_count,
    warp_peak,
)
from gpu.kernels.warps import ALL_LANES
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
    shared_address,
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
        sign = types.float32(-1.0) if lane & mask else types.float32(1.0)
        v0, v1, v2, v3 = cuda.fma(v0, sign, o0), cuda.fma(v1, sign, o1), cuda.fma(v2, sign, o2), cuda.fma(v3, sign, o3)
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
        thread = types.int32(cuda.threadIdx.x)
        lane, warp = types.int32(thread & 31), types.int32(thread >> 5)
        row, matrix = types.int32(cuda.blockIdx.y), types.int32(cuda.blockIdx.z)
        block = types.int32(cuda.blockIdx.x * INPUT_WARPS + warp)
        first = types.int32(128 * block + 4 * lane)
        width = types.int32(128 * blocks)
        known = types.int32(in_features - first)
        x_row = x + types.uint64(types.uint32(row)) * types.uint64(types.uint32(4 * x_stride))
        x_at = x_row + types.uint64(types.uint32(4 * first))
        s_at = suh + types.uint64(types.uint32(matrix)) * types.uint64(types.uint32(2 * width))
        s_at += types.uint64(types.uint32(2 * first))
        n_at = norm_weight + types.uint64(types.uint32(4 * first)) if norm_weight != 0 else types.uint64(0)
        line = types.int32(matrix * row_capacity + row)
        at = out + types.uint64(types.uint32(line)) * types.uint64(types.uint32(2 * width))
        at += types.uint64(types.uint32(2 * first))
        scale_at = scales + types.uint64(8) * types.uint64(types.uint32(line * blocks + block))
        wait_for_inputs()
        factor = types.float32(1.0)
        if norm_weight != 0:
            total = types.float32(0.0)
            i, own = thread, x_row + types.uint64(types.uint32(4 * thread))
            while i < in_features:
                value = load_float(own)
                total += value * value
                own += types.uint64(4 * 32 * INPUT_WARPS)
                i = types.int32(i + 32 * INPUT_WARPS)
            factor = row_factor(total, in_features, eps, staged, INPUT_WARPS)
        if block >= blocks:
            return
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
        store_inputs(v0, v1, v2, v3, lane, at, scale_at)

    kernel.__name__ = kernel.__qualname__ = "prepare_codes" if is_bytes else "prepare_halves"
    return cuda.jit(kernel)


@cuda.jit(device=True, inline=True)
def _store_halves(v0, v1, v2, v3, lane, at, scale_at):  # type: ignore[no-untyped-def]
    """Writes 128 values of a warp as fp16 over a power of two, so that none overflows, and that power."""
    peak = warp_peak(v0, v1, v2, v3)
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
    peak = warp_peak(v0, v1, v2, v3)
    inverse = types.float32(CODE_LIMIT) / peak if peak > types.float32(0.0) else types.float32(0.0)
    c0, c1 = round_to_int(v0 * inverse), round_to_int(v1 * inverse)
    c2, c3 = round_to_int(v2 * inverse), round_to_int(v3 * inverse)
    total = warp_count(types.int32(c0 + c1 + c2 + c3))
    low = types.uint32(_limbs(c0) | _limbs(c1) << types.uint32(16))
    high = types.uint32(_limbs(c2) | _limbs(c3) << types.uint32(16))
    store_words(at, low, high)
    if lane == 0:
        scale = peak / types.float32(CODE_LIMIT)
        store_float(scale_at, scale * types.float32(MUL1_SCALE))
        store_float(scale_at + types.uint64(4), scale * types.float32(total) * types.float32(MUL1_OFFSET))


@cuda.jit(device=True, inline=True)
def _limbs(code):  # type: ignore[no-untyped-def]
    """256 * high + low = code with both limbs signed bytes, as 16 bits."""
    return types.uint32(types.int32(code + 128) & 0xFF00 | code & 0xFF)


def input_writer(is_bytes: bool) -> Any:
    """The device function that writes a warp's 128 rotated values as a product's inputs, with their scales."""
    return _store_codes if is_bytes else _store_halves


@cuda.jit(device=True, inline=True)
def _store_column(place, column, known, value, accumulate, i):  # type: ignore[no-untyped-def]
    if column + i < known:
        at = place + types.uint64(4 * i)
        store_float(at, load_float(at) + value if accumulate else value)


@cuda.jit(device=True, inline=True)
def sum_begun(fours, at, stride, splits, first, step):  # type: ignore[no-untyped-def]
    """Four neighbouring columns summed over the splits first, first + step ...; the first four of them are `fours`.

    fours: `load_fours(at, stride, first, step, splits)`, which other work may follow while they are under way.
    """
    v0, v1, v2, v3 = sum_of_fours(fours)
    split = types.int32(first + 4 * step)
    if split < splits:  # rare; the sums of eight splits are added to the others
        a0, a1, a2, a3 = sum_of_fours(load_fours(at, stride, split, step, splits))
        v0, v1, v2, v3 = v0 + a0, v1 + a1, v2 + a2, v3 + a3
        split = types.int32(split + 4 * step)
        while split < splits:
            a0, a1, a2, a3 = sum_of_fours(load_fours(at, stride, split, step, splits))
            split = types.int32(split + 4 * step)
            b0, b1, b2, b3 = sum_of_fours(load_fours(at, stride, split, step, splits))
            split = types.int32(split + 4 * step)
            v0, v1, v2, v3 = v0 + (a0 + b0), v1 + (a1 + b1), v2 + (a2 + b2), v3 + (a3 + b3)
    return v0, v1, v2, v3


@cuda.jit(device=True, inline=True)
def staged_sum(place, count):  # type: ignore[no-untyped-def]
    """The sum of what `count` warps have staged, 512 bytes apart: four columns from a shared address on."""
    v0, v1, v2, v3 = load_four_shared(place)
    for i in range(1, count):
        a0, a1, a2, a3 = load_four_shared(types.uint32(place + types.uint32(512 * i)))
        v0, v1, v2, v3 = v0 + a0, v1 + a1, v2 + a2, v3 + a3
    return v0, v1, v2, v3


@cuda.jit(device=True, inline=True)
def _block_constants(lane, row, block, svh, bias, outputs):  # type: ignore[no-untyped-def]
    """Of a block of 128 columns: where a row of it goes, how many columns exist, a lane's scales and biases."""
    entry = outputs + types.uint64(24) * types.uint64(types.uint32(block))
    target = load_long(entry) + types.uint64(4) * (load_long(entry + types.uint64(8)) * types.uint64(types.uint32(row)))
    known = types.int32(load_long(entry + types.uint64(16)))
    first = types.uint64(types.uint32(256 * block + 8 * lane))
    s0, s1, s2, s3 = load_halves(svh + first)
    b0, b1, b2, b3 = load_halves(bias + first)
    return target, known, s0, s1, s2, s3, b0, b1, b2, b3


@cuda.jit(device=True, inline=True)
def _finish_block(v0, v1, v2, v3, lane, constants, accumulate):  # type: ignore[no-untyped-def]
    """Rotates a warp's 128 sums, scales, adds the bias and writes them to their place."""
    # What is read here no kernel of a step writes: it is on its way before the sums are there.
    target, known, s0, s1, s2, s3, b0, b1, b2, b3 = constants
    v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
    v0, v1, v2, v3 = v0 * s0 + b0, v1 * s1 + b1, v2 * s2 + b2, v3 * s3 + b3
    column = types.int32(4 * lane)
    place = target + types.uint64(types.uint32(4 * column))
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
        staged = cuda.shared.array(STAGED, types.float32, alignment=16)
        let_next_start()
        sums = shared_address(staged)
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        block, row = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y)
        own = types.uint32(sums + types.uint32(16 * lane))
        at = partial + types.uint64(4) * types.uint64(types.uint32(row * width + 128 * block + 4 * lane))
        stride = types.uint32(4 * rows * width)
        constants = _block_constants(lane, row, block, svh, bias, outputs)
        wait_for_inputs()
        fours = load_fours(at, stride, warp, WARPS, splits)
        v0, v1, v2, v3 = sum_begun(fours, at, stride, splits, warp, WARPS)
        store_four_shared(types.uint32(own + types.uint32(512 * warp)), v0, v1, v2, v3)
        cuda.syncthreads()
        if warp == 0:
            v0, v1, v2, v3 = staged_sum(own, WARPS)
            _finish_block(v0, v1, v2, v3, lane, constants, accumulate)

    def single(partial, splits, rows, width, svh, bias, outputs, blocks, accumulate):  # type: ignore[no-untyped-def]
        let_next_start()
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        block, row = types.int32(cuda.blockIdx.x * WARPS + warp), types.int32(cuda.blockIdx.y)
        if block >= blocks:
            return
        at = partial + types.uint64(4) * types.uint64(types.uint32(row * width + 128 * block + 4 * lane))
        constants = _block_constants(lane, row, block, svh, bias, outputs)
        wait_for_inputs()
        v0, v1, v2, v3 = load_floats(at)
        _finish_block(v0, v1, v2, v3, lane, constants, accumulate)

    kernel = split if is_split else single
    kernel.__name__ = kernel.__qualname__ = "finish_splits" if is_split else "finish_single"
    return cuda.jit(kernel)
