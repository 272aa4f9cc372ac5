"""Steps of the trellis search as vector IR: sixteen tiles side by side, one in each lane.

A node is the low 16 - K bits of the state at a position of the stream. The 2^K nodes that agree in their low bits
lead to the same 2^K nodes, so a step falls into groups of 4^K candidates that read 2^K costs and write 2^K. Where
registers hold the costs between them, two positions are searched in one step, so that costs travel half as often.
The number of the best predecessor travels in the lowest K bits of a candidate's cost: one integer minimum then finds
the cost and the predecessor, and the cost loses 2^-15 of itself at most, far below what a step adds.
Source of the rule: section 6.8 of the format description. Knows nothing of tiles' order or of tail-biting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    i32,
    literal,
    load,
    splat_float,
    splat_int,
    store,
    vector_pointer,
)

STATE_BITS = 16
UNROLLED_BITS = 3  # up to here the costs that a group reads stay in registers
# Above that, so many nodes share the costs that they read, so many predecessors at a time.
NODES_AT_ONCE, PREDECESSORS_AT_ONCE = 4, 16
# Costs that a group reads lie a power of two apart, where caches would hold few of them at once. So a gap follows each
# stretch of nodes with the same upper digits.
GAP = 5


@dataclass(frozen=True)
class StepPlan:
    """How a step is cut up at one bit width.

    Attributes:
        positions: of the stream, searched in one step.
        nodes_per_word: best predecessors that share a word, the first node's in its highest bits.
        word_bytes: 1 or 4.
    """

    positions: int
    nodes_per_word: int
    word_bytes: int


_PLANS = {1: StepPlan(2, 4, 1), 2: StepPlan(2, 16, 4), 3: StepPlan(1, 8, 4)}


def step_plan(bits: int) -> StepPlan:
    return _PLANS.get(bits, StepPlan(1, 1, 1))


def stretch_bits(bits: int) -> int:
    """A stretch has two to the power of so many nodes; the costs of node n begin at (n + GAP * its stretch) * 16."""
    return STATE_BITS - bits - bits * step_plan(bits).positions


def cost_places(bits: int) -> int:
    """Nodes and gaps together."""
    return (1 << (STATE_BITS - bits)) + (GAP << (bits * step_plan(bits).positions))


@intrinsic(prefer_literal=True)  # type: ignore[misc]
def search_step(
    typingctx: Any,
    costs: Any,  # float32 [2 * cost_places * 16]: half of it is read, and what follows is written to the other half
    source: Any,  # where the half that is read begins
    target: Any,  # and the half that is written
    words: Any,  # the numbers of the best predecessors are written from `first_word` on, position by position
    first_word: Any,
    table: Any,  # float32 [nodes * 2^K], the value of state j * nodes + node at node * 2^K + j
    targets: Any,  # float32, sixteen tiles' targets at `first_target`
    first_target: Any,
    taken_off: Any,  # float32 [2, 16], replaced: what `costs` are too high by, and the least that is left of them
    bits: Any,
) -> Any:
    """Extends all paths by a step; the least cost of the position before is taken off every new cost.

    That is done when costs are read again: costs are written before the least of them is known.
    """
    signature = types.void(
        costs, source, target, words, first_word, table, targets, first_target, taken_off, bits
    )  # fmt: skip
    num_bits = literal(bits)

    def generate(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        data = {i: array_data(context, b, signature.args[i], arguments[i]) for i in (0, 3, 5, 6, 8)}
        memory = _Memory(data[0], arguments[1], arguments[2], data[3], arguments[4], data[5], data[8])
        wanted = [
            load(b, data[6], b.add(arguments[7], const(i * LANES)), f32, V16F)
            for i in range(step_plan(num_bits).positions)
        ]
        _Step(b, num_bits, memory, wanted).emit()
        return context.get_dummy_value()

    return signature, generate


@dataclass(frozen=True)
class _Memory:
    """Addresses, and places in them as `search_step` names them."""

    costs: ir.Value
    source: ir.Value
    target: ir.Value
    words: ir.Value
    first_word: ir.Value
    table: ir.Value
    taken_off: ir.Value


CostOf = Callable[[int], ir.Value]


class _Step:
    """Emits the loops of one step."""

    def __init__(self, b: ir.IRBuilder, bits: int, memory: _Memory, wanted: Sequence[ir.Value]) -> None:
        self.b, self.bits, self.memory, self.wanted = b, bits, memory, wanted
        self.plan, self.fan = step_plan(bits), 1 << bits
        self.node_bits, self.stretch_bits = STATE_BITS - bits, stretch_bits(bits)
        self.excess = load(b, memory.taken_off, const(0), f32, V16F)
        self.before = load(b, memory.taken_off, const(LANES), f32, V16F)
        self.least = [cgutils.alloca_once_value(b, splat_float(float("inf"))) for _ in wanted]
        if bits > UNROLLED_BITS:
            self.gathered = cgutils.alloca_once(b, V16F, size=self.fan)
            self.best = [cgutils.alloca_once(b, V16I) for _ in range(NODES_AT_ONCE)]

    def emit(self) -> None:
        b = self.b
        with Loop(b, const(1 << self.stretch_bits)) as group:
            if self.plan.positions == 2:
                self._two_positions(group)
            elif self.bits <= UNROLLED_BITS:
                self._one_position(group)
            else:
                self._wide_position(group)
        excess = self.before
        if self.plan.positions == 2:
            excess = self._reduced(b.load(self.least[0]), self.before)
        store(b, excess, self.memory.taken_off, const(0), f32)
        store(b, self._reduced(b.load(self.least[-1]), excess), self.memory.taken_off, const(LANES), f32)

    def _two_positions(self, group: ir.Value) -> None:
        """Nodes of the digits (a, b, group) lead to (b, group, x), and those to (group, x, y)."""
        b, fan, bits = self.b, self.fan, self.bits
        between: list[list[ir.Value]] = []
        best: list[ir.Value] = []
        for digit in range(fan):
            known = [self._cost(group, const(a * fan + digit)) for a in range(fan)]
            first = b.add(b.shl(group, const(bits)), const(digit << (self.node_bits - bits)))
            own = [self._best(b.add(first, const(x)), known.__getitem__, 0) for x in range(fan)]
            best += own
            between.append([self._reduced(b.bitcast(each, V16F), self.before) for each in own])
        self._write_word(group, best)
        best = []
        first = b.shl(group, const(2 * bits))
        for x in range(fan):
            known = [row[x] for row in between]
            for y in range(fan):
                node = b.add(first, const(x * fan + y))
                best.append(self._best(node, known.__getitem__, 1))
                self._write_cost(node, best[-1])
        self._write_word(b.add(group, const((1 << self.node_bits) // self.plan.nodes_per_word)), best)

    def _one_position(self, group: ir.Value) -> None:
        b = self.b
        known = [self._cost(group, const(j)) for j in range(self.fan)]
        best = []
        for i in range(self.fan):
            node = b.add(b.shl(group, const(self.bits)), const(i))
            best.append(self._best(node, known.__getitem__, 0))
            self._write_cost(node, best[-1])
        self._write_word(group, best)

    def _wide_position(self, group: ir.Value) -> None:
        b = self.b
        with Loop(b, const(self.fan)) as j:
            store(b, self._cost(group, j), self.gathered, b.mul(j, const(LANES)), f32)
        with Loop(b, const(self.fan // NODES_AT_ONCE)) as part:
            first = b.add(b.shl(group, const(self.bits)), b.mul(part, const(NODES_AT_ONCE)))
            nodes = [b.add(first, const(i)) for i in range(NODES_AT_ONCE)]
            for best in self.best:
                b.store(splat_int(0x7FFFFFFF), best)
            with Loop(b, const(self.fan // PREDECESSORS_AT_ONCE)) as run:
                self._predecessors(nodes, b.mul(run, const(PREDECESSORS_AT_ONCE)))
            for node, best in zip(nodes, self.best):
                self._note(b.load(best), 0)
                self._write_cost(node, b.load(best))
                self._write_word(node, [b.load(best)])

    def _predecessors(self, nodes: Sequence[ir.Value], first: ir.Value) -> None:
        """Takes a run of predecessors into `best`; inside it they are told apart by the lowest bits of their number."""
        b = self.b
        found: list[ir.Value] = []
        for j in range(PREDECESSORS_AT_ONCE):
            cost = load(b, self.gathered, b.mul(b.add(first, const(j)), const(LANES)), f32, V16F)
            candidates = [self._candidate(node, cost, j, 0, first) for node in nodes]
            found = [self._smaller(*pair) for pair in zip(found, candidates)] if found else candidates
        upper = broadcast(b, b.trunc(first, i32))
        for best, each in zip(self.best, found):
            b.store(self._smaller(b.load(best), b.or_(each, upper)), best)

    def _cost(self, group: ir.Value, stretch: ir.Value) -> ir.Value:
        b = self.b
        place = b.add(group, b.mul(stretch, const((1 << self.stretch_bits) + GAP)))
        place = b.add(self.memory.source, b.mul(place, const(LANES)))
        return self._reduced(load(b, self.memory.costs, place, f32, V16F), self.excess)

    def _reduced(self, cost: ir.Value, by: ir.Value) -> ir.Value:
        cost = self.b.fsub(cost, by)
        return self.b.select(self.b.fcmp_ordered(">", cost, splat_float(0.0)), cost, splat_float(0.0))

    def _best(self, node: ir.Value, cost_of: CostOf, position: int) -> ir.Value:
        best = self._candidate(node, cost_of(0), 0, position)
        for j in range(1, self.fan):
            best = self._smaller(best, self._candidate(node, cost_of(j), j, position))
        self._note(best, position)
        return best

    def _candidate(
        self, node: ir.Value, cost: ir.Value, j: int, position: int, first: ir.Value | None = None
    ) -> ir.Value:
        """The cost of coming from predecessor `j`, counted from `first` on, with `j` in its lowest bits."""
        b = self.b
        place = b.add(b.shl(node, const(self.bits)), const(j))
        if first is not None:
            place = b.add(place, first)
        value = b.load(vector_pointer(b, self.memory.table, place, f32, f32), typ=f32)
        error = b.fsub(self.wanted[position], broadcast(b, value))
        total = b.bitcast(fma(b, error, error, cost), V16I)
        return b.or_(b.and_(total, splat_int(-1 << self.bits)), splat_int(j))

    def _smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        # Costs are not negative, and such floats are ordered as their bits are.
        return self.b.select(self.b.icmp_signed("<", y, x), y, x)

    def _note(self, best: ir.Value, position: int) -> None:
        b = self.b
        cost, least = b.bitcast(best, V16F), b.load(self.least[position])
        b.store(b.select(b.fcmp_ordered("<", cost, least), cost, least), self.least[position])

    def _write_cost(self, node: ir.Value, best: ir.Value) -> None:
        b = self.b
        gaps = b.mul(b.lshr(node, const(self.stretch_bits)), const(GAP))
        place = b.add(self.memory.target, b.mul(b.add(node, gaps), const(LANES)))
        store(b, b.bitcast(best, V16F), self.memory.costs, place, f32)

    def _write_word(self, number: ir.Value, best: Sequence[ir.Value]) -> None:
        b = self.b
        mask = splat_int(self.fan - 1)
        word = b.and_(best[0], mask)
        for each in best[1:]:
            word = b.or_(b.shl(word, splat_int(self.bits)), b.and_(each, mask))
        place = b.add(self.memory.first_word, b.mul(number, const(LANES)))
        if self.plan.word_bytes == 1:
            store(b, b.trunc(word, ir.VectorType(i8, LANES)), self.memory.words, place, i8)
        else:
            store(b, word, self.memory.words, place, i32)
