"""Decodes a packed trellis to an fp16 matrix for products of many rows.

Launch: grid (ceil(tiles / 8), inputs / 128), 256 threads: a warp takes the eight tiles below each other that make 16
    columns of 128 inputs.
Layout: out fp16 [columns, inputs], in the rotated basis, inputs in the order of products of many rows
    (`gpu.rotate_ir`): what a lane decodes of four tiles is then 16 bytes in a row, four times, and nothing has to
    change lanes. Each store of a warp is 64 bytes of eight columns.
Source: sections 2 and 3 of the format description; bit-equal to it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import cuda
from numba.core import types

from gpu.ptx import global_store, i64, instruction, items, load_words, vector_of
from gpu.trellis_ir import decode_weights, num_words, word_offsets

WARPS = 8
TILES = 8  # of 16 inputs: a block of the rotation


def _pieces(bits: int, codebook: str) -> tuple[Any, Any, Any]:
    """The intrinsics `offsets(lane)`, `load(address, step, offsets)` and `store(words, shift, address, stride)`."""
    each = num_words(bits)
    offsets_type, words_type = types.UniTuple(types.uint32, each), types.UniTuple(types.uint32, TILES * each)

    @instruction(offsets_type(types.uint32))
    def offsets(b: ir.IRBuilder, lane: ir.Value) -> list[ir.Value]:
        """Byte offsets in a tile of the words that a lane reads."""
        return word_offsets(b, lane, bits)

    @instruction(words_type(types.uint64, types.uint64, offsets_type))
    def load(b: ir.IRBuilder, address: ir.Value, step: ir.Value, offsets: ir.Value) -> list[ir.Value]:
        """The lane's words of all tiles, `step` bytes from tile to tile."""
        tile, words = address, []
        places = [b.zext(offset, i64) for offset in items(b, offsets, each)]
        for _ in range(TILES):
            words += [load_words(b, b.add(tile, place), 1)[0] for place in places]
            tile = b.add(tile, step)
        return words

    @instruction(types.void(words_type, types.uint32, types.uint64, types.uint64))
    def store(b: ir.IRBuilder, words: ir.Value, shift: ir.Value, address: ir.Value, stride: ir.Value) -> None:
        """Decodes all tiles and writes them; address: of the lane's place in its first column; stride: in bytes."""
        all_words = items(b, words, TILES * each)
        columns = [address, b.add(address, b.shl(stride, ir.Constant(i64, 3)))]
        for first in (0, 1):  # stored together: tiles of even number, then those of odd number
            tiles = [
                decode_weights(b, all_words[tile * each : (tile + 1) * each], shift, bits, codebook)
                for tile in range(first, TILES, 2)
            ]
            for pair in range(4):  # inputs from 0 and from 8 of the first column, then of the second
                vector = vector_of(b, [tile_pairs[pair] for tile_pairs in tiles])
                place = ir.Constant(i64, 2 * (32 * (pair % 2) + 64 * first))
                global_store(b, b.add(columns[pair // 2], place), vector, 16)

    return offsets, load, store


@cache
def decode_kernel(bits: int, codebook: str) -> Any:
    """The kernel for one width and codebook.

    Arguments: address of the first tile's words, address of out; int32 tiles (of a row to decode), pitch (tiles from
    one tile row to the next), in_size (inputs, a multiple of 128).
    """
    offsets, load, store = _pieces(bits, codebook)

    def kernel(words, out, tiles, pitch, in_size):  # type: ignore[no-untyped-def]
        lane, warp = types.uint32(cuda.threadIdx.x & 31), types.int32(cuda.threadIdx.x >> 5)
        tile, unit = types.int32(cuda.blockIdx.x) * WARPS + warp, types.int32(cuda.blockIdx.y)
        if tile >= tiles:
            return
        step = types.uint64(pitch) * types.uint64(32 * bits)
        at = words + types.uint64(TILES * unit) * step + types.uint64(tile) * types.uint64(32 * bits)
        read = load(at, step, offsets(lane))
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        stride = types.uint64(2) * types.uint64(in_size)
        quad = types.uint64(32 * (lane & types.uint32(1)) + 16 * (lane >> types.uint32(1) & types.uint32(1)))
        column = types.uint64(16 * tile + types.int32(lane >> 2))
        store(read, shift, out + column * stride + types.uint64(256 * unit) + quad, stride)

    kernel.__name__ = kernel.__qualname__ = f"exl3_decode_{codebook}_k{bits}"
    return cuda.jit(kernel)
