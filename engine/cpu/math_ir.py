"""Vector mathematics that numba does not vectorize by itself: fp16 conversion and the exponential.

Knows nothing of layers.
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
    Loop,
    array_data,
    broadcast,
    const,
    f32,
    fma,
    i16,
    load,
    splat_float,
    splat_int,
    store,
)

# exp(f) on |f| <= ln(2)/2: Taylor coefficients of degree 6, relative error below 2e-7.
EXP_COEFFICIENTS = (1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)
LOG2_E = 1.4426950408889634
LN_2_HIGH, LN_2_LOW = 0.693145751953125, 1.42860682030941723212e-6


def exp_vector(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """exp of 16 lanes, clamped to [-87, 88]; NaN stays NaN."""
    nearest = b.module.globals.get("llvm.rint.v16f32") or ir.Function(
        b.module, ir.FunctionType(V16F, [V16F]), "llvm.rint.v16f32"
    )
    low, high = splat_float(-87.0), splat_float(88.0)
    x = b.select(b.fcmp_ordered("<", x, low), low, x)  # ordered: a NaN passes both
    x = b.select(b.fcmp_ordered(">", x, high), high, x)
    n = b.call(nearest, [b.fmul(x, splat_float(LOG2_E))])
    f = fma(b, n, splat_float(-LN_2_HIGH), x)
    f = fma(b, n, splat_float(-LN_2_LOW), f)
    result: ir.Value = splat_float(EXP_COEFFICIENTS[0])
    for coefficient in EXP_COEFFICIENTS[1:]:
        result = fma(b, result, f, splat_float(coefficient))
    # For a NaN the power of two is made of an undefined integer, but NaN times anything is NaN.
    power = b.shl(b.add(b.fptosi(n, V16I), splat_int(127)), splat_int(23))
    return b.fmul(result, b.bitcast(power, V16F))


@intrinsic  # type: ignore[misc]
def widen_halves(typingctx: Any, halves: Any, first_half: Any, floats: Any, first_float: Any, count: Any) -> Any:
    """floats[...] = fp16 bits as float32, `count` values (a multiple of 16)."""
    signature = types.void(halves, first_half, floats, first_float, count)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        source, target = array_data(context, b, sig.args[0], args[0]), array_data(context, b, sig.args[2], args[2])
        half = ir.VectorType(ir.HalfType(), LANES)
        with Loop(b, b.sdiv(args[4], const(LANES))) as i:
            offset = b.mul(i, const(LANES))
            bits = load(b, source, b.add(args[1], offset), i16, ir.VectorType(i16, LANES))
            store(b, b.fpext(b.bitcast(bits, half), V16F), target, b.add(args[3], offset), f32)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[misc]
def half_bits(typingctx: Any, value: Any) -> Any:
    """The fp16 bits of a float32, rounded to nearest even."""
    signature = types.uint16(types.float32)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return b.bitcast(b.fptrunc(args[0], ir.HalfType()), i16)

    return signature, codegen


@intrinsic  # type: ignore[misc]
def half_value(typingctx: Any, bits: Any) -> Any:
    """The float32 value of fp16 bits."""
    signature = types.float32(types.uint16)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return b.fpext(b.bitcast(args[0], ir.HalfType()), f32)

    return signature, codegen


@intrinsic  # type: ignore[misc]
def exp_shifted(typingctx: Any, values: Any, first: Any, count: Any, shift: Any) -> Any:
    """values = exp(values - shift) in place over `count` values (a multiple of 16); returns their sum."""
    signature = types.float32(values, first, count, types.float32)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        base = array_data(context, b, sig.args[0], args[0])
        total = b.alloca(V16F)
        b.store(splat_float(0.0), total)
        spread = broadcast(b, args[3])
        with Loop(b, b.sdiv(args[2], const(LANES))) as i:
            offset = b.add(args[1], b.mul(i, const(LANES)))
            x = b.fsub(load(b, base, offset, f32, V16F), spread)
            # Masked scores are -inf; their weight must be zero, not exp(-87).
            hidden = b.fcmp_ordered("<", x, splat_float(-86.0))
            value = b.select(hidden, splat_float(0.0), exp_vector(b, x))
            store(b, value, base, offset, f32)
            b.store(b.fadd(b.load(total), value), total)
        reduce = b.module.globals.get("llvm.vector.reduce.fadd.v16f32") or ir.Function(
            b.module, ir.FunctionType(f32, [f32, V16F]), "llvm.vector.reduce.fadd.v16f32"
        )
        return b.call(reduce, [ir.Constant(f32, 0.0), b.load(total)], fastmath=("reassoc",))

    return signature, codegen


@intrinsic  # type: ignore[misc]
def soften(typingctx: Any, values: Any, first: Any, count: Any, cap: Any) -> Any:
    """values = cap * tanh(values / cap) in place over `count` values (a multiple of 16), to about 2e-7 of the cap."""
    signature = types.void(values, first, count, types.float32)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        base = array_data(context, b, sig.args[0], args[0])
        spread = broadcast(b, args[3])
        slope, drop = b.fdiv(splat_float(2.0), spread), b.fmul(spread, splat_float(-2.0))
        with Loop(b, b.sdiv(args[2], const(LANES))) as i:
            offset = b.add(args[1], b.mul(i, const(LANES)))
            power = exp_vector(b, b.fmul(load(b, base, offset, f32, V16F), slope))
            share = b.fdiv(splat_float(1.0), b.fadd(power, splat_float(1.0)))
            store(b, fma(b, share, drop, spread), base, offset, f32)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic  # type: ignore[misc]
def gated_silu_16(typingctx: Any, gate: Any, up: Any, first: Any) -> Any:
    """gate = gate / (1 + exp(-gate)) * up for 16 values from `first`."""
    signature = types.void(gate, up, first)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        gate_p, up_p = array_data(context, b, sig.args[0], args[0]), array_data(context, b, sig.args[1], args[1])
        x = load(b, gate_p, args[2], f32, V16F)
        sigmoid = b.fdiv(splat_float(1.0), b.fadd(splat_float(1.0), exp_vector(b, b.fneg(x))))
        store(b, b.fmul(b.fmul(x, sigmoid), load(b, up_p, args[2], f32, V16F)), gate_p, args[2], f32)
        return context.get_dummy_value()

    return signature, codegen
