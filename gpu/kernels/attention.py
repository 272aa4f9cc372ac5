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
from gpu.kernels.step_ir import warp_count
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
STEP_BITS = STEP_KEYS.bit_length() - 1


@cuda.jit(device=True, inline=True)
def _least(x, y):  # type: ignore[no-untyped-def]
    return x if x < y else y


@cuda.jit(device=True, inline=True)
def _most(x, y):  # type: ignore[no-untyped-def]
    return x if x > y else y


@cuda.jit(device=True, inline=True)
def heads_of_tile(group, parts):  # type: ignore[no-untyped-def]
    """Key/value heads in all, this block's one, its first query head and how many query heads it has."""
    slices = types.int32(types.uint32(group + TILE_ROWS - 1) // types.uint32(TILE_ROWS))
    kv_heads = quotient(types.int32(cuda.gridDim.y), types.int32(slices * parts))
    column = types.int32(types.uint32(cuda.blockIdx.y) // types.uint32(parts))
    kv_head, slice_heads = quotient(column, slices), quotient(types.int32(group + slices - 1), slices)
    first = types.int32(types.int32(column - kv_head * slices) * slice_heads)
    return kv_heads, kv_head, types.int32(kv_head * group + first), _least(slice_heads, types.int32(group - first))


@cuda.jit(device=True, inline=True)
def deal(positions, rows, behind, pool, lane):  # type: ignore[no-untyped-def]
    """Into how many pieces the keys of row `lane` are divided, 0 behind the last, and those of all rows up to it.

    A share of the keys is chosen such that fewer than `pool + rows` pieces of it cover every row; no piece is empty.
    """
    steps = types.int32(0)
    if lane < rows:
        position = load_int(positions + types.uint64(types.uint32(4 * lane)))
        oldest = _most(types.int32(0), types.int32(position - behind))
        steps = types.int32((position >> STEP_BITS) + 1 - (oldest >> STEP_BITS))
    total = warp_count(steps)
    fair = quotient(types.int32(total + WARPS * pool - 1), types.int32(WARPS * pool))
    least = types.int32(types.uint32(steps + WARPS * MAX_SPLITS - 1) // types.uint32(WARPS * MAX_SPLITS))
    share = types.int32(WARPS * _most(fair, least))
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
        sweep: (shared address of the lane's query, k, v, a sequence's row of the page table and the page of the first
            step, key/value heads and the block's one, its first value, first step and the step behind the last, limits
            and oldest keys of two rows, lane, soft cap, state) -> the state after these steps of 32 keys.
        output: (a value of the output, lane) -> the value as it is wanted; 32 neighbours are in a warp's lanes.
    """

    steps: Steps
    query: Any
    sweep: Any
    output: Any


@cuda.jit(device=True, inline=True)
def page_of(pages, step):  # type: ignore[no-untyped-def]
    """The page of a step of 32 keys; pages: a sequence's row of the page table."""
    return load_int(pages + types.uint64(4) * types.uint64(types.uint32(step) // types.uint32(PAGE // STEP_KEYS)))


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
        query, k, v, pages, page, kv_heads, kv_head, first_value, begin, end, limit0, limit1, oldest0, oldest1, lane,
        cap, state,
    ):  # fmt: skip
        quad, row = types.int32(lane & 3), types.int32(lane >> 2)
        page_bytes = types.uint64(types.uint32(2 * PAGE * padded * kv_heads))
        head_place = types.int32(2 * PAGE * padded * kv_head)
        k_lane = k + types.uint64(types.uint32(head_place + 16 * quad))
        v_lane = v + types.uint64(types.uint32(head_place + 2 * PAGE * types.int32(first_value + row) + 16 * quad))
        step, last = begin, types.int32(end - 1)
        while step < end:
            base = types.uint64(types.uint32(page)) * page_bytes
            slot = types.int32(step & (PAGE // STEP_KEYS - 1))
            k_row = k_lane + base + types.uint64(types.uint32(2 * STEP_KEYS * padded * slot))
            v_row = v_lane + base + types.uint64(types.uint32(2 * STEP_KEYS * slot))
            page = page_of(pages, _least(types.int32(step + 1), last))
            first_key = types.int32(step * STEP_KEYS)
            state = direct_step(query, k_row, v_row, first_key, limit0, limit1, oldest0, oldest1, lane, cap, state)
            step = types.int32(step + 1)
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

    @cuda.jit(device=True, inline=True)
    def operand_place(row, four):  # type: ignore[no-untyped-def]
        # The lowest bit of `four` names the half of a chunk, the two above it the quad, the others the chunk.
        piece = types.int32((four >> 3) * 2 + (four & 1))
        of_lane = types.int32((row & 7) * 4 + (four >> 1 & 3))
        return types.uint32(piece * PIECE + of_lane * 16 + (row >> 3) * 4)

    def kernel(  # type: ignore[no-untyped-def]
        q, q_stride, positions, sequences, table, table_width, k, v, out, partial, rows, head_dim, group,
        tokens_per_tile, window, pool, scale, slope, height, sinks,
    ):  # fmt: skip
        # The query's operands, then the warps' outputs.
        staged = cuda.shared.array(shared_size, types.float32, alignment=16)
        kept = cuda.shared.array(5, types.int32)
        let_next_start()
        operands = shared_address(staged)
        thread = types.int32(cuda.threadIdx.x)
        behind = types.int32(window - 1) if window > 0 else types.int32(ALL_KEYS)  # how far back a row sees
        lane, warp = types.uint32(thread & 31), types.int32(thread >> 5)
        kv_heads, kv_head, first_head, tile_heads = heads_of_tile(group, parts)
        first_value = types.int32(types.uint32(cuda.blockIdx.y) % types.uint32(parts) * types.uint32(width))
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
            first_token = types.int32(cuda.blockIdx.x * tokens_per_tile)
            splits, split = types.int32(cuda.gridDim.z), types.int32(cuda.blockIdx.z)
            output_slot = types.int32(split * rows)
        tokens = _least(tokens_per_tile, types.int32(rows - first_token))
        tile_rows = types.int32(tokens * tile_heads)
        row0, row1 = types.int32(lane >> types.uint32(2)), types.int32((lane >> types.uint32(2)) + types.uint32(8))
        token0 = types.int32(first_token + (quotient(row0, tile_heads) if row0 < tile_rows else types.int32(0)))
        token1 = types.int32(first_token + (quotient(row1, tile_heads) if row1 < tile_rows else types.int32(0)))
        # Rows of a tile are in order of position: the first row starts earliest, the last ends latest.
        first_at = positions + types.uint64(types.uint32(4 * first_token))
        earliest, last = (
            load_int(first_at),
            load_int(first_at + types.uint64(types.uint32(4 * types.int32(tokens - 1)))),
        )
        sequence = load_int(sequences + types.uint64(types.uint32(4 * first_token)))
        limit0 = load_int(positions + types.uint64(types.uint32(4 * token0)))
        limit1 = load_int(positions + types.uint64(types.uint32(4 * token1)))
        first_step = types.int32(_most(types.int32(0), types.int32(earliest - behind)) >> STEP_BITS)
        end = types.int32((last >> STEP_BITS) + 1)
        share = quotient(types.int32(end - first_step + splits * WARPS - 1), types.int32(splits * WARPS))
        block_begin = types.int32(first_step + types.int32(split * WARPS) * share)
        if block_begin >= end:
            wait_for_inputs()
            if thread < tile_rows and first_value == 0:
                token = quotient(thread, tile_heads)
                head = types.int32(first_head + thread - token * tile_heads)
                row = types.int32((output_slot + first_token + token) * heads + head)
                at = partial + types.uint64(4) * types.uint64(types.uint32(row * wide + padded))
                store_float(at, types.float32(0.0))
                store_float(at + types.uint64(4), types.float32(MASKED))
            return
        # All that does not come from the kernels before is done while they run.
        oldest0 = _most(types.int32(0), types.int32(limit0 - behind))
        oldest1 = _most(types.int32(0), types.int32(limit1 - behind))
        pages = table + types.uint64(4) * types.uint64(types.uint32(sequence * table_width))
        begin = types.int32(block_begin + warp * share)
        page = page_of(pages, _least(begin, types.int32(end - 1)))
        end = _least(end, types.int32(begin + share))
        if thread == 0:  # what is needed again at the end waits outside of the registers
            kept[0], kept[1], kept[2], kept[3], kept[4] = first_token, output_slot, splits, first_head, tile_heads
        factor = types.float32(scale * types.float32(LOG2_E))
        # A warp takes 32 fours at a time: of rows that are there behind the wait, of no others at once.
        filled, taken = types.int32(tile_rows * fours), types.int32(warp * 32)
        empty = types.int32(TILE_ROWS * fours - THREADS + warp * 32)
        while empty >= filled:
            i = types.uint32(types.uint32(empty) + lane)
            row, four = types.int32(i // types.uint32(fours)), types.int32(i % types.uint32(fours))
            target = types.uint32(operands + operand_place(row, four))
            store_shared(target, types.uint32(0))
            store_shared(target + types.uint32(8), types.uint32(0))
            empty = types.int32(empty - THREADS)
        wait_for_inputs()
        while taken < filled:
            i = types.uint32(types.uint32(taken) + lane)
            row, four = types.int32(i // types.uint32(fours)), types.int32(i % types.uint32(fours))
            v0 = v1 = v2 = v3 = types.float32(0.0)
            if row < tile_rows and types.int32(4 * four) < head_dim:
                token = quotient(row, tile_heads)
                head = types.int32(first_head + row - token * tile_heads)
                place = types.int32((first_token + token) * q_stride + head * head_dim + 4 * four)
                v0, v1, v2, v3 = load_floats(q + types.uint64(4) * types.uint64(types.uint32(place)))
            v0, v1, v2, v3 = as_query(v0 * factor, v1 * factor, v2 * factor, v3 * factor, types.int32(lane))
            target = types.uint32(operands + operand_place(row, four))
            store_shared(target, halves_from_floats(v0, v1))
            store_shared(target + types.uint32(8), halves_from_floats(v2, v3))
            taken = types.int32(taken + THREADS)
        query = types.uint32(operands + types.uint32(16) * lane)
        cuda.syncthreads()
        state = empty_state()
        state = sweep(
            query, k, v, pages, page, kv_heads, kv_head, first_value, begin, end, limit0, limit1, oldest0, oldest1,
            lane, (slope, height), state,
        )  # fmt: skip
        cuda.syncthreads()
        tile, quad = types.int32(warp * TILE_ROWS), types.int32(lane & types.uint32(3))
        totals = quad_totals(state)
        to_shared(staged, types.int32(types.int32(tile + row0) * stride + 2 * quad), types.int32(stride), state)
        if quad == 0:
            place0, place1 = types.int32(tile + row0), types.int32(tile + row1)
            staged[types.uint32(maxima + place0)], staged[types.uint32(maxima + place1)] = state[0], state[1]
            staged[types.uint32(sums + place0)], staged[types.uint32(sums + place1)] = totals[0], totals[1]
        cuda.syncthreads()
        first_token, output_slot, splits, first_head, tile_heads = kept[0], kept[1], kept[2], kept[3], kept[4]
        filled = types.int32(_least(tokens_per_tile, types.int32(rows - first_token)) * tile_heads * width)
        i = thread
        while i < filled:
            row = types.int32(types.uint32(i) // types.uint32(width))
            value_place = types.int32(i - row * width)
            peak = staged[types.uint32(maxima + row)]
            for w in range(1, WARPS):
                peak = max(peak, staged[types.uint32(maxima + w * TILE_ROWS + row)])
            total = value = types.float32(0.0)
            for w in range(WARPS):
                own = types.int32(w * TILE_ROWS + row)
                weight = exp2_fast(staged[types.uint32(maxima + own)] - peak)
                total += weight * staged[types.uint32(sums + own)]
                value += weight * staged[types.uint32(own * stride + value_place)]
            value = as_output(value, types.int32(lane))
            token = quotient(row, tile_heads)
            head = types.int32(first_head + row - token * tile_heads)
            token = types.int32(token + first_token)
            place = types.int32(first_value + value_place)
            if splits > 1:
                line = types.int32(types.int32(output_slot + token) * heads + head)
                at = partial + types.uint64(4) * types.uint64(types.uint32(line * wide))
                store_float(at + types.uint64(types.uint32(4 * place)), value)
                if place == 0:
                    store_float(at + types.uint64(4 * padded), total)
                    store_float(at + types.uint64(4 * padded + 4), peak)
            elif place < head_dim:
                at = out + types.uint64(4) * types.uint64(types.uint32(token * q_stride + head * head_dim + place))
                if has_sinks:
                    total += sink_weight(sinks, head, peak)
                store_float(at, value / total)
            i = types.int32(i + THREADS)

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
