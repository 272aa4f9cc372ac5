"""One step of the trellis search as vector IR: sixteen tiles side by side, one in each lane.

A node is the low 16 - K bits of the state at a position of the stream. The 2^K nodes that agree in their low bits
lead to the same 2^K nodes, so a step falls into groups of 4^K candidates that read 2^K costs and write 2^K.
The number of the best predecessor travels in the lowest K bits of a candidate's cost: one integer minimum then finds
the cost and the predecessor, and the cost loses 2^-15 of itself at most, far below what a step adds.
Source of the rule: section 6.8 of the format description. Knows nothing of tiles' order or of tail-biting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
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
    i8,
    literal,
    load,
    splat_float,
    splat_int,
    store,
    vector_pointer,
)

STATE_BITS = 16
UNROLLED_BITS = 4  # up to here the costs that a group reads stay in registers


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def search_step(
    typingctx: Any,
    costs: Any,  # float32 [nodes * 16], of the position before
    next_costs: Any,  # float32 [nodes * 16], written
    pointers: Any,  # uint8: the best predecessor's number of each node is written from `first_pointer` on
    first_pointer: Any,
    table: Any,  # float32 [nodes * 2^K], the value of state j * nodes + node at node * 2^K + j
    targets: Any,  # float32, sixteen tiles' targets at `first_target`
    first_target: Any,
    least: Any,  # float32 [16], the least of `costs` for each lane; replaced by that of `next_costs`
    bits: Any,
) -> Any:
    """Extends all paths by one weight; the least cost of the position before is taken off every new cost."""
    signature = types.void(
        costs, next_costs, pointers, first_pointer, table, targets, first_target, least, bits
    )  # fmt: skip
    num_bits = literal(bits)

    def generate(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        arrays = [array_data(context, b, signature.args[i], arguments[i]) for i in (0, 1, 2, 4, 5, 7)]
        _Step(b, num_bits, arrays, arguments[3], arguments[6]).emit()
        return context.get_dummy_value()

    return signature, generate


class _Step:
    """Emits the loops of one step."""

    def __init__(
        self, b: ir.IRBuilder, bits: int, arrays: list[ir.Value], first_pointer: ir.Value, first_target: ir.Value
    ) -> None:
        self.b, self.bits = b, bits
        self.costs, self.next_costs, self.pointers, self.table, targets, self.least = arrays
        self.first_pointer = first_pointer
        self.node_bits = STATE_BITS - bits
        self.target = load(b, targets, first_target, f32, V16F)
        self.before = load(b, self.least, const(0), f32, V16F)
        self.new_least = cgutils.alloca_once_value(b, splat_float(float("inf")))
        if bits > UNROLLED_BITS:
            self.gathered = cgutils.alloca_once(b, V16F, size=1 << bits)

    def emit(self) -> None:
        b, fan = self.b, 1 << self.bits
        with Loop(b, const(1 << (self.node_bits - self.bits))) as group:
            if self.bits <= UNROLLED_BITS:
                known = [self._cost(group, const(j)) for j in range(fan)]
                for i in range(fan):
                    self._nodes(group, [const(i)], known.__getitem__)
            else:
                # The group's costs lie a power of two apart, where they would drive each other out of the cache.
                with Loop(b, const(fan)) as j:
                    store(b, self._cost(group, j), self.gathered, b.mul(j, const(LANES)), f32)
                with Loop(b, const(fan // 2)) as half:
                    first = b.shl(half, const(1))
                    self._nodes(group, [first, b.add(first, const(1))], self._gathered_cost)
        store(b, b.load(self.new_least), self.least, const(0), f32)

    def _cost(self, group: ir.Value, j: ir.Value) -> ir.Value:
        b = self.b
        node = b.add(group, b.shl(j, const(self.node_bits - self.bits)))
        return load(b, self.costs, b.mul(node, const(LANES)), f32, V16F)

    def _gathered_cost(self, j: int) -> ir.Value:
        return load(self.b, self.gathered, const(j * LANES), f32, V16F)

    def _nodes(self, group: ir.Value, numbers: list[ir.Value], cost_of: Callable[[int], ir.Value]) -> None:
        """The best ways into the nodes `group * 2^K + number`."""
        b = self.b
        nodes = [b.add(b.shl(group, const(self.bits)), number) for number in numbers]
        best: list[ir.Value] = []
        for j in range(1 << self.bits):
            cost = cost_of(j)
            candidates = [self._candidate(node, cost, j) for node in nodes]
            best = [self._smaller(*pair) for pair in zip(best, candidates)] if best else candidates
        for node, each in zip(nodes, best):
            self._finish(node, each)

    def _candidate(self, node: ir.Value, cost: ir.Value, j: int) -> ir.Value:
        b = self.b
        place = b.add(b.shl(node, const(self.bits)), const(j))
        value = b.load(vector_pointer(b, self.table, place, f32, f32), typ=f32)
        error = b.fsub(self.target, broadcast(b, value))
        total = b.bitcast(fma(b, error, error, cost), V16I)
        return b.or_(b.and_(total, splat_int(-1 << self.bits)), splat_int(j))

    def _smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        # Costs are not negative, and such floats are ordered as their bits are.
        return self.b.select(self.b.icmp_signed("<", y, x), y, x)

    def _finish(self, node: ir.Value, best: ir.Value) -> None:
        b = self.b
        offset = b.mul(node, const(LANES))
        number = b.trunc(b.and_(best, splat_int((1 << self.bits) - 1)), ir.VectorType(i8, LANES))
        store(b, number, self.pointers, b.add(self.first_pointer, offset), i8)
        cost = b.fsub(b.bitcast(best, V16F), self.before)
        cost = b.select(b.fcmp_ordered(">", cost, splat_float(0.0)), cost, splat_float(0.0))
        store(b, cost, self.next_costs, offset, f32)
        least = b.load(self.new_least)
        b.store(b.select(b.fcmp_ordered("<", cost, least), cost, least), self.new_least)
