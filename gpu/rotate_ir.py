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
from numba.core import cgutils, types
from numba.cuda.extending import intrinsic

from gpu.ptx import assembly, f32, fma, global_load, global_store, i32, i64, pack_halves

VALUES = 16
INVERSE_ROOT_128 = 0.08838834613561630249  # fp32(1 / sqrt(128))
LOG2_E = 1.4426950408889634
SIXTEEN = types.UniTuple(types.float32, VALUES)
LAST_OFFSET = 99  # of a lane's values from its first


def _word(value: int) -> ir.Constant:
    return ir.Constant(i32, value)


def _number(value: float) -> ir.Constant:
    return ir.Constant(f32, value)


def _items(b: ir.IRBuilder, value: ir.Value) -> list[ir.Value]:
    return [b.extract_value(value, i) for i in range(VALUES)]


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
        upper = b.icmp_unsigned("!=", b.and_(lane, _word(mask)), _word(0))
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
        values += [b.extract_element(vector, _word(e)) for e in range(4)]
    return values


@intrinsic
def load_16_floats(typingctx, address):  # type: ignore[no-untyped-def]
    """A lane's values of float32, the first of them at a 16-byte aligned address."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return cgutils.pack_array(b, _vectors(b, args[0], f32, 4))

    return SIXTEEN(types.uint64), codegen


@intrinsic
def load_16_halves(typingctx, address):  # type: ignore[no-untyped-def]
    """A lane's values of fp16, the first of them at an 8-byte aligned address."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        values = _vectors(b, args[0], ir.HalfType(), 2)
        return cgutils.pack_array(b, [b.fpext(value, f32) for value in values])

    return SIXTEEN(types.uint64), codegen


@intrinsic
def copy_16_floats(typingctx, target, address):  # type: ignore[no-untyped-def]
    """Begins to copy a lane's values of float32 to shared memory; target: 16 bytes times its lane into its 2048."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        for j in range(4):
            text = f"cp.async.cg.shared.global [$0+{512 * j}], [$1+{128 * j}], 16;"
            assembly(b, ir.VoidType(), text, "r,l,~{memory}", list(args), effects=True)
        return context.get_dummy_value()

    return types.void(types.uint32, types.uint64), codegen


@intrinsic
def copied_16_floats(typingctx, source):  # type: ignore[no-untyped-def]
    """A lane's values that it has copied to shared memory itself."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        values = []
        for j in range(4):
            text = f"ld.volatile.shared.v4.f32 {{$0,$1,$2,$3}}, [$4+{512 * j}];"
            result = ir.LiteralStructType([f32] * 4)
            four = assembly(b, result, text, "=f,=f,=f,=f,r,~{memory}", [args[0]], effects=True)
            values += [b.extract_value(four, e) for e in range(4)]
        return cgutils.pack_array(b, values)

    return SIXTEEN(types.uint32), codegen


@intrinsic
def load_some_floats(typingctx, address, known, safe):  # type: ignore[no-untyped-def]
    """A lane's values of float32 that lie less than `known` from its first, zeros for the others; safe: any float32."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        values = []
        for place in range(VALUES):
            inside = b.icmp_signed("<", _word(_offset(place)), args[1])
            at = b.select(inside, b.add(args[0], ir.Constant(i64, 4 * _offset(place))), args[2])
            values.append(b.select(inside, global_load(b, at, f32, 4), _number(0.0)))
        return cgutils.pack_array(b, values)

    return SIXTEEN(types.uint64, types.int32, types.uint64), codegen


@intrinsic
def store_16_floats(typingctx, address, values):  # type: ignore[no-untyped-def]
    """Writes a lane's values as float32, the first of them to a 16-byte aligned address."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        values = _items(b, args[1])
        for j in range(4):
            vector = ir.Constant(ir.VectorType(f32, 4), ir.Undefined)
            for e in range(4):
                vector = b.insert_element(vector, values[4 * j + e], _word(e))
            global_store(b, b.add(args[0], ir.Constant(i64, 128 * j)), vector, 16)
        return context.get_dummy_value()

    return types.void(types.uint64, SIXTEEN), codegen


@intrinsic
def store_some_floats(typingctx, address, known, values):  # type: ignore[no-untyped-def]
    """Writes those of a lane's values that lie less than `known` from its first as float32."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        for place, value in enumerate(_items(b, args[2])):
            with b.if_then(b.icmp_signed("<", _word(_offset(place)), args[1])):
                global_store(b, b.add(args[0], ir.Constant(i64, 4 * _offset(place))), value, 4)
        return context.get_dummy_value()

    return types.void(types.uint64, types.int32, SIXTEEN), codegen


@intrinsic
def store_ordered_halves(typingctx, address, lane, values):  # type: ignore[no-untyped-def]
    """Writes a lane's share of a block of 128 as fp16 in the order of products of many rows, to the block's address."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        values = _items(b, args[2])
        inside = b.add(
            b.shl(b.and_(args[1], _word(1)), _word(4)), b.shl(b.lshr(b.and_(args[1], _word(6)), _word(1)), _word(6))
        )
        at = b.add(args[0], b.zext(inside, i64))
        for upper in (0, 1):
            vector = ir.Constant(ir.VectorType(i32, 4), ir.Undefined)
            for j in range(4):
                pair = pack_halves(b, values[4 * j + 2 * upper], values[4 * j + 2 * upper + 1])
                vector = b.insert_element(vector, pair, _word(j))
            global_store(b, b.add(at, ir.Constant(i64, 32 * upper)), vector, 16)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint32, SIXTEEN), codegen


@intrinsic
def rotate_16(typingctx, values, lane):  # type: ignore[no-untyped-def]
    """The rotated values of a lane; all 32 lanes take part."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return cgutils.pack_array(b, emit_rotation(b, _items(b, args[0]), args[1]))

    return SIXTEEN(SIXTEEN, types.uint32), codegen


def _elementwise(count: int, combine: Callable[..., ir.Value], name: str, about: str):  # type: ignore[no-untyped-def]
    """An intrinsic that combines `count` lanes' values place by place."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        lists = [_items(b, arg) for arg in args]
        return cgutils.pack_array(b, [combine(b, *places) for places in zip(*lists)])

    def two(typingctx, x, y):  # type: ignore[no-untyped-def]
        return SIXTEEN(SIXTEEN, SIXTEEN), codegen

    def three(typingctx, x, y, z):  # type: ignore[no-untyped-def]
        return SIXTEEN(SIXTEEN, SIXTEEN, SIXTEEN), codegen

    function = two if count == 2 else three
    function.__name__, function.__doc__ = name, about
    return intrinsic(function)


def _silu_product(b: ir.IRBuilder, gate: ir.Value, up: ir.Value) -> ir.Value:
    power = assembly(b, f32, "ex2.approx.ftz.f32 $0, $1;", "=f,f", [b.fmul(gate, _number(-LOG2_E))])
    share = assembly(b, f32, "rcp.approx.ftz.f32 $0, $1;", "=f,f", [b.fadd(power, _number(1.0))])
    return b.fmul(b.fmul(gate, share), up)


times = _elementwise(2, lambda b, x, y: b.fmul(x, y), "times", "x * y.")
plus = _elementwise(2, lambda b, x, y: b.fadd(x, y), "plus", "x + y.")
times_plus = _elementwise(3, fma, "times_plus", "x * y + z.")
silu_times = _elementwise(2, _silu_product, "silu_times", "silu(x) * y.")


@intrinsic
def scaled(typingctx, values, factor):  # type: ignore[no-untyped-def]
    """Each value times a factor."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return cgutils.pack_array(b, [b.fmul(value, args[1]) for value in _items(b, args[0])])

    return SIXTEEN(SIXTEEN, types.float32), codegen


@intrinsic
def sum_of_squares(typingctx, values):  # type: ignore[no-untyped-def]
    """The sum of a lane's squares."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        total: ir.Value = _number(0.0)
        for value in _items(b, args[0]):
            total = fma(b, value, value, total)
        return total

    return types.float32(SIXTEEN), codegen


@intrinsic
def known_only(typingctx, values, known):  # type: ignore[no-untyped-def]
    """The values that lie less than `known` from the lane's first, zeros for the others."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        values = [
            b.select(b.icmp_signed("<", _word(_offset(place)), args[1]), value, _number(0.0))
            for place, value in enumerate(_items(b, args[0]))
        ]
        return cgutils.pack_array(b, values)

    return SIXTEEN(SIXTEEN, types.int32), codegen
