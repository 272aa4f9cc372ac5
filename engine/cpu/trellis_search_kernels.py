"""The trellis search on the CPU: for tiles of 256 targets, the closed path through the trellis with the least error.

A tile's stream is a ring. A first pass over the seam of the ring, from some way before it to some way behind, finds the
node in which a good path crosses the seam; a second pass over the whole ring finds the best path that begins and
ends in that node. Costs are float32. Source of the rule: section 6.8 of the format description; unlike the reference
the first pass ends in the truly cheapest node.
One kernel is compiled per bit width. Knows nothing of matrices, of packing or of torch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, prange

from engine.cpu.exl3_kernels import PRANGE_ONLY
from engine.cpu.trellis_search_ir import GAP, STATE_BITS, cost_places, search_step, step_plan, stretch_bits

LANES = 16
TILE_WEIGHTS = 256
BARRED = np.float32(1e30)  # cost of a node that no path may begin in

# Weights on either side of the seam that the first pass looks at: all, or so many that the error rises by about 1 %
# and the search takes two thirds of the time.
WHOLE_REACH = 128
QUICK_REACH = 40

SearchKernel = Callable[..., None]


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _state(words, node, step, lane, bits, positions, nodes_per_word):  # type: ignore[no-untyped-def]
    """The state that ends in `node` on the best path there; `step` counts weights."""
    node_bits = 16 - bits
    place = node
    if step % positions + 1 < positions:
        # In the middle of a step nodes lie by their lower digits, the uppermost one follows before the last.
        low = node & ((1 << bits) - 1)
        inner = (node & ((1 << (node_bits - bits)) - 1)) >> bits
        place = (((inner << bits) | (node >> (node_bits - bits))) << bits) | low
    word = (step << node_bits) // nodes_per_word + place // nodes_per_word
    shift = bits * (nodes_per_word - 1 - place % nodes_per_word)
    j = (np.int64(words[word * 16 + lane]) >> shift) & ((1 << bits) - 1)
    return (j << node_bits) | node


@cache
def search_kernel(bits: int) -> SearchKernel:
    """The compiled search.

    Its arguments: targets float32 [G, 256, 16], sixteen tiles side by side; table float32 [65536], in the order of
    `search_step`; states uint16 [G, 256, 16], written; costs float32 [threads, 2 * cost_places * 16] and words
    [threads, 256 * nodes * 16 / nodes_per_word], scratch; the weights on either side of the seam that the first pass
    looks at, even; and the number of threads.
    """
    node_bits = STATE_BITS - bits
    nodes = 1 << node_bits
    size = cost_places(bits) * LANES
    stretch = stretch_bits(bits)
    plan = step_plan(bits)
    positions, nodes_per_word = plan.positions, plan.nodes_per_word

    def kernel(targets, table, states, costs, words, reach, threads):  # type: ignore[no-untyped-def]
        groups = targets.shape[0]
        for part in prange(threads):
            own, back = costs[part], words[part]
            taken_off, crossing = np.zeros((2, 16), np.float32), np.zeros(16, np.int64)
            for group in range(groups * part // threads, groups * (part + 1) // threads):
                flat = targets[group].reshape(-1)
                for is_last in range(2):
                    own[:size] = BARRED if is_last else 0.0
                    taken_off[:] = 0.0
                    if is_last:
                        for lane in range(16):
                            node = crossing[lane]
                            own[(node + GAP * (node >> stretch)) * 16 + lane] = 0.0
                    weights = 256 if is_last else 2 * reach
                    source = 0
                    for t in range(0, weights, positions):
                        first = 16 * ((t if is_last else t + 256 - reach) & 255)
                        word = t * (nodes * 16 // nodes_per_word)
                        search_step(own, source, size - source, back, word, table, flat, first, taken_off, bits)
                        source = size - source
                    if not is_last:
                        for lane in range(16):
                            best, least = 0, np.float32(np.inf)
                            for node in range(nodes):
                                place = (node + GAP * (node >> stretch)) * 16 + lane
                                cost = max(own[place] - taken_off[0, lane], np.float32(0.0))
                                if cost < least:
                                    best, least = node, cost
                            for t in range(2 * reach - 1, reach - 1, -1):
                                best = _state(back, best, t, lane, bits, positions, nodes_per_word) >> bits
                            crossing[lane] = best
                for lane in range(16):
                    node = crossing[lane]
                    for t in range(255, -1, -1):
                        state = _state(back, node, t, lane, bits, positions, nodes_per_word)
                        states[group, t, lane] = state
                        node = state >> bits

    kernel.__name__ = kernel.__qualname__ = f"trellis_search_k{bits}"
    compiled: Any = njit(kernel, parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)
    return compiled
