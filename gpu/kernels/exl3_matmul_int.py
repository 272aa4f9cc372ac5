"""EXL3 products of a few rows with the mul1 codebook, on the integer tensor cores.

A mul1 weight is the sum of the four bytes of `state * multiplier`, scaled and shifted. Read as four unsigned bytes that
all meet the same activation, that product is an A operand of the integer mma as it stands: no byte sum, no conversion,
no packing. Activations are 16-bit integers with a scale for each row and 128 inputs, in two signed bytes (high and low
limb) that take two columns of the B operand, so one mma serves four rows and its two columns give the exact integer
sum; it becomes float32 once per 128 inputs. On Hopper the integer mma is what limits this kernel: more than four rows
are better served by `exl3_matmul`.

Launch: grid (columns / 128, splits), 128 threads; a warp takes 128 inputs at a time. partial as in `exl3_matmul`.
Layout of the inputs: codes int16 [rows, in], high byte signed, low byte signed; scales float32 [rows, in / 128, 2]:
    the factor of the integer sum, and what 128 weights of code zero would add.
Source: section 5.2 of the format description; operand layouts of mma.m16n8k32 in the PTX manual.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import cuda
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.kernels.exl3_matmul import items, word
from gpu.kernels.tile_stream import RING_BYTES, TILES, WARPS, TileStream
from gpu.ptx import (
    f32,
    fma,
    i64,
    load_int,
    load_long,
    load_words,
    mma_m16n8k32,
    permute,
    store_float,
)
from gpu.trellis_ir import mul1_products, num_words

COLUMNS = 16 * TILES
MATRIX_FIELDS = 5  # of the matrix table
UNIT = 8  # tile rows of 128 inputs
MAX_ROWS = 4


class _Steps:
    """The pieces of the kernel for one width, as intrinsics."""

    def __init__(self, bits: int) -> None:
        each = num_words(bits)
        words_type = types.UniTuple(types.uint32, TILES * each)
        codes_type = types.UniTuple(types.uint32, 2)
        limbs_type = types.UniTuple(types.int32, 4 * TILES)
        sums_type = types.UniTuple(types.float32, 2 * TILES)

        @intrinsic
        def load_codes(typingctx, address, present):  # type: ignore[no-untyped-def]
            """Codes of inputs 2q, 2q + 1 and of 2q + 8, 2q + 9 of the lane's row; zero for a row that is not there."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                values = [load_words(b, b.add(args[0], ir.Constant(i64, half)), 1)[0] for half in (0, 16)]
                return cgutils.pack_array(b, [b.select(args[1], value, word(0)) for value in values])

            return codes_type(types.uint64, types.boolean), codegen

        @intrinsic
        def multiply_tiles(typingctx, words, shift, codes, selector, limbs):  # type: ignore[no-untyped-def]
            """limbs + W^T x over 16 inputs. `selector` spreads the byte of the lane's limb over a register."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                all_words, codes = items(b, args[0], TILES * each), items(b, args[2], 2)
                totals = items(b, args[4], 4 * TILES)
                # A register of codes is low and high limb of its first input, then of its second.
                second = b.add(args[3], word(0x2222))
                spread = [[permute(b, code, args[3]), permute(b, code, second)] for code in codes]
                for tile in range(TILES):
                    x = mul1_products(b, all_words[tile * each : (tile + 1) * each], args[1], bits)
                    at = slice(4 * tile, 4 * tile + 4)
                    for pair, a in enumerate(([x[0], x[4], x[1], x[5]], [x[2], x[6], x[3], x[7]])):
                        totals[at] = mma_m16n8k32(b, a, spread[pair], totals[at])
                return cgutils.pack_array(b, totals)

            return limbs_type(words_type, types.uint32, codes_type, types.uint32, limbs_type), codegen

        @intrinsic
        def no_limbs(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [word(0)] * (4 * TILES))

            return limbs_type(), codegen

        @intrinsic
        def no_sums(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [ir.Constant(f32, 0.0)] * (2 * TILES))

            return sums_type(), codegen

        @intrinsic
        def add_unit(typingctx, sums, limbs, scales):  # type: ignore[no-untyped-def]
            """sums + scale * (256 * high + low) + shift: a lane's columns are the two limbs of row `lane % 4`."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                totals, parts = items(b, args[0], 2 * TILES), items(b, args[1], 4 * TILES)
                scale, shift = (b.bitcast(value, f32) for value in load_words(b, args[2], 2))
                for i in range(2 * TILES):
                    low, high = (b.sitofp(part, f32) for part in parts[2 * i : 2 * i + 2])
                    whole = fma(b, high, ir.Constant(f32, 256.0), low)
                    totals[i] = b.fadd(fma(b, whole, scale, shift), totals[i])
                return cgutils.pack_array(b, totals)

            return sums_type(sums_type, limbs_type, types.uint64), codegen

        @intrinsic
        def store_sums(typingctx, staged, first, lane, sums):  # type: ignore[no-untyped-def]
            """Writes a warp's sums to shared memory as [4 rows, columns] from `first`."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                data = context.make_array(sig.args[0])(context, b, args[0]).data
                totals = items(b, args[3], 2 * TILES)
                row = b.mul(b.and_(args[2], word(3)), word(COLUMNS))
                place = b.add(args[1], b.add(row, b.lshr(args[2], word(2))))
                for i in range(2 * TILES):
                    b.store(totals[i], b.gep(data, [b.add(place, word(8 * i))]))
                return context.get_dummy_value()

            return types.void(staged, types.int32, types.uint32, sums_type), codegen

        self.load_codes, self.multiply_tiles, self.no_limbs = load_codes, multiply_tiles, no_limbs
        self.no_sums, self.add_unit, self.store_sums = no_sums, add_unit, store_sums


@cache
def matmul_int_kernel(bits: int) -> Any:
    """The kernel for one width and up to four rows.

    Arguments: addresses of matrices int64 [M, 5] (weights, codes, scales, first block, tiles in a row), block_matrix
    int32 [grid.x], partial float32 [splits, rows, columns]; int32 units_in, units_per_split, rows.
    """
    warp_slots = COLUMNS * MAX_ROWS
    shared_size = RING_BYTES // 4
    steps, stream = _Steps(bits), TileStream(bits)
    load_codes, multiply_tiles, no_limbs = steps.load_codes, steps.multiply_tiles, steps.no_limbs
    no_sums, add_unit, store_sums = steps.no_sums, steps.add_unit, steps.store_sums
    ring_of, offsets_of, start = stream.ring, stream.offsets, stream.start
    nothing, arrived, read_words = stream.nothing, stream.arrived, stream.words
    ahead_steps, stage_mask = stream.stages - 1, stream.stages - 1
    row_skip = UNIT * (WARPS - 1)

    @cuda.jit(device=True, inline=True)
    def next_row(row):  # type: ignore[no-untyped-def]
        """The tile row after `row` in a warp's order: eight in turn, then past those of the other warps."""
        row = types.int32(row + 1)
        return types.int32(row + row_skip) if row & (UNIT - 1) == 0 else row

    def kernel(matrices, block_matrix, partial, units_in, units_per_split, rows):  # type: ignore[no-untyped-def]
        staged = cuda.shared.array(shared_size, types.float32)
        thread = types.int32(cuda.threadIdx.x)
        lane, warp = types.uint32(thread & 31), types.int32(thread >> 5)
        block, split = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y)
        matrix = load_int(block_matrix + types.uint64(4 * block))
        entry = matrices + types.uint64(8 * MATRIX_FIELDS * matrix)
        first_tile = (types.uint64(block) - load_long(entry + types.uint64(24))) * types.uint64(TILES)
        row_bytes = load_long(entry + types.uint64(32)) * types.uint64(32 * bits)
        base = load_long(entry) + first_tile * types.uint64(32 * bits)
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        row = types.int32(lane >> 3)  # column lane / 4 of the B operand is row lane / 8, low limb if even
        selector = types.uint32(0x1111) if lane & 4 else types.uint32(0)
        present = row < rows
        place = types.int32(128 * units_in * (row if present else 0) + 2 * types.int32(lane & 3))
        codes = load_long(entry + types.uint64(8)) + types.uint64(2 * place)
        out_row = types.int32(lane & 3)
        scale_row = types.int32(units_in * (out_row if out_row < rows else 0))
        scales = load_long(entry + types.uint64(16)) + types.uint64(8 * scale_row)
        offsets = offsets_of(lane)
        ring = ring_of(staged, warp)
        sums = no_sums()
        unit = types.int32(split * units_per_split + warp)
        end = types.int32(min(units_in, (split + 1) * units_per_split))
        left = types.int32(0)
        if unit < end:
            left = types.int32(UNIT * ((end - unit + WARPS - 1) // WARPS))
        ahead_row = types.int32(unit * UNIT)
        stage = types.uint32(0)
        for _ in range(ahead_steps):
            if left > 0:
                start(ring, stage, base + types.uint64(ahead_row) * row_bytes, lane)
                ahead_row = next_row(ahead_row)
                left = types.int32(left - 1)
            else:
                nothing()
            stage = types.uint32(stage + types.uint32(1))
        stage = types.uint32(0)
        while unit < end:
            limbs = no_limbs()
            for i in range(UNIT):
                arrived()
                if left > 0:
                    into = types.uint32((stage + types.uint32(ahead_steps)) & types.uint32(stage_mask))
                    start(ring, into, base + types.uint64(ahead_row) * row_bytes, lane)
                    ahead_row = next_row(ahead_row)
                    left = types.int32(left - 1)
                else:
                    nothing()
                inputs = load_codes(codes + types.uint64(256 * unit + 32 * i), present)
                words = read_words(ring, stage, offsets)
                limbs = multiply_tiles(words, shift, inputs, selector, limbs)
                stage = types.uint32((stage + types.uint32(1)) & types.uint32(stage_mask))
            sums = add_unit(sums, limbs, scales + types.uint64(8 * unit))
            unit = types.int32(unit + WARPS)
        cuda.syncthreads()
        store_sums(staged, types.int32(warp * warp_slots), lane, sums)
        cuda.syncthreads()
        columns = types.int32(cuda.gridDim.x) * COLUMNS
        for i in range(thread, rows * COLUMNS, 32 * WARPS):
            total = types.float32(0.0)
            for w in range(WARPS):
                total += staged[w * warp_slots + i]
            at = (split * rows + i // COLUMNS) * columns + block * COLUMNS + i % COLUMNS
            store_float(partial + types.uint64(4 * at), total)

    kernel.__name__ = kernel.__qualname__ = f"exl3_matmul_int_k{bits}"
    return cuda.jit(kernel)
