"""The rotations around EXL3 products of many rows, each pass reading its input once.

Launch: 256 threads; a warp rotates four neighbouring blocks of 128 values of a row at a time. Every kernel says its
    own grid.
Layout: as `gpu.rotate_ir` says; rotated inputs are fp16 in its order of products of many rows. Addresses are 16-byte
    aligned, except those of x and out where the kernel says so.
Source: section 4 of the format description.
"""

from __future__ import annotations

from numba import cuda
from numba.core import types

from gpu.kernels.norms import row_factor
from gpu.ptx import copies_arrived, load_long, quotient, shared_address
from gpu.rotate_ir import (
    LAST_OFFSET,
    copied_16_floats,
    copy_16_floats,
    known_only,
    load_16_floats,
    load_16_halves,
    load_some_floats,
    plus,
    rotate_16,
    scaled,
    silu_times,
    store_16_floats,
    store_ordered_halves,
    store_some_floats,
    sum_of_squares,
    times,
    times_plus,
)

WARPS = 8
WARP_BYTES = 4096  # a warp's columns of gate and up in shared memory
STAGED_WORDS = WARPS * WARP_BYTES // 4


@cuda.jit(device=True, inline=True)
def _read(row, first, size, is_aligned):  # type: ignore[no-untyped-def]
    """A lane's values of a row from value `first` on; zeros from `size` on."""
    at = row + types.uint64(4) * types.uint64(first)
    if is_aligned and size - first > LAST_OFFSET:
        return load_16_floats(at)
    return load_some_floats(at, types.int32(size - first), row)


@cuda.jit(launch_bounds=(256, 2))
def prepare_many(x, x_stride, in_features, norm_weight, eps, suh, blocks, matrices, out):  # type: ignore[no-untyped-def]
    """Norm (optional), scales and rotation of a row for all matrices that take it.

    Launch: grid (rows).
    Arguments: x (address of float32 rows of any alignment), x_stride, in_features, norm_weight (address of float32
    [in_features] or 0), eps, suh (address of the addresses, int64 [M], of fp16 [128 * blocks]), blocks, matrices M, out
    (address of fp16 [M, rows, 128 * blocks]).
    """
    staged = cuda.shared.array(WARPS, types.float32)
    lane, warp = types.uint32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
    row, rows = types.int32(cuda.blockIdx.x), types.int32(cuda.gridDim.x)
    x_row = x + types.uint64(4) * types.uint64(row) * types.uint64(x_stride)
    is_aligned = ((x_stride | in_features) & 3) == 0 and (x & types.uint64(15)) == types.uint64(0)
    quads = (blocks + 3) >> 2
    of_lane = types.int32(lane >> 3)
    own = 128 * of_lane + 4 * types.int32(lane & 7)
    factor = types.float32(1.0)
    if norm_weight != 0:
        total = types.float32(0.0)
        for quad in range(warp, quads, WARPS):
            total += sum_of_squares(_read(x_row, 512 * quad + own, in_features, is_aligned))
        factor = row_factor(total, in_features, eps, staged, WARPS)
    for quad in range(warp, quads, WARPS):
        first, block = 512 * quad + own, 4 * quad + of_lane
        v = scaled(_read(x_row, first, in_features, is_aligned), factor)
        if norm_weight != 0:
            v = times(v, _read(norm_weight, first, in_features, True))
        inside = types.uint64(256) * types.uint64(block)
        behind = types.uint64(2 * (128 * min(block, blocks - 1) + 4 * types.int32(lane & 7)))
        for matrix in range(matrices):
            scales = load_16_halves(load_long(suh + types.uint64(8 * matrix)) + behind)
            rotated = rotate_16(times(v, scales), lane)
            if block < blocks:
                place = types.uint64(matrix * rows + row) * types.uint64(256 * blocks)
                store_ordered_halves(out + place + inside, lane, rotated)


@cuda.jit(launch_bounds=(256, 2))
def finish_many(product, rows, width, svh, bias, out, out_stride, columns, accumulate):  # type: ignore[no-untyped-def]
    """A product rotated back, times svh, plus bias, written over or added to its output.

    Launch: grid (ceil(rows * ceil(width / 512) / 8)).
    Arguments: product (address of float32 [rows, width]), rows, width (a multiple of 128), svh and bias (addresses of
    fp16 [width]), out (address of float32 rows of any alignment; may be the product), out_stride, columns that exist,
    accumulate.
    """
    lane, warp = types.uint32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
    quads = (width + 511) // 512
    task = types.int32(cuda.blockIdx.x) * WARPS + warp
    row = task // quads
    if row >= rows:
        return
    own = 4 * types.int32(lane & 7)
    wanted = 4 * (task % quads) + types.int32(lane >> 3)
    first = 128 * min(wanted, width // 128 - 1) + own
    v = load_16_floats(product + types.uint64(4) * (types.uint64(row) * types.uint64(width) + types.uint64(first)))
    v = rotate_16(v, lane)
    place = types.uint64(2 * first)
    v = times_plus(v, load_16_halves(svh + place), load_16_halves(bias + place))
    at = out + types.uint64(4) * (types.uint64(row) * types.uint64(out_stride) + types.uint64(first))
    known = types.int32(columns - first if 128 * wanted < width else 0)
    if known > LAST_OFFSET and (at & types.uint64(15)) == types.uint64(0):
        if accumulate:
            v = plus(v, load_16_floats(at))
        store_16_floats(at, v)
    elif known > 0:
        if accumulate:
            v = plus(v, load_some_floats(at, known, at))
        store_some_floats(at, known, v)


@cuda.jit(launch_bounds=(256, 2))
def finish_gated_many(  # type: ignore[no-untyped-def]
    gate, up, rows, width, columns, gate_svh, up_svh, gate_bias, up_bias, suh, out, out_stride
):
    """Products of gate and up finished, silu(gate) * up, scaled and rotated as the next product's input.

    A warp keeps its columns and goes from row to row; the next row is on its way while one is computed.

    Launch: grid (as many as there is room for, at least ceil(width / 4096)).
    Arguments: gate and up (addresses of float32 [rows, width]), rows, width (a multiple of 128), columns that exist,
    svh and bias of both and suh of the next (addresses of fp16 [width]), out (address of fp16 rows), out_stride.
    """
    staged = cuda.shared.array(STAGED_WORDS, types.uint32)
    lane, warp = types.uint32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
    quads = types.int32((width + 511) >> 9)
    task = types.int32(cuda.blockIdx.x * WARPS + warp)
    step = quotient(types.int32(cuda.gridDim.x * WARPS), quads)  # rows that are computed at the same time
    row = quotient(task, quads)
    wanted = types.int32(4 * (task - row * quads) + types.int32(lane >> 3))
    if row >= step or row >= rows:
        return
    block = types.int32(min(wanted, (width >> 7) - 1))
    first = types.int32(128 * block + 4 * types.int32(lane & 7))
    place = types.uint64(2 * first)
    pitch = types.uint64(4) * types.uint64(width) * types.uint64(step)
    source = types.uint64(4) * (types.uint64(row) * types.uint64(width) + types.uint64(first))
    target = out + types.uint64(2) * (types.uint64(row) * types.uint64(out_stride) + types.uint64(128 * block))
    known = types.int32(columns - first)
    own = shared_address(staged) + types.uint32(WARP_BYTES) * types.uint32(warp) + types.uint32(16) * lane
    copy_16_floats(own, gate + source)
    copy_16_floats(own + types.uint32(WARP_BYTES // 2), up + source)
    while row < rows:
        copies_arrived()
        g = rotate_16(copied_16_floats(own), lane)
        g = times_plus(g, load_16_halves(gate_svh + place), load_16_halves(gate_bias + place))
        u = rotate_16(copied_16_floats(own + types.uint32(WARP_BYTES // 2)), lane)
        row = types.int32(row + step)
        if row < rows:
            source += pitch
            copy_16_floats(own, gate + source)
            copy_16_floats(own + types.uint32(WARP_BYTES // 2), up + source)
        u = times_plus(u, load_16_halves(up_svh + place), load_16_halves(up_bias + place))
        v = times(silu_times(g, u), load_16_halves(suh + place))
        if known <= LAST_OFFSET:
            v = known_only(v, known)
        v = rotate_16(v, lane)
        if 128 * wanted < width:
            store_ordered_halves(target, lane, v)
        target += types.uint64(2) * types.uint64(out_stride) * types.uint64(step)
