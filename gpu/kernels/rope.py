"""Head norms and rotary embedding, fused with the append to the paged cache.

Launch: grid (rows, H + 2 * KVH), 32 threads: a warp for each query, key or value head of each row.
Layout: cache as in `attention`: K [P, KVH, 256, Dp], V transposed [P, KVH, Dp, 256], fp16.
Source: rotary embedding with NeoX pairing; section B.8 of the engine notes.
"""

from __future__ import annotations

from numba import cuda
from numba.core import types

from gpu.kernels.norms import inverse_rms
from gpu.kernels.page_layout import PAGE
from gpu.kernels.warps import warp_sum
from gpu.ptx import load_float, load_int, store_float, store_half

MAX_HEAD_DIM = 512


@cuda.jit(device=True, inline=True)
def _head_norm(x, weight, eps, head_dim, values, lane):  # type: ignore[no-untyped-def]
    """values[0:head_dim] in shared memory = the head, normed if weight is not null."""
    total = types.float32(0.0)
    for i in range(lane, head_dim, 32):
        value = load_float(x + types.uint64(4 * i))
        values[i] = value
        total += value * value
    if weight != 0:
        factor = inverse_rms(warp_sum(total), head_dim, eps)
        for i in range(lane, head_dim, 32):
            values[i] = values[i] * factor * load_float(weight + types.uint64(4 * i))
    cuda.syncwarp()


@cuda.jit
def rotate_and_append(  # type: ignore[no-untyped-def]
    q, k, v, heads, kv_heads, head_dim, padded, q_weight, k_weight, eps, cosines, sines, half_rotary,
    positions, sequences, table, table_width, k_cache, v_cache, offsets,
):  # fmt: skip
    """Rotates q in place and appends the rotated k, and v, to the cache.

    Addresses: q float32 [T, H * D], k and v float32 [T, KVH * D]; q_weight, k_weight float32 [D] or 0; cosines, sines
    float32 [positions, half_rotary]; positions, sequences int32 [T]; table int32 [B, table_width]; the cache; offsets
    int32 [T], what is added to a position where it names a row of cosines and sines, or 0.
    """
    values = cuda.shared.array(MAX_HEAD_DIM, types.float32)
    lane, row, head = cuda.threadIdx.x, cuda.blockIdx.x, cuda.blockIdx.y
    position = load_int(positions + types.uint64(4 * row))
    page_at = load_int(sequences + types.uint64(4 * row)) * table_width + position // PAGE
    page = types.int64(load_int(table + types.uint64(4 * page_at)))
    slot = position % PAGE
    if head >= heads + kv_heads:
        kv_head = head - heads - kv_heads
        source = v + types.uint64(4 * ((row * kv_heads + kv_head) * head_dim))
        base = v_cache + types.uint64(2 * ((page * kv_heads + kv_head) * padded * PAGE + slot))
        for i in range(lane, head_dim, 32):
            store_half(base + types.uint64(2 * PAGE * i), load_float(source + types.uint64(4 * i)))
        return
    is_query = head < heads
    source = q + types.uint64(4 * ((row * heads + head) * head_dim))
    weight = q_weight
    if not is_query:
        source = k + types.uint64(4 * ((row * kv_heads + head - heads) * head_dim))
        weight = k_weight
    _head_norm(source, weight, eps, head_dim, values, lane)
    turned = types.int32(position)
    if offsets != 0:
        turned = types.int32(position + load_int(offsets + types.uint64(4 * row)))
    at = types.uint64(4) * types.uint64(turned * half_rotary)
    base = k_cache + types.uint64(2 * (((page * kv_heads + head - heads) * PAGE + slot) * padded))
    for i in range(lane, head_dim, 32):
        if i < half_rotary:
            c, s = load_float(cosines + at + types.uint64(4 * i)), load_float(sines + at + types.uint64(4 * i))
            value = values[i] * c - values[i + half_rotary] * s
        elif i < 2 * half_rotary:
            j = types.uint64(4 * (i - half_rotary))
            value = values[i] * load_float(cosines + at + j) + values[i - half_rotary] * load_float(sines + at + j)
        else:
            value = values[i]
        if is_query:
            store_float(source + types.uint64(4 * i), value)
        else:
            store_half(base + types.uint64(2 * i), value)
