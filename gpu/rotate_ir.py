"""The 128-point Hadamard rotation of many rows: eight lanes hold a block of 128 values, sixteen values a lane.

Lane m of eight holds the values 32 * j + 4 * m + e (j, e = 0 ... 3) at place 4 * j + e: loads of float32 are 16 bytes a
lane and 128 bytes of a block, four of the seven strides stay in registers, and three are shuffles (a warp to a block
needs five, and as many shuffles for four values as this needs for sixteen).

Products of many rows are free to sum their inputs in any order, so inputs and matrices are stored in the order that
costs both sides nothing: input b6 b5 b4 b3 b2 b1 b0 (bits of its number in its block of 128) is stored at place
b4 b3 b1 b2 b6 b5 b0. Eight stored values are then what one lane holds here, and what one lane decodes there.
Knows nothing of shapes or kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir
from numba.core import types

from gpu.ptx import (
    assembly,
    f32,
    fma,
    global_load,
    global_store,
    i64,
    instruction,
    items,
    pack_halves,
    vector_of,
    word,
)

VALUES = 16
INVERSE_ROOT_128 = 0.08838834613561630249  # fp32(1 / sqrt(128))
LOG2_E = 1.4426950408889634
SIXTEEN = types.UniTuple(types.float32, VALUES)
LAST_OFFSET = 99  # of a lane's values from its first


def _number(value: float) -> ir.Constant:
    return ir.Constant(f32, value)


def _items(b: ir.IRBuilder, value: ir.Value) -> list[ir.Value]:
    return items(b, value, VALUES)


def _offset(place: int) -> int:
    """Of the value at a place, from the lane's first."""
    return 32 * (place // 4) + place % 4


def _butterfly(values: list[ir.Value], stride: int, b: ir.IRBuilder) -> list[ir.Value]:
    out = list(values)
    for i in range(VALUES):
        if not i & stride:
            out[i], out[i + stride] = b.fadd(values[i], values[i + stride]), b.fsub(values[i], values[i + stride])
    return out


def emit_rotation(b: ir.IRBuilder, values: Sequence[ir.Value], lane: ir.Value) -> list[ir.Value]:
    """The rotated sixteen values of a lane, strides ascending."""
    v = _butterfly(_butterfly(list(values), 1, b), 2, b)
    for mask in (1, 2, 4):
        upper = b.icmp_unsigned("!=", b.and_(lane, word(mask)), word(0))
        sign = b.select(upper, _number(-1.0), _number(1.0))
        text = f"shfl.sync.bfly.b32 $0, $1, {mask}, 31, -1;"
        others = [assembly(b, f32, text, "=f,f", [each], effects=True) for each in v]
        v = [fma(b, each, sign, other) for each, other in zip(v, others)]
    v = _butterfly(_butterfly(v, 4, b), 8, b)
    return [b.fmul(each, _number(INVERSE_ROOT_128)) for each in v]


def _vectors(b: ir.IRBuilder, address: ir.Value, kind: ir.Type, size: int) -> list[ir.Value]:
    values = []
    for j in range(4):
        at = b.add(address, ir.Constant(i64, 32 * j * size))
        vector = global_load(b, at, ir.VectorType(kind, 4), 4 * size)
        values += [b.extract_element(vector, word(e)) for e in range(4)]
    return values


@instruction(SIXTEEN(types.uint64))
def load_16_floats(b: ir.IRBuilder, address: ir.Value) -> list[ir.Value]:
    """A lane's values of float32, the first of them at a 16-byte aligned address."""
    return _vectors(b, address, f32, 4)


@instruction(SIXTEEN(types.uint64))
def load_16_halves(b: ir.IRBuilder, address: ir.Value) -> list[ir.Value]:
    """A lane's values of fp16, the first of them at an 8-byte aligned address."""
    values = _vectors(b, address, ir.HalfType(), 2)
    return [b.fpext(value, f32) for value in values]


@instruction(types.void(types.uint32, types.uint64))
def copy_16_floats(b: ir.IRBuilder, target: ir.Value, address: ir.Value) -> None:
    """Begins to copy a lane's values of float32 to shared memory; target: 16 bytes times its lane into its 2048."""
    for j in range(4):
        text = f"cp.async.cg.shared.global [$0+{512 * j}], [$1+{128 * j}], 16;"
        assembly(b, ir.VoidType(), text, "r,l,~{memory}", [target, address], effects=True)


@instruction(SIXTEEN(types.uint32))
def copied_16_floats(b: ir.IRBuilder, source: ir.Value) -> list[ir.Value]:
    """A lane's values that it has copied to shared memory itself."""
    values = []
    for j in range(4):
        text = f"ld.volatile.shared.v4.f32 {{$0,$1,$2,$3}}, [$4+{512 * j}];"
        result = ir.LiteralStructType([f32] * 4)
        four = assembly(b, result, text, "=f,=f,=f,=f,r,~{memory}", [source], effects=True)
        values += items(b, four, 4)
    return values


@instruction(SIXTEEN(types.uint64, types.int32, types.uint64))
def load_some_floats(b: ir.IRBuilder, address: ir.Value, known: ir.Value, safe: ir.Value) -> list[ir.Value]:
    """A lane's values of float32 that lie less than `known` from its first, zeros for the others; safe: any float32."""
    values = []
    for place in range(VALUES):
        inside = b.icmp_signed("<", word(_offset(place)), known)
        at = b.select(inside, b.add(address, ir.Constant(i64, 4 * _offset(place))), safe)
        values.append(b.select(inside, global_load(b, at, f32, 4), _number(0.0)))
    return values


@instruction(types.void(types.uint64, SIXTEEN))
def store_16_floats(b: ir.IRBuilder, address: ir.Value, values: ir.Value) -> None:
    """Writes a lane's values as float32, the first of them to a 16-byte aligned address."""
    values = _items(b, values)
    for j in range(4):
        global_store(b, b.add(address, ir.Constant(i64, 128 * j)), vector_of(b, values[4 * j : 4 * j + 4]), 16)


@instruction(types.void(types.uint64, types.int32, SIXTEEN))
def store_some_floats(b: ir.IRBuilder, address: ir.Value, known: ir.Value, values: ir.Value) -> None:
    """Writes those of a lane's values that lie less than `known` from its first as float32."""
    for place, value in enumerate(_items(b, values)):
        with b.if_then(b.icmp_signed("<", word(_offset(place)), known)):
            global_store(b, b.add(address, ir.Constant(i64, 4 * _offset(place))), value, 4)


@instruction(types.void(types.uint64, types.uint32, SIXTEEN))
def store_ordered_halves(b: ir.IRBuilder, address: ir.Value, lane: ir.Value, values: ir.Value) -> None:
    """Writes a lane's share of a block of 128 as fp16 in the order of products of many rows, to the block's address."""
    values = _items(b, values)
    inside = b.add(b.shl(b.and_(lane, word(1)), word(4)), b.shl(b.lshr(b.and_(lane, word(6)), word(1)), word(6)))
    at = b.add(address, b.zext(inside, i64))
    for upper in (0, 1):
        pairs = [pack_halves(b, values[4 * j + 2 * upper], values[4 * j + 2 * upper + 1]) for j in range(4)]
        global_store(b, b.add(at, ir.Constant(i64, 32 * upper)), vector_of(b, pairs), 16)


@instruction(SIXTEEN(SIXTEEN, types.uint32))
def rotate_16(b: ir.IRBuilder, values: ir.Value, lane: ir.Value) -> list[ir.Value]:
    """The rotated values of a lane; all 32 lanes take part."""
    return emit_rotation(b, _items(b, values), lane)


def _silu_product(b: ir.IRBuilder, gate: ir.Value, up: ir.Value) -> ir.Value:
    power = assembly(b, f32, "ex2.approx.ftz.f32 $0, $1;", "=f,f", [b.fmul(gate, _number(-LOG2_E))])
    share = assembly(b, f32, "rcp.approx.ftz.f32 $0, $1;", "=f,f", [b.fadd(power, _number(1.0))])
    return b.fmul(b.fmul(gate, share), up)


def _each(b: ir.IRBuilder, combine: Callable[..., ir.Value], *lanes: ir.Value) -> list[ir.Value]:
    """Lanes' values combined place by place."""
    return [combine(b, *places) for places in zip(*(_items(b, lane) for lane in lanes))]


@instruction(SIXTEEN(SIXTEEN, SIXTEEN))
def times(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> list[ir.Value]:
    """x * y."""
    return _each(b, lambda b, x, y: b.fmul(x, y), x, y)


@instruction(SIXTEEN(SIXTEEN, SIXTEEN))
def plus(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> list[ir.Value]:
    """x + y."""
    return _each(b, lambda b, x, y: b.fadd(x, y), x, y)


@instruction(SIXTEEN(SIXTEEN, SIXTEEN, SIXTEEN))
def times_plus(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> list[ir.Value]:
    """x * y + z."""
    return _each(b, fma, x, y, z)


@instruction(SIXTEEN(SIXTEEN, SIXTEEN))
def silu_times(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> list[ir.Value]:
    """silu(x) * y."""
    return _each(b, _silu_product, x, y)


@instruction(SIXTEEN(SIXTEEN, types.float32))
def scaled(b: ir.IRBuilder, values: ir.Value, factor: ir.Value) -> list[ir.Value]:
    """Each value times a factor."""
    return [b.fmul(value, factor) for value in _items(b, values)]


@instruction(types.float32(SIXTEEN))
def sum_of_squares(b: ir.IRBuilder, values: ir.Value) -> ir.Value:
    """The sum of a lane's squares."""
    total: ir.Value = _number(0.0)
    for value in _items(b, values):
        total = fma(b, value, value, total)
    return total


@instruction(SIXTEEN(SIXTEEN, types.int32))
def known_only(b: ir.IRBuilder, values: ir.Value, known: ir.Value) -> list[ir.Value]:
    """The values that lie less than `known` from the lane's first, zeros for the others."""
    return [
        b.select(b.icmp_signed("<", word(_offset(place)), known), value, _number(0.0))
        for place, value in enumerate(_items(b, values))
    ]
