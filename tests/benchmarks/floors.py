"""The least time an operation can take: by the bytes it must move, and by what it must compute.

Memory: bytes over the bandwidth that a large copy reached in the same run. Computing, for EXL3 products: what one
weight costs in instructions, by K, codebook and road, over the rates of a multiprocessor. A multiprocessor runs address
and bit work, multiplications and tensor products side by side but starts at most 128 thread instructions a clock, so a
road's floor is the slowest of the four, and a product's that of its best road. The counts are those of the shortest
sequences known here, not proofs that none is shorter; loads, shuffles, loop control and sums across warps are left out,
and the tensor cores never wait. Knows nothing of torch.

Rates: the table of arithmetic throughput in NVIDIA's CUDA programming guide and the cards' white papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ISSUE_RATE = 128  # thread instructions that a multiprocessor starts in a clock: four schedulers of 32
WINDOWS = 8  # consecutive weights of a lane


@dataclass(frozen=True)
class CoreRates:
    """What one multiprocessor does in a clock, in thread instructions or multiply-adds.

    Attributes:
        alu: shifts, logic, byte permutes.  multiply: 32-bit multiplications and byte dot products.
        half_macs: fp16 inputs on the tensor cores, at the full rate of a series where a card of it may have half.
        byte_macs: 8-bit inputs.
        nominal_clock_hz: where the driver does not say.
    """

    alu: int
    multiply: int
    half_macs: int
    byte_macs: int
    nominal_clock_hz: float


CORES = {
    (8, 0): CoreRates(64, 64, 1024, 2048, 1.41e9),
    (8, 6): CoreRates(64, 64, 512, 1024, 1.75e9),
    (8, 9): CoreRates(64, 64, 512, 1024, 2.55e9),
    (9, 0): CoreRates(64, 64, 2048, 4096, 1.98e9),
    (10, 0): CoreRates(64, 64, 4096, 8192, 1.95e9),
    (12, 0): CoreRates(128, 128, 512, 1024, 2.45e9),
}


def core_rates(capability: tuple[int, int]) -> CoreRates:
    """The rates of a compute capability; of the nearest older one that is known for others."""
    older = [each for each in CORES if each <= capability]
    return CORES[max(older)] if older else CORES[min(CORES)]


@dataclass(frozen=True)
class Rates:
    """What a device reaches.

    Attributes:
        bytes_per_s: measured, read and written bytes of a large copy together.
        cores: thread processors that work side by side: multiprocessors of a card. 0: no floor by instructions.
        macs_per_s: measured on a processor: float32 multiply-adds of all threads, their inputs in the first cache.
    """

    bytes_per_s: float
    cores: int = 0
    clock_hz: float = 0.0
    core: CoreRates = CORES[8, 0]
    macs_per_s: float = 0.0


@dataclass(frozen=True)
class Road:
    """One way to compute an operation: how many of each kind of instruction or multiply-add it needs in all."""

    name: str
    alu: float = 0.0
    multiply: float = 0.0
    other: float = 0.0  # started like the rest, limited by nothing else
    half_macs: float = 0.0
    byte_macs: float = 0.0


@dataclass(frozen=True)
class Work:
    """What an operation must do at least.

    Attributes:
        num_bytes: read or written at least once.
        roads: ways to compute it on a card; none if it only moves bytes.
        macs: on a processor, float32 multiply-adds, or pairs of 16-bit ones, which take the same time.
    """

    num_bytes: float
    roads: tuple[Road, ...] = ()
    macs: float = 0.0


@dataclass(frozen=True)
class Floor:
    """The least time, and what sets it."""

    seconds: float
    limit: str


def floor_of(work: Work, rates: Rates) -> Floor:
    """The larger of the floor by bytes and that of the best road, or of a processor's multiply-adds."""
    floors = [Floor(work.num_bytes / rates.bytes_per_s, "bytes")]
    if rates.macs_per_s:
        floors.append(Floor(work.macs / rates.macs_per_s, "multiply-adds"))
    if work.roads and rates.cores:
        floors.append(min((road_floor(road, rates) for road in work.roads), key=lambda floor: floor.seconds))
    return max(floors, key=lambda floor: floor.seconds)


def road_floor(road: Road, rates: Rates) -> Floor:
    """The slowest of a road's four kinds of work."""
    core, per_s = rates.core, rates.cores * rates.clock_hz
    kinds = (
        Floor(road.alu / core.alu / per_s, "bit operations"),
        Floor(road.multiply / core.multiply / per_s, "multiplications"),
        Floor((road.alu + road.multiply + road.other) / ISSUE_RATE / per_s, "instructions"),
        Floor((road.half_macs / core.half_macs + road.byte_macs / core.byte_macs) / per_s, "tensor cores"),
    )
    slowest = max(kinds, key=lambda floor: floor.seconds)
    return Floor(slowest.seconds, f"{slowest.limit}, {road.name}")


def extraction_ops(bits: int) -> float:
    """Instructions for a weight's 16-bit state, out of words that a lane holds.

    A lane cuts eight windows that end every `bits` bits. A window that ends at a byte's end is one byte permute (or one
    shift, or one mask); any other is a shift and a mask. Unless eight windows fill whole words (K = 4, 8) the words are
    first aligned, one funnel shift each.
    """
    ends = [window * bits % 32 for window in range(WINDOWS)]
    cuts = sum(1 if end % 8 == 0 else 2 for end in ends)
    words = 0 if bits in (4, 8) else -(-(7 * bits + 16) // 32)
    return (cuts + words) / WINDOWS


# Instructions for one weight from its state on, once for all rows: (bit operations, multiplications, others).
# mul1 as fp16: a multiplication and a byte dot product; a permute and a fused multiply-add for each pair.
# mcg, 3inst as fp16: a multiplication (3inst adds in the same one), one masked exclusive or, two permutes and an
# addition for each pair.
HALF_OPS = {"mul1": (0.5, 2.0, 0.5), "mcg": (2.0, 1.0, 0.5), "3inst": (2.0, 1.0, 0.5)}
BYTE_OPS = (0.0, 1.0, 0.0)  # mul1 as four bytes: the multiplication alone
TENSOR_ROWS = 8  # rows of activations that a tensor instruction takes at least


def product_roads(bits: int, codebook: str, weights: int, rows: int) -> tuple[Road, ...]:
    """The ways to multiply `rows` rows with so many weights, each decoded once for all rows.

    Dot products: mul1 with 8-bit activations, one byte dot product for each weight and row. Bytes on tensor cores: four
    multiply-adds for each weight. Halves on tensor cores: every codebook.
    """
    cut = extraction_ops(bits)
    filled = -(-rows // TENSOR_ROWS) * TENSOR_ROWS
    alu, multiply, other = HALF_OPS[codebook]
    half = Road("halves", weights * (cut + alu), weights * multiply, weights * other, half_macs=weights * filled)
    if codebook != "mul1":
        return (half,)
    alu, multiply, other = BYTE_OPS
    dots = Road("dot products", weights * (cut + alu), weights * (multiply + rows), weights * other)
    byte = Road("bytes", weights * (cut + alu), weights * multiply, weights * other, byte_macs=4.0 * weights * filled)
    return dots, byte, half


def product_work(bits: int, codebook: str, in_features: int, out_features: Sequence[int], rows: int) -> Work:
    """An EXL3 product: packed weights, their scales and bias, float32 rows in and out."""
    columns = sum(out_features)
    weights = in_features * columns
    moved = (
        weights * bits / 8 + 2 * (in_features * len(out_features) + 2 * columns) + 4 * rows * (in_features + columns)
    )
    macs = weights * rows / (2 if codebook == "mul1" else 1)
    return Work(moved, product_roads(bits, codebook, weights, rows), macs)
