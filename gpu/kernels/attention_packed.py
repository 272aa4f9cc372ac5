"""Attention for few query rows straight from a quantized cache: `attend_few` with another way to read keys and values.

Codes become odd whole numbers in fp16, exactly; a key's scale multiplies the scores of its 32 values, a value's scale
the weight of its token. The query is rotated as the groups of the cache are, and the output rotated back, so no key
or value ever is. The codes of the next step's keys are under way during a step where the registers hold them.

Launch: as `attention.attend_few`, with the same arguments; k and v are packed pages (see `packed_layout`).
Source: the quantized cache's section of the format description.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import cuda
from numba.core import types

from gpu.kernels.attention import Reading, few_kernel_reading, page_of
from gpu.kernels.attention_ir import LIMITS, PIECE, Steps, hide, shared_words, weigh
from gpu.kernels.attention_layout import PLAIN, Scoring
from gpu.kernels.hadamard import transform_fours
from gpu.kernels.packed_ir import BIASED, load_cell, odd_pairs, widened
from gpu.kernels.packed_layout import GROUP, PAGE_STEPS, STEP, code_words, head_words, packed_parts
from gpu.kernels.packed_pages import ROOT, rotate_32
from gpu.ptx import assembly, f32, fma, i32, i64, instruction, items, load_words, mma_m16n8k16, word

SCALE_WORDS = 4  # of a lane: 8 tokens' scales of a group
PREFETCHING_WORDS = 64  # of a step's keys and half its outputs: with more, registers do not hold the next keys too

Words = list[ir.Value]
Fetch = Callable[[int], Words]


@cuda.jit(device=True, inline=True)
def rotate_fours(v0, v1, v2, v3, lane):  # type: ignore[no-untyped-def]
    """A group with four values a lane, rotated."""
    v0, v1, v2, v3 = transform_fours(v0, v1, v2, v3, lane, GROUP // 4)
    root = types.float32(ROOT)
    return v0 * root, v1 * root, v2 * root, v3 * root


def _anchored(b: ir.IRBuilder, value: int) -> ir.Value:
    """A constant that is not known before this place: work that needs it cannot move up and take registers there."""
    text = "shfl.sync.idx.b32 $0, $1, 0, 31, -1;"
    return assembly(b, i32, text, "=r,r", [word(value)], effects=True)


def _scaled_pairs(b: ir.IRBuilder, pairs: Words, scale: ir.Value) -> Words:
    return [assembly(b, i32, "mul.rn.f16x2 $0, $1, $2;", "=r,r,r", [pair, scale]) for pair in pairs]


class PackedSteps(Steps):
    """The steps of 32 keys over a packed cache, besides those of `Steps` that begin and end a tile.

    `load_keys(page, step, lane)`: a lane's words of a step's keys; `packed_step(...)`: the step.
    """

    def __init__(self, padded: int, width: int, k_bits: int, v_bits: int, *, softcap: bool) -> None:
        super().__init__(padded, width, softcap=softcap)
        self.k_bits, self.v_bits = k_bits, v_bits
        self.chunk_words = k_bits + SCALE_WORDS
        self.prefetches = self.chunks * self.chunk_words + width // 2 <= PREFETCHING_WORDS
        self.keys_type = types.UniTuple(types.uint32, self.chunks * self.chunk_words)
        self.load_keys, self.packed_step = self._load_keys(), self._packed_step()

    def _group(self, b: ir.IRBuilder, page: ir.Value, cell: ir.Value, lane: ir.Value, bits: int) -> Words:
        """A lane's code words of a cell, then the scales of its quad's eight tokens."""
        address = b.add(page, b.zext(b.mul(cell, word(4 * 32 * bits)), i64))
        offset = b.add(b.mul(cell, word(2 * STEP)), b.shl(b.and_(lane, word(3)), word(4)))
        scales = b.add(page, b.zext(b.add(offset, word(4 * code_words(self.padded, bits))), i64))
        return load_cell(b, address, lane, bits) + load_words(b, scales, SCALE_WORDS)

    def _load_keys(self) -> Any:
        @instruction(self.keys_type(types.uint64, types.int32, types.uint32))
        def load_keys(b: ir.IRBuilder, page: ir.Value, step: ir.Value, lane: ir.Value) -> Words:
            """Codes and scales of K; page: address of the page's head, step: of the page."""
            first = b.mul(step, word(self.chunks))
            words: Words = []
            for chunk in range(self.chunks):
                words += self._group(b, page, b.add(first, word(chunk)), lane, self.k_bits)
            return words

        return load_keys

    def _packed_step(self) -> Any:
        keys_type = self.keys_type if self.prefetches else types.uint64
        places = types.int32, types.int32, *LIMITS

        @instruction(
            self.state_type(
                types.uint32, keys_type, types.uint64, *places, types.uint32, self.cap_type, self.state_type
            )
        )
        def packed_step(
            b: ir.IRBuilder, query: ir.Value, keys: ir.Value, page: ir.Value, step: ir.Value, first_group: ir.Value,
            first_key: ir.Value, limit0: ir.Value, limit1: ir.Value, oldest0: ir.Value, oldest1: ir.Value,
            lane: ir.Value, cap: ir.Value, state: ir.Value,
        ) -> Words:  # fmt: skip
            """One step.

            Args:
                query: shared address of the operands of this lane.
                keys: of load_keys, or the address of the head of K's page.
                page: address of the head of V's page; step: of the page; first_group: of the block's share of V.
                first_key: position of the step's first key; limit and oldest: a row sees keys oldest <= key <= limit.
            """
            first = b.mul(step, word(self.chunks))
            shared = b.add(first, first_group)
            value = lambda g: self._group(b, page, b.add(shared, word(g)), lane, self.v_bits)  # noqa: E731
            if self.prefetches:
                words, size = items(b, keys, self.chunks * self.chunk_words), self.chunk_words
                key = lambda chunk: words[chunk * size : (chunk + 1) * size]  # noqa: E731
            else:
                key = lambda chunk: self._group(b, keys, b.add(first, word(chunk)), lane, self.k_bits)  # noqa: E731
            quad, limits = b.and_(lane, word(3)), [limit0, limit1, oldest0, oldest1]
            hiding = lambda scores: hide(b, self.softened(b, scores, cap), first_key, quad, limits)  # noqa: E731
            return self._emit_packed(b, query, key, value, hiding, items(b, state, self.num_state))

        return packed_step

    def _emit_packed(
        self, b: ir.IRBuilder, query: ir.Value, key: Fetch, value: Fetch, hiding: Callable[[list[Words]], list[Words]],
        state: Words,
    ) -> Words:  # fmt: skip
        """A step: the new state. key and value give the words of a group."""
        groups = self.width // GROUP
        early = min(groups, 2 if self.chunks <= 4 else 1)  # under way while the weights are computed
        values = [value(g) for g in range(early)]
        weights = weigh(b, hiding(self._packed_scores(b, query, key)), state)
        biased = _anchored(b, BIASED)
        for g in range(groups):
            words = values[g] if g < early else value(g)
            pairs, scales = odd_pairs(b, words[: self.v_bits], self.v_bits, biased), words[self.v_bits :]
            scaled = [
                [_scaled_pairs(b, [weights[s][2 * t + r]], scales[2 * s + t])[0] for t in (0, 1) for r in (0, 1)]
                for s in (0, 1)
            ]
            for d in range(4):  # pairs of a value: tokens two by two
                v = [pairs[4 * p + d] for p in range(4)]
                at = slice(4 + 16 * g + 4 * d, 8 + 16 * g + 4 * d)
                state[at] = mma_m16n8k16(b, scaled[1], v[2:4], mma_m16n8k16(b, scaled[0], v[0:2], state[at]))
        return state

    def _packed_scores(self, b: ir.IRBuilder, query: ir.Value, key: Fetch) -> list[Words]:
        """Four tiles of 16 x 8 scores."""
        zero = ir.Constant(f32, 0.0)
        scores: list[Words] = [[zero] * 4 for _ in range(4)]
        for chunk in range(self.chunks):
            words = key(chunk)
            pairs, scales = odd_pairs(b, words[: self.k_bits], self.k_bits), widened(b, words[self.k_bits :])
            q = [each for half in (0, 1) for each in shared_words(b, query, PIECE * (2 * chunk + half))]
            for j in range(4):
                tile: Words = [zero] * 4
                for half in (0, 1):
                    operand = pairs[4 * j + 2 * half : 4 * j + 2 * half + 2]
                    tile = mma_m16n8k16(b, q[4 * half : 4 * half + 4], operand, tile)
                # Columns 2 * quad and 2 * quad + 1 of tile j are keys 8 * quad + 2 * j (+ 1).
                scores[j] = [fma(b, tile[i], scales[2 * j + i % 2], scores[j][i]) for i in range(4)]
        factor = ir.Constant(f32, 2.0**-self.k_bits)
        return [[b.fmul(score, factor) for score in tile] for tile in scores]


@cache
def packed_kernel(padded: int, k_bits: int, v_bits: int, scoring: Scoring = PLAIN) -> Any:
    """`attend_few` over packed pages of heads of up to `padded` values; arguments as of `attention.few_kernel`."""
    steps = PackedSteps(padded, padded // packed_parts(padded), k_bits, v_bits, softcap=scoring.softcap)
    load_keys, packed_step = steps.load_keys, steps.packed_step
    k_size, v_size = 4 * head_words(padded, k_bits), 4 * head_words(padded, v_bits)
    unit = 2.0**-v_bits

    @cuda.jit(device=True, inline=True)
    def place_of(page, kv_heads, kv_head):  # type: ignore[no-untyped-def]
        return types.uint64(types.uint32(page * kv_heads + kv_head))

    @cuda.jit(device=True, inline=True)
    def sweep(  # type: ignore[no-untyped-def]
        query, k, v, pages, page, kv_heads, kv_head, first_value, begin, end, limit0, limit1, oldest0, oldest1, lane,
        cap, state,
    ):  # fmt: skip
        first_group = types.int32(types.uint32(first_value) // types.uint32(GROUP))
        step, last = begin, types.int32(end - 1)
        while step < end:
            place = place_of(page, kv_heads, kv_head)
            k_page, v_page = k + place * types.uint64(k_size), v + place * types.uint64(v_size)
            page = page_of(pages, types.int32(step + 1) if step < last else last)
            state = packed_step(
                query, k_page, v_page, types.int32(step & (PAGE_STEPS - 1)), first_group, types.int32(step * STEP),
                limit0, limit1, oldest0, oldest1, lane, cap, state,
            )  # fmt: skip
            step = types.int32(step + 1)
        return state

    @cuda.jit(device=True, inline=True)
    def sweep_ahead(  # type: ignore[no-untyped-def]
        query, k, v, pages, page, kv_heads, kv_head, first_value, begin, end, limit0, limit1, oldest0, oldest1, lane,
        cap, state,
    ):  # fmt: skip
        if begin >= end:
            return state
        first_group = types.int32(types.uint32(first_value) // types.uint32(GROUP))
        place = place_of(page, kv_heads, kv_head)
        keys = load_keys(k + place * types.uint64(k_size), types.int32(begin & (PAGE_STEPS - 1)), lane)
        step, last = begin, types.int32(end - 1)
        while True:
            v_page, number = v + place * types.uint64(v_size), types.int32(step & (PAGE_STEPS - 1))
            following = types.int32(step + 1) if step < last else last
            place = place_of(page_of(pages, following), kv_heads, kv_head)
            coming = load_keys(k + place * types.uint64(k_size), types.int32(following & (PAGE_STEPS - 1)), lane)
            state = packed_step(
                query, keys, v_page, number, first_group, types.int32(step * STEP), limit0, limit1, oldest0, oldest1,
                lane, cap, state,
            )  # fmt: skip
            keys = coming
            step = types.int32(step + 1)
            if step == end:
                break
        return state

    @cuda.jit(device=True, inline=True)
    def rotated_back(value, lane):  # type: ignore[no-untyped-def]
        return rotate_32(value, lane) * types.float32(unit)

    way = sweep_ahead if steps.prefetches else sweep
    name = f"attend_packed_{padded}_k{k_bits}v{v_bits}{scoring.suffix}"
    reading = Reading(steps, rotate_fours, way, rotated_back)
    return few_kernel_reading(name, padded, reading, has_sinks=scoring.sinks)
