"""What lets attention of other libraries serve a paged cache: pages made dense, and parts of attention merged.

Launch: 256 threads; every kernel says its own grid.
Layout: cache as in `attention`: K [P, KVH, 256, Dp], V transposed [P, KVH, Dp, 256], fp16. Dense: [heads, pitch, D].
Source: parts of a softmax merge by their log-sum-exp (FlashAttention).
"""

from __future__ import annotations

import math

from numba import cuda
from numba.core import types

from gpu.kernels.page_layout import PAGE
from gpu.ptx import (
    load_float,
    load_floats,
    load_halves,
    load_int,
    load_quad,
    quotient,
    store_float,
    store_floats,
    store_words,
)

TILE = 64  # keys of a block, and values that it transposes at a time
STRIDE = 33  # words from value to value in shared memory
STAGED_WORDS = TILE * STRIDE
LOW = 0xFFFF


@cuda.jit
def gather_pages(  # type: ignore[no-untyped-def]
    k_cache, v_cache, sequences, table, table_width, first, head_dim, padded, pitch, k, v
):
    """Keys and values of the first row's sequence from position `first` (a multiple of 64) on, densely.

    Launch: grid (keys / 64, KVH, 2): the last dimension names K or V.
    Arguments: the cache; sequences int32 [T]; table int32 [B, table_width]; head_dim, a multiple of 8; k and v
    (addresses of fp16 [KVH, pitch, D], written from key 0 on).
    """
    staged = cuda.shared.array(STAGED_WORDS, types.uint32)
    thread = types.int32(cuda.threadIdx.x)
    key, kv_head = types.int32(cuda.blockIdx.x << 6), types.int32(cuda.blockIdx.y)
    kv_heads = types.int32(cuda.gridDim.y)
    position = types.int32(first + key)
    page_at = table + types.uint64(4 * (load_int(sequences) * table_width + (position >> 8)))
    page, slot = types.int64(load_int(page_at)), types.int32(position & (PAGE - 1))
    target = types.uint64(2) * types.uint64(types.int64(kv_head * pitch + key) * head_dim)
    base = types.int64((page * kv_heads + kv_head) * PAGE * padded)
    if cuda.blockIdx.z == 0:
        eights = types.int32(head_dim >> 3)
        source = k_cache + types.uint64(2 * (base + slot * padded))
        for unit in range(thread, TILE * eights, 256):
            row = quotient(types.int32(unit), eights)
            eight = types.int32(unit - row * eights)
            x = load_floats(source + types.uint64(2 * padded * row + 16 * eight))
            store_floats(k + target + types.uint64(16 * unit), x[0], x[1], x[2], x[3])
        return
    source = v_cache + types.uint64(2 * (base + slot))
    for first_value in range(0, head_dim, TILE):
        values = types.int32(min(TILE, head_dim - first_value))
        for unit in range(thread, 8 * values, 256):
            value, eight = types.int32(unit >> 3), types.int32(unit & 7)
            x = load_quad(source + types.uint64(2 * PAGE * (first_value + value) + 16 * eight))
            place = types.int32(STRIDE * value + 4 * eight)
            staged[place], staged[place + 1], staged[place + 2], staged[place + 3] = x[0], x[1], x[2], x[3]
        cuda.syncthreads()
        four = types.int32(thread & 15)
        if 4 * four < values:
            for half in range(2):
                pair = types.int32((thread >> 4) + 16 * half)
                place = types.int32(4 * STRIDE * four + pair)
                x0, x1 = staged[place], staged[place + STRIDE]
                x2, x3 = staged[place + 2 * STRIDE], staged[place + 3 * STRIDE]
                mask, shift = types.uint32(LOW), types.uint32(16)
                at = v + target + types.uint64(2 * (2 * pair * head_dim + first_value + 4 * four))
                store_words(at, (x0 & mask) | (x1 << shift), (x2 & mask) | (x3 << shift))
                above = (x0 >> shift) | (x1 & ~mask), (x2 >> shift) | (x3 & ~mask)
                store_words(at + types.uint64(2 * head_dim), above[0], above[1])
        cuda.syncthreads()


@cuda.jit
def merge_parts(part, lse, other, other_lse, pitch, rows, heads, head_dim, out, out_lse):  # type: ignore[no-untyped-def]
    """Attention over two sets of keys from attention over each.

    Launch: grid (ceil(rows * heads * D / 1024)): a lane has four values.
    Arguments: part (address of fp16 [H, pitch, D], or 0: what `out` holds), lse (address of float32 [H, pitch], the
    logarithm of the part's sum of exponentials), the same of the other part (0: there is none), pitch, rows, heads,
    head_dim, out (address of float32 [rows, H * D]), out_lse (address of float32 [H, pitch], not `lse`, or 0).
    """
    item = types.int32((cuda.blockIdx.x << 8) + cuda.threadIdx.x)
    fours = types.int32(head_dim >> 2)
    task = quotient(item, fours)
    four = types.int32(item - task * fours)
    row = quotient(task, types.int32(heads))
    if row >= rows:
        return
    head = types.int32(task - row * heads)
    line = types.int64(head) * pitch + row
    place = types.uint64(2) * types.uint64(line * head_dim + 4 * four)
    target = out + types.uint64(16) * types.uint64(item)
    x = load_halves(part + place) if part != 0 else load_floats(target)
    if other == 0:
        store_floats(target, x[0], x[1], x[2], x[3])
        return
    y = load_halves(other + place)
    of_x, of_y = load_float(lse + types.uint64(4 * line)), load_float(other_lse + types.uint64(4 * line))
    most = max(of_x, of_y)
    a, b = math.exp(of_x - most), math.exp(of_y - most)
    total = a + b
    a, b = a / total, b / total
    store_floats(target, a * x[0] + b * y[0], a * x[1] + b * y[1], a * x[2] + b * y[2], a * x[3] + b * y[3])
    if out_lse != 0 and four == 0:
        store_float(out_lse + types.uint64(4 * line), most + math.log(total))
