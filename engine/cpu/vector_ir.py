"""A few helpers to write 16-lane vector code for numba: LLVM IR emitters that become intrinsics.

Numba's own vectorizer cannot be told to keep a decoded trellis tile in registers, so the inner loops of the CPU
kernels are emitted as LLVM vector IR. Everything here is portable IR that LLVM lowers to whatever the machine has;
only `pair_dot` and `byte_pair_sums` ask for an x86 instruction by name, and only where the host has it.
Knows nothing of EXL3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import types

i8, i16, i32, i64 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
f32 = ir.FloatType()
LANES = 16
V16I = ir.VectorType(i32, LANES)
V16F = ir.VectorType(f32, LANES)
V32H = ir.VectorType(i16, 2 * LANES)
V64B = ir.VectorType(i8, 4 * LANES)


@cache
def host_has(feature: str) -> bool:
    """Whether numba compiles for a CPU with this LLVM feature ("avx512bw", "avx512vnni" ...)."""
    return bool(llvm.get_host_cpu_features().get(feature, False))


def vectors_at_once(count: int) -> list[range]:
    """Columns of `count` vectors, in parts whose sums for 4 to 6 rows stay in the host's registers."""
    size = 4 if host_has("avx512f") else 1
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def splat_int(value: int) -> ir.Constant:
    return ir.Constant(V16I, [_signed(value)] * LANES)


def splat_float(value: float) -> ir.Constant:
    return ir.Constant(V16F, [value] * LANES)


def lanes_int(values: Sequence[int]) -> ir.Constant:
    return ir.Constant(V16I, [_signed(v) for v in values])


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def broadcast(b: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    """All lanes of a 16-lane vector set to a scalar."""
    vector = ir.VectorType(scalar.type, LANES)
    first = b.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(i32, 0))
    return b.shuffle_vector(first, ir.Constant(vector, ir.Undefined), ir.Constant(V16I, [0] * LANES))


def permute(b: ir.IRBuilder, registers: Sequence[ir.Value], index: Sequence[int]) -> ir.Value:
    """Gathers lanes out of several 16-lane registers: lane i is word `index[i]` of their concatenation."""
    used = sorted({i // LANES for i in index})
    undefined = ir.Constant(registers[used[0]].type, ir.Undefined)
    if len(used) == 1:
        if list(index) == list(range(LANES * used[0], LANES * used[0] + LANES)):
            return registers[used[0]]
        return b.shuffle_vector(registers[used[0]], undefined, lanes_int([i % LANES for i in index]))
    first, second = used[:2]
    mask = [
        (i % LANES if i // LANES == first else LANES + i % LANES) if i // LANES in (first, second) else 0 for i in index
    ]
    result = b.shuffle_vector(registers[first], registers[second], lanes_int(mask))
    for extra in used[2:]:
        mask = [LANES + i % LANES if i // LANES == extra else lane for lane, i in enumerate(index)]
        result = b.shuffle_vector(result, registers[extra], lanes_int(mask))
    return result


def funnel_shift_right(b: ir.IRBuilder, high: ir.Value, low: ir.Value, shifts: Sequence[int]) -> ir.Value:
    """Per lane, the low 32 bits of `(high:low) >> shift` with constant shifts of 0..31."""
    function = _declare(b, "llvm.fshr.v16i32", V16I, [V16I, V16I, V16I])
    return b.call(function, [high, low, lanes_int(shifts)])


def fma(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    function = _declare(b, "llvm.fma.v16f32", V16F, [V16F, V16F, V16F])
    return b.call(function, [x, y, z])


def _declare(b: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
    existing = b.module.globals.get(name)
    return existing if existing is not None else ir.Function(b.module, ir.FunctionType(result, arguments), name)


def prefetch(b: ir.IRBuilder, base: ir.Value, offset: ir.Value, element: ir.Type) -> None:
    """Asks for the cache line of `base[offset]`, which will be read once; any address is allowed."""
    pointer = b.bitcast(b.gep(b.bitcast(base, element.as_pointer()), [offset]), i8.as_pointer())
    name, arguments = "llvm.prefetch.p0i8", [i8.as_pointer(), i32, i32, i32]
    b.call(_declare(b, name, ir.VoidType(), arguments), [pointer, *(ir.Constant(i32, each) for each in (0, 2, 1))])


def byte_pair_sums(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Two int16 per lane: the sum of unsigned bytes 0 and 1, and of bytes 2 and 3."""
    if host_has("avx512bw"):
        function = _declare(b, "llvm.x86.avx512.pmaddubs.w.512", V32H, [V64B, V64B])
        return b.call(function, [b.bitcast(x, V64B), ir.Constant(V64B, [1] * 64)])
    low_bytes = splat_int(0x00FF00FF)
    # Bytes 0 and 2 plus bytes 1 and 3: other pairs, the same total, which is all that callers use.
    return b.bitcast(b.add(b.and_(x, low_bytes), b.and_(b.lshr(x, splat_int(8)), low_bytes)), V32H)


def pair_dot(b: ir.IRBuilder, accumulator: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    """Per lane `accumulator + x0*y0 + x1*y1` over the two int16 halves of x and y, wrapping."""
    x, y = b.bitcast(x, V16I), b.bitcast(y, V16I)
    if host_has("avx512vnni"):
        function = _declare(b, "llvm.x86.avx512.vpdpwssd.512", V16I, [V16I, V16I, V16I])
        return b.call(function, [accumulator, x, y])
    if host_has("avx512bw"):
        multiply = _declare(b, "llvm.x86.avx512.pmaddw.d.512", V16I, [V32H, V32H])
        return b.add(accumulator, b.call(multiply, [b.bitcast(x, V32H), b.bitcast(y, V32H)]))
    if host_has("avx2"):
        half, half_result = ir.VectorType(i16, LANES), ir.VectorType(i32, LANES // 2)
        multiply = _declare(b, "llvm.x86.avx2.pmadd.wd", half_result, [half, half])
        xs, ys = b.bitcast(x, V32H), b.bitcast(y, V32H)
        parts = []
        for start in (0, LANES):
            pick = ir.Constant(V16I, list(range(start, start + LANES)))
            parts.append(
                b.call(multiply, [b.shuffle_vector(v, ir.Constant(V32H, ir.Undefined), pick) for v in (xs, ys)])
            )
        return b.add(accumulator, b.shuffle_vector(parts[0], parts[1], ir.Constant(V16I, list(range(LANES)))))
    sixteen = splat_int(16)
    high = b.mul(b.ashr(x, sixteen), b.ashr(y, sixteen))
    low = b.mul(b.ashr(b.shl(x, sixteen), sixteen), b.ashr(b.shl(y, sixteen), sixteen))
    return b.add(accumulator, b.add(high, low))


class Loop:
    """`for i in range(count)` in IR: `with Loop(builder, count) as i:`; the body may hold nested loops."""

    def __init__(self, b: ir.IRBuilder, count: ir.Value) -> None:
        self.b, self.count = b, count

    def __enter__(self) -> ir.Value:
        b = self.b
        before = b.block
        self.head = b.append_basic_block("loop")
        body = b.append_basic_block("body")
        self.after = b.append_basic_block("after")
        b.branch(self.head)
        b.position_at_end(self.head)
        self.index = b.phi(i64)
        self.index.add_incoming(ir.Constant(i64, 0), before)
        b.cbranch(b.icmp_signed("<", self.index, self.count), body, self.after)
        b.position_at_end(body)
        return self.index

    def __exit__(self, *_: object) -> None:
        b = self.b
        self.index.add_incoming(b.add(self.index, ir.Constant(i64, 1)), b.block)
        b.branch(self.head)
        b.position_at_end(self.after)


def vector_pointer(b: ir.IRBuilder, base: ir.Value, offset: ir.Value, element: ir.Type, vector: ir.Type) -> ir.Value:
    """The address of `base[offset]` (in elements) as a pointer to a vector."""
    pointer = b.bitcast(base, element.as_pointer())
    return b.bitcast(b.gep(pointer, [offset]), vector.as_pointer())


def load(b: ir.IRBuilder, base: ir.Value, offset: ir.Value, element: ir.Type, vector: ir.Type) -> ir.Value:
    value = b.load(vector_pointer(b, base, offset, element, vector), typ=vector)
    value.align = 1  # numpy arrays and trellis tiles promise no more than their element's alignment
    return value


def store(b: ir.IRBuilder, value: ir.Value, base: ir.Value, offset: ir.Value, element: ir.Type) -> None:
    b.store(value, vector_pointer(b, base, offset, element, value.type), align=1)


def const(value: int) -> ir.Constant:
    return ir.Constant(i64, value)


def array_data(context: Any, b: ir.IRBuilder, array_type: Any, value: ir.Value) -> ir.Value:
    """The data pointer of a numba array argument."""
    return context.make_array(array_type)(context, b, value).data


def literal(argument: Any) -> Any:
    """The value of a literal argument of an intrinsic."""
    if not isinstance(argument, types.Literal):
        raise TypeError(f"a compile-time constant is needed here, not {argument}")
    return argument.literal_value
