"""The PTX instructions that numba has no function for, each one small intrinsic.

Values are uint32 registers (packed fp16 pairs included) and float32; addresses are uint64. Knows nothing of kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.targetconfig import ConfigStack
from numba.cuda.extending import intrinsic

i16, i32, i64, f32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


def instruction(signature: Any) -> Callable[[Callable[..., ir.Value | list[ir.Value] | None]], Any]:
    """Makes an intrinsic of a function that emits its code: what kernels call with the values, without the builder.

    Args:
        signature: numba's; values are converted to its types. A list of values is a tuple in the kernel.
    """

    def intrinsic_of(emit: Callable[..., ir.Value | list[ir.Value] | None]) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Sequence[ir.Value]) -> ir.Value:
            result = emit(b, *args)
            if result is None:
                return context.get_dummy_value()
            return cgutils.pack_array(b, result) if isinstance(result, list) else result

        @wraps(emit)  # numba reads the names of the values there, behind the first
        def define(typingctx: Any, *values: Any) -> Any:
            return signature, codegen

        return intrinsic(define)

    return intrinsic_of


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


def vector_of(b: ir.IRBuilder, values: Sequence[ir.Value]) -> ir.Value:
    """Values of one type as a vector, which is stored in one access."""
    vector = ir.Constant(ir.VectorType(values[0].type, len(values)), ir.Undefined)
    for i, value in enumerate(values):
        vector = b.insert_element(vector, value, word(i))
    return vector


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
    return _mma(b, "m16n8k16.row.col.f32.f16.f16.f32", f32, [*a, *halves, *sums])


def mma_m16n8k32(
    b: ir.IRBuilder, a: Sequence[ir.Value], codes: Sequence[ir.Value], sums: Sequence[ir.Value]
) -> list[ir.Value]:
    """C + A B on the tensor cores: A 16 x 32 unsigned bytes (4 registers), B 32 x 8 signed bytes (2), C int32 (4)."""
    return _mma(b, "m16n8k32.row.col.s32.u8.s8.s32", i32, [*a, *codes, *sums])


def _mma(b: ir.IRBuilder, kind: str, number: ir.Type, values: Sequence[ir.Value]) -> list[ir.Value]:
    """values: four registers of A, two of B, four sums, which are of a type of their own."""
    of_sum = "f" if number == f32 else "r"
    text = f"mma.sync.aligned.{kind} {{$0,$1,$2,$3}}, {{$4,$5,$6,$7}}, {{$8,$9}}, {{$10,$11,$12,$13}};"
    constraints = ",".join([f"={of_sum}"] * 4 + ["r"] * 6 + [of_sum] * 4)
    return items(b, assembly(b, ir.LiteralStructType([number] * 4), text, constraints, values), 4)


def overlaps_launches(capability: tuple[int, int]) -> bool:
    """Whether a card can start a kernel before the one in front of it has ended: all that kernels ask of the card."""
    return capability >= (9, 0)


def _is_overlapping() -> bool:
    """The same of the card that is compiled for."""
    return overlaps_launches(tuple(ConfigStack.top_or_none().compute_capability))


@instruction(types.void())
def wait_for_inputs(b: ir.IRBuilder) -> None:
    """Waits until the kernels launched before have ended and what they wrote can be read; nothing on older cards."""
    if _is_overlapping():
        assembly(b, ir.VoidType(), "griddepcontrol.wait;", "~{memory}", [], effects=True)


@instruction(types.void())
def let_next_start(b: ir.IRBuilder) -> None:
    """Allows the next kernel to start up to its own `wait_for_inputs`; nothing on older cards."""
    if _is_overlapping():
        assembly(b, ir.VoidType(), "griddepcontrol.launch_dependents;", "~{memory}", [], effects=True)


def fma(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x * y + z with one rounding."""
    return assembly(b, f32, "fma.rn.f32 $0, $1, $2, $3;", "=f,f,f,f", [x, y, z])


def load_words(b: ir.IRBuilder, address: ir.Value, count: int) -> list[ir.Value]:
    """Consecutive 32-bit words of global memory in one access, aligned to their size."""
    if count == 1:
        return [global_load(b, address, i32, 4)]
    vector = global_load(b, address, ir.VectorType(i32, count), 4 * count)
    return [b.extract_element(vector, word(i)) for i in range(count)]


def pack_halves(b: ir.IRBuilder, low: ir.Value, high: ir.Value) -> ir.Value:
    """Two float32 rounded to a packed fp16 pair."""
    return assembly(b, i32, "cvt.rn.f16x2.f32 $0, $1, $2;", "=r,f,f", [high, low])


@instruction(types.uint32(types.float32, types.float32))
def halves_from_floats(b: ir.IRBuilder, low: ir.Value, high: ir.Value) -> ir.Value:
    """Two float32 rounded to a packed fp16 pair."""
    return pack_halves(b, low, high)


@intrinsic
def shared_address(typingctx, array):  # type: ignore[no-untyped-def]
    """Where an array lies in shared memory."""

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        data = context.make_array(sig.args[0])(context, b, args[0]).data
        text = "{.reg .u64 a; cvta.to.shared.u64 a, $1; cvt.u32.u64 $0, a;}"
        return assembly(b, i32, text, "=r,l", [b.ptrtoint(data, i64)])

    return types.uint32(array), codegen


@instruction(types.void(types.uint32, types.uint32))
def store_shared(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Writes a word to shared memory."""
    assembly(b, ir.VoidType(), "st.shared.u32 [$0], $1;", "r,r,~{memory}", [address, value], effects=True)


@instruction(types.int32(types.int32, types.int32))
def quotient(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """x / y rounded down, both not negative: numba divides 64 bits, which the card does by calling a function."""
    return b.udiv(x, y)


@instruction(types.void())
def copies_arrived(b: ir.IRBuilder) -> None:
    """Waits for all copies that this thread has begun."""
    assembly(b, ir.VoidType(), "cp.async.wait_all;", "~{memory}", [], effects=True)


@instruction(types.float32(types.uint64))
def load_float(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """A float32 of global memory."""
    return global_load(b, address, f32, 4)


@instruction(types.float32(types.uint64))
def load_half(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """An fp16 of global memory as float32."""
    return b.fpext(global_load(b, address, ir.HalfType(), 2), f32)


@instruction(types.float32(types.uint64))
def load_bfloat(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """A bf16 of global memory as float32."""
    bits = global_load(b, address, i16, 2)
    return b.bitcast(b.shl(b.zext(bits, i32), word(16)), f32)


@instruction(types.void(types.uint64, types.float32))
def store_float(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Writes a float32 to global memory."""
    global_store(b, address, value, 4)


@instruction(types.void(types.uint64, types.uint32))
def store_word(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Writes a 32-bit word to global memory."""
    global_store(b, address, value, 4)


@instruction(types.UniTuple(types.float32, 4)(types.uint64))
def load_floats(b: ir.IRBuilder, address: ir.Value) -> list[ir.Value]:
    """Four consecutive float32 of global memory, 16-byte aligned."""
    vector = global_load(b, address, ir.VectorType(f32, 4), 16)
    return [b.extract_element(vector, word(i)) for i in range(4)]


@instruction(types.uint64(types.uint64))
def load_long(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """A 64-bit word of global memory."""
    return global_load(b, address, i64, 8)


@instruction(types.int32(types.uint64))
def load_int(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """An int32 of global memory."""
    return global_load(b, address, i32, 4)


@instruction(types.void(types.uint64, types.float32))
def store_half(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Writes a float32 to global memory as fp16."""
    global_store(b, address, b.fptrunc(value, ir.HalfType()), 2)


@instruction(types.float32(types.float32))
def exp2_fast(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """2 to the power of a float32, to about 2e-7."""
    return assembly(b, f32, "ex2.approx.ftz.f32 $0, $1;", "=f,f", [value])


@instruction(types.float32(types.float32))
def exponent_of(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The power of two at or below a positive float32, at least 2**-126."""
    bits = b.and_(b.bitcast(value, i32), word(0x7F800000))
    return b.bitcast(b.select(b.icmp_unsigned("==", bits, word(0)), word(0x00800000), bits), f32)


@instruction(types.int32(types.float32))
def round_to_int(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A float32 rounded to the nearest int32, ties to even; NaN gives 0."""
    return assembly(b, i32, "cvt.rni.s32.f32 $0, $1;", "=r,f", [value])


@instruction(types.UniTuple(types.float32, 4)(types.uint64))
def load_halves(b: ir.IRBuilder, address: ir.Value) -> list[ir.Value]:
    """Four consecutive fp16 of global memory as float32, 8-byte aligned."""
    vector = global_load(b, address, ir.VectorType(ir.HalfType(), 4), 8)
    return [b.fpext(b.extract_element(vector, word(i)), f32) for i in range(4)]


@instruction(types.void(types.uint64, types.float32, types.float32, types.float32, types.float32))
def store_floats(b: ir.IRBuilder, address: ir.Value, v0: ir.Value, v1: ir.Value, v2: ir.Value, v3: ir.Value) -> None:
    """Writes four consecutive float32 to global memory, 16-byte aligned."""
    global_store(b, address, vector_of(b, [v0, v1, v2, v3]), 16)


@instruction(types.void(types.uint64, types.uint32, types.uint32))
def store_words(b: ir.IRBuilder, address: ir.Value, w0: ir.Value, w1: ir.Value) -> None:
    """Writes two consecutive 32-bit words to global memory, 8-byte aligned."""
    global_store(b, address, vector_of(b, [w0, w1]), 8)


@instruction(types.UniTuple(types.uint32, 4)(types.uint64))
def load_quad(b: ir.IRBuilder, address: ir.Value) -> list[ir.Value]:
    """Four consecutive 32-bit words of global memory, 16-byte aligned."""
    return load_words(b, address, 4)
