"""Which heads `rope_many` takes and how many blocks it has. Imports nothing of numba."""

from __future__ import annotations

HEAD_DIMS = (32, 64, 128, 256)
THREADS = 256
TILE = 64  # slots and values of a block that transposes


def takes_heads(head_dim: int, half_rotary: int) -> bool:
    """Whether heads of this size, of which 2 * half_rotary values are rotated, are for `rope_many`."""
    return head_dim in HEAD_DIMS and 2 * half_rotary == head_dim


def num_blocks(rows: int, heads: int, kv_heads: int, head_dim: int) -> int:
    """Blocks of a launch; tiles of V begin at multiples of 64 slots, so that there may be one more than rows fill."""
    rotating = -(-rows * (heads + kv_heads) * (head_dim // 8) // THREADS)
    tiles = (rows + 2 * (TILE - 1)) // TILE
    return rotating + tiles * kv_heads * -(-head_dim // TILE)
