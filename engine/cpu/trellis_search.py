"""The trellis search as the quantizer calls it: torch tensors in, packed tiles and their values out.

Knows nothing of matrices or of Hessians; a card's search has the same face.
"""

from __future__ import annotations

import numpy as np
import torch

from engine.cpu.threads import start_threads
from engine.cpu.trellis_search_ir import STATE_BITS, cost_places, step_plan
from engine.cpu.trellis_search_kernels import LANES, QUICK_REACH, TILE_WEIGHTS, WHOLE_REACH, search_kernel


class CpuTrellisSearch:
    """Searches on all cores; keeps its scratch between calls (about 18 MiB a core at 2 bits, 17 MiB at 4)."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self._threads = start_threads()
        self._scratch: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def search(
        self, tiles: torch.Tensor, bits: int, table: torch.Tensor, *, quick: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds for each tile the path with the least squared error.

        Args:
            tiles: float32 [n, 256], targets in stream order.
            bits: K, 1 to 8.
            table: the codebook's value of every state, [65536].
            quick: for estimates: about 1 % more error in two thirds of the time.

        Returns:
            states: int32 [n, 256], 0 to 65535, a closed path: each state holds the one before, shifted by K bits.
            values: float32 [n, 256], their values.
        """
        assert tiles.dtype == torch.float32
        assert tiles.shape[1:] == (TILE_WEIGHTS,)
        count = tiles.shape[0]
        groups = -(-count // LANES)
        lanes = np.zeros((groups * LANES, TILE_WEIGHTS), np.float32)
        lanes[:count] = tiles.detach().numpy()
        targets = np.ascontiguousarray(lanes.reshape(groups, LANES, TILE_WEIGHTS).transpose(0, 2, 1))
        found = np.empty(targets.shape, np.uint16)
        # Every step reads the values in this order: by node, then by predecessor.
        values_of = np.ascontiguousarray(table.float().numpy().reshape(1 << bits, -1).T).reshape(-1)
        reach = QUICK_REACH if quick else WHOLE_REACH
        search_kernel(bits)(targets, values_of, found, *self._buffers(bits), reach, self._threads)
        ordered = np.ascontiguousarray(found.transpose(0, 2, 1)).reshape(-1, TILE_WEIGHTS)[:count]
        states = torch.from_numpy(ordered.astype(np.int32))
        return states, table.float()[states.long()]

    def _buffers(self, bits: int) -> tuple[np.ndarray, np.ndarray]:
        if bits not in self._scratch:
            self._scratch.clear()  # widths come one after another: the last one's is enough
            plan = step_plan(bits)
            num_words = TILE_WEIGHTS * (LANES << (STATE_BITS - bits)) // plan.nodes_per_word
            words = np.empty((self._threads, num_words), np.uint8 if plan.word_bytes == 1 else np.uint32)
            self._scratch[bits] = np.empty((self._threads, 2 * LANES * cost_places(bits)), np.float32), words
        return self._scratch[bits]
