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

from gpu.kernels.attention_merge import merger
from gpu.kernels.fused_layout import MAX_SPAN, THREADS
from gpu.kernels.hadamard import STAGED, WARPS, input_writer, rotate_128, stage, staged_sum, sum_some
from gpu.kernels.norms import inverse_rms
from gpu.kernels.page_layout import PAGE
from gpu.kernels.warps import warp_sum
from gpu.ptx import (
    let_next_start,
    load_float,
    load_floats,
    load_halves,
    load_int,
    store_float,
    store_floats,
    store_half,
    wait_for_inputs,
)


@cuda.jit(device=True, inline=True)
def _norm_factor(squares, blocks, row, features, eps, lane):  # type: ignore[no-untyped-def]
    """1 / rms of a row of the residual stream, from its blocks' sums of squares; 1 if there are none."""
    factor = types.float32(1.0)
    if squares != 0:
        total = types.float32(0.0)
        for i in range(lane, blocks, 32):
            total += load_float(squares + types.uint64(4 * (row * blocks + i)))
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
        staged = cuda.shared.array(STAGED, types.float32)
        let_next_start()
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        block, row, blocks = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.x)
        first = types.int32(128 * block + 4 * lane)
        place = residual + types.uint64(4 * (row * features + first))
        is_known = first < features
        n0 = n1 = n2 = n3 = s0 = s1 = s2 = s3 = types.float32(0.0)
        a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = types.float32(0.0)
        if partial != 0:
            a0, a1, a2, a3 = load_halves(svh + types.uint64(2 * first))
            b0, b1, b2, b3 = load_halves(bias + types.uint64(2 * first))
        if is_known and matrices > 0:
            n0, n1, n2, n3 = load_floats(norm_weight + types.uint64(4 * first))
            if warp < matrices:
                s0, s1, s2, s3 = load_halves(suh + types.uint64(2 * (warp * 128 * blocks + first)))
        wait_for_inputs()
        r0 = r1 = r2 = r3 = types.float32(0.0)
        if is_known:
            r0, r1, r2, r3 = load_floats(place)
        v0 = v1 = v2 = v3 = types.float32(0.0)
        if partial != 0:
            at = partial + types.uint64(4 * (row * width + first))
            v0, v1, v2, v3 = sum_some(at, types.uint64(4 * rows * width), splits, warp, WARPS)
            stage(staged, 128 * warp + 4 * lane, v0, v1, v2, v3)
            cuda.syncthreads()
            # Every warp finishes the block for itself: each prepares it for a matrix of its own.
            v0, v1, v2, v3 = staged_sum(staged, lane, 0, WARPS)
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
                store_float(squares + types.uint64(4 * (row * blocks + block)), total)
        if warp < matrices:
            v0, v1, v2, v3 = v0 * n0 * s0, v1 * n1 * s1, v2 * n2 * s2, v3 * n3 * s3
            v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
            line = types.int32(warp * row_capacity + row)
            at = out + types.uint64(2 * (line * 128 * blocks + first))
            store_inputs(v0, v1, v2, v3, lane, at, scales + types.uint64(8 * (line * blocks + block)))

    kernel.__name__ = kernel.__qualname__ = "absorb_codes" if is_bytes else "absorb_halves"
    return cuda.jit(kernel)


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
        values = cuda.shared.array(128, types.float32)
        let_next_start()
        thread = types.int32(cuda.threadIdx.x)
        lane = types.int32(thread & 31)
        block, row, blocks = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.x)
        column = types.int32(128 * block + thread)
        s0, s1, s2, s3 = load_halves(suh + types.uint64(2 * (128 * block + 4 * lane)))
        wait_for_inputs()
        value = types.float32(0.0)
        if column < heads * head_dim:
            value, used = merged(
                partial, positions, row, types.int32(column // head_dim), heads, splits, rows, window, pool, padded,
                types.int32(column % head_dim), lane, sinks,
            )  # fmt: skip
            if used == 1:
                value = load_float(heads_out + types.uint64(4 * (row * heads * head_dim + column)))
        values[thread] = value
        cuda.syncthreads()
        if thread >= 32:
            return
        place = 4 * lane
        v0, v1, v2, v3 = values[place], values[place + 1], values[place + 2], values[place + 3]
        v0, v1, v2, v3 = rotate_128(v0 * s0, v1 * s1, v2 * s2, v3 * s3, lane)
        at = out + types.uint64(2 * (row * 128 * blocks + 128 * block + place))
        store_inputs(v0, v1, v2, v3, lane, at, scales + types.uint64(8 * (row * blocks + block)))

    name = "merge_heads_codes" if is_bytes else "merge_heads_halves"
    kernel.__name__ = kernel.__qualname__ = f"{name}_sinks" if has_sinks else name
    return cuda.jit(kernel)


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
        staged = cuda.shared.array(STAGED, types.float32)
        let_next_start()
        lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        block, row, blocks = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y), types.int32(cuda.gridDim.x)
        width = 128 * blocks
        first = types.int32(128 * block + 4 * lane)
        place = types.uint64(2 * first)
        # Warps 0 and 1 sum halves of gate's splits, warps 2 and 3 halves of up's; warp 0 does the rest.
        at, stride, splits = gate, gate_width, gate_splits
        if warp >= 2:
            at, stride, splits = up, up_width, up_splits
        gs0, gs1, gs2, gs3 = load_halves(gate_svh + place)
        gb0, gb1, gb2, gb3 = load_halves(gate_bias + place)
        us0, us1, us2, us3 = load_halves(up_svh + place)
        ub0, ub1, ub2, ub3 = load_halves(up_bias + place)
        s0, s1, s2, s3 = load_halves(suh + place)
        wait_for_inputs()
        at += types.uint64(4 * (row * stride + first))
        factor = _norm_factor(squares, norm_blocks, row, features, eps, lane)
        g0, g1, g2, g3 = sum_some(at, types.uint64(4 * rows * stride), splits, warp & 1, 2)
        stage(staged, 128 * warp + 4 * lane, g0, g1, g2, g3)
        cuda.syncthreads()
        if warp != 0:
            return
        g0, g1, g2, g3 = staged_sum(staged, lane, 0, 2)
        u0, u1, u2, u3 = staged_sum(staged, lane, 2, 2)
        g0, g1, g2, g3 = rotate_128(g0, g1, g2, g3, lane)
        u0, u1, u2, u3 = rotate_128(u0, u1, u2, u3, lane)
        known = types.int32(columns - first)
        v0 = _gated(g0 * factor * gs0 + gb0, u0 * factor * us0 + ub0, s0, known > 0)
        v1 = _gated(g1 * factor * gs1 + gb1, u1 * factor * us1 + ub1, s1, known > 1)
        v2 = _gated(g2 * factor * gs2 + gb2, u2 * factor * us2 + ub2, s2, known > 2)
        v3 = _gated(g3 * factor * gs3 + gb3, u3 * factor * us3 + ub3, s3, known > 3)
        v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
        target = out + types.uint64(2 * (row * width + first))
        store_inputs(v0, v1, v2, v3, lane, target, scales + types.uint64(8 * (row * blocks + block)))

    kernel.__name__ = kernel.__qualname__ = "finish_gated_codes" if is_bytes else "finish_gated_halves"
    return cuda.jit(kernel)


@cuda.jit(device=True, inline=True)
def _head_factor(values, first, head_dim, weight, eps, lane):  # type: ignore[no-untyped-def]
    """1 / rms of a head, 1 if it has no norm."""
    if weight == 0:
        return types.float32(1.0)
    total = types.float32(0.0)
    for i in range(lane, head_dim, 32):
        total += values[first + i] * values[first + i]
    return inverse_rms(warp_sum(total), head_dim, eps)


@cuda.jit(device=True, inline=True)
def _normed(values, first, i, factor, weight):  # type: ignore[no-untyped-def]
    value = values[first + i] * factor
    return value * load_float(weight + types.uint64(4 * i)) if weight != 0 else value


@cuda.jit
def finish_heads(  # type: ignore[no-untyped-def]
    q_sums, q_splits, q_width, k_sums, k_splits, k_width, v_sums, v_splits, v_width, rows, svh, bias, squares,
    norm_blocks, features, norm_eps, heads, kv_heads, head_dim, span, padded, q_weight, k_weight, eps, cosines, sines,
    half_rotary, positions, sequences, table, table_width, q_out, k_cache, v_cache,
):  # fmt: skip
    """Query, key and value finished, normed and rotated: q to float32 [rows, H * D], k and v to the cache.

    Launch: grid ((H + 2 * KVH) * D / span, rows): a block has `span` columns, whole heads and whole blocks of 128.
    Arguments: partial sums of each; svh and bias fp16 [(H + 2 * KVH) * D]; squares (or 0) to norm_eps as in
    `finish_gated`; the rest as in `rope.rotate_and_append`.
    """
    staged = cuda.shared.array(STAGED, types.float32)
    values = cuda.shared.array(MAX_SPAN, types.float32)
    let_next_start()
    lane, warp = types.int32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
    row = types.int32(cuda.blockIdx.y)
    column = types.int32(cuda.blockIdx.x * span)
    # What a step does not change can be read before its products are there.
    position = load_int(positions + types.uint64(4 * row))
    page_at = load_int(sequences + types.uint64(4 * row)) * table_width + position // PAGE
    page = types.int64(load_int(table + types.uint64(4 * page_at)))
    slot = position % PAGE
    rotary = types.uint64(4) * types.uint64(position * half_rotary)
    s0, s1, s2, s3 = load_halves(svh + types.uint64(2 * (column + 4 * lane)))
    b0, b1, b2, b3 = load_halves(bias + types.uint64(2 * (column + 4 * lane)))
    wait_for_inputs()
    own = column  # within q, k or v
    is_query, is_key = column < heads * head_dim, False
    sums, splits, width, weight = q_sums, q_splits, q_width, q_weight
    if not is_query:
        own = types.int32(column - heads * head_dim)
        is_key = own < kv_heads * head_dim
        sums, splits, width, weight = k_sums, k_splits, k_width, k_weight
        if not is_key:
            own = types.int32(own - kv_heads * head_dim)
            sums, splits, width, weight = v_sums, v_splits, v_width, types.uint64(0)
    factor = _norm_factor(squares, norm_blocks, row, features, norm_eps, lane)
    for block in range(span // 128):
        first = types.int32(128 * block + 4 * lane)
        at = sums + types.uint64(4 * (row * width + own + first))
        v0, v1, v2, v3 = sum_some(at, types.uint64(4 * rows * width), splits, warp, WARPS)
        stage(staged, 128 * warp + 4 * lane, v0, v1, v2, v3)
        cuda.syncthreads()
        if warp == 0:
            v0, v1, v2, v3 = staged_sum(staged, lane, 0, WARPS)
            v0, v1, v2, v3 = rotate_128(v0, v1, v2, v3, lane)
            if block > 0:
                s0, s1, s2, s3 = load_halves(svh + types.uint64(2 * (column + first)))
                b0, b1, b2, b3 = load_halves(bias + types.uint64(2 * (column + first)))
            stage(values, first, v0 * s0 * factor + b0, v1 * s1 * factor + b1, v2 * s2 * factor + b2,
                   v3 * s3 * factor + b3)  # fmt: skip
        cuda.syncthreads()
    together = THREADS // 32
    first_head, stride, start = warp, together, lane
    if span == head_dim:  # one head: all warps share it
        first_head, stride, start = types.int32(0), 1, types.int32(cuda.threadIdx.x)
        together = 1
    step = 32 * (THREADS // 32 // together)
    for number in range(first_head, span // head_dim, stride):
        first = types.int32(number * head_dim)
        head = types.int32((own + first) // head_dim)
        if not is_query and not is_key:
            base = v_cache + types.uint64(2 * ((page * kv_heads + head) * padded * PAGE + slot))
            for i in range(start, head_dim, step):
                store_half(base + types.uint64(2 * PAGE * i), values[first + i])
            continue
        unit = _head_factor(values, first, head_dim, weight, eps, lane)
        base = k_cache + types.uint64(2 * (((page * kv_heads + head) * PAGE + slot) * padded))
        target = q_out + types.uint64(4 * (row * heads * head_dim + own + first))
        for i in range(start, head_dim, step):
            value = _normed(values, first, i, unit, weight)
            if i < half_rotary:
                j = types.uint64(4 * i)
                other = _normed(values, first, i + half_rotary, unit, weight)
                value = value * load_float(cosines + rotary + j) - other * load_float(sines + rotary + j)
            elif i < 2 * half_rotary:
                j = types.uint64(4 * (i - half_rotary))
                other = _normed(values, first, i - half_rotary, unit, weight)
                value = value * load_float(cosines + rotary + j) + other * load_float(sines + rotary + j)
            if is_query:
                store_float(target + types.uint64(4 * i), value)
            else:
                store_half(base + types.uint64(2 * i), value)
