"""The pieces of the attention kernels that need PTX or many registers: a step of 32 keys, its operands, its copies.

A warp holds 16 query rows. Lane = 4 * column + quad holds, of 32 consecutive values of a head, those from 8 * quad;
column n of score tile j is key 8 * (n / 2) + 2 * j + n % 2. Every operand is then 16 bytes of a lane, in operand order
as they lie in the cache: the order of the values of a head, and of the keys of a step, may be permuted as long as both
operands agree. Knows nothing of tiles, splits or pages.
Source: online softmax over key blocks (FlashAttention), operand layouts of mma.m16n8k16 in the PTX manual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.cuda.extending import intrinsic

from gpu.kernels.attention_layout import WARPS
from gpu.kernels.attention_scores import capped
from gpu.kernels.page_layout import PAGE
from gpu.ptx import (
    assembly,
    f32,
    global_load,
    global_store,
    i32,
    i64,
    instruction,
    items,
    load_words,
    mma_m16n8k16,
    pack_halves,
    vector_of,
    word,
)

MASKED = -1e30  # a finite stand-in for -inf, so that no inf - inf arises
LOWEST = MASKED / 2  # of maxima: above MASKED, so that the weight of a hidden key is 0 even where a row sees none
PIECE = 512  # bytes of one operand of a warp: 16 for each lane
EARLY_VALUES = 2  # operands of V that are under way while the weights are computed

Words = list[ir.Value]
# In signatures: two rows, whether they are, and a step's first key, limits and oldest keys.
ADDRESSES, BOOLS, LIMITS = [types.uint64] * 2, [types.boolean] * 2, [types.int32] * 5


def _exp2(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    return assembly(b, f32, "ex2.approx.ftz.f32 $0, $1;", "=f,f", [x])


def _larger(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return assembly(b, f32, "max.f32 $0, $1, $2;", "=f,f,f", [x, y])


def _across_quad(b: ir.IRBuilder, x: ir.Value, combine: Any) -> ir.Value:
    """The value combined over the four lanes that share a row."""
    for mask in (1, 2):
        text = f"shfl.sync.bfly.b32 $0, $1, {mask}, 31, -1;"
        x = combine(x, assembly(b, f32, text, "=f,f", [x], effects=True))
    return x


def shared_words(b: ir.IRBuilder, address: ir.Value, offset: int) -> Words:
    """Four words of shared memory; volatile, for out of the loop they would take too many registers."""
    result = ir.LiteralStructType([i32] * 4)
    text = f"ld.volatile.shared.v4.u32 {{$0,$1,$2,$3}}, [$4+{offset}];"
    return items(b, assembly(b, result, text, "=r,=r,=r,=r,r,~{memory}", [address], effects=True), 4)


def _first_key(b: ir.IRBuilder, lane: ir.Value) -> ir.Value:
    """The key, of a step's 32, that a lane loads for score tile 0."""
    column = b.lshr(lane, word(2))
    return b.add(b.shl(b.lshr(column, word(1)), word(3)), b.and_(column, word(1)))


def _k_offset(b: ir.IRBuilder, lane: ir.Value, tile: ir.Value, padded: int) -> ir.Value:
    key = b.add(_first_key(b, lane), b.shl(tile, word(1)))
    return b.zext(b.mul(key, word(2 * padded)), i64)


class Operands:
    """Where a step's operands come from; each method gives the words of a lane."""

    def __init__(
        self, query: Callable[[int], Words], key: Callable[[int, int], Words], value: Callable[[int], Words]
    ) -> None:
        self.query = query  # 8 words of a chunk of 32 values
        self.key = key  # 4 words of a score tile and a chunk
        self.value = value  # 4 words of 8 values of a head


def _scores(b: ir.IRBuilder, operands: Operands, chunks: int) -> list[Words]:
    """Four tiles of 16 x 8 scores."""
    scores: list[Words] = [[ir.Constant(f32, 0.0)] * 4 for _ in range(4)]
    for chunk in range(chunks):
        q = operands.query(chunk)
        for j in range(4):
            k = operands.key(j, chunk)
            for half in (0, 1):
                scores[j] = mma_m16n8k16(b, q[4 * half : 4 * half + 4], k[2 * half : 2 * half + 2], scores[j])
    return scores


def hide(b: ir.IRBuilder, scores: list[Words], first_key: ir.Value, quad: ir.Value, limits: Words) -> list[Words]:
    """The scores, MASKED for keys outside of a row's oldest <= key <= limit; limits: two limits, two oldest."""
    hidden: list[Words] = [[] for _ in scores]
    for j in range(4):
        for i in range(4):  # columns 2 * quad and 2 * quad + 1 of tile j are keys 8 * quad + 2 * j (+ 1)
            key = b.add(first_key, b.add(b.shl(quad, word(3)), word(2 * j + i % 2)))
            limit, oldest = limits[i // 2], limits[2 + i // 2]
            seen = b.and_(b.icmp_signed("<=", key, limit), b.icmp_signed(">=", key, oldest))
            hidden[j].append(b.select(seen, scores[j][i], ir.Constant(f32, MASKED)))
    return hidden


def _hide_if(
    b: ir.IRBuilder, wanted: ir.Value, scores: list[Words], first_key: ir.Value, quad: ir.Value, limits: Words
) -> list[Words]:
    """As `hide`, behind a branch."""
    before = b.block
    with b.if_then(wanted):
        hidden = hide(b, scores, first_key, quad, limits)
        inside = b.block
    chosen: list[Words] = [[] for _ in scores]
    for j in range(4):
        for i in range(4):
            phi = b.phi(f32)
            phi.add_incoming(scores[j][i], before)
            phi.add_incoming(hidden[j][i], inside)
            chosen[j].append(phi)
    return chosen


def weigh(b: ir.IRBuilder, scores: list[Words], state: Words) -> list[Words]:
    """Weights of the scores as two A operands; the state's maxima, sums and outputs follow the new maxima."""
    weights: list[Words] = [[None] * 4 for _ in range(4)]
    for r in (0, 1):
        peak = state[r]
        for j in range(4):
            for e in (0, 1):
                peak = _larger(b, peak, scores[j][2 * r + e])
        peak = _across_quad(b, peak, lambda x, y: _larger(b, x, y))
        shrink = _exp2(b, b.fsub(state[r], peak))
        total = b.fmul(state[2 + r], shrink)
        for j in range(4):
            for e in (0, 1):
                weight = _exp2(b, b.fsub(scores[j][2 * r + e], peak))
                weights[j][2 * r + e] = weight
                total = b.fadd(total, weight)  # this lane's share; lanes are added at the end
        state[r], state[2 + r] = peak, total
        for place in range(4 + 2 * r, len(state), 4):
            for e in (0, 1):
                state[place + e] = b.fmul(state[place + e], shrink)
    return [
        [pack_halves(b, weights[2 * s + t][2 * r], weights[2 * s + t][2 * r + 1]) for t in (0, 1) for r in (0, 1)]
        for s in (0, 1)
    ]


class Steps:
    """The intrinsics for heads of `padded` values of which a block computes `width` values of the output.

    softcap: scores are capped; else the steps do not look at `cap`, a pair of slope and height.

    `empty_state()`; `load_query(row0, row1, valid0, valid1, first, head_dim, scale)`: a warp's query in registers;
    `direct_step(...)`: a step with the query in shared memory and K and V in the cache; `begin_copy(...)` and
    `staged_step(...)`: K and V come to shared memory first, the query is in registers; `quad_totals(state)`,
    `to_shared(...)` and `to_global(...)` end a tile.
    """

    def __init__(self, padded: int, width: int, *, softcap: bool = False) -> None:
        self.padded, self.width, self.chunks, self.softcap = padded, width, padded // 32, softcap
        self.num_values = width // 8
        self.stage_bytes = PIECE * (4 * self.chunks + self.num_values)
        self.num_state = 4 + 4 * self.num_values  # maxima and sums of two rows, then the outputs
        self.query_type = types.UniTuple(types.uint32, 8 * self.chunks)
        self.state_type = types.UniTuple(types.float32, self.num_state)
        self.cap_type = types.UniTuple(types.float32, 2)
        self.empty_state, self.load_query = self._empty_state(), self._load_query()
        self.direct_step = self._direct_step()
        self.begin_copy = self._begin_copy()
        self.staged_step = self._staged_step()
        self.quad_totals, self.to_shared, self.to_global = self._quad_totals(), self._to_shared(), self._to_global()

    def _empty_state(self) -> Any:
        @instruction(self.state_type())
        def empty_state(b: ir.IRBuilder) -> Words:
            zero = ir.Constant(f32, 0.0)
            return [ir.Constant(f32, LOWEST)] * 2 + [zero] * (self.num_state - 2)

        return empty_state

    def _load_query(self) -> Any:
        @instruction(self.query_type(*ADDRESSES, *BOOLS, types.int32, types.int32, types.float32))
        def load_query(
            b: ir.IRBuilder, row0: ir.Value, row1: ir.Value, valid0: ir.Value, valid1: ir.Value, first: ir.Value,
            head_dim: ir.Value, scale: ir.Value,
        ) -> Words:  # fmt: skip
            """Two rows' values as A operands: float32 from two addresses, zero where not valid or past head_dim."""
            rows, valid = (row0, row1), (valid0, valid1)
            registers: Words = [None] * (8 * self.chunks)
            zero = ir.Constant(f32, 0.0)
            for chunk in range(self.chunks):
                for r in (0, 1):
                    for half in (0, 1):
                        place = b.add(first, word(32 * chunk + 4 * half))
                        inside = b.and_(valid[r], b.icmp_signed("<", place, head_dim))
                        offset = b.select(inside, b.shl(place, word(2)), word(0))
                        four = global_load(b, b.add(rows[r], b.zext(offset, i64)), ir.VectorType(f32, 4), 16)
                        values = [b.fmul(b.extract_element(four, word(i)), scale) for i in range(4)]
                        values = [b.select(inside, value, zero) for value in values]
                        at = 8 * chunk + 4 * half + r
                        registers[at] = pack_halves(b, values[0], values[1])
                        registers[at + 2] = pack_halves(b, values[2], values[3])
            return registers

        return load_query

    def _emit(
        self, b: ir.IRBuilder, operands: Operands, early: int, hiding: Callable[[list[Words]], list[Words]],
        before: Words,
    ) -> Words:  # fmt: skip
        """A step: the new state. early: operands of V read before the softmax."""
        state = list(before)
        scores = _scores(b, operands, self.chunks)
        values = [operands.value(d) for d in range(min(early, self.num_values))]
        a = weigh(b, hiding(scores), state)
        for d in range(self.num_values):
            v = values[d] if d < len(values) else operands.value(d)
            at = slice(4 + 4 * d, 8 + 4 * d)
            state[at] = mma_m16n8k16(b, a[1], v[2:4], mma_m16n8k16(b, a[0], v[0:2], state[at]))
        return state

    def softened(self, b: ir.IRBuilder, scores: list[Words], cap: ir.Value) -> list[Words]:
        """The scores, capped if these steps do that."""
        return capped(b, scores, *items(b, cap, 2)) if self.softcap else scores

    def _direct_step(self) -> Any:
        @instruction(self.state_type(types.uint32, *ADDRESSES, *LIMITS, types.uint32, self.cap_type, self.state_type))
        def direct_step(
            b: ir.IRBuilder, query: ir.Value, k_row: ir.Value, v_row: ir.Value, first_key: ir.Value, limit0: ir.Value,
            limit1: ir.Value, oldest0: ir.Value, oldest1: ir.Value, lane: ir.Value, cap: ir.Value, state: ir.Value,
        ) -> Words:  # fmt: skip
            """One step of 32 keys, straight from the cache.

            Args:
                query: shared address of the operands of this lane.
                k_row: address of K of the step's first key, at this lane's 8 values of the first chunk.
                v_row: address of V^T at this lane's row of the first eight and its 8 keys.
                first_key: position of the step's first key; limit and oldest: a row sees keys oldest <= key <= limit.
            """
            rows = [b.add(k_row, _k_offset(b, lane, word(j), self.padded)) for j in range(4)]
            operands = Operands(
                lambda chunk: [each for half in (0, 1) for each in shared_words(b, query, PIECE * (2 * chunk + half))],
                lambda j, chunk: load_words(b, b.add(rows[j], ir.Constant(i64, 64 * chunk)), 4),
                lambda d: load_words(b, b.add(v_row, ir.Constant(i64, d * 8 * PAGE * 2)), 4),
            )
            quad, limits = b.and_(lane, word(3)), [limit0, limit1, oldest0, oldest1]
            hiding = lambda scores: hide(b, self.softened(b, scores, cap), first_key, quad, limits)  # noqa: E731
            return self._emit(b, operands, EARLY_VALUES, hiding, items(b, state, self.num_state))

        return direct_step

    def _begin_copy(self) -> Any:
        @instruction(types.void(types.uint32, types.uint64, types.uint64, types.uint32, types.uint32))
        def begin_copy(
            b: ir.IRBuilder, stage: ir.Value, k_row: ir.Value, v_row: ir.Value, warp: ir.Value, lane: ir.Value
        ) -> None:
            """Begins this warp's share of the copies of a step's K and V; rows as those of direct_step."""
            text = "{.reg .pred p; setp.ne.u32 p, $2, 0; @p cp.async.cg.shared.global [$0], [$1], 16;}"
            target = b.add(stage, b.shl(lane, word(4)))
            row = b.add(k_row, _k_offset(b, lane, warp, self.padded))
            for chunk in range(self.chunks):
                piece = b.add(target, b.mul(b.add(warp, word(4 * chunk)), word(PIECE)))
                values = [piece, b.add(row, ir.Constant(i64, 64 * chunk)), word(1)]
                assembly(b, ir.VoidType(), text, "r,l,r,~{memory}", values, effects=True)
            for first in range(0, self.num_values, WARPS):
                d = b.add(warp, word(first))
                piece = b.add(target, b.mul(b.add(d, word(4 * self.chunks)), word(PIECE)))
                source = b.add(v_row, b.zext(b.mul(d, word(8 * PAGE * 2)), i64))
                wanted = b.zext(b.icmp_unsigned("<", d, word(self.num_values)), i32)
                assembly(b, ir.VoidType(), text, "r,l,r,~{memory}", [piece, source, wanted], effects=True)

        return begin_copy

    def _staged_step(self) -> Any:
        @instruction(
            self.state_type(
                self.query_type, types.uint32, *LIMITS, types.uint32, types.boolean, self.cap_type, self.state_type
            )
        )
        def staged_step(
            b: ir.IRBuilder, query: ir.Value, stage: ir.Value, first_key: ir.Value, limit0: ir.Value, limit1: ir.Value,
            oldest0: ir.Value, oldest1: ir.Value, lane: ir.Value, hides: ir.Value, cap: ir.Value, state: ir.Value,
        ) -> Words:  # fmt: skip
            """One step of 32 keys that lie in shared memory; `hides`: some row does not see some key."""
            q = items(b, query, 8 * self.chunks)
            at = b.add(stage, b.shl(lane, word(4)))
            operands = Operands(
                lambda chunk: q[8 * chunk : 8 * chunk + 8],
                lambda j, chunk: shared_words(b, at, PIECE * (4 * chunk + j)),
                lambda d: shared_words(b, at, PIECE * (4 * self.chunks + d)),
            )
            quad, limits = b.and_(lane, word(3)), [limit0, limit1, oldest0, oldest1]
            soft = lambda scores: self.softened(b, scores, cap)  # noqa: E731
            hiding = lambda scores: _hide_if(b, hides, soft(scores), first_key, quad, limits)  # noqa: E731
            return self._emit(b, operands, 0, hiding, items(b, state, self.num_state))

        return staged_step

    def _quad_totals(self) -> Any:
        @instruction(types.UniTuple(types.float32, 2)(self.state_type))
        def quad_totals(b: ir.IRBuilder, state: ir.Value) -> Words:
            """The sums of two rows over the lanes that share them."""
            return [_across_quad(b, b.extract_value(state, 2 + r), b.fadd) for r in (0, 1)]

        return quad_totals

    def _to_shared(self) -> Any:
        @intrinsic
        def to_shared(typingctx, array, first, stride, state):  # type: ignore[no-untyped-def]
            """Writes two rows' outputs as they are, the second row `8 * stride` values after `first`; both are even."""

            def codegen(context, b, sig, args):  # type: ignore[no-untyped-def]
                data = context.make_array(sig.args[0])(context, b, args[0]).data
                for r in (0, 1):
                    row = b.gep(data, [b.add(args[1], b.mul(args[2], word(8 * r)))])
                    for d in range(self.num_values):
                        pair = vector_of(b, [b.extract_value(args[3], 4 + 4 * d + 2 * r + e) for e in (0, 1)])
                        place = b.bitcast(b.gep(row, [word(8 * d)]), ir.PointerType(pair.type))
                        b.store(pair, place, align=8)
                return context.get_dummy_value()

            return types.void(array, types.int32, types.int32, self.state_type), codegen

        return to_shared

    def _to_global(self) -> Any:
        @instruction(
            types.void(self.state_type, *ADDRESSES, *BOOLS, types.int32, types.int32, types.UniTuple(types.float32, 2))
        )
        def to_global(
            b: ir.IRBuilder, state: ir.Value, row0: ir.Value, row1: ir.Value, valid0: ir.Value, valid1: ir.Value,
            first: ir.Value, head_dim: ir.Value, totals: ir.Value,
        ) -> None:  # fmt: skip
            """Writes two rows' outputs, divided by their totals, as float32 from value `first` up to `head_dim`."""
            for r, (row, valid) in enumerate(((row0, valid0), (row1, valid1))):
                factor = b.fdiv(ir.Constant(f32, 1.0), b.extract_value(totals, r))
                for d in range(self.num_values):
                    place = b.add(first, word(8 * d))
                    with b.if_then(b.and_(valid, b.icmp_signed("<", place, head_dim))):
                        at = b.add(row, b.zext(b.shl(place, word(2)), i64))
                        pair = [b.fmul(b.extract_value(state, 4 + 4 * d + 2 * r + e), factor) for e in (0, 1)]
                        global_store(b, at, vector_of(b, pair), 8)

        return to_global
