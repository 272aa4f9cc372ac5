"""EXL3 trellis tiles as vector IR: packed words to 16-bit states to codebook values, 16 lanes at a time.

A tile holds 256 weights; lane `l` of 32 owns the eight weights `8l .. 8l+7` of the stream, so a half `h` of the lanes
and an index `j` of 0..7 give one vector of 16 weights: lane `l` of it has row `2 (l % 4) + j % 2 + 8 (j / 2 % 2)` and
column `(16 h + l) / 4 + 8 (j / 4)` of the tile.
The rules are sections 2 and 3 of the format description. Knows nothing of activations or of numba's types.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from engine.cpu.vector_ir import (
    LANES,
    V16F,
    V16I,
    byte_pair_sums,
    const,
    fma,
    funnel_shift_right,
    i32,
    load,
    pair_dot,
    permute,
    splat_float,
    splat_int,
)

MUL1_MULTIPLIER = 0x83DCD12D
MCG_MULTIPLIER = 0xCBAC1FED
THREE_INST = (89226354, 64248484)
MUL1_SCALE = 0.00676727294921875  # half 0x1EEE
MUL1_OFFSET = -3.453125  # 1024 * MUL1_SCALE + half 0xC931: value = byte sum * scale + offset, before its one rounding
MUL1_CENTER = 510  # the middle of the byte sums, 0..1020

# The two halves of a 3inst/mcg product are fp16 numbers with an exponent field of 12..15. Moved as they are into
# fp32's fields they read as 2**-112 times their value; `HALF_SCALE` undoes that in one exact multiplication.
HALF_SCALE = 2.0**112


def load_tile(b: ir.IRBuilder, base: ir.Value, word_offset: ir.Value, bits: int) -> list[ir.Value]:
    """The 8*bits words of a tile in 16-lane registers; with odd bits the last register is half undefined."""
    registers = [load(b, base, b.add(word_offset, const(LANES * i)), i32, V16I) for i in range(8 * bits // LANES)]
    if bits % 2:
        half = load(b, base, b.add(word_offset, const(8 * bits - 8)), i32, ir.VectorType(i32, 8))
        widen = ir.Constant(V16I, list(range(8)) + [0] * 8)
        registers.append(b.shuffle_vector(half, ir.Constant(half.type, ir.Undefined), widen))
    return registers


def states(b: ir.IRBuilder, tile: Sequence[ir.Value], bits: int, half: int, j: int) -> ir.Value:
    """The 16-bit states of weights `8l + j` for the lanes `l` of one half, zero-extended to 32 bits."""
    low_words, high_words, shifts = [], [], []
    num_words = 8 * bits
    for lane in range(LANES):
        end = (8 * (LANES * half + lane) + j + 1) * bits + 256 * bits  # one tile further, so that no index is negative
        low = (end - 1) // 32
        low_words.append(low % num_words)
        high_words.append((end - 16) // 32 % num_words)
        shifts.append(32 * (low + 1) - end)
    low_vector = permute(b, tile, low_words)
    if high_words == low_words:
        window = low_vector if not any(shifts) else b.lshr(low_vector, ir.Constant(V16I, shifts))
    else:
        window = funnel_shift_right(b, permute(b, tile, high_words), low_vector, shifts)
    return b.and_(window, splat_int(0xFFFF))


def mul1_products(b: ir.IRBuilder, state: ir.Value) -> ir.Value:
    """The products whose four bytes sum to the weight's code."""
    return b.mul(state, splat_int(MUL1_MULTIPLIER))


def mul1_codes(b: ir.IRBuilder, state: ir.Value) -> ir.Value:
    """Byte sums, 0..1020, as int32."""
    pairs = byte_pair_sums(b, mul1_products(b, state))
    return pair_dot(b, splat_int(0), pairs, splat_int(0x00010001))


def round_to_half(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """fp32 rounded to the nearest fp16 value (ties to even); x must be a normal fp16 magnitude or zero."""
    half = ir.VectorType(ir.HalfType(), LANES)
    return b.fpext(b.fptrunc(x, half), V16F)


def weight_values(b: ir.IRBuilder, state: ir.Value, codebook: str) -> ir.Value:
    """The decoded weights, bit-equal to the format's fp16 values, as fp32."""
    if codebook == "mul1":
        code = b.sitofp(mul1_codes(b, state), V16F)
        # The exact product and sum need at most 10 + 11 bits: one fp32 fma is exact, the fp16 rounding the only one.
        return round_to_half(b, fma(b, code, splat_float(MUL1_SCALE), splat_float(MUL1_OFFSET)))
    if codebook == "mcg":
        x = b.mul(state, splat_int(MCG_MULTIPLIER))
    else:
        x = b.add(b.mul(state, splat_int(THREE_INST[0])), splat_int(THREE_INST[1]))
    total = b.fadd(_half_as_float(b, x), _half_as_float(b, b.shl(x, splat_int(16))))
    return round_to_half(b, b.fmul(total, splat_float(HALF_SCALE)))


def _half_as_float(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The masked and flipped fp16 in the upper half of each lane, as fp32 times 2**-112."""
    # Shifting right by 3 moves exponent and mantissa into fp32's places and leaves the sign on top; the mask and the
    # flip (0x8FFF, 0x3B60) move with them, so that the copies of the sign are cleared in the same operation.
    moved = b.ashr(x, splat_int(3))
    bits = b.xor(b.and_(moved, splat_int(0x81FFE000)), splat_int(0x3B60 << 13))
    return b.bitcast(bits, V16F)
