"""Head norms, rotary embedding and the append to the paged cache for many rows of one sequence.

Every value is read once, 16 bytes a lane; V is transposed through shared memory, so that the cache is written in whole
lines. For heads that are rotated whole and have 32, 64, 128 or 256 values; `rope` takes all others.

Launch: 256 threads, grid (`num_blocks`): first the blocks of queries and keys, a head of a row to head_dim / 8 lanes,
    then those of values, each 64 slots of a page by 64 values.
Layout: cache as in `attention`: K [P, KVH, 256, Dp], V transposed [P, KVH, Dp, 256], fp16.
Source: rotary embedding with NeoX pairing; section B.8 of the engine notes.
"""

from __future__ import annotations

from numba import cuda
from numba.core import types

from gpu.kernels.norms import inverse_rms
from gpu.kernels.page_layout import PAGE
from gpu.kernels.warps import ALL_LANES
from gpu.ptx import (
    halves_from_floats,
    load_float,
    load_floats,
    load_int,
    quotient,
    store_floats,
    store_half,
    store_words,
)

TILE = 64  # slots and values that a block transposes
STRIDE = 33  # words from value to value in shared memory: no bank conflicts on the way out
STAGED_WORDS = TILE * STRIDE


@cuda.jit(device=True, inline=True)
def _append_values(  # type: ignore[no-untyped-def]
    staged, block, start, v, rows, kv_heads, head_dim, padded, pages, v_cache
):
    """One tile of V into the cache."""
    thread = types.int32(cuda.threadIdx.x)
    slices = types.int32((head_dim + TILE - 1) >> 6)
    columns = types.int32(kv_heads * slices)
    tile = quotient(block, columns)
    column = types.int32(block - tile * columns)
    kv_head = quotient(column, slices)
    first_value = types.int32((column - kv_head * slices) << 6)
    position = types.int32(((start >> 6) + tile) << 6)
    token = types.int32(position - start)
    if token >= rows:
        return
    page = types.int64(load_int(pages + types.uint64(4 * (position >> 8))))
    line = types.int64((page * kv_heads + kv_head) * padded + first_value)
    target = v_cache + types.uint64(2 * (line * PAGE + (position & (PAGE - 1))))
    pitch = types.uint64(4) * types.uint64(kv_heads * head_dim)
    source = v + types.uint64(4) * types.uint64(kv_head * head_dim + first_value)
    values = types.int32(min(TILE, head_dim - first_value))
    if token < 0 or token + TILE > rows:
        for unit in range(thread, TILE * values, 256):
            slot, value = unit & (TILE - 1), unit >> 6
            if 0 <= token + slot < rows:
                at = source + pitch * types.uint64(token + slot) + types.uint64(4 * value)
                store_half(target + types.uint64(2 * (PAGE * value + slot)), load_float(at))
        return
    four, first_pair = types.int32(thread & 15), types.int32(thread >> 4)
    if 4 * four < values:
        for half in range(2):
            pair = types.int32(first_pair + 16 * half)
            at = source + pitch * types.uint64(token + 2 * pair) + types.uint64(16 * four)
            low, high = load_floats(at), load_floats(at + pitch)
            place = types.int32(4 * STRIDE * four + pair)
            staged[place] = halves_from_floats(low[0], high[0])
            staged[place + STRIDE] = halves_from_floats(low[1], high[1])
            staged[place + 2 * STRIDE] = halves_from_floats(low[2], high[2])
            staged[place + 3 * STRIDE] = halves_from_floats(low[3], high[3])
    cuda.syncthreads()
    for unit in range(thread, 16 * values, 256):
        value, eight = types.int32(unit >> 4), types.int32(unit & 15)
        place = types.int32(STRIDE * value + 2 * eight)
        store_words(target + types.uint64(2 * PAGE * value + 8 * eight), staged[place], staged[place + 1])


@cuda.jit(launch_bounds=(256, 3))
def rotate_and_append_many(  # type: ignore[no-untyped-def]
    q, k, v, rows, heads, kv_heads, head_dim, padded, q_weight, k_weight, eps, cosines, sines,
    positions, sequences, table, table_width, k_cache, v_cache, q_half, q_pitch,
):  # fmt: skip
    """Rotates q, appends the rotated k, and v, to the cache.

    Addresses: q float32 [T, H * D], k and v float32 [T, KVH * D]; q_weight, k_weight float32 [D] or 0; cosines, sines
    float32 [positions, D / 2]; positions, sequences int32 [T], of one sequence, consecutive; table int32
    [B, table_width]; the cache; q_half fp16 [H, q_pitch, D], where the rotated q goes, or 0: in place, float32.
    """
    staged = cuda.shared.array(STAGED_WORDS, types.uint32)
    thread, block = types.int32(cuda.threadIdx.x), types.int32(cuda.blockIdx.x)
    start = types.int32(load_int(positions))
    pages = table + types.uint64(4 * load_int(sequences) * table_width)
    lanes, all_heads = types.int32(head_dim >> 3), types.int32(heads + kv_heads)
    rotating = types.int32((rows * all_heads * lanes + 255) >> 8)
    if block >= rotating:
        _append_values(
            staged, types.int32(block - rotating), start, v, rows, kv_heads, head_dim, padded, pages, v_cache
        )
        return
    item = types.int32((block << 8) + thread)
    task = quotient(item, lanes)
    four = types.int32(item - task * lanes)
    row = quotient(task, all_heads)
    head = types.int32(task - row * all_heads)
    exists = row < rows
    row = types.int32(min(row, rows - 1))
    is_query = head < heads
    source, weight = q + types.uint64(4) * types.uint64((row * heads + head) * head_dim), q_weight
    if not is_query:
        source = k + types.uint64(4) * types.uint64((row * kv_heads + head - heads) * head_dim)
        weight = k_weight
    source += types.uint64(16 * four)
    below = types.uint64(2 * head_dim)  # bytes from a value to the one that it is paired with
    x, y = load_floats(source), load_floats(source + below)
    position = types.int32(start + row)
    angle = types.uint64(2) * types.uint64(position) * types.uint64(head_dim) + types.uint64(16 * four)
    c, s = load_floats(cosines + angle), load_floats(sines + angle)
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
    if q_weight != 0:
        total = x0 * x0 + x1 * x1 + x2 * x2 + x3 * x3 + y0 * y0 + y1 * y1 + y2 * y2 + y3 * y3
        mask = lanes >> 1
        while mask > 0:
            total += cuda.shfl_xor_sync(ALL_LANES, total, mask)
            mask >>= 1
        factor = inverse_rms(total, head_dim, eps)
        w, z = load_floats(weight + types.uint64(16 * four)), load_floats(weight + below + types.uint64(16 * four))
        x0, x1, x2, x3 = x0 * factor * w[0], x1 * factor * w[1], x2 * factor * w[2], x3 * factor * w[3]
        y0, y1, y2, y3 = y0 * factor * z[0], y1 * factor * z[1], y2 * factor * z[2], y3 * factor * z[3]
    if not exists:
        return
    upper0, upper1 = x0 * c[0] - y0 * s[0], x1 * c[1] - y1 * s[1]
    upper2, upper3 = x2 * c[2] - y2 * s[2], x3 * c[3] - y3 * s[3]
    lower0, lower1 = y0 * c[0] + x0 * s[0], y1 * c[1] + x1 * s[1]
    lower2, lower3 = y2 * c[2] + x2 * s[2], y3 * c[3] + x3 * s[3]
    if is_query and q_half == 0:
        store_floats(source, upper0, upper1, upper2, upper3)
        store_floats(source + below, lower0, lower1, lower2, lower3)
        return
    if is_query:
        target = q_half + types.uint64(2) * types.uint64((head * q_pitch + row) * head_dim)
    else:
        page = types.int64(load_int(pages + types.uint64(4 * (position >> 8))))
        line = types.int64((page * kv_heads + head - heads) * PAGE + (position & (PAGE - 1)))
        target = k_cache + types.uint64(2 * line * padded)
    target += types.uint64(8 * four)
    store_words(target, halves_from_floats(upper0, upper1), halves_from_floats(upper2, upper3))
    target += types.uint64(head_dim)
    store_words(target, halves_from_floats(lower0, lower1), halves_from_floats(lower2, lower3))
