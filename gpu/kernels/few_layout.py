"""How products of up to 16 rows are laid out: roads, and what a block of each takes. Knows nothing of kernels' code."""

from __future__ import annotations

from dataclasses import dataclass

PRODUCT_WARPS = 4
PRODUCT_THREADS = 32 * PRODUCT_WARPS
UNIT_ROWS = 8  # tile rows of 128 inputs, which share a scale


@dataclass(frozen=True)
class Road:
    """How weights meet activations.

    `kind` is byte, bytes, halves or pairs (see `exl3_product`); `groups` are columns of eight of the tensor cores'
    second operand.
    """

    kind: str
    groups: int

    @property
    def name(self) -> str:
        return f"{self.kind}{self.groups}"

    @property
    def is_bytes(self) -> bool:
        """Whether inputs are integers in two bytes, else fp16."""
        return self.kind in ("byte", "bytes")

    @property
    def tiles(self) -> int:
        """Tiles of 16 columns that a warp works on side by side: what its registers hold."""
        return 8 if self.groups == 1 and self.kind != "pairs" else 4

    @property
    def max_rows(self) -> int:
        return {"byte": 1, "bytes": 4}.get(self.kind, 8) * self.groups

    @property
    def columns(self) -> int:
        """Of a block."""
        return 16 * self.tiles


def splits_of(run: int, tile_rows: int) -> int:
    """Blocks that share the inputs when each warp takes `run` tile rows."""
    return -(-tile_rows // (PRODUCT_WARPS * run))


def units_of(run: int) -> tuple[int, int]:
    """A warp's run as whole units, or a part of one, and the tile rows of each."""
    unit_rows = min(run, UNIT_ROWS)
    return run // unit_rows, unit_rows
