"""EXL3 trellis decoding for one GPU lane: packed words to four registers of fp16 pairs.

A warp's lane owns the eight consecutive weights `8 * lane ... 8 * lane + 7` of a tile, which are the pairs of one A
operand of mma.m16n8k16 when the tile is read as W transposed (output columns as rows): pairs (0,1), (4,5), (2,3),
(6,7) in the operand's order. States are cut out of words with constant shifts after one alignment by the lane's own.
Source of the rules: sections 2 and 3 of the format description. Knows nothing of shapes or memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from gpu.ptx import assembly, dot_bytes, i32, permute_bytes

MUL1_MULTIPLIER = 0x83DCD12D
MCG_MULTIPLIER = 0xCBAC1FED
THREE_INST = (89226354, 64248484)
MUL1_SCALE_HALVES = 0x1EEE1EEE  # 0.00676727294921875, twice
MUL1_BIAS_HALVES = 0xC931C931  # -10.3828125, twice


def num_words(bits: int) -> int:
    """Words that a lane reads of a tile: its eight windows, and what the alignment shifts out."""
    return (7 * bits + 16 + max(_alignment(bits, lane) for lane in range(32)) + 31) // 32


def _alignment(bits: int, lane: int) -> int:
    return -(8 * lane + 8) * bits % 32


def _const(value: int) -> ir.Constant:
    value &= 0xFFFFFFFF
    return ir.Constant(i32, value - (1 << 32) if value >= 1 << 31 else value)


def word_offsets(b: ir.IRBuilder, lane: ir.Value, bits: int) -> list[ir.Value]:
    """Byte offsets in a tile of the words a lane reads, highest bits first."""
    last = b.lshr(b.sub(b.mul(b.add(lane, _const(1)), _const(8 * bits)), _const(1)), _const(5))
    size = _const(8 * bits)
    words = [b.urem(b.add(last, _const(8 * bits - i)), size) for i in reversed(range(num_words(bits)))]
    return [b.shl(each, _const(2)) for each in words]


def _funnel(b: ir.IRBuilder, high: ir.Value, low: ir.Value, shift: ir.Value) -> ir.Value:
    return assembly(b, i32, "shf.r.wrap.b32 $0, $1, $2, $3;", "=r,r,r,r", [low, high, shift])


def _window(b: ir.IRBuilder, words: list[ir.Value], position: int) -> ir.Value:
    """16 bits that end at `position` bits above bit 0 of the aligned words (lowest word last)."""
    index, shift = divmod(position, 32)
    low = words[-1 - index]
    if shift == 16:
        return b.lshr(low, _const(16))
    if shift == 8:
        return permute_bytes(b, low, _const(0), 0x4421)
    if shift < 16:
        return b.and_(b.lshr(low, _const(shift)) if shift else low, _const(0xFFFF))
    return b.and_(_funnel(b, words[-2 - index], low, _const(shift)), _const(0xFFFF))


def _pair(b: ir.IRBuilder, first: ir.Value, second: ir.Value, codebook: str) -> ir.Value:
    """Two states to their two fp16 values, packed."""
    if codebook == "mul1":
        sums = [
            dot_bytes(b, b.mul(s, _const(MUL1_MULTIPLIER)), _const(0x01010101), _const(0x6400)) for s in (first, second)
        ]
        halves = permute_bytes(b, sums[0], sums[1], 0x5410)  # 1024 + byte sum, as halves
        text = "{.reg .b32 s,o; mov.b32 s,%d; mov.b32 o,%d; fma.rn.f16x2 $0,$1,s,o;}"
        return assembly(b, i32, text % (MUL1_SCALE_HALVES, MUL1_BIAS_HALVES), "=r,r", [halves])
    products = [b.mul(s, _const(MCG_MULTIPLIER if codebook == "mcg" else THREE_INST[0])) for s in (first, second)]
    if codebook == "3inst":
        products = [b.add(p, _const(THREE_INST[1])) for p in products]
    even, odd = [b.xor(b.and_(p, _const(0x8FFF8FFF)), _const(0x3B603B60)) for p in products]
    low, high = permute_bytes(b, even, odd, 0x5410), permute_bytes(b, even, odd, 0x7632)
    return assembly(b, i32, "add.rn.f16x2 $0, $1, $2;", "=r,r,r", [low, high])


def lane_states(b: ir.IRBuilder, words: Sequence[ir.Value], shift: ir.Value, bits: int) -> list[ir.Value]:
    """The eight 16-bit states of a lane, zero-extended."""
    if bits in (4, 8):  # windows of these end at a word's end already
        aligned = list(words)
    else:
        aligned = [b.lshr(words[0], shift)]
        aligned += [_funnel(b, words[i - 1], words[i], shift) for i in range(1, len(words))]
    return [_window(b, aligned, (7 - j) * bits) for j in range(8)]


def mul1_products(b: ir.IRBuilder, words: Sequence[ir.Value], shift: ir.Value, bits: int) -> list[ir.Value]:
    """The eight products of a lane whose four bytes sum to the weights' codes."""
    return [b.mul(state, _const(MUL1_MULTIPLIER)) for state in lane_states(b, words, shift, bits)]


def decode_weights(
    b: ir.IRBuilder, words: Sequence[ir.Value], shift: ir.Value, bits: int, codebook: str
) -> list[ir.Value]:
    """Eight weights of a lane as four fp16 pairs: (0,1), (2,3), (4,5), (6,7).

    Args:
        words: the `num_words` words that end with the one holding weight 7's last bit, highest bits first.
        shift: what moves that last bit to bit 0.
    """
    states = lane_states(b, words, shift, bits)
    return [_pair(b, states[j], states[j + 1], codebook) for j in range(0, 8, 2)]
