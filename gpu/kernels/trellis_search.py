"""Viterbi search of EXL3 trellises on a card: the cheapest closed path of 256 states for each tile of 256 targets.

A search is four launches over a run of tiles. `walk` goes from the middle of a tile over the seam between its last
and its first weight to the middle again, from any node; `trace` follows the cheapest path back to the seam. `walk`
again, now from that node and once around the tile, and `trace` follows the path that ends in the same node.

No step notes where a minimum came from, which would cost more than the minimum. Instead the costs of every m-th step
are kept in global memory, and whoever goes back through these m steps tries the at most 256 paths through them again,
in float32 and with targets that are not rounded.

Floor of a step, in issue slots of a thread for its 128 states: 64 additions and 64 multiply-adds on pairs of fp16, and
64 minima, of which compute capability 9.0 takes two in an instruction: 160 to 192. Beside them costs are read (4 to 16
loads) and minima written (1 to 8 stores, up to 32 byte permutes). A quarter of a multiprocessor holds four such warps:
at least 640 to 768 clocks a step, and 512 steps for 256 weights. 132 multiprocessors at 1.98 GHz cannot pass 204 (170)
million weights/s.
Bytes: of the rows that are kept, written once and hardly read. Both walks keep 384 / m x 2**(17 - K) for a tile: 12 KiB
for each weight at K = 2 and 3, which 4 TB/s write at 340 million weights/s.

Launch: `walk` a block of 512 threads for each tile, dynamic shared memory by the layout; `trace` a warp for each tile.
Layout: `trellis_search_layout`. Costs are fp16, lowered by their minimum every four steps: the least of them, which
    alone become the path, are the most exact.
Source: sections 2.2 and 6.8 of the format description.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import cuda
from numba.core import types

from gpu.kernels.trellis_search_ir import (
    Steps,
    from_holder,
    keep_chunk,
    least_of_warp,
    load_values,
    lower_to,
    read_half,
    read_word,
    scaled_target,
    target_parts,
    write_half,
)
from gpu.kernels.trellis_search_layout import PLANS, THREADS, WEIGHTS
from gpu.kernels.warps import ALL_LANES
from gpu.ptx import load_float, load_int, shared_address, store_shared, store_word

INFINITE = 0x7C007C00  # twice, as fp16
LARGEST = 0xFFFFFFFF


@cache
def walk_kernel(bits: int) -> Any:
    """Costs of nodes over a run of steps.

    Arguments: addresses of targets float32 [n, 256], of values (`load_values`), of rows to keep, uint64 bytes of a tile
    there; int32 first (weight of step 0), steps (at most 256), kept_from (step from which on rows are kept); addresses
    of nodes that tiles begin with, int32 [n], or 0, and of where their cheapest last nodes are written, or 0.
    """
    plan = PLANS[bits]
    steps_of = Steps(plan)
    place, load_costs, least_cost = steps_of.place, steps_of.load_costs, steps_of.least_cost
    lower, advance = steps_of.lower, steps_of.advance
    row_bytes, buffers, kept_every, num_nodes = plan.row_bytes, plan.row_buffers, plan.kept_every, 1 << plan.node_bits
    scale, splits, chunks = plan.scale, plan.splits_targets, max(1, row_bytes // (16 * THREADS))

    def kernel(targets, values_at, rows, tile_bytes, first, steps, kept_from, entries, ends):  # type: ignore[no-untyped-def]
        base = shared_address(cuda.shared.array(0, types.uint32, alignment=128))
        targets_at = types.uint32(base + types.uint32(buffers * row_bytes))
        rests_at = types.uint32(targets_at + types.uint32(4 * WEIGHTS))
        minima_at = types.uint32(rests_at + types.uint32(4 * WEIGHTS))
        thread, tile = types.uint32(cuda.threadIdx.x), types.uint64(cuda.blockIdx.x)
        is_first_lane = (thread & types.uint32(31)) == 0
        own_at = types.uint32(types.uint32(4) * (thread & types.uint32(WEIGHTS - 1)))
        if thread < WEIGHTS:
            weight = types.uint64((types.uint32(first) + thread) & types.uint32(WEIGHTS - 1))
            target = load_float(targets + types.uint64(4) * (types.uint64(WEIGHTS) * tile + weight))
            parts = target_parts(scaled_target(target, types.float32(scale)))
            store_shared(targets_at + own_at, parts[0])
            store_shared(rests_at + own_at, parts[1])
        else:
            store_shared(minima_at + own_at, types.uint32(LARGEST))
        fill = types.uint32(INFINITE if entries != 0 else 0)
        for i in range(types.int32(thread), row_bytes // 4, THREADS):
            store_shared(base + types.uint32(4 * i), fill)
        cuda.syncthreads()
        if entries != 0 and thread == 0:
            node = types.uint32(load_int(entries + types.uint64(4) * tile))
            write_half(types.uint32(base + types.uint32(2) * place(node)), types.uint32(0))
        values = load_values(values_at, thread)
        chunk_at = rows + tile * tile_bytes + types.uint64(16) * types.uint64(thread)
        flip = types.uint32(0)
        cuda.syncthreads()
        for step in range(steps):
            row = types.uint32(base + flip)
            costs = load_costs(row, thread)
            target = read_word(targets_at + types.uint32(4 * step))
            rest = types.uint32(0)
            if splits:
                rest = read_word(rests_at + types.uint32(4 * step))
            minimum_at = types.uint32(minima_at + types.uint32(step & ~3))
            if step & 3 == 0:
                least = least_of_warp(least_cost(costs))
                if is_first_lane:
                    lower_to(minimum_at, least)
            elif step & 3 == 1:
                costs = lower(costs, read_word(minimum_at))
            if step >= kept_from and step > 0 and step % kept_every == 0:
                slot_at = chunk_at + types.uint64(step // kept_every - 1) * types.uint64(row_bytes)
                if thread < row_bytes // 16:
                    for i in range(chunks):
                        offset = types.uint32(16 * THREADS * i)
                        keep_chunk(slot_at + types.uint64(offset),
                                   types.uint32(row + offset + types.uint32(16) * thread))  # fmt: skip
            if buffers == 1:
                cuda.syncthreads()
            else:
                flip = types.uint32(row_bytes - flip)
            advance(values, costs, target, rest, types.uint32(base + flip), thread)
            cuda.syncthreads()
        if ends != 0:
            best = types.uint32(LARGEST)
            for i in range(types.int32(thread), num_nodes, THREADS):
                cost = read_half(types.uint32(base + flip + types.uint32(2) * place(types.uint32(i))))
                best = min(best, types.uint32((cost << types.uint32(16)) | types.uint32(i)))
            best = least_of_warp(best)
            last_at = types.uint32(minima_at + types.uint32(4 * (WEIGHTS - 1)))
            if is_first_lane:
                lower_to(last_at, best)
            cuda.syncthreads()
            if thread == 0:
                store_word(ends + types.uint64(4) * tile, read_word(last_at) & types.uint32(0xFFFF))

    kernel.__name__ = kernel.__qualname__ = f"trellis_walk_k{bits}"
    return cuda.jit(kernel, launch_bounds=(THREADS, 1))


@cache
def trace_kernel(bits: int) -> Any:
    """Follows cheapest paths back from their last nodes.

    Arguments: addresses of targets, of values fp16 [65536] by state, of kept rows, uint64 bytes of a tile there; int32
    first (weight of step 0), steps (that were walked), stop (the step to go back to, a multiple of `kept_every`);
    addresses of the last nodes, int32 [n], of the nodes that walks began with or 0, of where to write the node before
    `stop` or 0, and of where to write the states, int32 [n, 256] by weight, or 0.
    """
    plan = PLANS[bits]
    try_paths, kept_every, row_bytes, span = Steps(plan).try_paths, plan.kept_every, plan.row_bytes, plan.span
    scale = plan.scale

    def kernel(targets, table, rows, tile_bytes, first, steps, stop, ends, entries, nodes, states):  # type: ignore[no-untyped-def]
        staged = cuda.shared.array(WEIGHTS, types.float32)
        lane, tile = types.uint32(cuda.threadIdx.x), types.uint64(cuda.blockIdx.x)
        before = types.uint64(WEIGHTS) * tile
        for i in range(WEIGHTS // 32):
            step = types.uint32(lane + types.uint32(32 * i))
            weight = types.uint64((types.uint32(first) + step) & types.uint32(WEIGHTS - 1))
            target = load_float(targets + types.uint64(4) * (before + weight))
            staged[step] = scaled_target(target, types.float32(scale))
        staged_at = types.uint32(shared_address(staged))
        node, entry = types.uint32(load_int(ends + types.uint64(4) * tile)), types.uint32(0)
        if entries != 0:
            entry = types.uint32(load_int(entries + types.uint64(4) * tile))
        cuda.syncthreads()
        row = rows + tile * tile_bytes + types.uint64(steps // kept_every - 2) * types.uint64(row_bytes)
        step = types.uint32(steps - kept_every)  # the first of those to go back through
        while types.int32(step) >= stop:
            source = row if step > 0 else types.uint64(0)
            cost, path = try_paths(source, entry, node, staged_at + types.uint32(4) * step, table, lane)
            holders = cuda.ballot_sync(ALL_LANES, cost == least_of_warp(cost))
            path = from_holder(path, types.uint32(holders))
            if states != 0 and lane < kept_every:
                state = (path >> types.uint32(types.uint32(bits) * lane)) & types.uint32(0xFFFF)
                weight = (types.uint32(first) + step + types.uint32(kept_every - 1) - lane) & types.uint32(WEIGHTS - 1)
                store_word(states + types.uint64(4) * (before + types.uint64(weight)), types.uint32(state))
            node = types.uint32(path >> types.uint32(span))
            row -= types.uint64(row_bytes)
            step = types.uint32(step - types.uint32(kept_every))
        if nodes != 0 and lane == 0:
            store_word(nodes + types.uint64(4) * tile, node)

    kernel.__name__ = kernel.__qualname__ = f"trellis_trace_k{bits}"
    return cuda.jit(kernel, launch_bounds=(32, 1))
