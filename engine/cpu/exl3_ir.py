"""The inner loops of the EXL3 products on the CPU, as numba intrinsics.

Two roads share the trellis decoder of `trellis_ir`:

- few rows (`dot_block`): a 128 x 16 block of the weights times up to eight rows, decoded in registers in stream order;
- many rows (`decode_panel`, `multiply_panel`): a 128 x 64 panel decoded once into L1, then a 6 x 64 register tile.

With codebook mul1 both multiply int16 activations (a scale per row and 128 inputs) by the integer byte sums and
accumulate exactly in int32; 32 or 128 products of at most 1020 * 32767 or 510 * 32767 fit. The other codebooks use
fp32 throughout. Knows nothing of threads, scales or rotations.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from engine.cpu import trellis_ir as trellis
from engine.cpu.vector_ir import (
    LANES,
    V16F,
    V16I,
    V32H,
    Loop,
    array_data,
    broadcast,
    byte_pair_sums,
    const,
    f32,
    fma,
    i16,
    i32,
    literal,
    load,
    pair_dot,
    permute,
    splat_float,
    splat_int,
    store,
    vector_pointer,
    vectors_at_once,
)

PANEL_ROWS = 128  # inputs of a panel: one block of the input rotation, one activation scale
PANEL_COLUMNS = 64
MICRO_ROWS = (
    6  # 6 x 4 sums, 4 weights and a broadcast fill 29 of AVX-512's 32 registers; 6 x 1 (in halves) fill AVX2's 16
)


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def dot_block(
    typingctx: Any,
    words: Any,  # uint32 [...] packed trellis
    first_word: Any,  # of the block's first tile
    tile_row_stride: Any,  # words from a tile to the one below it
    activations: Any,  # int32 or float32 [rows, in/16, 4, 16] in lane order
    first_activation: Any,
    activation_row_stride: Any,
    partial: Any,  # float32 [rows, out/16, 4, 16]: += the block's products, lane by lane
    first_partial: Any,
    partial_row_stride: Any,
    scales: Any,  # float32 [rows, in/128] (integer codebook)
    first_scale: Any,
    scale_row_stride: Any,
    bits: Any,
    codebook: Any,
    rows: Any,
) -> Any:
    """Adds eight tiles below each other (128 inputs, 16 outputs) times `rows` rows to `partial`."""
    signature = types.void(
        words, first_word, tile_row_stride, activations, first_activation, activation_row_stride,
        partial, first_partial, partial_row_stride, scales, first_scale, scale_row_stride, bits, codebook, rows,
    )  # fmt: skip
    num_bits, name, num_rows = literal(bits), literal(codebook), literal(rows)
    integer = name == "mul1"
    vector = V16I if integer else V16F

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        words_p, acts_p, partial_p, scales_p = (array_data(context, b, sig.args[i], args[i]) for i in (0, 3, 6, 9))
        for half in (0, 1):
            slots = [b.alloca(vector) for _ in range(2 * num_rows)]
            offsets = [
                b.add(b.add(args[7], b.mul(args[8], const(m))), const((2 * half + upper) * LANES))
                for upper in (0, 1)
                for m in range(num_rows)
            ]
            for slot, offset in zip(slots, offsets, strict=True):
                b.store(splat_int(0) if integer else load(b, partial_p, offset, f32, V16F), slot)
            with Loop(b, const(8)) as kt:
                tile = trellis.load_tile(b, words_p, b.add(args[1], b.mul(kt, args[2])), num_bits)
                base = b.add(args[4], b.mul(kt, const(4 * LANES)))
                for j in range(8):
                    state = trellis.states(b, tile, num_bits, half, j)
                    if integer:
                        weight = byte_pair_sums(b, trellis.mul1_products(b, state))
                    else:
                        weight = trellis.weight_values(b, state, name)
                    for m in range(num_rows):
                        slot = slots[j // 4 * num_rows + m]
                        at = b.add(b.add(base, b.mul(args[5], const(m))), const(j % 4 * LANES))
                        act = load(b, acts_p, at, i32 if integer else f32, vector)
                        total = b.load(slot)
                        b.store(pair_dot(b, total, weight, act) if integer else fma(b, weight, act, total), slot)
            for index, (slot, offset) in enumerate(zip(slots, offsets, strict=True)):
                value = b.load(slot)
                if integer:
                    at = b.add(args[10], b.mul(args[11], const(index % num_rows)))
                    scale = broadcast(b, b.load(vector_pointer(b, scales_p, at, f32, f32)))
                    value = fma(b, b.sitofp(value, V16F), scale, load(b, partial_p, offset, f32, V16F))
                store(b, value, partial_p, offset, f32)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def decode_panel(
    typingctx: Any, words: Any, first_word: Any, tile_row_stride: Any, panel: Any, bits: Any, codebook: Any
) -> Any:
    """Decodes 8 x 4 tiles into a panel in row-major order.

    mul1: int32 [64, 64], each word the centred byte sums of two consecutive inputs; else float32 [128, 64].
    """
    signature = types.void(words, first_word, tile_row_stride, panel, bits, codebook)
    num_bits, name = literal(bits), literal(codebook)
    sources = [(half, upper) for upper in (0, 1) for half in (0, 1)]  # which vectors hold columns 0-3, 4-7, 8-11, 12-15
    gather = [[LANES * s + 4 * c + q for s in range(4) for c in range(4)] for q in range(4)]

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        words_p, panel_p = array_data(context, b, sig.args[0], args[0]), array_data(context, b, sig.args[3], args[3])
        with Loop(b, const(8)) as kt, Loop(b, const(PANEL_COLUMNS // LANES)) as nt:
            first = b.add(b.add(args[1], b.mul(kt, args[2])), b.mul(nt, const(8 * num_bits)))
            tile = trellis.load_tile(b, words_p, first, num_bits)
            column = b.mul(nt, const(LANES))
            for row_group in range(2 if name == "mul1" else 4):
                if name == "mul1":
                    vectors = [_centred_pairs(b, tile, num_bits, h, 4 * u + 2 * row_group) for h, u in sources]
                else:
                    vectors = [
                        trellis.weight_values(b, trellis.states(b, tile, num_bits, h, 4 * u + row_group), name)
                        for h, u in sources
                    ]
                for q in range(4):
                    if name == "mul1":
                        row = b.add(b.mul(kt, const(8)), const(q + 4 * row_group))
                    else:
                        row = b.add(b.mul(kt, const(16)), const(2 * q + row_group % 2 + 8 * (row_group // 2)))
                    at = b.add(b.mul(row, const(PANEL_COLUMNS)), column)
                    store(b, permute(b, vectors, gather[q]), panel_p, at, vectors[0].type.element)
        return context.get_dummy_value()

    return signature, codegen


def _centred_pairs(b: ir.IRBuilder, tile: list[ir.Value], bits: int, half: int, j: int) -> ir.Value:
    """Byte sums of weights j (low 16 bits) and j + 1 (high), each minus 510, as int32 lanes."""
    low = trellis.mul1_codes(b, trellis.states(b, tile, bits, half, j))
    high = trellis.mul1_codes(b, trellis.states(b, tile, bits, half, j + 1))
    packed = b.bitcast(b.or_(low, b.shl(high, splat_int(16))), V32H)
    return b.bitcast(b.sub(packed, ir.Constant(V32H, [trellis.MUL1_CENTER] * 32)), V16I)


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def multiply_panel(
    typingctx: Any,
    activations: Any,  # int16 or float32 [rows, in], read from `first_activation` with `activation_stride`
    first_activation: Any,
    activation_stride: Any,
    panel: Any,
    output: Any,  # float32 [rows, ...]: 64 columns from `first_output` with `output_stride` are added to
    first_output: Any,
    output_stride: Any,
    scales: Any,  # float32 [rows, in/128] (integers only)
    first_scale: Any,
    scale_stride: Any,
    steps: Any,  # rows of the panel: inputs, or pairs of inputs
    integer: Any,
    fresh: Any,
) -> Any:
    """Six rows times a panel of 64 columns, added to the output; written there where it is `fresh`."""
    signature = types.void(
        activations, first_activation, activation_stride, panel, output, first_output, output_stride,
        scales, first_scale, scale_stride, steps, integer, fresh,
    )  # fmt: skip
    is_integer, is_fresh = bool(literal(integer)), bool(literal(fresh))
    vector = V16I if is_integer else V16F

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        acts_p, panel_p, out_p, scales_p = (array_data(context, b, sig.args[i], args[i]) for i in (0, 3, 4, 7))
        rows = [b.add(args[1], b.mul(args[2], const(m))) for m in range(MICRO_ROWS)]
        element, scalar = (i16, i32) if is_integer else (f32, f32)
        for part in vectors_at_once(PANEL_COLUMNS // LANES):
            outs = [
                b.add(b.add(args[5], b.mul(args[6], const(m))), const(LANES * c))
                for m in range(MICRO_ROWS)
                for c in part
            ]
            slots = [cgutils.alloca_once(b, vector) for _ in outs]
            for slot, at in zip(slots, outs, strict=True):
                zero = splat_int(0) if is_integer else splat_float(0.0)
                b.store(zero if is_integer or is_fresh else load(b, out_p, at, f32, V16F), slot)
            with Loop(b, args[10]) as step:
                line = b.mul(step, const(PANEL_COLUMNS))
                weights = [load(b, panel_p, b.add(line, const(LANES * c)), scalar, vector) for c in part]
                for m in range(MICRO_ROWS):
                    at = b.add(rows[m], b.mul(step, const(2 if is_integer else 1)))
                    act = b.load(vector_pointer(b, acts_p, at, element, scalar), typ=scalar)
                    act.align = 2 if is_integer else 4
                    spread = broadcast(b, act)
                    for slot, weight in zip(slots[m * len(part) : (m + 1) * len(part)], weights, strict=True):
                        total = b.load(slot)
                        b.store(
                            pair_dot(b, total, weight, spread) if is_integer else fma(b, weight, spread, total), slot
                        )
            for index, (slot, at) in enumerate(zip(slots, outs, strict=True)):
                value = b.load(slot)
                if is_integer:
                    row = b.add(args[8], b.mul(args[9], const(index // len(part))))
                    scale = broadcast(b, b.load(vector_pointer(b, scales_p, row, f32, f32)))
                    held = splat_float(0.0) if is_fresh else load(b, out_p, at, f32, V16F)
                    value = fma(b, b.sitofp(value, V16F), scale, held)
                store(b, value, out_p, at, f32)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[misc]
def hadamard_128(typingctx: Any, values: Any, first: Any) -> Any:
    """Rotates `values[first : first + 128]` by H_128 / sqrt(128): strides 1 to 64, ascending, then the scale."""
    signature = types.void(values, first)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        base = array_data(context, b, sig.args[0], args[0])
        offsets = [b.add(args[1], const(LANES * i)) for i in range(8)]
        lines = [load(b, base, offset, f32, V16F) for offset in offsets]
        for stride in (1, 2, 4, 8):
            signs = ir.Constant(V16F, [-1.0 if lane & stride else 1.0 for lane in range(LANES)])
            partner = [lane ^ stride for lane in range(LANES)]
            lines = [fma(b, line, signs, permute(b, [line], partner)) for line in lines]
        for stride in (1, 2, 4):
            for i in [i for i in range(8) if not i & stride]:
                x, y = lines[i], lines[i | stride]
                lines[i], lines[i | stride] = b.fadd(x, y), b.fsub(x, y)
        scale = ir.Constant(V16F, [0.08838834613561630249] * LANES)  # fp32(1 / sqrt(128))
        for line, offset in zip(lines, offsets, strict=True):
            store(b, b.fmul(line, scale), base, offset, f32)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[misc]
def add_lane_groups(typingctx: Any, partial: Any, first_partial: Any, output: Any, first_output: Any) -> Any:
    """Sums the groups of four lanes of one tile's `partial` [4, 16] into its 16 outputs."""
    signature = types.void(partial, first_partial, output, first_output)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        partial_p, out_p = array_data(context, b, sig.args[0], args[0]), array_data(context, b, sig.args[2], args[2])
        # Stored as (half 0, columns 0-3), (half 0, 8-11), (half 1, 4-7), (half 1, 12-15), four lanes a column.
        vectors = [load(b, partial_p, b.add(args[1], const(LANES * i)), f32, V16F) for i in (0, 2, 1, 3)]
        terms = [permute(b, vectors, [LANES * s + 4 * c + q for s in range(4) for c in range(4)]) for q in range(4)]
        store(b, b.fadd(b.fadd(terms[0], terms[1]), b.fadd(terms[2], terms[3])), out_p, args[3], f32)
        return context.get_dummy_value()

    return signature, codegen
