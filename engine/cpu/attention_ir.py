"""The inner loops of attention as numba intrinsics: a few rows times pages as they are stored, dots, and maxima.

A product keeps its sums in registers, and how many fit depends on the host: 4 rows x 64 columns with AVX-512's 32
registers, 4 x 16 with AVX2's. Each sum goes over its steps in ascending order on either. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from engine.cpu.vector_ir import (
    LANES,
    V16F,
    Loop,
    array_data,
    broadcast,
    const,
    f32,
    fma,
    i16,
    lanes_int,
    load,
    prefetch,
    splat_float,
    store,
    vector_pointer,
    vectors_at_once,
)

TILE_COLUMNS = 64  # of the product's tiles; what is left goes by vectors
GROUPED_ROWS = 4
DOT_LINES = 16


@intrinsic  # type: ignore[misc]
def multiply_rows(
    typingctx: Any,
    x: Any,  # float32 [rows, steps], from `first_x` with `x_stride`
    first_x: Any,
    x_stride: Any,
    source: Any,  # uint16 (fp16 bits) or float32 [steps, columns], from `first_source` with `source_stride`
    first_source: Any,
    source_stride: Any,
    ahead: Any,  # elements from here to what will be multiplied next, which is fetched meanwhile
    output: Any,  # float32 [rows, columns]: added to
    first_output: Any,
    output_stride: Any,
    steps: Any,
    rows: Any,
    columns: Any,
) -> Any:
    """output += x source for any number of rows; columns a multiple of 16."""
    signature = types.void(
        x, first_x, x_stride, source, first_source, source_stride, ahead, output, first_output, output_stride, steps,
        rows, columns,
    )  # fmt: skip
    halves = source.dtype == types.uint16

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        x_p, source_p, out_p = (array_data(context, b, sig.args[i], args[i]) for i in (0, 3, 7))
        x_first, x_stride, source_first, source_stride, ahead, out_first, out_stride, steps, rows, columns = (
            args[i] for i in (1, 2, 4, 5, 6, 8, 9, 10, 11, 12)
        )
        tiles = b.sdiv(columns, const(TILE_COLUMNS))
        done = b.mul(tiles, const(TILE_COLUMNS))
        rest = b.sdiv(b.sub(columns, done), const(LANES))
        for count, first, vectors in ((tiles, const(0), TILE_COLUMNS // LANES), (rest, done, 1)):
            with Loop(b, count) as tile:
                column = b.add(first, b.mul(tile, const(LANES * vectors)))
                at_source, at_output = b.add(source_first, column), b.add(out_first, column)
                source_rows = _Matrix(source_p, at_source, source_stride)

                def tile_of(num_rows: int, row: ir.Value, width: int = vectors, held: _Matrix = source_rows,
                            at: ir.Value = at_output) -> None:  # fmt: skip
                    x_rows = _Matrix(x_p, b.add(x_first, b.mul(row, x_stride)), x_stride)
                    outs = _Matrix(out_p, b.add(at, b.mul(row, out_stride)), out_stride)
                    _multiply_tile(b, (x_rows, held, outs), steps, ahead, (num_rows, width), halves)

                _by_rows(b, rows, tile_of)
        return context.get_dummy_value()

    return signature, codegen


@dataclass(frozen=True)
class _Matrix:
    """Where values of a matrix lie: base pointer, first element, elements from row to row."""

    base: ir.Value
    first: ir.Value
    stride: ir.Value

    def row(self, b: ir.IRBuilder, index: ir.Value) -> ir.Value:
        return b.add(self.first, b.mul(index, self.stride))


def _by_rows(b: ir.IRBuilder, rows: ir.Value, tile_of: Callable[[int, ir.Value], None]) -> None:
    """Emits `tile_of(number, first row)` for all whole groups of rows and for what is left."""
    whole = b.sdiv(rows, const(GROUPED_ROWS))
    with Loop(b, whole) as group:
        tile_of(GROUPED_ROWS, b.mul(group, const(GROUPED_ROWS)))
    first = b.mul(whole, const(GROUPED_ROWS))
    end = b.append_basic_block("rows_done")
    cases = [b.append_basic_block(f"rows_{count}") for count in range(1, GROUPED_ROWS)]
    choice = b.switch(b.sub(rows, first), end)
    for count, block in enumerate(cases, 1):
        choice.add_case(ir.Constant(rows.type, count), block)
        b.position_at_end(block)
        tile_of(count, first)
        b.branch(end)
    b.position_at_end(end)


def _multiply_tile(
    b: ir.IRBuilder, matrices: tuple[_Matrix, _Matrix, _Matrix], steps: ir.Value, ahead: ir.Value,
    size: tuple[int, int], halves: bool,
) -> None:  # fmt: skip
    """Adds one tile of `size` rows and vectors of x, source and output, its sums in registers."""
    (x, source, out), (num_rows, num_vectors) = matrices, size
    for part in vectors_at_once(num_vectors):
        outs = [b.add(out.row(b, const(m)), const(LANES * c)) for m in range(num_rows) for c in part]
        slots = [cgutils.alloca_once(b, V16F) for _ in outs]
        for slot, at in zip(slots, outs, strict=True):
            b.store(load(b, out.base, at, f32, V16F), slot)
        with Loop(b, steps) as step:
            line = source.row(b, step)
            columns = [_values(b, source.base, b.add(line, const(LANES * c)), halves) for c in part]
            if halves:
                for c in part[::2]:  # two vectors of halves fill a cache line
                    prefetch(b, source.base, b.add(b.add(line, ahead), const(LANES * c)), i16)
            for m in range(num_rows):
                at = b.add(x.row(b, const(m)), step)
                spread = broadcast(b, b.load(vector_pointer(b, x.base, at, f32, f32), align=4))
                for slot, column in zip(slots[m * len(part) : (m + 1) * len(part)], columns, strict=True):
                    b.store(fma(b, spread, column, b.load(slot)), slot)
        for slot, at in zip(slots, outs, strict=True):
            store(b, b.load(slot), out.base, at, f32)


def _values(b: ir.IRBuilder, source: ir.Value, offset: ir.Value, halves: bool) -> ir.Value:
    if not halves:
        return load(b, source, offset, f32, V16F)
    bits = load(b, source, offset, i16, ir.VectorType(i16, LANES))
    return b.fpext(b.bitcast(bits, ir.VectorType(ir.HalfType(), LANES)), V16F)


@intrinsic  # type: ignore[misc]
def dot_lines(typingctx: Any, x: Any, first_x: Any, lines: Any, count: Any, output: Any, first_output: Any) -> Any:
    """output[...] = the dots of x with 16 lines float32 [16, count], `count` a multiple of 16."""
    signature = types.void(x, first_x, lines, count, output, first_output)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        x_p, lines_p, out_p = (array_data(context, b, sig.args[i], args[i]) for i in (0, 2, 4))
        slots = [cgutils.alloca_once(b, V16F) for _ in range(DOT_LINES)]
        for slot in slots:
            b.store(splat_float(0.0), slot)
        firsts = [b.mul(args[3], const(line)) for line in range(DOT_LINES)]
        with Loop(b, b.sdiv(args[3], const(LANES))) as i:
            offset = b.mul(i, const(LANES))
            left = load(b, x_p, b.add(args[1], offset), f32, V16F)
            for slot, first in zip(slots, firsts, strict=True):
                right = load(b, lines_p, b.add(first, offset), f32, V16F)
                b.store(fma(b, left, right, b.load(slot)), slot)
        store(b, _sums_of_lanes(b, [b.load(slot) for slot in slots]), out_p, args[5], f32)
        return context.get_dummy_value()

    return signature, codegen


def _sums_of_lanes(b: ir.IRBuilder, vectors: list[ir.Value]) -> ir.Value:
    """Lane i is the sum over the lanes of vector i: halves of two vectors are added in one, until one is left."""
    width = LANES // 2
    while len(vectors) > 1:
        # Blocks of `width` lanes of one vector alternate with those of the vector half the list away.
        low = [(lane % width) + 2 * width * (lane // (2 * width)) for lane in range(LANES)]
        low = [at + (LANES if lane // width % 2 else 0) for lane, at in enumerate(low)]
        high = [at + width for at in low]
        half = len(vectors) // 2
        vectors = [
            b.fadd(
                b.shuffle_vector(vectors[i], vectors[i + half], lanes_int(low)),
                b.shuffle_vector(vectors[i], vectors[i + half], lanes_int(high)),
            )
            for i in range(half)
        ]
        width //= 2
    return vectors[0]


@intrinsic  # type: ignore[misc]
def largest_of(typingctx: Any, values: Any, first: Any, count: Any) -> Any:
    """The largest of `count` float32 values (a multiple of 16), -inf at least; NaN is passed over."""
    signature = types.float32(values, first, count)

    def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
        base = array_data(context, b, sig.args[0], args[0])
        slot = cgutils.alloca_once(b, V16F)
        b.store(splat_float(float("-inf")), slot)
        with Loop(b, b.sdiv(args[2], const(LANES))) as i:
            value = load(b, base, b.add(args[1], b.mul(i, const(LANES))), f32, V16F)
            known = b.load(slot)
            b.store(b.select(b.fcmp_ordered(">", value, known), value, known), slot)
        best = b.load(slot)
        for width in (8, 4, 2, 1):
            other = b.shuffle_vector(best, best, lanes_int([(lane + width) % LANES for lane in range(LANES)]))
            best = b.select(b.fcmp_ordered(">", other, best), other, best)
        return b.extract_element(best, ir.Constant(ir.IntType(32), 0))

    return signature, codegen
