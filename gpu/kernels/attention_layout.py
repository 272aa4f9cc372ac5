"""How attention is divided among blocks: numbers that its kernels and their launchers share, and the plan of a launch.

Everything here depends on the sizes of a batch alone, never on how long its sequences are, so that a graph can hold a
launch: the kernels read the lengths. Imports nothing of numba, so that a start needs no compiler.
"""

from __future__ import annotations

from dataclasses import dataclass

TILE_ROWS = 16  # query rows of a tile: tokens x heads
WARPS = 4  # of a block
COMBINE_THREADS = 128  # of a block that merges splits
STEP_KEYS = 32  # keys that a warp takes at a time
MAX_SPLITS = 32  # blocks that share the keys of a tile: `combine` gives each a lane
MAX_DEALT_ROWS = 32  # rows whose keys are dealt out by length: a lane each
ALL_KEYS = 2**30  # that a row without a window may see
LOG2_E = 1.4426950408889634
BLOCKS_PER_MULTIPROCESSOR = 2  # that are there at the same time; their registers allow two on every card


@dataclass(frozen=True)
class Scoring:
    """What a kernel does with scores besides scale, mask and softmax; a kernel without has no trace of it.

    Attributes:
        softcap: they become cap * tanh(score / cap) before the mask.
        sinks: every query head has a logit that takes part in its softmax and has no value.
    """

    softcap: bool = False
    sinks: bool = False

    @property
    def suffix(self) -> str:
        """Of a kernel's name."""
        return ("_cap" if self.softcap else "") + ("_sinks" if self.sinks else "")


PLAIN = Scoring()


def softcap_factors(cap: float | None) -> tuple[float, float]:
    """A soft cap as kernels take it, for scores in powers of two: slope and height; zeros for none."""
    if cap is None:
        return 0.0, 0.0
    assert cap > 0
    return 2.0 / cap, cap * LOG2_E


def attend_parts(padded: int) -> int:
    """Into how many parts, each a block's, the output of an attention head is divided for many rows."""
    return 1 if padded <= 128 else 2


def few_parts(padded: int) -> int:
    """The same for few rows, where smaller blocks that read K twice fill a card better than they cost."""
    return 1 if padded <= 64 else 2


def group_slices(group: int) -> int:
    """Into how many slices, each a block's, the query heads of a key/value head are divided."""
    return -(-group // TILE_ROWS)


def tile_tokens(group: int) -> int:
    """How many tokens of one sequence fit a tile."""
    return TILE_ROWS // -(-group // group_slices(group))


@dataclass(frozen=True)
class AttendPlan:
    """One launch of attention.

    Attributes:
        many: `attend_many`, else `attend_few`.
        tokens: of a tile.
        grid: blocks of the launch.
        pool: for `attend_few` and `combine`: over 0, blocks take keys of single tokens by their number, so that long
            sequences get more blocks than short ones; 0: every tile's keys are shared by grid[2] blocks.
    """

    many: bool
    tokens: int
    grid: tuple[int, int, int]
    pool: int

    @property
    def needs_combine(self) -> bool:
        return self.pool > 0 or self.grid[2] > 1


def plan_attention(
    rows: int,
    group: int,
    num_kv_heads: int,
    padded: int,
    multiprocessors: int,
    *,
    consecutive: bool,
    parts: int | None = None,
) -> AttendPlan:
    """The launch for a batch.

    Args:
        rows: tokens of the batch.
        group: query heads of a key/value head.
        consecutive: the tokens follow each other in one sequence; else each row may belong to another.
        parts: of a head in the kernel for few rows; None for that over fp16 pages.
    """
    tokens = tile_tokens(group) if consecutive else 1
    tiles, columns = -(-rows // tokens), num_kv_heads * group_slices(group)
    if consecutive and tiles * columns >= 4 * multiprocessors:
        return AttendPlan(True, tokens, (-(-tiles // WARPS), columns * attend_parts(padded), 1), 0)
    columns *= few_parts(padded) if parts is None else parts
    room = BLOCKS_PER_MULTIPROCESSOR * multiprocessors // columns  # tiles, or pieces of them, at the same time
    if consecutive or rows > MAX_DEALT_ROWS:
        return AttendPlan(False, tokens, (tiles, columns, min(max(room // tiles, 1), MAX_SPLITS)), 0)
    pieces = min(room, MAX_SPLITS * rows)
    if pieces <= rows:
        return AttendPlan(False, 1, (rows, columns, 1), 0)
    return AttendPlan(False, 1, (pieces, columns, 1), pieces - rows + 1)


def partial_values(padded: int, multiprocessors: int) -> int:
    """float32 values that the partial outputs of any plan need at most.

    Blocks of a launch with partial outputs never pass what is there at the same time, and each has at most a tile.
    """
    return BLOCKS_PER_MULTIPROCESSOR * multiprocessors * TILE_ROWS * (padded + 2)
