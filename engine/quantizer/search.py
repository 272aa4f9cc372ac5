"""What the quantizer asks of a trellis search, on whatever device it runs.

Knows nothing of matrices, of Hessians or of files.
"""

from __future__ import annotations

from typing import Protocol

import torch


class TrellisSearch(Protocol):
    """Finds closed paths through the trellis, as `engine.cpu.trellis_search.CpuTrellisSearch` does on processors."""

    device: torch.device  # where tiles are searched, and where all of a block's work is done

    def search(
        self, tiles: torch.Tensor, bits: int, table: torch.Tensor, *, quick: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The path with the least squared error of each tile.

        Args:
            tiles: float32 [n, 256], targets in stream order, on `device`.
            bits: K, 1 to 8.
            table: the codebook's value of every state, [65536].
            quick: an estimate will do.

        Returns:
            states: int32 [n, 256], each of which holds the one before, shifted by K bits; the first holds the last.
            values: float32 [n, 256], `table[states]`; both on `device`.
        """
