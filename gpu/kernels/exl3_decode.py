"""Decodes a packed trellis to an fp16 matrix for products of many rows.

Launch: grid (ceil(tiles / 8), ceil(tile_rows / 4)), 256 threads: a warp four tiles below each other.
Layout: out fp16 [in, columns] row-major, in the rotated basis; lane l holds rows 2 * (l % 4) (+ 1, + 8, + 9) and
    columns l / 4 (+ 8) of its tile, staged in shared memory so that rows leave in 32-byte pieces.
Source: sections 2 and 3 of the format description; bit-equal to it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.exl3_matmul import lane_decoder
from gpu.ptx import store_words

WARPS = 8
ROWS_EACH = 4
ROW_WORDS = 9  # 8 words of a tile's row and one to spread the rows over the banks


@cache
def decode_kernel(bits: int, codebook: str) -> Any:
    """The kernel for one width and codebook.

    Arguments: address of the first tile's words, address of out; int32 tiles (of a row to decode), pitch (tiles from
    one tile row to the next), out_stride (values), tile_rows.
    """
    lane_offsets, load_tile, decode = lane_decoder(bits, codebook)
    shared_size = WARPS * 16 * 2 * ROW_WORDS
    width = 2 * ROW_WORDS

    @cuda.jit(device=True, inline=True)
    def write_tile(pairs, halves, own, lane, out, tile_row, tile, out_stride):  # type: ignore[no-untyped-def]
        """Writes a warp's tile by way of its own part of shared memory, from `own` on."""
        place = own + 2 * types.int32(lane & 3) * width + types.int32(lane >> 2)
        halves[place], halves[place + width] = pairs[0] & 0xFFFF, pairs[0] >> 16
        halves[place + 8 * width], halves[place + 9 * width] = pairs[1] & 0xFFFF, pairs[1] >> 16
        halves[place + 8], halves[place + width + 8] = pairs[2] & 0xFFFF, pairs[2] >> 16
        halves[place + 8 * width + 8], halves[place + 9 * width + 8] = pairs[3] & 0xFFFF, pairs[3] >> 16
        cuda.syncwarp()
        for i in range(2):  # a lane takes 8 bytes of rows lane / 4 and lane / 4 + 8
            line, word = types.int32(lane >> 2) + 8 * i, 2 * types.int32(lane & 3)
            at = own + line * width + 2 * word
            low = types.uint32(halves[at]) | (types.uint32(halves[at + 1]) << types.uint32(16))
            high = types.uint32(halves[at + 2]) | (types.uint32(halves[at + 3]) << types.uint32(16))
            target = types.uint64(tile_row * 16 + line) * types.uint64(out_stride) + types.uint64(16 * tile + 2 * word)
            store_words(out + types.uint64(2) * target, low, high)
        cuda.syncwarp()

    def kernel(words, out, tiles, pitch, out_stride, tile_rows):  # type: ignore[no-untyped-def]
        halves = cuda.shared.array(shared_size, types.uint16)
        lane, warp = types.uint32(cuda.threadIdx.x & 31), cuda.threadIdx.x >> 5
        tile = cuda.blockIdx.x * WARPS + warp
        if tile >= tiles:
            return
        own = types.int32(warp * 16 * width)
        offsets = lane_offsets(lane)
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        first = cuda.blockIdx.y * ROWS_EACH
        step = types.uint64(pitch) * types.uint64(32 * bits)
        at = words + types.uint64(first) * step + types.uint64(tile) * types.uint64(32 * bits)
        last = tile_rows - 1
        # All loads first: a warp waits for memory once for its four tiles.
        a = load_tile(at, offsets)
        b = load_tile(at + types.uint64(min(1, last - first)) * step, offsets)
        c = load_tile(at + types.uint64(min(2, last - first)) * step, offsets)
        d = load_tile(at + types.uint64(min(3, last - first)) * step, offsets)
        write_tile(decode(a, shift), halves, own, lane, out, first, tile, out_stride)
        if first + 1 <= last:
            write_tile(decode(b, shift), halves, own, lane, out, first + 1, tile, out_stride)
        if first + 2 <= last:
            write_tile(decode(c, shift), halves, own, lane, out, first + 2, tile, out_stride)
        if first + 3 <= last:
            write_tile(decode(d, shift), halves, own, lane, out, first + 3, tile, out_stride)

    kernel.__name__ = kernel.__qualname__ = f"exl3_decode_{codebook}_k{bits}"
    return cuda.jit(kernel)
