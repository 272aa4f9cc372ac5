"""64-bit loads, stores and additions to memory, and the bits of floats, for the sampler. Knows nothing of sampling."""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.cuda.extending import intrinsic

from gpu.ptx import assembly, f32, i32, i64

f64 = ir.DoubleType()


@intrinsic
def load_double(typingctx, address):  # type: ignore[no-untyped-def]
    """A float64 of global memory."""
    signature = types.float64(types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return assembly(b, f64, "ld.global.f64 $0, [$1];", "=d,l", [args[0]], effects=True)

    return signature, codegen


@intrinsic
def store_double(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Writes a float64 to global memory."""
    signature = types.void(types.uint64, types.float64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        assembly(b, ir.VoidType(), "st.global.f64 [$0], $1;", "l,d", list(args), effects=True)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store_long(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Writes a 64-bit word to global memory."""
    signature = types.void(types.uint64, types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        assembly(b, ir.VoidType(), "st.global.b64 [$0], $1;", "l,l", list(args), effects=True)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_long(typingctx, address, value):  # type: ignore[no-untyped-def]
    """Adds to a 64-bit word of global memory, at once for all threads, and gives what it was before."""
    signature = types.uint64(types.uint64, types.uint64)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return assembly(b, i64, "atom.global.add.u64 $0, [$1], $2;", "=l,l,l", list(args), effects=True)

    return signature, codegen


@intrinsic
def bits_of_float(typingctx, value):  # type: ignore[no-untyped-def]
    """The bits of a float32."""
    signature = types.uint32(types.float32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return b.bitcast(args[0], i32)

    return signature, codegen


@intrinsic
def float_of_bits(typingctx, bits):  # type: ignore[no-untyped-def]
    """The float32 that has these bits."""
    signature = types.float32(types.uint32)

    def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
        return b.bitcast(args[0], f32)

    return signature, codegen
