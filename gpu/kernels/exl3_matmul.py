"""EXL3 products of a few rows on the tensor cores, straight from the packed trellis.

`y_rotated[row, out] = x_rotated[row, in] W`, with x rotated and rounded to fp16 beforehand (`rotate_input`) and the
sums finished afterwards (`finish_output`). Several matrices that share their input size, width and codebook are one
launch (query, key, value; gate, up).

Launch: grid (columns / (16 * TILES), splits of the inputs), 256 threads: eight warps take the block's tile rows in
    turn, each for all TILES tiles, and meet in shared memory once.
Layout: a tile row of TILES tiles is contiguous; a lane loads the words of its own eight weights, one step ahead of
    their use. W transposed is the A operand, so up to eight rows of x cost one mma a tile.
    partial float32 [splits, rows, columns]: no atomics, so that the same input gives the same bits.
Source: the trellis rules of the format description; the operand order of mma.m16n8k16 in the PTX manual.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import cuda
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.ptx import f32, i32, i64, load_int, load_long, load_words, mma_m16n8k16, store_float
from gpu.trellis_ir import decode_weights, num_words, word_offsets

WARPS = 8
TILES = 4  # tiles of 16 columns that a warp works on side by side
COLUMNS = 16 * TILES
MATRIX_FIELDS = 4  # of the matrix table: weights address, x address, first block, tiles in a row


def items(b: ir.IRBuilder, value: ir.Value, count: int) -> list[ir.Value]:
    return [b.extract_value(value, i) for i in range(count)]


def word(value: int) -> ir.Constant:
    return ir.Constant(i32, value)


def emit_tile(b: ir.IRBuilder, address: ir.Value, offsets: list[ir.Value]) -> list[ir.Value]:
    """The lane's words of the tile at an address."""
    return [load_words(b, b.add(address, b.zext(offset, i64)), 1)[0] for offset in offsets]


def shared_writer(groups: int) -> Any:
    """The intrinsic `store_sums(staged, first, lane, sums)` for a number of row groups."""
    sums_type = types.UniTuple(types.float32, 4 * TILES * groups)

    @intrinsic
    def store_sums(typingctx, staged, first, lane, sums):  # type: ignore[no-untyped-def]
        """Writes a warp's sums to shared memory as [rows, columns] from `first`."""

        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            data = context.make_array(sig.args[0])(context, b, args[0]).data
            totals = items(b, args[3], 4 * TILES * groups)
            column, row = b.lshr(args[2], word(2)), b.shl(b.and_(args[2], word(3)), word(1))
            for tile in range(TILES):
                for group in range(groups):
                    for i in range(4):  # C: rows of W^T lane / 4 (+ 8), tokens 2 * (lane % 4) (+ 1)
                        token = b.add(row, word(8 * group + i % 2))
                        place = b.add(b.mul(token, word(COLUMNS)), b.add(column, word(16 * tile + 8 * (i // 2))))
                        b.store(totals[4 * (tile * groups + group) + i], b.gep(data, [b.add(args[1], place)]))
            return context.get_dummy_value()

        return types.void(staged, types.int32, types.uint32, sums_type), codegen

    return store_sums


class _Steps:
    """The pieces of the kernel for one width, codebook and number of row groups, as intrinsics."""

    def __init__(self, bits: int, codebook: str, groups: int) -> None:
        each = num_words(bits)
        words_type = types.UniTuple(types.uint32, TILES * each)
        inputs_type = types.UniTuple(types.uint32, 2 * groups)
        sums_type = types.UniTuple(types.float32, 4 * TILES * groups)
        offsets_type = types.UniTuple(types.uint32, each)

        @intrinsic
        def load_tiles(typingctx, address, offsets):  # type: ignore[no-untyped-def]
            """The lane's words of TILES neighbouring tiles."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                offsets_of_lane, words = items(b, args[1], each), []
                for tile in range(TILES):
                    words += emit_tile(b, b.add(args[0], ir.Constant(i64, tile * 32 * bits)), offsets_of_lane)
                return cgutils.pack_array(b, words)

            return words_type(types.uint64, offsets_type), codegen

        @intrinsic
        def load_inputs(typingctx, address, group_stride, token, rows):  # type: ignore[no-untyped-def]
            """The lane's B operands: two registers for each group of eight rows; zero beyond the last row."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                registers = []
                for group in range(groups):
                    present = b.icmp_signed("<", b.add(args[2], word(8 * group)), args[3])
                    # An absent row reads a row that is there, and drops what it read.
                    stride = b.select(present, b.mul(args[1], ir.Constant(i64, group)), ir.Constant(i64, 0))
                    base = b.add(args[0], stride)
                    for half in (0, 16):
                        value = load_words(b, b.add(base, ir.Constant(i64, half)), 1)[0]
                        registers.append(b.select(present, value, word(0)))
                return cgutils.pack_array(b, registers)

            return inputs_type(types.uint64, types.uint64, types.int32, types.int32), codegen

        @intrinsic
        def multiply_tiles(typingctx, words, shift, inputs, sums):  # type: ignore[no-untyped-def]
            """sums + W^T x over one step of 16 inputs: TILES tiles, all row groups."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                all_words, halves = items(b, args[0], TILES * each), items(b, args[2], 2 * groups)
                totals = items(b, args[3], 4 * TILES * groups)
                for tile in range(TILES):
                    w = decode_weights(b, all_words[tile * each : (tile + 1) * each], args[1], bits, codebook)
                    for group in range(groups):
                        at = slice(4 * (tile * groups + group), 4 * (tile * groups + group) + 4)
                        operand = [w[0], w[2], w[1], w[3]]
                        totals[at] = mma_m16n8k16(b, operand, halves[2 * group : 2 * group + 2], totals[at])
                return cgutils.pack_array(b, totals)

            return sums_type(words_type, types.uint32, inputs_type, sums_type), codegen

        @intrinsic
        def zero_sums(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [ir.Constant(f32, 0.0)] * (4 * TILES * groups))

            return sums_type(), codegen

        self.lane_offsets, self.load_tiles, self.load_inputs = lane_offsets_of(bits), load_tiles, load_inputs
        self.multiply_tiles, self.zero_sums = multiply_tiles, zero_sums
        self.store_sums = shared_writer(groups)


def lane_offsets_of(bits: int) -> Any:
    """The intrinsic `lane_offsets(lane)`: byte offsets in a tile of the words a lane reads, highest bits first."""
    offsets_type = types.UniTuple(types.uint32, num_words(bits))

    @intrinsic
    def lane_offsets(typingctx, lane):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            return cgutils.pack_array(b, word_offsets(b, args[0], bits))

        return offsets_type(types.uint32), codegen

    return lane_offsets


def lane_decoder(bits: int, codebook: str) -> tuple[Any, Any, Any]:
    """Three device functions for a lane: byte offsets of its words, the words of one tile, its eight weights."""
    each = num_words(bits)
    words_type = types.UniTuple(types.uint32, each)

    @intrinsic
    def load_tile(typingctx, address, offsets):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            return cgutils.pack_array(b, emit_tile(b, args[0], items(b, args[1], each)))

        return words_type(types.uint64, words_type), codegen

    @intrinsic
    def decode(typingctx, words, shift):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            return cgutils.pack_array(b, decode_weights(b, items(b, args[0], each), args[1], bits, codebook))

        return types.UniTuple(types.uint32, 4)(words_type, types.uint32), codegen

    return lane_offsets_of(bits), load_tile, decode


@cache
def matmul_kernel(bits: int, codebook: str, groups: int) -> Any:
    """The kernel for `bits`, `codebook` and up to `8 * groups` rows.

    Arguments: addresses of matrices int64 [M, 4] (`MATRIX_FIELDS`), block_matrix int32 [grid.x] and partial float32
    [splits, rows, columns]; int32 tiles_in, tile_rows_per_split, rows, x_stride (fp16 values from row to row).
    """
    warp_slots = COLUMNS * 8 * groups
    shared_size = WARPS * warp_slots
    steps = _Steps(bits, codebook, groups)
    lane_offsets, load_tiles, load_inputs = steps.lane_offsets, steps.load_tiles, steps.load_inputs
    multiply_tiles, zero_sums, store_sums = steps.multiply_tiles, steps.zero_sums, steps.store_sums

    def kernel(  # type: ignore[no-untyped-def]
        matrices, block_matrix, partial, tiles_in, tile_rows_per_split, rows, x_stride
    ):
        staged = cuda.shared.array(shared_size, types.float32)
        thread = cuda.threadIdx.x
        lane, warp = types.uint32(thread & 31), thread >> 5
        matrix = load_int(block_matrix + types.uint64(4 * cuda.blockIdx.x))
        entry = matrices + types.uint64(8 * MATRIX_FIELDS * matrix)
        first_block = load_long(entry + types.uint64(16))
        first_tile = (types.uint64(cuda.blockIdx.x) - first_block) * types.uint64(TILES)
        row_bytes = load_long(entry + types.uint64(24)) * types.uint64(32 * bits)
        step = types.int32(cuda.blockIdx.y * tile_rows_per_split + warp)
        end = types.int32(min(tiles_in, (cuda.blockIdx.y + 1) * tile_rows_per_split))
        base = load_long(entry) + first_tile * types.uint64(32 * bits)
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        token = types.int32(lane >> 2)
        known_token = token if token < rows else types.int32(0)
        x_base = load_long(entry + types.uint64(8)) + types.uint64(
            (known_token * x_stride + 2 * types.int32(lane & 3)) * 2
        )
        x_group = types.uint64(16 * x_stride)
        offsets = lane_offsets(lane)
        sums = zero_sums()
        if step < end:
            words = load_tiles(base + types.uint64(step) * row_bytes, offsets)
            inputs = load_inputs(x_base + types.uint64(step * 32), x_group, token, types.int32(rows))
            while step < end:
                following = types.int32(min(step + WARPS, end - 1))
                next_words = load_tiles(base + types.uint64(following) * row_bytes, offsets)
                next_inputs = load_inputs(x_base + types.uint64(following * 32), x_group, token, types.int32(rows))
                sums = multiply_tiles(words, shift, inputs, sums)
                words = next_words
                inputs = next_inputs
                step = types.int32(step + WARPS)
        store_sums(staged, types.int32(warp * warp_slots), lane, sums)
        cuda.syncthreads()
        columns = cuda.gridDim.x * COLUMNS
        first_column = cuda.blockIdx.x * COLUMNS
        for i in range(thread, rows * COLUMNS, 32 * WARPS):
            total = types.float32(0.0)
            for w in range(WARPS):
                total += staged[w * warp_slots + i]
            place = (cuda.blockIdx.y * rows + i // COLUMNS) * columns + first_column + i % COLUMNS
            store_float(partial + types.uint64(4 * place), total)

    kernel.__name__ = kernel.__qualname__ = f"exl3_matmul_{codebook}_k{bits}_rows{8 * groups}"
    return cuda.jit(kernel)
