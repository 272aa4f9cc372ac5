"""The instructions of a quantized cache: a group's largest value and sums over a warp, bits set in a word that others
write too, and the codes of a cell as operands of the tensor cores.

Knows nothing of pages; the layout is that of `packed_layout`.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types

from gpu.kernels.packed_layout import pieces
from gpu.ptx import assembly, f32, i32, i64, instruction, load_words

Words = list[ir.Value]

PAIRS = 16  # of codes that a lane has in a cell
BIASED = 0x64016401  # 1024 + 1 twice, as fp16 with a code from bit 1 on: 1024 + 2 c + 1


@instruction(types.float32(types.float32))
def warp_largest(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The largest of a warp's values, none of them negative: their bits are in their order."""
    return b.bitcast(_across_warp(b, "max.u32", b.bitcast(value, i32)), f32)


@instruction(types.int32(types.int32))
def warp_total(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The sum of a warp's int32."""
    return _across_warp(b, "add.s32", value)


def _across_warp(b: ir.IRBuilder, combine: str, x: ir.Value) -> ir.Value:
    return assembly(b, i32, f"redux.sync.{combine} $0, $1, -1;", "=r,r", [x], effects=True)


@instruction(types.int32(types.float32))
def floor_to_int(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A float32 rounded down to int32."""
    return assembly(b, i32, "cvt.rmi.s32.f32 $0, $1;", "=r,f", [value])


@instruction(types.void(types.uint64, types.uint32, types.uint32))
def replace_bits(b: ir.IRBuilder, address: ir.Value, mask: ir.Value, bits: ir.Value) -> None:
    """The bits of a mask in a word of global memory, whose other bits other threads may write at the same time."""
    void = ir.VoidType()
    assembly(b, void, "red.global.and.b32 [$0], $1;", "l,r,~{memory}", [address, b.not_(mask)], effects=True)
    assembly(b, void, "red.global.or.b32 [$0], $1;", "l,r,~{memory}", [address, bits], effects=True)


def load_cell(b: ir.IRBuilder, cell: ir.Value, lane: ir.Value, bits: int) -> Words:
    """A lane's words of the cell at an address."""
    words: Words = []
    for first, size in pieces(bits):
        place = b.zext(b.add(b.mul(lane, ir.Constant(i32, 4 * size)), ir.Constant(i32, 128 * first)), i64)
        words += load_words(b, b.add(cell, place), size)
    return words


def place_pair(b: ir.IRBuilder, words: Words, bits: int, pair: int, biased: ir.Value) -> ir.Value:
    """1025 + 2 * code as fp16, of both codes of a pair; biased: BIASED."""
    number, offset = divmod(pair * bits, 16)
    here = min(bits, 16 - offset)
    found = _picked(b, words[number], offset, here, 1)
    if here < bits:
        found = b.or_(found, _picked(b, words[number + 1], 0, bits - here, 1 + here))
    return b.or_(found, biased)


def _picked(b: ir.IRBuilder, word: ir.Value, source: int, count: int, target: int) -> ir.Value:
    """`count` bits of both halves of a word, moved from bit `source` to bit `target`; zeros around them."""
    if source > target:
        word = b.lshr(word, ir.Constant(i32, source - target))
    elif source < target:
        word = b.shl(word, ir.Constant(i32, target - source))
    mask = ((1 << count) - 1) << target
    return b.and_(word, ir.Constant(i32, mask << 16 | mask))


def odd_pairs(b: ir.IRBuilder, words: Words, bits: int, biased: ir.Value | None = None) -> Words:
    """All pairs of a lane's words as fp16 pairs of the odd numbers 2 * code + 1 - 2**bits, exactly.

    Args:
        biased: BIASED, from where the conversion may begin and no sooner; anywhere if None.
    """
    biased = ir.Constant(i32, BIASED) if biased is None else biased
    bias = 0xE400 | 2**bits  # -(1024 + 2**bits) as fp16
    bias_pair = ir.Constant(i32, bias << 16 | bias)
    return [
        assembly(b, i32, "add.rn.f16x2 $0, $1, $2;", "=r,r,r", [place_pair(b, words, bits, pair, biased), bias_pair])
        for pair in range(PAIRS)
    ]


def widened(b: ir.IRBuilder, words: Words) -> Words:
    """fp16 pairs as twice as many float32."""
    pair = ir.VectorType(ir.HalfType(), 2)
    halves = [b.bitcast(word, pair) for word in words]
    return [b.fpext(b.extract_element(half, ir.Constant(i32, e)), f32) for half in halves for e in (0, 1)]
