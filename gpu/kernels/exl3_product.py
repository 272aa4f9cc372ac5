"""EXL3 products of a few rows on the tensor cores, straight from the packed trellis.

`y_rotated[row, out] = x_rotated[row, in] W`, with x rotated and rounded beforehand (`hadamard`) and the sums finished
afterwards. Up to three matrices that share their input size, width and codebook are one launch (query, key, value).

A weight's product with its codebook's multiplier is an operand of the tensor cores as it stands, because both meet the
same activation in all their parts: four unsigned bytes for mul1 (integer mma), two halves for mcg and 3inst (fp16 mma).
So a weight costs its state, one multiplication and a quarter of an mma, whatever the number of rows that share the mma:
  bytes: activations are 16-bit integers in two signed bytes (high and low limb), two columns of the B operand a row:
      four rows a group, exact integer sums that become float32 once per 128 inputs.
  halves: activations are fp16, eight rows a group. The sum of a weight's two halves is not rounded to fp16 as the
      format's own definition does: it is closer to the codebook's intention and differs by 2**-12 relative at most.
  pairs: decoded to fp16 first, more instructions a weight but half the mma: for mul1 from five rows on.
Activations have a scale for each row and 128 inputs.

Launch: grid (blocks of 16 * tiles columns, splits of the inputs), 128 threads. Every warp takes a run of tile rows, all
    runs equally long, and the block adds them up. The copy of weights begins before the kernel waits for the one in
    front of it.
Layout: codes int16 [M, capacity, in], high byte and low byte signed; halves fp16 of the same shape; scales float32
    [M, capacity, in / 128, 2]: the factor of the sum, and what 128 weights of code zero would add (bytes only).
    partial float32 [splits, rows, columns]: no atomics, so that the same input gives the same bits.
Source: sections 2, 3 and 5.2 of the format description; operand layouts of mma.m16n8k32 and m16n8k16 in the PTX manual.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import ir
from numba import cuda
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.kernels.tile_stream import WARPS, TileStream
from gpu.ptx import (
    f32,
    fma,
    i64,
    items,
    let_next_start,
    load_words,
    mma_m16n8k16,
    mma_m16n8k32,
    permute,
    store_float,
    wait_for_inputs,
    word,
)
from gpu.trellis_ir import decode_weights, num_words, products

UNIT = 8  # tile rows of 128 inputs, which share a scale


@dataclass(frozen=True)
class Road:
    """How weights meet activations: `kind` is bytes, halves or pairs; `groups` columns of eight in the B operand."""

    kind: str
    groups: int

    @property
    def tiles(self) -> int:
        """Tiles of 16 columns that a warp works on side by side: what its registers hold."""
        return 8 if self.groups == 1 and self.kind != "pairs" else 4

    @property
    def max_rows(self) -> int:
        return (4 if self.kind == "bytes" else 8) * self.groups

    @property
    def columns(self) -> int:
        """Of a block."""
        return 16 * self.tiles

    @property
    def sums(self) -> int:
        """float32 sums that a lane holds for one tile and group: rows of its columns, for two columns of weights."""
        return 2 if self.kind == "bytes" else 4


class _Steps:
    """The pieces of the kernel for one width, codebook and road, as intrinsics."""

    def __init__(self, bits: int, codebook: str, road: Road) -> None:
        each, tiles, groups, kind = num_words(bits), road.tiles, road.groups, road.kind
        is_bytes = kind == "bytes"
        count, part = 4 * tiles * groups, ir.IntType(32) if is_bytes else f32
        zero = ir.Constant(part, 0 if is_bytes else 0.0)
        words_type = types.UniTuple(types.uint32, tiles * each)
        inputs_type = types.UniTuple(types.uint32, 2 * groups)
        parts_type = types.UniTuple(types.int32 if is_bytes else types.float32, count)
        sums_type = types.UniTuple(types.float32, road.sums * tiles * groups)
        scales_type = types.UniTuple(types.float32, 2 * groups)
        addresses_type = types.UniTuple(types.uint64, groups)

        @intrinsic
        def load_inputs(typingctx, addresses, offset):  # type: ignore[no-untyped-def]
            """Inputs 2q, 2q + 1 and 2q + 8, 2q + 9 of the lane's row of each group, two in a register."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                registers = []
                for address in items(b, args[0], groups):
                    base = b.add(address, args[1])
                    registers += [load_words(b, b.add(base, ir.Constant(i64, half)), 1)[0] for half in (0, 16)]
                return cgutils.pack_array(b, registers)

            return inputs_type(addresses_type, types.uint64), codegen

        @intrinsic
        def load_scales(typingctx, addresses, offset):  # type: ignore[no-untyped-def]
            """Of a unit: factor and shift of the lane's row (bytes), or the factors of its two rows, of each group."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                registers = []
                for i in range(2 * groups):
                    if is_bytes:
                        base = b.add(b.extract_value(args[0], i // 2), ir.Constant(i64, 4 * (i % 2)))
                    else:
                        base = b.extract_value(args[0], i)
                    registers.append(b.bitcast(load_words(b, b.add(base, args[1]), 1)[0], f32))
                return cgutils.pack_array(b, registers)

            given = addresses_type if is_bytes else types.UniTuple(types.uint64, 2 * groups)
            return scales_type(given, types.uint64), codegen

        @intrinsic
        def multiply_tiles(typingctx, words, shift, inputs, selector, parts):  # type: ignore[no-untyped-def]
            """parts + W^T x over 16 inputs. `selector` spreads the lane's byte or half of an input over a register."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                all_words, x = items(b, args[0], tiles * each), items(b, args[2], 2 * groups)
                totals = items(b, args[4], count)
                # A register holds the first and the second input of a pair; byte and half selectors count alike.
                second = b.add(args[3], word(0x2222))
                if kind != "pairs":
                    x = [permute(b, value, selector) for value in x for selector in (args[3], second)]
                for tile in range(tiles):
                    own = all_words[tile * each : (tile + 1) * each]
                    if kind == "pairs":
                        w = decode_weights(b, own, args[1], bits, codebook)
                        operands = [[w[0], w[2], w[1], w[3]]]
                    else:
                        p = products(b, own, args[1], bits, codebook)
                        operands = [[p[0], p[4], p[1], p[5]], [p[2], p[6], p[3], p[7]]]
                    multiply = mma_m16n8k32 if is_bytes else mma_m16n8k16
                    for group in range(groups):
                        at = slice(4 * (tile * groups + group), 4 * (tile * groups + group) + 4)
                        for i, operand in enumerate(operands):
                            first = 2 * (group * len(operands) + i)
                            totals[at] = multiply(b, operand, x[first : first + 2], totals[at])
                return cgutils.pack_array(b, totals)

            return parts_type(words_type, types.uint32, inputs_type, types.uint32, parts_type), codegen

        @intrinsic
        def no_parts(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [zero] * count)

            return parts_type(), codegen

        @intrinsic
        def no_sums(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [ir.Constant(f32, 0.0)] * (road.sums * tiles * groups))

            return sums_type(), codegen

        @intrinsic
        def add_unit(typingctx, sums, parts, scales, is_first):  # type: ignore[no-untyped-def]
            """sums + scaled parts; of a unit that several warps share, the one with its first rows adds the shift."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                totals, given = items(b, args[0], road.sums * tiles * groups), items(b, args[1], count)
                scales = items(b, args[2], 2 * groups)
                for i in range(tiles * groups):
                    scale, other = scales[2 * (i % groups) : 2 * (i % groups) + 2]
                    if not is_bytes:
                        for j in range(4):
                            totals[4 * i + j] = fma(b, given[4 * i + j], (scale, other)[j % 2], totals[4 * i + j])
                        continue
                    shift = b.select(args[3], other, ir.Constant(f32, 0.0))
                    for j in range(2):
                        low, high = (b.sitofp(value, f32) for value in given[4 * i + 2 * j : 4 * i + 2 * j + 2])
                        whole = fma(b, high, ir.Constant(f32, 256.0), low)
                        totals[2 * i + j] = b.fadd(fma(b, whole, scale, shift), totals[2 * i + j])
                return cgutils.pack_array(b, totals)

            return sums_type(sums_type, parts_type, scales_type, types.boolean), codegen

        @intrinsic
        def store_sums(typingctx, staged, first, lane, sums):  # type: ignore[no-untyped-def]
            """Writes a warp's sums to shared memory as [rows, columns] from `first`."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                data = context.make_array(sig.args[0])(context, b, args[0]).data
                totals = items(b, args[3], road.sums * tiles * groups)
                quad, column = b.and_(args[2], word(3)), b.add(args[1], b.lshr(args[2], word(2)))
                row = quad if is_bytes else b.shl(quad, word(1))
                place = b.add(column, b.mul(row, word(road.columns)))
                for i in range(tiles * groups):
                    tile, group = divmod(i, groups)
                    for j in range(road.sums):  # two columns of weights eight apart, of one row or of two
                        below, right = (0, j) if is_bytes else (j % 2, j // 2)
                        rows_before = road.max_rows // groups * group + below
                        offset = rows_before * road.columns + 16 * tile + 8 * right
                        b.store(totals[road.sums * i + j], b.gep(data, [b.add(place, word(offset))]))
                return context.get_dummy_value()

            return types.void(staged, types.int32, types.uint32, sums_type), codegen

        self.load_inputs, self.load_scales, self.multiply_tiles = load_inputs, load_scales, multiply_tiles
        self.no_parts, self.no_sums, self.add_unit, self.store_sums = no_parts, no_sums, add_unit, store_sums


def _row_addresses(road: Road) -> tuple[Any, Any]:
    """Device functions that give a lane the addresses of its inputs and scales, one (or two) for each group.

    A row that is not there is read as row 0: its sums stay in columns of their own, which nobody reads.
    """
    is_bytes, groups = road.kind == "bytes", road.groups

    @cuda.jit(device=True, inline=True)
    def at(base, stride, row, rows):  # type: ignore[no-untyped-def]
        return base + types.uint64(stride * (row if row < rows else types.int32(0)))

    @cuda.jit(device=True, inline=True)
    def inputs_one(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        return (at(base, stride, types.int32(lane >> 3 if is_bytes else lane >> 2), rows),)

    @cuda.jit(device=True, inline=True)
    def inputs_two(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        row = types.int32(lane >> 3 if is_bytes else lane >> 2)
        return at(base, stride, row, rows), at(base, stride, types.int32(row + (4 if is_bytes else 8)), rows)

    @cuda.jit(device=True, inline=True)
    def scales_one(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        quad = types.int32(lane & 3)
        if is_bytes:
            return (at(base, stride, quad, rows),)
        return at(base, stride, types.int32(2 * quad), rows), at(base, stride, types.int32(2 * quad + 1), rows)

    @cuda.jit(device=True, inline=True)
    def scales_two(base, stride, lane, rows):  # type: ignore[no-untyped-def]
        quad = types.int32(lane & 3)
        if is_bytes:
            return at(base, stride, quad, rows), at(base, stride, types.int32(quad + 4), rows)
        return (
            at(base, stride, types.int32(2 * quad), rows), at(base, stride, types.int32(2 * quad + 1), rows),
            at(base, stride, types.int32(2 * quad + 8), rows), at(base, stride, types.int32(2 * quad + 9), rows),
        )  # fmt: skip

    return (inputs_one, scales_one) if groups == 1 else (inputs_two, scales_two)


@cache
def product_kernel(bits: int, codebook: str, kind: str, groups: int) -> Any:
    """The kernel for one width, codebook and road.

    Arguments: addresses of the words of three matrices; int32 tiles in a row of each, first block of the second and of
    the third (beyond the grid if there is none); inputs (a row and 32 bytes behind them must be readable), input_stride
    (bytes from matrix to matrix), scales, scale_stride; row_stride, scale_row_stride (int32, bytes from row to row);
    partial; int32 tile_rows, units and unit_rows (a warp's run is their product; unit_rows is 8, or less with one
    unit), rows.
    """
    road = Road(kind, groups)
    tiles, columns, max_rows = road.tiles, road.columns, road.max_rows
    steps, stream = _Steps(bits, codebook, road), TileStream(bits, tiles)
    load_inputs, load_scales, multiply_tiles = steps.load_inputs, steps.load_scales, steps.multiply_tiles
    no_parts, no_sums, add_unit, store_sums = steps.no_parts, steps.no_sums, steps.add_unit, steps.store_sums
    input_rows, scale_rows = _row_addresses(road)
    ring_of, offsets_of, start = stream.ring, stream.offsets, stream.start
    arrived, read_words = stream.arrived, stream.words
    stages, ahead, stage_bytes = stream.stages, stream.stages - 1, stream.step_bytes
    warp_slots = columns * max_rows
    shared_size = max(WARPS * stream.stages * stream.step_bytes // 4, WARPS * warp_slots)
    is_bytes = kind == "bytes"

    def kernel(  # type: ignore[no-untyped-def]
        words0, words1, words2, tiles0, tiles1, tiles2, first1, first2, inputs, input_stride, scales, scale_stride,
        row_stride, scale_row_stride, partial, tile_rows, units, unit_rows, rows,
    ):  # fmt: skip
        staged = cuda.shared.array(shared_size, types.float32)
        thread = types.int32(cuda.threadIdx.x)
        lane, warp = types.uint32(thread & 31), types.int32(thread >> 5)
        block, split = types.int32(cuda.blockIdx.x), types.int32(cuda.blockIdx.y)
        base, width, own, matrix = words0, tiles0, block, types.uint64(0)
        if block >= first2:
            base, width, own, matrix = words2, tiles2, types.int32(block - first2), types.uint64(2)
        elif block >= first1:
            base, width, own, matrix = words1, tiles1, types.int32(block - first1), types.uint64(1)
        run = types.int32(units * unit_rows)
        row = types.int32((split * WARPS + warp) * run)
        end = types.int32(min(tile_rows, row + run))
        row_bytes = types.uint64(width * 32 * bits)
        source = base + types.uint64(own * tiles) * types.uint64(32 * bits) + types.uint64(row) * row_bytes
        source += types.uint64(16 * lane)
        ring = ring_of(staged, warp)
        target = types.uint32(ring + types.uint32(16) * lane)
        coming = row
        for i in range(ahead):
            start(types.uint32(target + types.uint32(i * stage_bytes)), source, lane, coming < end)
            coming = types.int32(coming + 1)
            source += row_bytes
        let_next_start()
        shift = types.uint32(-(8 * types.int32(lane) + 8) * bits & 31)
        offsets = offsets_of(lane)
        if is_bytes:  # columns of the B operand alternate between low and high limb
            selector = types.uint32(0x1111) if lane & 4 else types.uint32(0)
        else:
            selector = types.uint32(0x1010)
        # A warp behind the last row reads what is there and adds nothing: so all warps make the same turns.
        begin = types.int32(min(row, tile_rows - unit_rows))
        x_at = input_rows(
            inputs + matrix * input_stride + types.uint64(4) * types.uint64(lane & 3) + types.uint64(32 * begin),
            row_stride, lane, rows,
        )  # fmt: skip
        scales_at = scale_rows(scales + matrix * scale_stride, scale_row_stride, lane, rows)
        sums = no_sums()
        stage, free = types.uint32(0), types.uint32(ahead * stage_bytes)
        wait_for_inputs()
        x = load_inputs(x_at, types.uint64(0))
        x_offset = types.uint64(32)
        for _ in range(units):
            unit_scales = load_scales(scales_at, types.uint64(8 * (min(row, tile_rows - 1) // UNIT)))
            parts = no_parts()
            for _ in range(unit_rows):
                arrived()
                start(types.uint32(target + free), source, lane, coming < end)
                coming = types.int32(coming + 1)
                source += row_bytes
                read = read_words(types.uint32(ring + stage), offsets)
                x_next = load_inputs(x_at, x_offset)
                x_offset += types.uint64(32)
                parts = multiply_tiles(read, shift, x, selector, parts)
                x = x_next
                free = stage
                stage = types.uint32(stage + types.uint32(stage_bytes))
                if stage == types.uint32(stages * stage_bytes):
                    stage = types.uint32(0)
            if row < end:
                sums = add_unit(sums, parts, unit_scales, row & (UNIT - 1) == 0)
            row = types.int32(row + unit_rows)
        cuda.syncthreads()
        store_sums(staged, types.int32(warp * warp_slots), lane, sums)
        cuda.syncthreads()
        all_columns = types.int32(cuda.gridDim.x) * columns
        for i in range(thread, rows * columns, 32 * WARPS):
            total = types.float32(0.0)
            for w in range(WARPS):
                total += staged[w * warp_slots + i]
            at = (split * rows + i // columns) * all_columns + block * columns + i % columns
            store_float(partial + types.uint64(4 * at), total)

    kernel.__name__ = kernel.__qualname__ = f"exl3_product_{codebook}_k{bits}_{kind}{groups}"
    return cuda.jit(kernel)
