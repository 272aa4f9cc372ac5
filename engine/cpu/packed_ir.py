"""Codes of a quantized cache as vectors of float32, which numba's own loops would unpack one at a time.

Knows nothing of pages; the layout of a group is that of `packed_kernels`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from engine.cpu.vector_ir import (
    LANES,
    V16F,
    V16I,
    array_data,
    broadcast,
    const,
    f32,
    splat_int,
    store,
)

GROUP = 32
WIDTHS = range(2, 9)
i32 = ir.IntType(32)


def planes(bits: int) -> list[tuple[int, int, int]]:
    """(bits of a value, the lowest of them, first word) of each plane of a group."""
    found, left, first = [], bits, 0
    while left > 0:
        size = 4 if left >= 4 else 2 if left >= 2 else 1
        left -= size
        found.append((size, left, first))
        first += size
    return found


def _levels(b: ir.IRBuilder, source: ir.Value, first: ir.Value, bits: int, half: int) -> ir.Value:
    """The odd numbers 2 * code + 1 - 2**bits of 16 values of a group."""
    codes: ir.Value = splat_int(0)
    for size, low, place in planes(bits):
        a_word = GROUP // size  # values of a word
        parts = []
        for lanes in range(0, LANES, min(a_word, LANES)):
            at = b.add(first, const(place + (LANES * half + lanes) // a_word))
            word = b.load(b.gep(b.bitcast(source, i32.as_pointer()), [at]), align=4)
            parts.append(b.insert_element(ir.Constant(V16I, ir.Undefined), word, ir.Constant(i32, 0)))
        other = parts[-1]
        choose = [0 if lane < LANES // len(parts) else LANES for lane in range(LANES)]
        spread = b.shuffle_vector(parts[0], other, ir.Constant(V16I, choose))
        shifts = [(LANES * half + lane) % a_word * size for lane in range(LANES)]
        plane = b.and_(b.lshr(spread, ir.Constant(V16I, shifts)), splat_int((1 << size) - 1))
        codes = b.or_(codes, b.shl(plane, splat_int(low)))
    odd = b.add(b.shl(codes, splat_int(1)), splat_int(1 - (1 << bits)))
    return b.sitofp(odd, V16F)


@intrinsic  # type: ignore[misc]
def widen_codes(
    typingctx: Any, words: Any, first_word: Any, bits: Any, scale: Any, floats: Any, first_float: Any
) -> Any:
    """floats[...] = 32 values of a group of `bits` bits: odd numbers 2 * code + 1 - 2**bits times the scale."""
    signature = types.void(words, first_word, bits, types.float32, floats, first_float)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        source, target = array_data(context, b, sig.args[0], args[0]), array_data(context, b, sig.args[4], args[4])
        end = b.append_basic_block("unpacked")
        cases = [b.append_basic_block(f"unpack_{width}") for width in WIDTHS]
        choice = b.switch(args[2], end)
        for width, block in zip(WIDTHS, cases, strict=True):
            choice.add_case(ir.Constant(args[2].type, width), block)
            b.position_at_end(block)
            spread = broadcast(b, args[3])
            for half in (0, 1):
                values = b.fmul(_levels(b, source, args[1], width, half), spread)
                store(b, values, target, b.add(args[5], const(LANES * half)), f32)
            b.branch(end)
        b.position_at_end(end)
        return context.get_dummy_value()

    return signature, codegen
