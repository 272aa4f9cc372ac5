"""64-bit loads, stores and additions to memory, and the bits of floats, for the sampler. Knows nothing of sampling."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types

from gpu.ptx import assembly, f32, i32, i64, instruction

f64 = ir.DoubleType()


@instruction(types.float64(types.uint64))
def load_double(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """A float64 of global memory."""
    return assembly(b, f64, "ld.global.f64 $0, [$1];", "=d,l", [address], effects=True)


@instruction(types.void(types.uint64, types.float64))
def store_double(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Writes a float64 to global memory."""
    assembly(b, ir.VoidType(), "st.global.f64 [$0], $1;", "l,d", [address, value], effects=True)


@instruction(types.void(types.uint64, types.uint64))
def store_long(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Writes a 64-bit word to global memory."""
    assembly(b, ir.VoidType(), "st.global.b64 [$0], $1;", "l,l", [address, value], effects=True)


@instruction(types.uint64(types.uint64, types.uint64))
def add_long(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> ir.Value:
    """Adds to a 64-bit word of global memory, at once for all threads, and gives what it was before."""
    return assembly(b, i64, "atom.global.add.u64 $0, [$1], $2;", "=l,l,l", [address, value], effects=True)


@instruction(types.uint32(types.float32))
def bits_of_float(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The bits of a float32."""
    return b.bitcast(value, i32)


@instruction(types.float32(types.uint32))
def float_of_bits(b: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    """The float32 that has these bits."""
    return b.bitcast(bits, f32)
