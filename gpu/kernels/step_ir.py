"""Loads, stores and sums of the kernels between the products of a step, where a count of instructions is time.

Loads are under a condition instead of behind a branch, so that many are under way at a time and none is there in vain;
whole numbers and magnitudes are combined over a warp by one instruction. Knows nothing of what the values mean.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types

from gpu.ptx import assembly, f32, i32, i64, instruction, items, word

FOUR_LOADS = 4  # under way at a time; of eight the compiler would hold the last back for want of registers
LOADS = 8  # the same of single values
FOUR = types.UniTuple(types.float32, 4)
FOURS = types.UniTuple(types.float32, 4 * FOUR_LOADS)
ONES = types.UniTuple(types.float32, LOADS)


def _load_if(b: ir.IRBuilder, address: ir.Value, wanted: ir.Value) -> ir.Value:
    """A float32 of global memory, or zero. It stays behind the wait for inputs: it counts as an effect."""
    text = "{.reg .pred p; setp.ne.u32 p, $2, 0; mov.f32 $0, 0f00000000; @p ld.relaxed.gpu.global.f32 $0, [$1];}"
    return assembly(b, f32, text, "=f,l,r,~{memory}", [address, b.zext(wanted, i32)], effects=True)


def _load_four_if(b: ir.IRBuilder, address: ir.Value, wanted: ir.Value) -> list[ir.Value]:
    """Four float32, 16-byte aligned, or zeros."""
    zeros = " ".join(f"mov.f32 ${i}, 0f00000000;" for i in range(4))
    text = f"{{.reg .pred p; setp.ne.u32 p, $5, 0; {zeros} @p ld.relaxed.gpu.global.v4.f32 {{$0,$1,$2,$3}}, [$4];}}"
    result = ir.LiteralStructType([f32] * 4)
    constraints = "=f,=f,=f,=f,l,r,~{memory}"
    return items(b, assembly(b, result, text, constraints, [address, b.zext(wanted, i32)], effects=True), 4)


def _at(b: ir.IRBuilder, address: ir.Value, stride: ir.Value, number: ir.Value) -> ir.Value:
    return b.add(address, b.mul(b.zext(number, i64), b.zext(stride, i64)))


@instruction(types.float32(types.uint64, types.boolean))
def load_float_if(b: ir.IRBuilder, address: ir.Value, wanted: ir.Value) -> ir.Value:
    """A float32 of global memory; zero if it is not wanted."""
    return _load_if(b, address, wanted)


@instruction(FOURS(types.uint64, types.uint32, types.int32, types.int32, types.int32))
def load_fours(
    b: ir.IRBuilder, address: ir.Value, stride: ir.Value, first: ir.Value, step: ir.Value, end: ir.Value
) -> list[ir.Value]:
    """Four float32 of each of four places, `stride` bytes a number: first, first + step ...; zeros from `end` on."""
    values, number = [], first
    for _ in range(FOUR_LOADS):
        values += _load_four_if(b, _at(b, address, stride, number), b.icmp_signed("<", number, end))
        number = b.add(number, step)
    return values


@instruction(FOUR(FOURS))
def sum_of_fours(b: ir.IRBuilder, values: ir.Value) -> list[ir.Value]:
    """What `load_fours` gives, added up in pairs."""
    parts = items(b, values, 4 * FOUR_LOADS)
    while len(parts) > 4:
        parts = [
            b.fadd(parts[8 * pair + column], parts[8 * pair + 4 + column])
            for pair in range(len(parts) // 8)
            for column in range(4)
        ]
    return parts


@instruction(ONES(types.uint64, types.uint32, types.int32, types.int32))
def load_ones(b: ir.IRBuilder, address: ir.Value, stride: ir.Value, first: ir.Value, end: ir.Value) -> list[ir.Value]:
    """A float32 of each of the next eight places from `first` on below `end`, `stride` bytes apart; zeros behind."""
    numbers = [b.add(first, word(i)) for i in range(LOADS)]
    return [_load_if(b, _at(b, address, stride, each), b.icmp_signed("<", each, end)) for each in numbers]


@instruction(types.float32(types.float32, ONES, types.float32, types.int32, types.int32))
def plus_weighted(
    b: ir.IRBuilder, total: ir.Value, values: ir.Value, weight: ir.Value, first: ir.Value, end: ir.Value
) -> ir.Value:
    """total + the values from number `first` on below `end`, each times the weight of the lane of its number.

    Values behind may be anything. All lanes take part.
    """
    for i, value in enumerate(items(b, values, LOADS)):
        number = b.add(first, word(i))
        text = "shfl.sync.idx.b32 $0, $1, $2, 31, -1;"
        share = assembly(b, f32, text, "=f,f,r", [weight, number], effects=True)
        known = b.select(b.icmp_signed("<", number, end), value, ir.Constant(f32, 0.0))
        total = assembly(b, f32, "fma.rn.f32 $0, $1, $2, $3;", "=f,f,f,f", [known, share, total])
    return total


@instruction(types.void(types.uint32, types.float32, types.float32, types.float32, types.float32))
def store_four_shared(
    b: ir.IRBuilder, address: ir.Value, v0: ir.Value, v1: ir.Value, v2: ir.Value, v3: ir.Value
) -> None:
    """Writes four consecutive float32 to shared memory, 16-byte aligned."""
    text = "st.shared.v4.f32 [$0], {$1,$2,$3,$4};"
    assembly(b, ir.VoidType(), text, "r,f,f,f,f,~{memory}", [address, v0, v1, v2, v3], effects=True)


@instruction(FOUR(types.uint32))
def load_four_shared(b: ir.IRBuilder, address: ir.Value) -> list[ir.Value]:
    """Four consecutive float32 of shared memory, 16-byte aligned."""
    text, result = "ld.shared.v4.f32 {$0,$1,$2,$3}, [$4];", ir.LiteralStructType([f32] * 4)
    return items(b, assembly(b, result, text, "=f,=f,=f,=f,r,~{memory}", [address], effects=True), 4)


@instruction(types.int32(types.int32))
def warp_count(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The sum of an int32 over a warp, in every lane; all lanes take part."""
    return assembly(b, i32, "redux.sync.add.s32 $0, $1, -1;", "=r,r", [value], effects=True)


@instruction(types.float32(types.float32, types.float32, types.float32, types.float32))
def warp_peak(b: ir.IRBuilder, v0: ir.Value, v1: ir.Value, v2: ir.Value, v3: ir.Value) -> ir.Value:
    """The largest magnitude of a warp's values; NaN if there is NaN or infinity among them; all lanes take part.

    As whole numbers, the bits of magnitudes are in their order, infinity and NaN above all.
    """
    bits = [b.and_(b.bitcast(value, i32), word(0x7FFFFFFF)) for value in (v0, v1, v2, v3)]
    while len(bits) > 1:
        bits = [b.select(b.icmp_unsigned(">", x, y), x, y) for x, y in zip(bits[::2], bits[1::2])]
    most = assembly(b, i32, "redux.sync.max.u32 $0, $1, -1;", "=r,r", bits, effects=True)
    is_finite = b.icmp_unsigned("<", most, word(0x7F800000))
    return b.bitcast(b.select(is_finite, most, word(0x7FC00000)), f32)
