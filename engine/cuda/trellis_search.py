"""The trellis search as the quantizer calls it, on a card.

Fulfils `engine.quantizer.search.TrellisSearch`. Knows nothing of matrices, of Hessians or of codebooks.
"""

from __future__ import annotations

import torch

from gpu.kernels.trellis_search_layout import APPROACH, PLANS, QUICK_APPROACH, WEIGHTS
from gpu.launch import KernelCache
from gpu.launchers.trellis_search import SearchTables, search, search_tables

MOST_SCRATCH = 2 * 1024**3
SCRATCH_SHARE = 8  # of a card's memory, one part


class CudaTrellisSearch:
    """Searches on one card; keeps its scratch and the last codebook's tables between calls.

    Args:
        scratch_bytes: that it may take at most, beyond what a single tile needs; None: an eighth of the card's memory,
            at most 2 GiB. More than the card's multiprocessors times 2 MiB (at K = 1, 2 and 3) gains little.
    """

    def __init__(self, kernels: KernelCache, device: torch.device, scratch_bytes: int | None = None) -> None:
        about = torch.cuda.get_device_properties(device)
        self._kernels, self.device = kernels, device
        self._num_multiprocessors = about.multi_processor_count
        share = min(MOST_SCRATCH, about.total_memory // SCRATCH_SHARE)
        self._scratch_bytes = share if scratch_bytes is None else scratch_bytes
        self._rows = torch.empty(0, dtype=torch.int32, device=device)
        self._held: tuple[torch.Tensor, SearchTables] | None = None

    def search(
        self, tiles: torch.Tensor, bits: int, table: torch.Tensor, *, quick: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds for each tile the path with the least squared error.

        Args:
            tiles: float32 [n, 256], at least one, targets in stream order, on the card.
            bits: K, 1 to 8.
            table: the codebook's value of every state, [65536], fp16 numbers.
            quick: for estimates: 1 to 3 % more error in five eighths of the time.

        Returns:
            states: int32 [n, 256], 0 to 65535, a closed path: each state holds the one before, shifted by K bits.
            values: float32 [n, 256], their values.
        """
        assert tiles.dtype == torch.float32
        assert tiles.shape[1:] == (WEIGHTS,)
        tables, targets = self._tables(table, bits), tiles.contiguous()
        most = chunk_tiles(self._scratch_bytes, PLANS[bits].tile_bytes, self._num_multiprocessors)
        self._reserve(min(most, len(targets)) * PLANS[bits].tile_bytes)
        approach = QUICK_APPROACH if quick else APPROACH
        parts = [targets[first : first + most] for first in range(0, len(targets), most)]
        found = [search(self._kernels, part, tables, self._rows, approach) for part in parts]
        states = torch.cat(found) if len(found) > 1 else found[0]
        return states, table.to(self.device).float()[states.long()]

    def _tables(self, table: torch.Tensor, bits: int) -> SearchTables:
        if self._held is None or self._held[0] is not table or self._held[1].bits != bits:
            self._held = table, search_tables(table.to(self.device), bits)
        return self._held[1]

    def _reserve(self, num_bytes: int) -> None:
        if self._rows.nbytes < num_bytes:
            self._rows = torch.empty(0, dtype=torch.int32, device=self.device)  # gives the old one back first
            self._rows = torch.empty(-(-num_bytes // 4), dtype=torch.int32, device=self.device)


def chunk_tiles(scratch_bytes: int, tile_bytes: int, num_multiprocessors: int) -> int:
    """Tiles to search in one go: what the scratch holds, in whole rounds of all multiprocessors, at least one tile."""
    most = max(1, scratch_bytes // tile_bytes)
    return most if most < num_multiprocessors else most // num_multiprocessors * num_multiprocessors
