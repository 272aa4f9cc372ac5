"""The pieces of `exl3_product` for one width, codebook and road, as intrinsics: what a warp does with its registers.

Source: operand layouts of mma.m16n8k32 and m16n8k16 and dp4a in the PTX manual. Knows nothing of how work is divided.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.kernels.few_layout import Road
from gpu.ptx import (
    assembly,
    dot_bytes,
    f32,
    fma,
    i64,
    items,
    load_words,
    mma_m16n8k16,
    mma_m16n8k32,
    permute,
    permute_bytes,
    word,
)
from gpu.trellis_ir import decode_weights, num_words, products

BYTE_SUM_OF_ZERO = 3.453125 / 0.00676727294921875  # the byte sum that stands for a weight of zero


class Steps:
    """The pieces of the kernel for one width, codebook and road, as intrinsics."""

    def __init__(self, bits: int, codebook: str, road: Road) -> None:
        each, tiles, groups, kind = num_words(bits), road.tiles, road.groups, road.kind
        is_bytes = road.is_bytes
        per_lane = 2 if is_bytes else 4  # sums for a tile and group: rows of its columns, two columns of weights
        count, part = 4 * tiles * groups, ir.IntType(32) if is_bytes else f32
        zero = ir.Constant(part, 0 if is_bytes else 0.0)
        words_type = types.UniTuple(types.uint32, tiles * each)
        inputs_type = types.UniTuple(types.uint32, 2 * groups)
        spread_type = inputs_type if kind == "pairs" else types.UniTuple(types.uint32, 4 * groups)
        parts_type = types.UniTuple(types.int32 if is_bytes else types.float32, count)
        sums_type = types.UniTuple(types.float32, per_lane * tiles * groups)
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
        def spread_inputs(typingctx, inputs, selector):  # type: ignore[no-untyped-def]
            """Each input in all parts of a register; pairs as they are. `selector` names the lane's byte or half."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                if kind == "pairs":
                    return args[0]
                # A register holds the first and the second input of a pair; byte and half selectors count alike.
                selectors = args[1], b.add(args[1], word(0x2222))
                x = [permute(b, value, each) for value in items(b, args[0], 2 * groups) for each in selectors]
                return cgutils.pack_array(b, x)

            return spread_type(inputs_type, types.uint32), codegen

        @intrinsic
        def multiply_tiles(typingctx, words, shift, spread, parts):  # type: ignore[no-untyped-def]
            """parts + W^T x over 16 inputs."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                all_words, x = items(b, args[0], tiles * each), items(b, args[2], spread_type.count)
                totals = items(b, args[3], count)
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

            return parts_type(words_type, types.uint32, spread_type, parts_type), codegen

        @intrinsic
        def no_parts(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [zero] * count)

            return parts_type(), codegen

        @intrinsic
        def no_sums(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [ir.Constant(f32, 0.0)] * (per_lane * tiles * groups))

            return sums_type(), codegen

        @intrinsic
        def add_unit(typingctx, sums, parts, scales, is_first):  # type: ignore[no-untyped-def]
            """sums + scaled parts; of a unit that several warps share, the one with its first rows adds the shift."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                totals, given = items(b, args[0], per_lane * tiles * groups), items(b, args[1], count)
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
        def store_sums(typingctx, staged, warp, lane, sums):  # type: ignore[no-untyped-def]
            """Writes a warp's sums to shared memory as [warps, rows, columns]."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                data = context.make_array(sig.args[0])(context, b, args[0]).data
                totals = items(b, args[3], per_lane * tiles * groups)
                first = b.mul(args[1], word(road.max_rows * road.columns))
                quad, column = b.and_(args[2], word(3)), b.add(first, b.lshr(args[2], word(2)))
                row = quad if is_bytes else b.shl(quad, word(1))
                place = b.add(column, b.mul(row, word(road.columns)))
                for i in range(tiles * groups):
                    tile, group = divmod(i, groups)
                    for j in range(per_lane):  # two columns of weights eight apart, of one row or of two
                        below, right = (0, j) if is_bytes else (j % 2, j // 2)
                        rows_before = road.max_rows // groups * group + below
                        offset = rows_before * road.columns + 16 * tile + 8 * right
                        b.store(totals[per_lane * i + j], b.gep(data, [b.add(place, word(offset))]))
                return context.get_dummy_value()

            return types.void(staged, types.int32, types.uint32, sums_type), codegen

        self.sets = 1  # of sums, for each warp
        self.load_inputs, self.load_scales = load_inputs, load_scales
        self.spread_inputs, self.multiply_tiles = spread_inputs, multiply_tiles
        self.no_parts, self.no_sums, self.add_unit, self.store_sums = no_parts, no_sums, add_unit, store_sums


class OneRowSteps:
    """The same for the road `byte`: one row of 8-bit activations (the high limbs), four bytes of a weight a dp4a.

    A lane sums the weights that it decodes; its quad's sums are added at the very end.
    """

    def __init__(self, bits: int, road: Road) -> None:
        each, tiles = num_words(bits), road.tiles
        count = 2 * tiles
        words_type, inputs_type = types.UniTuple(types.uint32, tiles * each), types.UniTuple(types.uint32, 2)
        spread_type = types.UniTuple(types.uint32, 5)
        parts_type, sums_type = types.UniTuple(types.int32, count + 1), types.UniTuple(types.float32, count)
        scales_type, addresses_type = types.UniTuple(types.float32, 1), types.UniTuple(types.uint64, 1)

        @intrinsic
        def load_inputs(typingctx, addresses, offset):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                base = b.add(b.extract_value(args[0], 0), args[1])
                read = [load_words(b, b.add(base, ir.Constant(i64, half)), 1)[0] for half in (0, 16)]
                return cgutils.pack_array(b, read)

            return inputs_type(addresses_type, types.uint64), codegen

        @intrinsic
        def load_scales(typingctx, addresses, offset):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                read = load_words(b, b.add(b.extract_value(args[0], 0), args[1]), 1)[0]
                return cgutils.pack_array(b, [b.bitcast(read, f32)])

            return scales_type(addresses_type, types.uint64), codegen

        @intrinsic
        def spread_inputs(typingctx, inputs, selector):  # type: ignore[no-untyped-def]
            """The four high limbs, each in all bytes of a register, and all of them in one."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                first, second = items(b, args[0], 2)
                spread = [permute_bytes(b, value, value, s) for value in (first, second) for s in (0x1111, 0x3333)]
                return cgutils.pack_array(b, [*spread, permute_bytes(b, first, second, 0x7531)])

            return spread_type(inputs_type, types.uint32), codegen

        @intrinsic
        def multiply_tiles(typingctx, words, shift, spread, parts):  # type: ignore[no-untyped-def]
            """parts + W^T x over 16 inputs, and in the last part the lane's sum of x."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                all_words, spread = items(b, args[0], tiles * each), items(b, args[2], 5)
                totals = items(b, args[3], count + 1)
                text = "dp4a.s32.s32 $0, $1, $2, $3;"
                ones = word(0x01010101)
                totals[count] = assembly(b, ir.IntType(32), text, "=r,r,r,r", [spread[4], ones, totals[count]])
                for tile in range(tiles):
                    p = products(b, all_words[tile * each : (tile + 1) * each], args[1], bits, "mul1")
                    for i, part in enumerate(p):
                        at = 2 * tile + i // 4
                        totals[at] = dot_bytes(b, part, spread[i % 4], totals[at], signed=True)
                return cgutils.pack_array(b, totals)

            return parts_type(words_type, types.uint32, spread_type, parts_type), codegen

        @intrinsic
        def no_parts(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [word(0)] * (count + 1))

            return parts_type(), codegen

        @intrinsic
        def no_sums(typingctx):  # type: ignore[no-untyped-def]
            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                return cgutils.pack_array(b, [ir.Constant(f32, 0.0)] * count)

            return sums_type(), codegen

        @intrinsic
        def add_unit(typingctx, sums, parts, scales, is_first):  # type: ignore[no-untyped-def]
            """sums + scale * (parts - what weights of zero would give): the codes count in 256ths."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                totals, given = items(b, args[0], count), items(b, args[1], count + 1)
                scale = b.fmul(b.extract_value(args[2], 0), ir.Constant(f32, 256.0))
                shift = b.fmul(b.sitofp(given[count], f32), ir.Constant(f32, -BYTE_SUM_OF_ZERO))
                for i in range(count):
                    totals[i] = fma(b, b.fadd(b.sitofp(given[i], f32), shift), scale, totals[i])
                return cgutils.pack_array(b, totals)

            return sums_type(sums_type, parts_type, scales_type, types.boolean), codegen

        @intrinsic
        def store_sums(typingctx, staged, warp, lane, sums):  # type: ignore[no-untyped-def]
            """Writes the lane's sums to shared memory as [warps, lanes of a quad, columns and 8 more]."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                data = context.make_array(sig.args[0])(context, b, args[0]).data
                set_number = b.add(b.shl(args[1], word(2)), b.and_(args[2], word(3)))
                place = b.add(b.mul(set_number, word(road.columns + 8)), b.lshr(args[2], word(2)))
                for i, total in enumerate(items(b, args[3], count)):
                    b.store(total, b.gep(data, [b.add(place, word(8 * i))]))
                return context.get_dummy_value()

            return types.void(staged, types.int32, types.uint32, sums_type), codegen

        self.sets = 4
        self.load_inputs, self.load_scales = load_inputs, load_scales
        self.spread_inputs, self.multiply_tiles = spread_inputs, multiply_tiles
        self.no_parts, self.no_sums, self.add_unit, self.store_sums = no_parts, no_sums, add_unit, store_sums


def adder_of(sets: int, set_values: int) -> Any:
    """An intrinsic `add_sets(staged, place)`: the sum of one value of every set."""

    @intrinsic
    def add_sets(typingctx, staged, place):  # type: ignore[no-untyped-def]
        def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
            first = b.gep(context.make_array(sig.args[0])(context, b, args[0]).data, [args[1]])
            total = b.load(first)
            for i in range(1, sets):
                total = b.fadd(total, b.load(b.gep(first, [word(i * set_values)])))
            return total

        return types.float32(staged, types.int32), codegen

    return add_sets


def steps_of(bits: int, codebook: str, road: Road) -> Any:
    """The pieces for a road."""
    return OneRowSteps(bits, road) if road.kind == "byte" else Steps(bits, codebook, road)
