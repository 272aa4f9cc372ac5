"""How blocks of the medium-rows product are cut, for its kernel and for who launches it.

Knows nothing of numba, so that a start with compiled kernels need not import it.
"""

from __future__ import annotations

from dataclasses import dataclass

CHUNK = 2  # tile rows of 16 inputs that a block has in one stage of its ring
SHARED_BYTES = 36 * 1024  # that a ring takes at most, while it has its fewest stages
MIN_STAGES, MAX_STAGES = 3, 5


@dataclass(frozen=True)
class Shape:
    """A block of the product.

    Attributes:
        groups: of eight rows; even.
        tiles: of 16 columns that a warp works on side by side.
        warps: of a block, next to each other in columns.
        resident: blocks that a multiprocessor's registers hold.
    """

    groups: int
    tiles: int
    warps: int
    resident: int

    @property
    def max_rows(self) -> int:
        return 8 * self.groups

    @property
    def columns(self) -> int:
        """Of a block."""
        return 16 * self.tiles * self.warps

    @property
    def threads(self) -> int:
        return 32 * self.warps

    @property
    def name(self) -> str:
        return f"g{self.groups}t{self.tiles}w{self.warps}"

    def input_bytes(self) -> int:
        """fp16 inputs of a stage."""
        return self.max_rows * 32 * CHUNK

    def stage_bytes(self, bits: int) -> int:
        """Inputs and words of a stage."""
        return self.input_bytes() + CHUNK * self.tiles * self.warps * 32 * bits

    def stages(self, bits: int) -> int:
        return min(MAX_STAGES, max(MIN_STAGES, SHARED_BYTES // self.stage_bytes(bits)))


SHAPES = (Shape(4, 4, 4, 4), Shape(8, 4, 4, 2), Shape(16, 2, 4, 2))  # for fewer rows first
MAX_ROWS = SHAPES[-1].max_rows

LONE_WARP = 0.6  # time that a warp alone on a quarter of a multiprocessor loses, over that of its own work
START_CHUNKS = 1  # time until a block has its first stage, in chunks of work
SUMS_CHUNKS = 0.06  # time to write a block's sums and to read them again, spread over the card, in chunks of work


def shape_for(rows: int) -> Shape:
    """The shape that takes so many rows, at most `MAX_ROWS`."""
    return next(shape for shape in SHAPES if rows <= shape.max_rows)


def choose_splits(shape: Shape, blocks: int, in_size: int, multiprocessors: int, most: int) -> int:
    """Parts that the inputs are cut into, so that all multiprocessors have about the same work.

    Args:
        blocks: of columns.  in_size: inputs, a multiple of 128.  most: parts whose partial sums there is room for.
    """
    chunks = in_size // (16 * CHUNK)

    def cost(splits: int) -> float:
        """Of the multiprocessor with the most blocks, in chunks."""
        own = -(-blocks * splits // multiprocessors)
        warps = min(own, shape.resident) * shape.warps / 4
        work = own * (-(-chunks // splits) + START_CHUNKS)
        return work * (1 + LONE_WARP / warps) + SUMS_CHUNKS * blocks * splits

    return min(range(1, max(1, min(most, chunks)) + 1), key=cost)
