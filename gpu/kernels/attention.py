"""Paged attention on the tensor cores: one kernel for few query rows, one for many.

A tile is up to 16 query rows that share a key/value head (rows are token x head of the group). Scores by mma, online
softmax in registers, weights times V by mma, 32 keys at a time. Heads over 128 values are computed in two parts: each
part has all the scores and half of the output, so that the output fits the registers. Groups of more than 16 query
heads are computed in slices of at most 16; a tile then has one token.

Launch, 32 * WARPS threads; columns = KVH * slices * parts, the part changes fastest: `attend_few`: grid (tiles,
    columns, splits), or (pieces, columns, 1) with a pool: a block a tile or a split of one; the block's warps take a
    range of keys each and meet in shared memory. `attend_many`: grid (tiles / WARPS, columns, 1), a warp a tile, all
    tokens of one sequence; the block's warps read the same keys from shared memory, one step ahead. After attend_few
    with a pool or more than one split, the splits are to be merged (`attention_merge`).
Layout: K fp16 [P, KVH, 256, Dp], V fp16 transposed [P, KVH, Dp, 256], Dp a multiple of 32. q and out: rows of
    `q_stride` float32, a multiple of 4 as is head_dim; partial float32 [splits, T * H, Dp + 2], with a pool [pieces, H,
    Dp + 2]: outputs, sum, maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.attention_ir import MASKED, PIECE, Steps
from gpu.kernels.attention_layout import (
    ALL_KEYS,
    LOG2_E,
    MAX_SPLITS,
    PLAIN,
    STEP_KEYS,
    TILE_ROWS,
    WARPS,
    Scoring,
    attend_parts,
    few_parts,
)
from gpu.kernels.attention_scores import sink_weight
from gpu.kernels.page_layout import PAGE
from gpu.kernels.warps import ALL_LANES
from gpu.ptx import (
    copies_arrived,
    exp2_fast,
    halves_from_floats,
    let_next_start,
    load_floats,
    load_int,
    quotient,
    shared_address,
    store_float,
    store_shared,
    wait_for_inputs,
)

THREADS = 32 * WARPS


@cuda.jit(device=True, inline=True)
def heads_of_tile(group, parts):  # type: ignore[no-untyped-def]
    """Key/value heads in all, this block's one, its first query head and how many query heads it has."""
    slices = types.int32((group + TILE_ROWS - 1) // TILE_ROWS)
    kv_heads = quotient(types.int32(cuda.gridDim.y), types.int32(slices * parts))
    column = types.int32(types.int32(cuda.blockIdx.y) // parts)
    kv_head, slice_heads = quotient(column, slices), quotient(types.int32(group + slices - 1), slices)
    first = types.int32((column - kv_head * slices) * slice_heads)
    return kv_heads, kv_head, types.int32(kv_head * group + first), types.int32(min(slice_heads, group - first))


@cuda.jit(device=True, inline=True)
def deal(positions, rows, behind, pool, lane):  # type: ignore[no-untyped-def]
    """Into how many pieces the keys of row `lane` are divided, 0 behind the last, and those of all rows up to it.

    A share of the keys is chosen such that fewer than `pool + rows` pieces of it cover every row; no piece is empty.
    """
    steps = types.int32(0)
    if lane < rows:
        position = types.int32(load_int(positions + types.uint64(4 * lane)))
        steps = types.int32(position // STEP_KEYS + 1 - max(0, position - behind) // STEP_KEYS)
    total, mask = steps, 16
    while mask > 0:
        total = types.int32(total + cuda.shfl_xor_sync(ALL_LANES, total, mask))
        mask //= 2
    fair = quotient(types.int32(total + WARPS * pool - 1), types.int32(WARPS * pool))
    least = types.int32((steps + WARPS * MAX_SPLITS - 1) // (WARPS * MAX_SPLITS))
    share = types.int32(WARPS * max(fair, least))
    pieces = quotient(types.int32(steps + share - 1), share)
    end, distance = pieces, 1
    while distance < 32:
        before = cuda.shfl_up_sync(ALL_LANES, end, distance)
        if lane >= distance:
            end = types.int32(end + before)
        distance *= 2
    return pieces, end


@dataclass(frozen=True)
class Reading:
    """How `attend_few` reads keys and values: device functions besides the steps that begin and end a tile.

    Attributes:
        query: (four neighbouring values of a query, lane) -> the values as the keys want them; all lanes take part.
        sweep: (shared address of the lane's query, k, v, a sequence's row of the page table, key/value heads and the
            block's one, its first value, first step and the step behind the last, limits and oldest keys of two rows,
            lane, soft cap, state) -> the state after these steps of 32 keys.
        output: (a value of the output, lane) -> the value as it is wanted; 32 neighbours are in a warp's lanes.
    """

    steps: Steps
    query: Any
    sweep: Any
    output: Any


@cuda.jit(device=True, inline=True)
def _as_it_is(value, lane):  # type: ignore[no-untyped-def]
    return value


@cuda.jit(device=True, inline=True)
def _all_as_they_are(v0, v1, v2, v3, lane):  # type: ignore[no-untyped-def]
    return v0, v1, v2, v3


@cache
def few_kernel(padded: int, scoring: Scoring = PLAIN) -> Any:
    """`attend_few` for heads of up to `padded` values (a multiple of 32) in fp16 pages.

    Arguments: q, q_stride, positions and sequences int32 [T], table int32 [B, table_width], k, v, out, partial, then
    int32: rows T, head_dim, group (query heads of a key/value head), tokens of a tile, window (0: all keys), pool (0:
    none; else at most 32 rows, of one token each); scale, slope and height of the soft cap, sinks (float32 [H]); what
    `scoring` leaves out is not looked at.
    """
    steps = Steps(padded, padded // few_parts(padded), softcap=scoring.softcap)
    direct_step = steps.direct_step

    @cuda.jit(device=True, inline=True)
    def sweep(  # type: ignore[no-untyped-def]
        query, k, v, pages, kv_heads, kv_head, first_value, begin, end, limit0, limit1, oldest0, oldest1, lane, cap,
        state,
    ):  # fmt: skip
        quad, row = types.int32(lane & 3), types.int32(lane >> 2)
        for step in range(begin, end):
            first_key = types.int32(step * STEP_KEYS)
            page = types.int64(load_int(pages + types.uint64(4 * (first_key // PAGE))))
            base = (page * kv_heads + kv_head) * PAGE * padded
            slot = first_key % PAGE
            k_row = k + types.uint64(2 * (base + slot * padded + 8 * quad))
            v_row = v + types.uint64(2 * (base + (first_value + row) * PAGE + slot + 8 * quad))
            state = direct_step(query, k_row, v_row, first_key, limit0, limit1, oldest0, oldest1, lane, cap, state)
        return state

    name, reading = f"attend_few_{padded}{scoring.suffix}", Reading(steps, _all_as_they_are, sweep, _as_it_is)
    return few_kernel_reading(name, padded, reading, has_sinks=scoring.sinks)


def few_kernel_reading(name: str, padded: int, reading: Reading, *, has_sinks: bool) -> Any:
    """`attend_few` with a way to read the cache; arguments as of `few_kernel`."""
    steps = reading.steps
    width, parts = steps.width, padded // steps.width
    as_query, sweep, as_output = reading.query, reading.sweep, reading.output
    empty_state, quad_totals, to_shared = steps.empty_state, steps.quad_totals, steps.to_shared
    stride = width + 8  # of a row in shared memory: no bank conflicts
    maxima = WARPS * TILE_ROWS * stride
    sums = maxima + WARPS * TILE_ROWS
    shared_size = sums + WARPS * TILE_ROWS
    fours, wide = padded // 4, padded + 2

    def kernel(  # type: ignore[no-untyped-def]
        q, q_stride, positions, sequences, table, table_width, k, v, out, partial, rows, head_dim, group,
        tokens_per_tile, window, pool, scale, slope, height, sinks,
    ):  # fmt: skip
        staged = cuda.shared.array(shared_size, types.float32)  # the query's operands, then the warps' outputs
        kept = cuda.shared.array(5, types.int32)
        let_next_start()
        operands = shared_address(staged)
        thread = types.int32(cuda.threadIdx.x)
        behind = types.int32(window - 1 if window > 0 else ALL_KEYS)  # how far back a row sees
        lane, warp = types.uint32(thread & 31), types.int32(thread >> 5)
        kv_heads, kv_head, first_head, tile_heads = heads_of_tile(group, parts)
        first_value = types.int32(types.int32(cuda.blockIdx.y) % parts * width)
        heads = types.int32(kv_heads * group)
        if pool > 0:
            item = types.int32(cuda.blockIdx.x)
            pieces, piece_end = deal(positions, rows, behind, pool, types.int32(lane))
            first_token = types.int32(cuda.popc(cuda.ballot_sync(ALL_LANES, piece_end <= item)))
            if first_token >= rows:
                return
            splits = types.int32(cuda.shfl_sync(ALL_LANES, pieces, first_token))
            split = types.int32(item + splits - cuda.shfl_sync(ALL_LANES, piece_end, first_token))
            output_slot = types.int32(item - first_token)  # of a token in `partial`, less the token
        else:
            first_token = types.int32(types.int32(cuda.blockIdx.x) * tokens_per_tile)
            splits, split = types.int32(cuda.gridDim.z), types.int32(cuda.blockIdx.z)
            output_slot = types.int32(split * rows)
        tokens = types.int32(min(tokens_per_tile, rows - first_token))
        tile_rows = types.int32(tokens * tile_heads)
        # Rows of a tile are in order of position: the first row starts earliest, the last ends latest.
        earliest = load_int(positions + types.uint64(4 * first_token))
        last = load_int(positions + types.uint64(4 * (first_token + tokens - 1)))
        sequence = load_int(sequences + types.uint64(4 * first_token))
        first_step = types.int32(types.int32(max(0, earliest - behind)) // STEP_KEYS)
        end = types.int32(last // STEP_KEYS + 1)
        share = quotient(types.int32(end - first_step + splits * WARPS - 1), types.int32(splits * WARPS))
        block_begin = types.int32(first_step + split * WARPS * share)
        wait_for_inputs()
        if block_begin >= end:
            if thread < tile_rows and first_value == 0:
                token = quotient(thread, tile_heads)
                head = first_head + thread - token * tile_heads
                row = (output_slot + first_token + token) * heads + head
                at = partial + types.uint64(4) * types.uint64(row * wide + padded)
                store_float(at, types.float32(0.0))
                store_float(at + types.uint64(4), types.float32(MASKED))
            return
        if thread == 0:  # what is needed again at the end waits outside of the registers
            kept[0], kept[1], kept[2], kept[3], kept[4] = first_token, output_slot, splits, first_head, tile_heads
        factor = types.float32(scale * types.float32(LOG2_E))
        for i in range(thread, TILE_ROWS * fours, THREADS):
            row, four = i // fours, i % fours
            v0 = v1 = v2 = v3 = types.float32(0.0)
            if row < tile_rows and 4 * four < head_dim:
                token = quotient(types.int32(row), tile_heads)
                head = first_head + row - token * tile_heads
                place = (first_token + token) * q_stride + head * head_dim + 4 * four
                v0, v1, v2, v3 = load_floats(q + types.uint64(4) * types.uint64(place))
            v0, v1, v2, v3 = as_query(v0 * factor, v1 * factor, v2 * factor, v3 * factor, types.int32(lane))
            low, high = halves_from_floats(v0, v1), halves_from_floats(v2, v3)
            # The lowest bit of `four` names the half of a chunk, the two above it the quad, the others the chunk.
            piece = (four >> 3) * 2 + (four & 1)
            of_lane = (row & 7) * 4 + (four >> 1 & 3)
            target = operands + types.uint32(piece * PIECE + of_lane * 16 + (row >> 3) * 4)
            store_shared(target, low)
            store_shared(target + types.uint32(8), high)
        row0, row1 = types.int32(lane >> 2), types.int32((lane >> 2) + 8)
        token0 = first_token + (quotient(row0, tile_heads) if row0 < tile_rows else 0)
        token1 = first_token + (quotient(row1, tile_heads) if row1 < tile_rows else 0)
        limit0 = types.int32(load_int(positions + types.uint64(4 * token0)))
        limit1 = types.int32(load_int(positions + types.uint64(4 * token1)))
        oldest0, oldest1 = types.int32(max(0, limit0 - behind)), types.int32(max(0, limit1 - behind))
        pages = table + types.uint64(4 * sequence * table_width)
        quad = types.int32(lane & 3)
        query = operands + types.uint32(16) * lane
        cuda.syncthreads()
        state = empty_state()
        begin = types.int32(block_begin + warp * share)
        end = types.int32(min(end, begin + share))
        state = sweep(
            query, k, v, pages, kv_heads, kv_head, first_value, begin, end, limit0, limit1, oldest0, oldest1, lane,
            (slope, height), state,
        )  # fmt: skip
        cuda.syncthreads()
        tile = types.int32(warp * TILE_ROWS)
        totals = quad_totals(state)
        to_shared(staged, types.int32((tile + row0) * stride + 2 * quad), types.int32(stride), state)
        if quad == 0:
            staged[maxima + tile + row0], staged[maxima + tile + row1] = state[0], state[1]
            staged[sums + tile + row0], staged[sums + tile + row1] = totals[0], totals[1]
        cuda.syncthreads()
        first_token, output_slot, splits, first_head, tile_heads = kept[0], kept[1], kept[2], kept[3], kept[4]
        tile_rows = types.int32(min(tokens_per_tile, rows - first_token) * tile_heads)
        for i in range(thread, tile_rows * width, THREADS):
            row, value_place = i // width, i % width
            peak = staged[maxima + row]
            for w in range(1, WARPS):
                peak = max(peak, staged[maxima + w * TILE_ROWS + row])
            total = value = types.float32(0.0)
            for w in range(WARPS):
                weight = exp2_fast(staged[maxima + w * TILE_ROWS + row] - peak)
                total += weight * staged[sums + w * TILE_ROWS + row]
                value += weight * staged[(w * TILE_ROWS + row) * stride + value_place]
            value = as_output(value, types.int32(lane))
            token = quotient(types.int32(row), tile_heads)
            head = first_head + row - token * tile_heads
            token += first_token
            place = first_value + value_place
            if splits > 1:
                at = partial + types.uint64(4) * types.uint64(((output_slot + token) * heads + head) * wide)
                store_float(at + types.uint64(4 * place), value)
                if place == 0:
                    store_float(at + types.uint64(4 * padded), total)
                    store_float(at + types.uint64(4 * padded + 4), peak)
            elif place < head_dim:
                at = out + types.uint64(4) * types.uint64(token * q_stride + head * head_dim + place)
                if has_sinks:
                    total += sink_weight(sinks, head, peak)
                store_float(at, value / total)

    kernel.__name__ = kernel.__qualname__ = name
    return cuda.jit(kernel)


@cache
def many_kernel(padded: int, scoring: Scoring = PLAIN) -> Any:
    """`attend_many` for heads of up to `padded` values; arguments as of `few_kernel`, `partial` and `pool` unused."""
    parts = attend_parts(padded)
    width, has_sinks = padded // parts, scoring.sinks
    steps = Steps(padded, width, softcap=scoring.softcap)
    empty_state, load_query, begin_copy = steps.empty_state, steps.load_query, steps.begin_copy
    staged_step, quad_totals, to_global = steps.staged_step, steps.quad_totals, steps.to_global
    stage_bytes = steps.stage_bytes
    shared_size = 2 * stage_bytes // 4

    def kernel(  # type: ignore[no-untyped-def]
        q, q_stride, positions, sequences, table, table_width, k, v, out, partial, rows, head_dim, group,
        tokens_per_tile, window, pool, scale, slope, height, sinks,
    ):  # fmt: skip
        staged = cuda.shared.array(shared_size, types.uint32)
        stages = shared_address(staged)
        behind = types.int32(window - 1 if window > 0 else ALL_KEYS)  # how far back a row sees
        lane, warp = types.uint32(cuda.threadIdx.x & 31), types.uint32(cuda.threadIdx.x >> 5)
        kv_heads, kv_head, first_head, tile_heads = heads_of_tile(group, parts)
        first_value = types.int32(types.int32(cuda.blockIdx.y) % parts * width)
        # The last tokens see the most keys: they start first, so that no long block is left for the end.
        block_token = types.int32(cuda.gridDim.x - 1 - cuda.blockIdx.x) * WARPS * tokens_per_tile
        block_end = min(block_token + WARPS * tokens_per_tile, rows)
        first_token = min(block_token + types.int32(warp) * tokens_per_tile, rows - 1)
        tokens = min(block_token + types.int32(warp) * tokens_per_tile + tokens_per_tile, rows) - first_token
        tile_rows = tokens * tile_heads if block_token + types.int32(warp) * tokens_per_tile < rows else types.int32(0)
        row0, row1 = types.int32(lane >> 2), types.int32((lane >> 2) + 8)
        valid0, valid1 = row0 < tile_rows, row1 < tile_rows
        token0 = first_token + (row0 // tile_heads if valid0 else 0)
        token1 = first_token + (row1 // tile_heads if valid1 else 0)
        head0 = first_head + (row0 % tile_heads if valid0 else 0)
        head1 = first_head + (row1 % tile_heads if valid1 else 0)
        place0 = types.uint64(4) * types.uint64(token0 * q_stride + head0 * head_dim)
        place1 = types.uint64(4) * types.uint64(token1 * q_stride + head1 * head_dim)
        limit0 = types.int32(load_int(positions + types.uint64(4 * token0)))
        limit1 = types.int32(load_int(positions + types.uint64(4 * token1)))
        oldest0, oldest1 = types.int32(max(0, limit0 - behind)), types.int32(max(0, limit1 - behind))
        # Positions follow each other: every row of the tile sees the keys from tile_oldest to tile_first.
        tile_first = load_int(positions + types.uint64(4 * first_token))
        tile_last = types.int32(tile_first + tokens - 1)
        tile_oldest = types.int32(max(0, tile_last - behind))
        begin = max(0, load_int(positions + types.uint64(4 * block_token)) - behind) // STEP_KEYS
        end = load_int(positions + types.uint64(4 * (block_end - 1))) // STEP_KEYS + 1
        sequence = load_int(sequences + types.uint64(4 * block_token))
        pages = table + types.uint64(4 * sequence * table_width)
        quad = types.int32(lane & 3)
        query = load_query(
            q + place0, q + place1, valid0, valid1, types.int32(8 * quad), types.int32(head_dim),
            types.float32(scale * types.float32(LOG2_E)),
        )  # fmt: skip
        page_bytes = types.uint64(2 * kv_heads * PAGE * padded)
        k_lane = k + types.uint64(2 * (kv_head * PAGE * padded + 8 * quad))
        v_lane = v + types.uint64(2 * ((kv_head * padded + first_value + row0) * PAGE + 8 * quad))
        state = empty_state()
        stage, slot = types.uint32(0), begin * STEP_KEYS % PAGE
        page = types.uint64(load_int(pages + types.uint64(4 * (begin * STEP_KEYS // PAGE)))) * page_bytes
        begin_copy(stages, k_lane + page + types.uint64(2 * padded * slot), v_lane + page + types.uint64(2 * slot),
                   warp, lane)  # fmt: skip
        for step in range(begin, end):
            copies_arrived()
            cuda.syncthreads()
            ready = stages + stage * types.uint32(stage_bytes)
            stage = types.uint32(stage ^ types.uint32(1))
            if step + 1 < end:
                slot = (step + 1) * STEP_KEYS % PAGE
                page = types.uint64(load_int(pages + types.uint64(4 * ((step + 1) * STEP_KEYS // PAGE)))) * page_bytes
                begin_copy(stages + stage * types.uint32(stage_bytes), k_lane + page + types.uint64(2 * padded * slot),
                           v_lane + page + types.uint64(2 * slot), warp, lane)  # fmt: skip
            first_key = types.int32(step * STEP_KEYS)
            last_key = types.int32(first_key + STEP_KEYS - 1)
            hides = last_key > tile_first or first_key < tile_oldest
            state = staged_step(
                query, ready, first_key, limit0, limit1, oldest0, oldest1, lane, hides, (slope, height), state
            )
        first = types.int32(first_value + 2 * quad)
        out0, out1, totals = out + place0, out + place1, quad_totals(state)
        if has_sinks:
            totals = (
                totals[0] + sink_weight(sinks, head0, state[0]), totals[1] + sink_weight(sinks, head1, state[1])
            )  # fmt: skip
        to_global(state, out0, out1, valid0, valid1, first, types.int32(head_dim), totals)

    kernel.__name__ = kernel.__qualname__ = f"attend_many_{padded}{scoring.suffix}"
    return cuda.jit(kernel)
