"""The parts of the trellis search that are laid out by `trellis_search_layout`, as intrinsics for one K.

Costs and values are pairs of fp16 in registers. Knows nothing of passes, of seams or of global memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from llvmlite import ir
from numba.core import types

from gpu.kernels.trellis_search_layout import LIMIT, REGISTERS, THREADS, Plan
from gpu.ptx import (
    assembly,
    f32,
    fma,
    i16,
    i32,
    i64,
    instruction,
    items,
    load_words,
    pack_halves,
    permute_bytes,
    word,
)

LOW_HALVES, HIGH_HALVES = 0x5410, 0x7632  # of two registers, as selectors of bytes
VALUES = types.UniTuple(types.uint32, REGISTERS)


class Number:
    """A register that the layout's functions can reckon with as with a whole number."""

    def __init__(self, b: ir.IRBuilder, value: ir.Value) -> None:
        self.value = value
        self._b = b

    def _with(self, name: str, other: Number | int) -> Number:
        value = other.value if isinstance(other, Number) else word(other)
        return Number(self._b, getattr(self._b, name)(self.value, value))

    def __add__(self, other: Number | int) -> Number:
        return self._with("add", other)

    def __and__(self, other: Number | int) -> Number:
        return self._with("and_", other)

    def __or__(self, other: Number | int) -> Number:
        return self._with("or_", other)

    def __xor__(self, other: Number | int) -> Number:
        return self._with("xor", other)

    def __lshift__(self, other: Number | int) -> Number:
        return self._with("shl", other)

    def __rshift__(self, other: Number | int) -> Number:
        return self._with("lshr", other)


def _sum(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return assembly(b, i32, "add.rn.f16x2 $0, $1, $2;", "=r,r,r", [x, y])


def _square_on(b: ir.IRBuilder, x: ir.Value, total: ir.Value) -> ir.Value:
    return assembly(b, i32, "fma.rn.f16x2 $0, $1, $1, $2;", "=r,r,r", [x, total])


def _least(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return assembly(b, i32, "min.f16x2 $0, $1, $2;", "=r,r,r", [x, y])


def _load_shared(b: ir.IRBuilder, address: ir.Value, offset: int, count: int) -> list[ir.Value]:
    """Words of shared memory; what is written there between two barriers is not read between them."""
    if count == 1:
        return [assembly(b, i32, f"ld.shared.u32 $0, [$1+{offset}];", "=r,r,~{memory}", [address], effects=True)]
    places = ",".join(f"${i}" for i in range(count))
    text = f"ld.shared.v{count}.u32 {{{places}}}, [${count}+{offset}];"
    constraints = ",".join(["=r"] * count + ["r", "~{memory}"])
    result = assembly(b, ir.LiteralStructType([i32] * count), text, constraints, [address], effects=True)
    return items(b, result, count)


def _store_shared(b: ir.IRBuilder, address: ir.Value, offset: int, values: Sequence[ir.Value]) -> None:
    places = ",".join(f"${i + 1}" for i in range(len(values)))
    kind = f"v{len(values)}.u32" if len(values) > 1 else "u32"
    text = f"st.shared.{kind} [$0+{offset}], {{{places}}};"
    constraints = ",".join(["r"] * (len(values) + 1) + ["~{memory}"])
    assembly(b, ir.VoidType(), text, constraints, [address, *values], effects=True)


def _store_shared_half(b: ir.IRBuilder, address: ir.Value, offset: int, value: ir.Value) -> None:
    """The low half of a register."""
    text = f"{{.reg .b16 h; cvt.u16.u32 h, $1; st.shared.b16 [$0+{offset}], h;}}"
    assembly(b, ir.VoidType(), text, "r,r,~{memory}", [address, value], effects=True)


@instruction(types.uint32(types.uint32))
def read_word(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """A word of shared memory."""
    return _load_shared(b, address, 0, 1)[0]


@instruction(types.uint32(types.uint32))
def read_half(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The bits of an fp16 in shared memory."""
    text = "{.reg .b16 h; ld.shared.b16 h, [$1]; cvt.u32.u16 $0, h;}"
    return assembly(b, i32, text, "=r,r,~{memory}", [address], effects=True)


@instruction(types.void(types.uint32, types.uint32))
def write_half(b: ir.IRBuilder, address: ir.Value, bits: ir.Value) -> None:
    """Writes the bits of an fp16 to shared memory."""
    _store_shared_half(b, address, 0, bits)


@instruction(types.void(types.uint32, types.uint32))
def lower_to(b: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    """Makes a word of shared memory the smaller of itself and a value, at once for all threads."""
    assembly(b, ir.VoidType(), "red.shared.min.u32 [$0], $1;", "r,r,~{memory}", [address, value], effects=True)


@instruction(types.uint32(types.uint32))
def least_of_warp(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The least of a warp's values, in every lane."""
    return assembly(b, i32, "redux.sync.min.u32 $0, $1, 0xffffffff;", "=r,r", [value], effects=True)


@instruction(types.uint32(types.uint32, types.uint32))
def from_holder(b: ir.IRBuilder, value: ir.Value, holders: ir.Value) -> ir.Value:
    """A lane's value in every lane: of the lowest of the lanes whose bits are set."""
    lowest = b.ctlz(b.and_(holders, b.sub(word(0), holders)), ir.Constant(ir.IntType(1), 0))
    text = "shfl.sync.idx.b32 $0, $1, $2, 0x1f, 0xffffffff;"
    return assembly(b, i32, text, "=r,r,r", [value, b.sub(word(31), lowest)], effects=True)


@instruction(types.void(types.uint64, types.uint32))
def keep_chunk(b: ir.IRBuilder, target: ir.Value, source: ir.Value) -> None:
    """Copies 16 bytes of shared memory to global memory."""
    values = _load_shared(b, source, 0, 4)
    text = "st.global.v4.u32 [$0], {$1,$2,$3,$4};"
    assembly(b, ir.VoidType(), text, "l,r,r,r,r,~{memory}", [target, *values], effects=True)


@instruction(types.float32(types.float32, types.float32))
def scaled_target(b: ir.IRBuilder, value: ir.Value, scale: ir.Value) -> ir.Value:
    """A target times the scale, within the limit; NaN gives the lowest."""
    text = "{.reg .f32 x; max.f32 x, $1, $2; min.f32 x, x, $3; mul.f32 $0, x, $4;}"
    limits = [ir.Constant(f32, -LIMIT), ir.Constant(f32, LIMIT)]
    return assembly(b, f32, text, "=f,f,f,f,f", [value, *limits, scale])


@instruction(types.UniTuple(types.uint32, 2)(types.float32))
def target_parts(b: ir.IRBuilder, value: ir.Value) -> list[ir.Value]:
    """A number with the other sign as fp16, and what that leaves of it, each twice in a register."""
    negative = b.fsub(ir.Constant(f32, -0.0), value)
    high = b.fptrunc(negative, ir.HalfType())
    rest = b.fsub(negative, b.fpext(high, f32))
    return [pack_halves(b, part, part) for part in (b.fpext(high, f32), rest)]


@instruction(VALUES(types.uint64, types.uint32))
def load_values(b: ir.IRBuilder, table: ir.Value, thread: ir.Value) -> list[ir.Value]:
    """The thread's values of a table in the order of registers: words [16, threads, 4]."""
    at = b.add(table, b.zext(b.shl(thread, word(4)), i64))
    found: list[ir.Value] = []
    for i in range(REGISTERS // 4):
        found += load_words(b, b.add(at, ir.Constant(i64, 16 * THREADS * i)), 4)
    return found


class Steps:
    """What depends on K."""

    def __init__(self, plan: Plan) -> None:
        costs_type = types.UniTuple(types.uint32, plan.num_costs)

        @instruction(types.uint32(types.uint32))
        def place(b: ir.IRBuilder, node: ir.Value) -> ir.Value:
            """Where a node's cost is in a row, in halves."""
            result: ir.Value = plan.place(Number(b, node)).value
            return result

        @instruction(costs_type(types.uint32, types.uint32))
        def load_costs(b: ir.IRBuilder, row: ir.Value, thread: ir.Value) -> list[ir.Value]:
            """The thread's costs of a row at a shared address."""
            base, offsets, width = plan.cost_words(Number(b, thread))
            at = b.add(row, (base << 2).value)
            return [each for offset in offsets for each in _load_shared(b, at, 4 * offset, width)]

        @instruction(types.uint32(costs_type))
        def least_cost(b: ir.IRBuilder, costs: ir.Value) -> ir.Value:
            """The least of the thread's costs, as an fp16 in both halves: ordered as whole numbers are."""
            least = reduce(lambda x, y: _least(b, x, y), items(b, costs, plan.num_costs))
            return _least(b, least, permute_bytes(b, least, least, 0x1032))

        @instruction(costs_type(costs_type, types.uint32))
        def lower(b: ir.IRBuilder, costs: ir.Value, by: ir.Value) -> list[ir.Value]:
            """Costs less an fp16 that is in both halves."""
            text = "sub.rn.f16x2 $0, $1, $2;"
            return [assembly(b, i32, text, "=r,r,r", [each, by]) for each in items(b, costs, plan.num_costs)]

        @instruction(types.void(VALUES, costs_type, types.uint32, types.uint32, types.uint32, types.uint32))
        def advance(
            b: ir.IRBuilder, values: ir.Value, costs: ir.Value, target: ir.Value, rest: ir.Value, row: ir.Value,
            thread: ir.Value,
        ) -> None:  # fmt: skip
            """One step: minima over costs and squared errors, written to the row at a shared address.

            target, rest: of `target_parts`.
            """
            all_values, all_costs = items(b, values, REGISTERS), items(b, costs, plan.num_costs)

            def output(number: int) -> ir.Value:
                least = None
                for term in range(plan.num_terms):
                    error = _sum(b, all_values[number * plan.num_terms + term], target)
                    if plan.splits_targets:
                        error = _sum(b, error, rest)
                    total = _square_on(b, error, all_costs[plan.cost_of(number, term)])
                    least = total if least is None else _least(b, least, total)
                return least

            (_store_pairs if plan.pairs_mids else _store_folded)(b, plan, output, row, Number(b, thread))

        @instruction(types.UniTuple(types.uint32, 2)(
            types.uint64, types.uint32, types.uint32, types.uint32, types.uint64, types.uint32
        ))  # fmt: skip
        def try_paths(
            b: ir.IRBuilder, row: ir.Value, entry: ir.Value, node: ir.Value, targets: ir.Value, table: ir.Value,
            lane: ir.Value,
        ) -> list[ir.Value]:  # fmt: skip
            """The cheapest of a lane's share of the paths through `kept_every` steps that end in a node.

            row: address of the costs before the steps; 0 where only the node `entry` is possible.  targets: shared
            address of the steps' float32 targets.  table: address of fp16 values by state.

            Returns:
                its cost, as the bits of a float32 that is not negative, and the bits of its first node and symbols.
            """
            aims = [b.bitcast(each, f32) for i in range(plan.kept_every) for each in _load_shared(b, targets, 4 * i, 1)]
            has_row = b.icmp_unsigned("!=", row, ir.Constant(i64, 0))
            # A thread without a row reads the table in its place: the addresses are sound, the values not used.
            source = b.select(has_row, row, table)
            turns = range(max(1, (1 << plan.span) // 32))
            paths = [b.or_(b.shl(b.add(lane, word(32 * turn)), word(plan.node_bits)), node) for turn in turns]
            nodes = [b.lshr(path, word(plan.span)) for path in paths]
            costs = [_half_at(b, source, plan.place(Number(b, each)).value) for each in nodes]
            read: list[list[ir.Value]] = [[] for _ in turns]
            for i in range(plan.kept_every):
                # The states of a step hold only the low bits of what tells the paths apart: some turns share them.
                shared_bits = max(0, plan.bits * (plan.kept_every - i) - 5)
                found: dict[int, ir.Value] = {}
                for turn in turns:
                    key = turn & ((1 << shared_bits) - 1)
                    if key not in found:
                        shift = word(plan.bits * (plan.kept_every - 1 - i))
                        found[key] = _half_at(b, table, b.and_(b.lshr(paths[turn], shift), word(0xFFFF)))
                    read[turn].append(found[key])
            best = best_path = None
            for path, before, cost, own in zip(paths, nodes, costs, read):
                is_entry = b.icmp_unsigned("==", before, entry)
                bound = b.select(is_entry, ir.Constant(f32, 0.0), ir.Constant(f32, 1e38))
                total = b.select(has_row, _float_of(b, cost), bound)
                for value, aim in zip(own, aims):
                    error = b.fsub(_float_of(b, value), aim)
                    total = fma(b, error, error, total)
                if best is None:
                    best, best_path = total, path
                    continue
                is_less = b.fcmp_ordered("<", total, best)
                best, best_path = b.select(is_less, total, best), b.select(is_less, path, best_path)
            return [b.bitcast(best, i32), best_path]

        self.place, self.load_costs, self.least_cost = place, load_costs, least_cost
        self.lower, self.advance, self.try_paths = lower, advance, try_paths


def _half_at(b: ir.IRBuilder, address: ir.Value, index: ir.Value) -> ir.Value:
    """The bits of one of the fp16 at a global address; loads stay in order, so that many are on their way at once."""
    place = b.add(address, b.zext(b.shl(index, word(1)), i64))
    return assembly(b, i16, "ld.global.b16 $0, [$1];", "=h,l,~{memory}", [place], effects=True)


def _float_of(b: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    return b.fpext(b.bitcast(bits, ir.HalfType()), f32)


def _store_pairs(b: ir.IRBuilder, plan: Plan, output: Any, row: ir.Value, thread: Number) -> None:
    """Writes outputs whose halves are neighbours in `mid`: two outputs exchange halves first."""
    outputs: dict[int, ir.Value] = {}
    for base, offset, words in plan.stores(thread):
        at = b.add(row, (base << 2).value)
        values = []
        for first, half in words:
            for number in (first, first + 1):
                if number not in outputs:
                    outputs[number] = output(number)
            selector = HIGH_HALVES if half else LOW_HALVES
            values.append(permute_bytes(b, outputs[first], outputs[first + 1], selector))
        _store_shared(b, at, 4 * offset, values)


def _store_folded(b: ir.IRBuilder, plan: Plan, output: Any, row: ir.Value, thread: Number) -> None:
    """Writes outputs whose halves are neighbours in `j`: the smaller half is the minimum."""
    pairs = []
    for first in range(0, plan.num_outputs, 2):
        x, y = output(first), output(first + 1)
        pair = _least(b, permute_bytes(b, x, y, LOW_HALVES), permute_bytes(b, x, y, HIGH_HALVES))
        for distance in range(plan.shares.bit_length() - 1):
            text = f"shfl.sync.bfly.b32 $0, $1, {1 << distance}, 0x1f, 0xffffffff;"
            pair = _least(b, pair, assembly(b, i32, text, "=r,r", [pair], effects=True))
        pairs.append(pair)
    if plan.shares > 1:
        at = b.add(row, (plan.shared_store(thread) << 1).value)
        if plan.bits == 8:
            _store_shared(b, at, 0, pairs)  # the same from all that share it
        else:
            is_second = b.icmp_unsigned("!=", (thread & 1).value, word(0))
            _store_shared_half(b, at, 0, b.select(is_second, b.lshr(pairs[0], word(16)), pairs[0]))
        return
    for number, (base, offset) in enumerate(plan.half_stores(thread)):
        pair = pairs[number // 2]
        value = b.lshr(pair, word(16)) if number % 2 else pair
        _store_shared_half(b, b.add(row, (base << 1).value), 2 * offset, value)
