"""The PTX instructions that numba has no function for, each one small intrinsic.

Values are uint32 registers (packed fp16 pairs included) and float32; addresses are uint64. Knows nothing of kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.targetconfig import ConfigStack
from numba.cuda.extending import intrinsic

i16, i32, i64, f32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


def assembly(
    b: ir.IRBuilder, result: ir.Type, text: str, constraints: str, values: Sequence[ir.Value], *, effects: bool = False
) -> ir.Value:
    """One inline PTX statement."""
    function = ir.FunctionType(result, [value.type for value in values])
    return b.call(ir.InlineAsm(function, text, constraints, side_effect=effects), list(values))


def items(b: ir.IRBuilder, value: ir.Value, count: int) -> list[ir.Value]:
    """The members of a tuple of registers."""
    return [b.extract_value(value, i) for i in range(count)]


def word(value: int) -> ir.Constant:
    """A constant of 32 bits below 2**31."""
    return ir.Constant(i32, value)


def global_load(b: ir.IRBuilder, address: ir.Value, kind: ir.Type, align: int) -> ir.Value:
    """A plain load from a global address, which the compiler may move, widen and overlap with others."""
    pointer = b.inttoptr(address, ir.PointerType(kind, 1))
    value = b.load(pointer, typ=kind)
    value.align = align
    return value


def global_store(b: ir.IRBuilder, address: ir.Value, value: ir.Value, align: int) -> None:
    b.store(value, b.inttoptr(address, ir.PointerType(value.type, 1)), align=align)


def dot_bytes(b: ir.IRBuilder, x: ir.Value, y: ir.Value, total: ir.Value, *, signed: bool = False) -> ir.Value:
    """total + the dot product of four unsigned bytes of x with four bytes of y, signed or not."""
    kind = "s32" if signed else "u32"
    return assembly(b, i32, f"dp4a.u32.{kind} $0, $1, $2, $3;", "=r,r,r,r", [x, y, total])


def permute_bytes(b: ir.IRBuilder, low: ir.Value, high: ir.Value, selector: int) -> ir.Value:
    """Four bytes picked out of eight; each hexadecimal digit of the selector names one, the lowest digit first."""
    return assembly(b, i32, f"prmt.b32 $0, $1, $2, {selector};", "=r,r,r", [low, high])


def permute(b: ir.IRBuilder, value: ir.Value, selector: ir.Value) -> ir.Value:
    """Four bytes picked out of a register by the hexadecimal digits of a selector register."""
    return assembly(b, i32, "prmt.b32 $0, $1, $1, $2;", "=r,r,r", [value, selector])


def mma_m16n8k16(
    b: ir.IRBuilder, a: Sequence[ir.Value], halves: Sequence[ir.Value], sums: Sequence[ir.Value]
) -> list[ir.Value]:
    """C + A B on the tensor cores: A 16 x 16 fp16 (4 registers), B 16 x 8 fp16 (2), C 16 x 8 float32 (4)."""
    result = ir.LiteralStructType([f32] * 4)
    text = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};"
    out = assembly(b, result, text, "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f", [*a, *halves, *sums])
    return [b.extract_value(out, i) for i in range(4)]


def mma_m16n8k32(
    b: ir.IRBuilder, a: Sequence[ir.Value], codes: Sequence[ir.Value], sums: Sequence[ir.Value]
) -> list[ir.Value]:
    """C + A B on the tensor cores: A 16 x 32 unsigned bytes (4 registers), B 32 x 8 signed bytes (2), C int32 (4)."""
    result = ir.LiteralStructType([i32] * 4)
    text = "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};"
    out = assembly(b, result, text, "=r,=r,=r,=r,r,r,r,r,r,r,r,r,r,r", [*a, *codes, *sums])
    return [b.extract_value(out, i) for i in range(4)]


def _overlaps_launches() -> bool:
    """Whether the card that is compiled for can start a kernel before the one in front of it has ended."""
    return bool(ConfigStack.top_or_none().compute_capability >= (9, 0))


@intrinsic
def wait_for_inputs(typingctx):  # type: ignore[no-untyped-def]
    """Waits until the kernels launched before have ended and what they wrote can be read; nothing on older cards."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        if _overlaps_launches():
            assembly(b, ir.VoidType(), "griddepcontrol.wait;", "~{memory}", [], effects=True)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def let_next_start(typingctx):  # type: ignore[no-untyped-def]
    """Allows the next kernel to start up to its own `wait_for_inputs`; nothing on older cards."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        if _overlaps_launches():
            assembly(b, ir.VoidType(), "griddepcontrol.launch_dependents;", "~{memory}", [], effects=True)
        return context.get_dummy_value()

    return types.void(), codegen


def fma(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x * y + z with one rounding."""
    return assembly(b, f32, "fma.rn.f32 $0, $1, $2, $3;", "=f,f,f,f", [x, y, z])


def load_words(b: ir.IRBuilder, address: ir.Value, count: int) -> list[ir.Value]:
    """Consecutive 32-bit words of global memory in one access, aligned to their size."""
    if count == 1:
        return [global_load(b, address, i32, 4)]
    vector = global_load(b, address, ir.VectorType(i32, count), 4 * count)
    return [b.extract_element(vector, ir.Constant(i32, i)) for i in range(count)]


def pack_halves(b: ir.IRBuilder, low: ir.Value, high: ir.Value) -> ir.Value:
    """Two float32 rounded to a packed fp16 pair."""
    return assembly(b, i32, "cvt.rn.f16x2.f32 $0, $1, $2;", "=r,f,f", [high, low])


@intrinsic
def halves_from_floats(typingctx, low, high):  # type: ignore[no-untyped-def]
    """Two float32 rounded to a packed fp16 pair."""
    signature = types.uint32(types.float32, types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return pack_halves(b, args[0], args[1])

    return signature, codegen


@intrinsic
def load_float(typingctx, address):  # type: ignore[no-untyped-def]
    """A float32 of global memory."""
    signature = types.float32(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return global_load(b, args[0], f32, 4)

    return signature, codegen


@intrinsic
def load_half(typingctx, address):  # type: ignore[no-untyped-def]
    """An fp16 of global memory as float32."""
    signature = types.float32(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return b.fpext(global_load(b, args[0], ir.HalfType(), 2), f32)

    return signature, codegen


@intrinsic
def load_bfloat(typingctx, address):  # type: ignore[no-untyped-def]
    """A bf16 of global memory as float32."""
    signature = types.float32(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        bits = global_load(b, args[0], i16, 2)
        return b.bitcast(b.shl(b.zext(bits, i32), ir.Constant(i32, 16)), f32)

    return signature, codegen


@intrinsic
def store_float(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Writes a float32 to global memory."""
    signature = types.void(types.uint64, types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        global_store(b, args[0], args[1], 4)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store_word(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Writes a 32-bit word to global memory."""
    signature = types.void(types.uint64, types.uint32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        global_store(b, args[0], args[1], 4)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def load_floats(typingctx, address):  # type: ignore[no-untyped-def]
    """Four consecutive float32 of global memory, 16-byte aligned."""
    signature = types.UniTuple(types.float32, 4)(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        vector = global_load(b, args[0], ir.VectorType(f32, 4), 16)
        items = [b.extract_element(vector, ir.Constant(i32, i)) for i in range(4)]
        return cgutils.pack_array(b, items)

    return signature, codegen


@intrinsic
def load_long(typingctx, address):  # type: ignore[no-untyped-def]
    """A 64-bit word of global memory."""
    signature = types.uint64(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return global_load(b, args[0], i64, 8)

    return signature, codegen


@intrinsic
def load_int(typingctx, address):  # type: ignore[no-untyped-def]
    """An int32 of global memory."""
    signature = types.int32(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return global_load(b, args[0], i32, 4)

    return signature, codegen


@intrinsic
def store_half(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Writes a float32 to global memory as fp16."""
    signature = types.void(types.uint64, types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        global_store(b, args[0], b.fptrunc(args[1], ir.HalfType()), 2)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def exp2_fast(typingctx, value):  # type: ignore[no-untyped-def]
    """2 to the power of a float32, to about 2e-7."""
    signature = types.float32(types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return assembly(b, f32, "ex2.approx.ftz.f32 $0, $1;", "=f,f", [args[0]])

    return signature, codegen


@intrinsic
def exponent_of(typingctx, value):  # type: ignore[no-untyped-def]
    """The power of two at or below a positive float32, at least 2**-126."""
    signature = types.float32(types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        bits = b.and_(b.bitcast(args[0], i32), word(0x7F800000))
        return b.bitcast(b.select(b.icmp_unsigned("==", bits, word(0)), word(0x00800000), bits), f32)

    return signature, codegen


@intrinsic
def round_to_int(typingctx, value):  # type: ignore[no-untyped-def]
    """A float32 rounded to the nearest int32, ties to even; NaN gives 0."""
    signature = types.int32(types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return assembly(b, i32, "cvt.rni.s32.f32 $0, $1;", "=r,f", [args[0]])

    return signature, codegen


@intrinsic
def load_halves(typingctx, address):  # type: ignore[no-untyped-def]
    """Four consecutive fp16 of global memory as float32, 8-byte aligned."""
    signature = types.UniTuple(types.float32, 4)(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        vector = global_load(b, args[0], ir.VectorType(ir.HalfType(), 4), 8)
        items = [b.fpext(b.extract_element(vector, ir.Constant(i32, i)), f32) for i in range(4)]
        return cgutils.pack_array(b, items)

    return signature, codegen


@intrinsic
def store_floats(typingctx, address, v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    """Writes four consecutive float32 to global memory, 16-byte aligned."""
    signature = types.void(types.uint64, types.float32, types.float32, types.float32, types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        vector = ir.Constant(ir.VectorType(f32, 4), ir.Undefined)
        for i in range(4):
            vector = b.insert_element(vector, args[1 + i], ir.Constant(i32, i))
        global_store(b, args[0], vector, 16)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store_words(typingctx, address, w0, w1):  # type: ignore[no-untyped-def]
    """Writes two consecutive 32-bit words to global memory, 8-byte aligned."""
    signature = types.void(types.uint64, types.uint32, types.uint32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        vector = ir.Constant(ir.VectorType(i32, 2), ir.Undefined)
        for i in range(2):
            vector = b.insert_element(vector, args[1 + i], ir.Constant(i32, i))
        global_store(b, args[0], vector, 8)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def load_quad(typingctx, address):  # type: ignore[no-untyped-def]
    """Four consecutive 32-bit words of global memory, 16-byte aligned."""
    signature = types.UniTuple(types.uint32, 4)(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return cgutils.pack_array(b, load_words(b, args[0], 4))

    return signature, codegen
