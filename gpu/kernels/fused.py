"""What lies between the products of a step of few rows, in as few launches as there are products.

A row's RMS norm is a factor, and everything up to the next product's output is linear in it, so no block waits for the
whole row: the kernel that makes the residual stream's new values prepares the next inputs without the factor and leaves
its share of the sum of squares; the kernel that finishes the next product applies the factor.
  `absorb`: a product finished, added to the residual stream, and the stream prepared as the next products' input.
  `finish_heads`: query, key and value finished; head norms, rotary embedding, append to the cache.
  `merge_heads`: the splits of attention merged, prepared as the output projection's input.
  `finish_gated`: gate and up finished, silu(gate) * up prepared as the down projection's input.

Launch: 128 threads each; grids and arguments with the kernels. They wait for their inputs themselves.
Layout: partial sums float32 [splits, rows, width] by address of their first column; inputs of products as in
    `exl3_product`; squares float32 [rows, blocks of 128 of the residual stream]; cache as in `attention`.
Source: sections 4 and 5 of the format description; rotary embedding with NeoX pairing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.attention_merge import merger, share_out
from gpu.kernels.fused_layout import MAX_SPAN, THREADS
from gpu.kernels.hadamard import STAGED, WARPS, input_writer, rotate_128, staged_sum, sum_begun
from gpu.kernels.norms import inverse_rms
from gpu.kernels.page_layout import PAGE
from gpu.kernels.step_ir import load_float_if, load_four_shared, load_fours, store_four_shared
from gpu.kernels.warps import warp_sum
from gpu.ptx import (
    let_next_start,
    load_float,
    load_floats,
    load_halves,
    load_int,
    quotient,
    shared_address,
    store_float,
    store_floats,
    store_half,
    wait_for_inputs,
)

BLOCKS, HEAD_BLOCKS = 8, 6  # of a multiprocessor that registers leave room for
ABSORB_BLOCKS = 7  # for 8 it would keep two values of a thread in memory on 8.0


@cuda.jit(device=True, inline=True)
def _squares_begun(squares, blocks, row, lane):  # type: ignore[no-untyped-def]
    """A lane's first two sums of squares of a row of the residual stream, and where they are; zeros if none are."""
    at = squares + types.uint64(4) * types.uint64(types.uint32(row * blocks + lane))
    first = load_float_if(at, squares != 0 and lane < blocks)
    return at, first, load_float_if(at + types.uint64(128), squares != 0 and types.int32(lane + 32) < blocks)


@cuda.jit(device=True, inline=True)
def _norm_factor(begun, squares, blocks, features, eps, lane):  # type: ignore[no-untyped-def]
    """1 / rms of a row of the residual stream, from its blocks' sums of squares; 1 if there are none."""
    factor = types.float32(1.0)
    if squares != 0:
        at, first, second = begun
        total = first + second
        i = types.int32(lane + 64)
        at += types.uint64(256)
        while i < blocks:
            total += load_float(at)
            at += types.uint64(128)
            i = types.int32(i + 32)
        factor = inverse_rms(warp_sum(total), features, eps)
    return factor


@cache
def absorb_kernel(is_bytes: bool) -> Any:
    """residual += a finished product (or nothing); inputs of the next products and the sums of squares of its blocks.

    Launch: grid (blocks of 128 columns, rows).
    Arguments: partial (0: no product), splits, rows, width, svh and bias (fp16 [width]), residual (float32 rows),
    features (values from row to row, a multiple of 4), norm_weight (float32 [features]), suh (fp16 [matrices, 128 *
    blocks]), matrices (0: prepare nothing), row_capacity, out, scales, squares.
    """
    store_inputs = input_writer(is_bytes)

    def kernel(  # type: ignore[no-untyped-def]
        partial, splits, rows, width, svh, bias, residual, features, norm_weight, suh, matrices, row_capacity, out,
        scales, squares,
    ):  # fmt: skip
        staged = cuda.shared.array(STAGED, types.float32, alignment=16)
        let_next_start()
        sums = shared_address(staged)
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        block, row, blocks = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.x)
        first = types.int32(128 * block + 4 * lane)
        halves, floats = types.uint64(types.uint32(2 * first)), types.uint64(types.uint32(4 * first))
        place = residual + types.uint64(types.uint32(row)) * types.uint64(types.uint32(4 * features)) + floats
        at = partial + types.uint64(types.uint32(row)) * types.uint64(types.uint32(4 * width)) + floats
        stride = types.uint32(4 * rows * width)
        own = types.uint32(sums + types.uint32(16 * lane))
        line = types.int32(types.int32(warp * row_capacity + row) * blocks + block)  # of 128 prepared values
        target = out + types.uint64(256) * types.uint64(types.uint32(line)) + types.uint64(types.uint32(8 * lane))
        scale_at = scales + types.uint64(8) * types.uint64(types.uint32(line))
        squares_at = squares + types.uint64(4) * types.uint64(types.uint32(row * blocks + block))
        is_known = first < features
        n0 = n1 = n2 = n3 = s0 = s1 = s2 = s3 = types.float32(0.0)
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = types.float32(0.0)
        if partial != 0:
            a0, a1, a2, a3 = load_halves(svh + halves)
            b0, b1, b2, b3 = load_halves(bias + halves)
        if is_known and matrices > 0:
            n0, n1, n2, n3 = load_floats(norm_weight + floats)
            if warp < matrices:
                s_at = suh + types.uint64(256) * types.uint64(types.uint32(warp * blocks))
                s0, s1, s2, s3 = load_halves(s_at + halves)
        wait_for_inputs()
        r0 = r1 = r2 = r3 = types.float32(0.0)
        if is_known:
            r0, r1, r2, r3 = load_floats(place)
        v0 = v1 = v2 = v3 = types.float32(0.0)
        if partial != 0:
            v0, v1, v2, v3 = sum_begun(load_fours(at, stride, warp, WARPS, splits), at, stride, splits, warp, WARPS)
            store_four_shared(types.uint32(own + types.uint32(512 * warp)), v0, v1, v2, v3)
            cuda.syncthreads()
            # Every warp finishes the block for itself: each prepares it for a matrix of its own.
            v0, v1, v2, v3 = staged_sum(own, WARPS)
            v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
            v0, v1, v2, v3 = v0 * a0 + b0, v1 * a1 + b1, v2 * a2 + b2, v3 * a3 + b3
        if is_known:
            v0, v1, v2, v3 = v0 + r0, v1 + r1, v2 + r2, v3 + r3
        else:
            v0 = v1 = v2 = v3 = types.float32(0.0)
        if partial != 0 and warp == 0 and is_known:  # all have read the stream: they have met since
            store_floats(place, v0, v1, v2, v3)
        if matrices == 0:
            return
        if warp == WARPS - 1:
            total = warp_sum(v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3)
            if lane == 0:
                store_float(squares_at, total)
        if warp < matrices:
            v0, v1, v2, v3 = v0 * n0 * s0, v1 * n1 * s1, v2 * n2 * s2, v3 * n3 * s3
            v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
            store_inputs(v0, v1, v2, v3, lane, target, scale_at)

    kernel.__name__ = kernel.__qualname__ = "absorb_codes" if is_bytes else "absorb_halves"
    return cuda.jit(kernel, launch_bounds=(THREADS, ABSORB_BLOCKS))


@cache
def merge_heads_kernel(is_bytes: bool, has_sinks: bool = False) -> Any:
    """Merges attention's splits and prepares the heads as the output projection's input, 128 columns a block.

    Launch: grid (blocks, rows); head_dim a multiple of 32.
    Arguments: partial to padded as of `attention_merge.combine_kernel` (splits 1 without a pool: all is in
    `heads_out`), head_dim, heads, heads_out (float32 [rows, heads * head_dim]), suh (fp16 [128 * blocks]), out, scales,
    sinks (float32 [heads], looked at only with `has_sinks`).
    """
    store_inputs, merged = input_writer(is_bytes), merger(has_sinks)

    def kernel(  # type: ignore[no-untyped-def]
        partial, positions, splits, rows, window, pool, padded, head_dim, heads, heads_out, suh, out, scales,
        sinks,
    ):  # fmt: skip
        values = cuda.shared.array(128, types.float32, alignment=16)
        let_next_start()
        staged = shared_address(values)
        thread = types.int32(cuda.threadIdx.x)
        lane = types.int32(thread & 31)
        block, row, blocks = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.x)
        column, width = types.int32(128 * block + thread), types.int32(heads * head_dim)
        head = quotient(column, head_dim)
        i = types.int32(column - head * head_dim)
        line = types.int32(row * blocks + block)  # of 128 prepared values
        target = out + types.uint64(256) * types.uint64(types.uint32(line)) + types.uint64(types.uint32(8 * lane))
        scale_at = scales + types.uint64(8) * types.uint64(types.uint32(line))
        done_at = heads_out + types.uint64(4) * types.uint64(types.uint32(row * width + column))
        s0, s1, s2, s3 = load_halves(suh + types.uint64(types.uint32(256 * block + 8 * lane)))
        splits, slot, slots = share_out(positions, row, splits, rows, window, pool, lane)
        wait_for_inputs()
        value = types.float32(0.0)
        if column < width:  # as every lane of the warp
            if splits == 1:
                value = load_float(done_at)
            else:
                value = merged(partial, head, heads, splits, slot, slots, padded, i, lane, sinks)
        values[types.uint32(thread)] = value
        cuda.syncthreads()
        if thread >= 32:
            return
        v0, v1, v2, v3 = load_four_shared(types.uint32(staged + types.uint32(16 * lane)))
        v0, v1, v2, v3 = rotate_128(v0 * s0, v1 * s1, v2 * s2, v3 * s3, lane)
        store_inputs(v0, v1, v2, v3, lane, target, scale_at)

    name = "merge_heads_codes" if is_bytes else "merge_heads_halves"
    kernel.__name__ = kernel.__qualname__ = f"{name}_sinks" if has_sinks else name
    return cuda.jit(kernel, launch_bounds=(THREADS, BLOCKS))


@cuda.jit(device=True, inline=True)
def _gated(gate, up, scale, is_known):  # type: ignore[no-untyped-def]
    """silu(gate) * up of one column, scaled for the next product; zero past the columns that exist."""
    value = gate / (types.float32(1.0) + cuda.libdevice.fast_expf(-gate)) * up * scale
    return value if is_known else types.float32(0.0)


@cache
def finish_gated_kernel(is_bytes: bool) -> Any:
    """Finishes gate and up, takes silu(gate) * up and prepares it as the next product's input, 128 columns a block.

    Launch: grid (blocks, rows).
    Arguments: gate, gate_splits, gate_width, up, up_splits, up_width (partial sums), rows, columns (that exist), then
    svh and bias of each (fp16 [128 * blocks]: gate_svh, gate_bias, up_svh, up_bias), suh (fp16 [128 * blocks]), squares
    (or 0), norm_blocks, features, eps (of the residual stream), out, scales.
    """
    store_inputs = input_writer(is_bytes)

    def kernel(  # type: ignore[no-untyped-def]
        gate, gate_splits, gate_width, up, up_splits, up_width, rows, columns, gate_svh, gate_bias, up_svh, up_bias,
        suh, squares, norm_blocks, features, eps, out, scales,
    ):  # fmt: skip
        staged = cuda.shared.array(STAGED, types.float32, alignment=16)
        let_next_start()
        sums = shared_address(staged)
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        block, row, blocks = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.x)
        first = types.int32(128 * block + 4 * lane)
        place = types.uint64(types.uint32(2 * first))
        # Warps 0 and 1 sum halves of gate's splits, warps 2 and 3 halves of up's; warp 0 does the rest.
        at, width, splits = gate, gate_width, gate_splits
        if warp >= 2:
            at, width, splits = up, up_width, up_splits
        at += types.uint64(4) * types.uint64(types.uint32(row * width + first))
        stride, half = types.uint32(4 * rows * width), types.int32(warp & 1)
        own = types.uint32(sums + types.uint32(16 * lane))
        line = types.int32(row * blocks + block)  # of 128 prepared values
        target = out + types.uint64(256) * types.uint64(types.uint32(line)) + types.uint64(types.uint32(8 * lane))
        scale_at = scales + types.uint64(8) * types.uint64(types.uint32(line))
        gs0, gs1, gs2, gs3 = load_halves(gate_svh + place)
        gb0, gb1, gb2, gb3 = load_halves(gate_bias + place)
        us0, us1, us2, us3 = load_halves(up_svh + place)
        ub0, ub1, ub2, ub3 = load_halves(up_bias + place)
        s0, s1, s2, s3 = load_halves(suh + place)
        wait_for_inputs()
        begun = _squares_begun(squares, norm_blocks, row, lane)
        fours = load_fours(at, stride, half, 2, splits)
        # The factor is computed while the sums are under way.
        factor = _norm_factor(begun, squares, norm_blocks, features, eps, lane)
        g0, g1, g2, g3 = sum_begun(fours, at, stride, splits, half, 2)
        store_four_shared(types.uint32(own + types.uint32(512 * warp)), g0, g1, g2, g3)
        cuda.syncthreads()
        if warp != 0:
            return
        g0, g1, g2, g3 = staged_sum(own, 2)
        u0, u1, u2, u3 = staged_sum(types.uint32(own + types.uint32(1024)), 2)
        g0, g1, g2, g3 = rotate_128(g0, g1, g2, g3, lane)
        u0, u1, u2, u3 = rotate_128(u0, u1, u2, u3, lane)
        known = types.int32(columns - first)
        v0 = _gated(g0 * factor * gs0 + gb0, u0 * factor * us0 + ub0, s0, known > 0)
        v1 = _gated(g1 * factor * gs1 + gb1, u1 * factor * us1 + ub1, s1, known > 1)
        v2 = _gated(g2 * factor * gs2 + gb2, u2 * factor * us2 + ub2, s2, known > 2)
        v3 = _gated(g3 * factor * gs3 + gb3, u3 * factor * us3 + ub3, s3, known > 3)
        v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
        store_inputs(v0, v1, v2, v3, lane, target, scale_at)

    kernel.__name__ = kernel.__qualname__ = "finish_gated_codes" if is_bytes else "finish_gated_halves"
    return cuda.jit(kernel, launch_bounds=(THREADS, BLOCKS))


@cuda.jit(device=True, inline=True)
def _head_factor(values, first, head_dim, weight, eps, lane):  # type: ignore[no-untyped-def]
    """1 / rms of a head, 1 if it has no norm."""
    if weight == 0:
        return types.float32(1.0)
    total = types.float32(0.0)
    i, end = types.int32(first + lane), types.int32(first + head_dim)
    while i < end:
        value = values[types.uint32(i)]
        total += value * value
        i = types.int32(i + 32)
    return inverse_rms(warp_sum(total), head_dim, eps)


@cuda.jit(launch_bounds=(THREADS, HEAD_BLOCKS))
def finish_heads(  # type: ignore[no-untyped-def]
    q_sums, q_splits, q_width, k_sums, k_splits, k_width, v_sums, v_splits, v_width, rows, svh, bias, squares,
    norm_blocks, features, norm_eps, heads, kv_heads, head_dim, span, padded, q_weight, k_weight, eps, cosines, sines,
    half_rotary, positions, sequences, table, table_width, q_out, k_cache, v_cache, offsets, factors,
):  # fmt: skip
    """Query, key and value finished, normed and rotated: q to float32 [rows, H * D], k and v to the cache.

    Launch: grid ((H + 2 * KVH) * D / span, rows): a block has `span` columns, whole heads and whole blocks of 128.
    Arguments: partial sums of each; svh and bias fp16 [(H + 2 * KVH) * D]; squares (or 0) to norm_eps as in
    `finish_gated`; the rest as in `rope.rotate_and_append`; factors (float32 [positions], by which queries are
    multiplied, or 0).
    """
    staged = cuda.shared.array(STAGED, types.float32, alignment=16)
    values = cuda.shared.array(MAX_SPAN, types.float32, alignment=16)
    weights = cuda.shared.array(MAX_SPAN, types.float32, alignment=16)
    turns = cuda.shared.array((2, MAX_SPAN), types.float32, alignment=16)  # cosines, signed sines
    let_next_start()
    sums_at, values_at = shared_address(staged), shared_address(values)
    thread = types.int32(cuda.threadIdx.x)
    lane, warp = types.int32(thread & 31), types.int32(thread >> 5)
    row = types.int32(cuda.blockIdx.y)
    column, q_columns = types.int32(cuda.blockIdx.x * span), types.int32(heads * head_dim)
    kv_columns, rotated = types.int32(kv_heads * head_dim), types.int32(2 * half_rotary)
    own = column  # within q, k or v
    is_query, is_key = column < q_columns, False
    sums, splits, width, weight = q_sums, q_splits, q_width, q_weight
    if not is_query:
        own = types.int32(column - q_columns)
        is_key = own < kv_columns
        sums, splits, width, weight = k_sums, k_splits, k_width, k_weight
        if not is_key:
            own = types.int32(own - kv_columns)
            sums, splits, width, weight = v_sums, v_splits, v_width, types.uint64(0)
    # What a step does not change can be read before its products are there.
    row_at = types.uint64(types.uint32(4 * row))
    position, sequence = load_int(positions + row_at), load_int(sequences + row_at)
    number = types.int32(types.uint32(position) // types.uint32(PAGE))
    slot = types.int32(position & (PAGE - 1))
    page_at = types.int32(sequence * table_width + number)
    page = types.uint64(types.uint32(load_int(table + types.uint64(4) * types.uint64(types.uint32(page_at)))))
    page_bytes = types.uint64(types.uint32(2 * PAGE * kv_heads * padded))
    scales_at = types.uint64(types.uint32(2 * column + 8 * lane))
    s0, s1, s2, s3 = load_halves(svh + scales_at)
    b0, b1, b2, b3 = load_halves(bias + scales_at)
    growth = types.float32(1.0)
    if is_query or is_key:
        turned = types.int32(position)
        if offsets != 0:
            turned = types.int32(position + load_int(offsets + row_at))
        if is_query and factors != 0:
            growth = load_float(factors + types.uint64(4) * types.uint64(types.uint32(position)))
        rotary = types.uint64(types.uint32(turned)) * types.uint64(types.uint32(4 * half_rotary))
        i = thread
        while i < head_dim:
            unit, c, s = types.float32(1.0), types.float32(1.0), types.float32(0.0)
            if weight != 0:
                unit = load_float(weight + types.uint64(types.uint32(4 * i)))
            if i < rotated:
                j = types.int32(i - half_rotary if i >= half_rotary else i)
                angle = rotary + types.uint64(types.uint32(4 * j))
                c, s = load_float(cosines + angle), load_float(sines + angle)
                s = s if i >= half_rotary else -s
            place = types.uint32(i)
            weights[place], turns[types.uint32(0), place], turns[types.uint32(1), place] = unit, c, s
            i = types.int32(i + THREADS)
    at = sums + types.uint64(4) * types.uint64(types.uint32(row * width + own + 4 * lane))
    stride = types.uint32(4 * rows * width)
    staged_at = types.uint32(sums_at + types.uint32(16 * lane))
    target_at = types.uint32(values_at + types.uint32(16 * lane))
    wait_for_inputs()
    begun = _squares_begun(squares, norm_blocks, row, lane)
    fours = load_fours(at, stride, warp, WARPS, splits)
    factor = _norm_factor(begun, squares, norm_blocks, features, norm_eps, lane)
    left = types.int32(types.uint32(span) // types.uint32(128))
    while True:
        v0, v1, v2, v3 = sum_begun(fours, at, stride, splits, warp, WARPS)
        store_four_shared(types.uint32(staged_at + types.uint32(512 * warp)), v0, v1, v2, v3)
        cuda.syncthreads()
        if warp == 0:
            v0, v1, v2, v3 = staged_sum(staged_at, WARPS)
            v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
            store_four_shared(target_at, v0 * s0 * factor + b0, v1 * s1 * factor + b1, v2 * s2 * factor + b2,
                              v3 * s3 * factor + b3)  # fmt: skip
        cuda.syncthreads()
        left = types.int32(left - 1)
        if left == 0:
            break
        at += types.uint64(512)
        scales_at += types.uint64(256)
        target_at = types.uint32(target_at + types.uint32(512))
        s0, s1, s2, s3 = load_halves(svh + scales_at)
        b0, b1, b2, b3 = load_halves(bias + scales_at)
        fours = load_fours(at, stride, warp, WARPS, splits)
    first, head_step, start, step = types.int32(warp * head_dim), types.int32(WARPS * head_dim), lane, types.int32(32)
    if span == head_dim:  # one head: all warps share it
        first, start, step = types.int32(0), thread, types.int32(THREADS)
    head = quotient(types.int32(own + first), head_dim)
    while first < span:
        end, i = types.int32(first + head_dim), types.int32(first + start)
        if not is_query and not is_key:
            at = v_cache + page * page_bytes
            at += types.uint64(2) * types.uint64(types.uint32((head * padded + start) * PAGE + slot))
            while i < end:
                store_half(at, values[types.uint32(i)])
                at += types.uint64(types.uint32(2 * PAGE * step))
                i = types.int32(i + step)
        else:
            unit = _head_factor(values, first, head_dim, weight, eps, lane) * growth
            at = q_out + types.uint64(4) * types.uint64(types.uint32(row * q_columns + own + i))
            if not is_query:
                at = k_cache + page * page_bytes
                at += types.uint64(2) * types.uint64(types.uint32((head * PAGE + slot) * padded + start))
            place = start
            while i < end:
                value = values[types.uint32(i)] * unit * weights[types.uint32(place)]
                if place < rotated:
                    away = half_rotary if place < half_rotary else types.int32(-half_rotary)
                    other = values[types.uint32(i + away)] * unit * weights[types.uint32(place + away)]
                    c, s = turns[types.uint32(0), types.uint32(place)], turns[types.uint32(1), types.uint32(place)]
                    value = value * c + other * s
                if is_query:
                    store_float(at, value)
                    at += types.uint64(types.uint32(4 * step))
                else:
                    store_half(at, value)
                    at += types.uint64(types.uint32(2 * step))
                i, place = types.int32(i + step), types.int32(place + step)
        first = types.int32(first + head_step)
        head = types.int32(head + WARPS)
