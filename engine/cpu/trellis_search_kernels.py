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
from engine.cpu.trellis_search_ir import STATE_BITS, search_step

LANES = 16
TILE_WEIGHTS = 256
BARRED = np.float32(1e30)  # cost of a node that no path may begin in

# Weights on either side of the seam that the first pass looks at: all, or so many that the error rises by about 1 %
# and the search takes two thirds of the time.
WHOLE_REACH = 128
QUICK_REACH = 40

SearchKernel = Callable[..., None]


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _trace_node(pointers, node, step, steps, lane, bits):  # type: ignore[no-untyped-def]
    """The node that a path which is in `node` after `steps` steps was in after `step` steps."""
    node_bits = 16 - bits
    nodes = 1 << node_bits
    for t in range(steps - 1, step - 1, -1):
        j = np.int64(pointers[(t * nodes + node) * 16 + lane])
        node = ((j << node_bits) | node) >> bits
    return node


@cache
def search_kernel(bits: int) -> SearchKernel:
    """The compiled search.

    Its arguments: targets float32 [G, 256, 16], sixteen tiles side by side; table float32 [65536], in the order of
    `search_step`; states uint16 [G, 256, 16], written; costs float32 [threads, 2, nodes * 16] and pointers uint8
    [threads, 256 * nodes * 16], scratch; the weights on either side of the seam that the first pass looks at, even;
    and the number of threads.
    """
    node_bits = STATE_BITS - bits
    nodes = 1 << node_bits

    def kernel(targets, table, states, costs, pointers, reach, threads):  # type: ignore[no-untyped-def]
        groups = targets.shape[0]
        for part in prange(threads):
            even, odd, back = costs[part, 0], costs[part, 1], pointers[part]
            least, crossing = np.empty(16, np.float32), np.empty(16, np.int64)
            for group in range(groups * part // threads, groups * (part + 1) // threads):
                flat = targets[group].reshape(-1)
                even[:] = 0.0
                least[:] = 0.0
                for t in range(0, 2 * reach, 2):
                    first = 16 * ((t + 256 - reach) & 255)
                    search_step(even, odd, back, t * nodes * 16, table, flat, first, least, bits)
                    first = 16 * ((t + 257 - reach) & 255)
                    search_step(odd, even, back, (t + 1) * nodes * 16, table, flat, first, least, bits)
                for lane in range(16):
                    best = 0
                    for node in range(nodes):
                        if even[node * 16 + lane] < even[best * 16 + lane]:
                            best = node
                    crossing[lane] = _trace_node(back, best, reach, 2 * reach, lane, bits)
                even[:] = BARRED
                for lane in range(16):
                    even[crossing[lane] * 16 + lane] = 0.0
                least[:] = 0.0
                for t in range(0, 256, 2):
                    search_step(even, odd, back, t * nodes * 16, table, flat, 16 * t, least, bits)
                    search_step(odd, even, back, (t + 1) * nodes * 16, table, flat, 16 * t + 16, least, bits)
                for lane in range(16):
                    node = crossing[lane]
                    for t in range(255, -1, -1):
                        state = (np.int64(back[(t * nodes + node) * 16 + lane]) << node_bits) | node
                        states[group, t, lane] = state
                        node = state >> bits

    kernel.__name__ = kernel.__qualname__ = f"trellis_search_k{bits}"
    compiled: Any = njit(kernel, parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)
    return compiled
