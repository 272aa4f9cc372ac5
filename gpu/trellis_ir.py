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
HALVES_MASK, HALVES_FLIP = 0x8FFF8FFF, 0x3B603B60  # of mcg and 3inst
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


def _windows(b: ir.IRBuilder, words: list[ir.Value], positions: Sequence[int]) -> list[ir.Value]:
    """The 16 bits that end at each of `positions` bits above bit 0 of the aligned words (lowest word last).

    A byte permute cuts a window out of a word where it begins at a byte, so windows whose positions are equal modulo 8
    and less than 24 apart share one shift.
    """
    found: dict[int, ir.Value] = {}
    for residue in range(8):
        left = sorted(position for position in positions if position % 8 == residue)
        while left:
            base = left[0]
            if residue == 0 and left[0] % 32 <= 16:
                base -= left[0] % 32  # a word as it stands
            source = _shifted(b, words, base)
            for position in [each for each in left if each - base <= 16]:
                found[position] = permute_bytes(b, source, _const(0), (0x4410, 0x4421, 0x4432)[(position - base) // 8])
            left = [each for each in left if each - base > 16]
    return [found[position] for position in positions]


def _shifted(b: ir.IRBuilder, words: list[ir.Value], position: int) -> ir.Value:
    """32 bits that end at `position`, zero beyond the last word."""
    index, shift = divmod(position, 32)
    low = words[-1 - index]
    if shift == 0:
        return low
    if index + 1 == len(words):
        return b.lshr(low, _const(shift))
    return _funnel(b, words[-2 - index], low, _const(shift))


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
    even, odd = [b.xor(b.and_(p, _const(HALVES_MASK)), _const(HALVES_FLIP)) for p in products]
    low, high = permute_bytes(b, even, odd, 0x5410), permute_bytes(b, even, odd, 0x7632)
    return assembly(b, i32, "add.rn.f16x2 $0, $1, $2;", "=r,r,r", [low, high])


def lane_states(b: ir.IRBuilder, words: Sequence[ir.Value], shift: ir.Value, bits: int) -> list[ir.Value]:
    """The eight 16-bit states of a lane, zero-extended."""
    if bits in (4, 8):  # windows of these end at a word's end already
        aligned = list(words)
    else:
        aligned = [b.lshr(words[0], shift)]
        aligned += [_funnel(b, words[i - 1], words[i], shift) for i in range(1, len(words))]
    return _windows(b, aligned, [(7 - j) * bits for j in range(8)])


def products(b: ir.IRBuilder, words: Sequence[ir.Value], shift: ir.Value, bits: int, codebook: str) -> list[ir.Value]:
    """Eight registers of a lane, each a weight in parts: four bytes whose sum is its code (mul1), or two halves whose
    sum is its value (mcg, 3inst).
    """
    multiplier = {"mul1": MUL1_MULTIPLIER, "mcg": MCG_MULTIPLIER, "3inst": THREE_INST[0]}[codebook]
    parts = [b.mul(state, _const(multiplier)) for state in lane_states(b, words, shift, bits)]
    if codebook == "mul1":
        return parts
    if codebook == "3inst":
        parts = [b.add(part, _const(THREE_INST[1])) for part in parts]
    mask, flip = _const(HALVES_MASK), _const(HALVES_FLIP)
    return [assembly(b, i32, "lop3.b32 $0, $1, $2, $3, 0x6a;", "=r,r,r,r", [part, mask, flip]) for part in parts]


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
