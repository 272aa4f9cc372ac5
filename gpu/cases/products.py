"""Sizes at which the products of EXL3 matrices and the decoding of their tiles are tried."""

from __future__ import annotations

from collections.abc import Iterator

from gpu.kernels.few_layout import Road
from gpu.kernels.medium_layout import SHAPES
from gpu.launchers import exl3, many_rows, medium

BITS = range(1, 9)
CODEBOOKS = ("mul1", "mcg", "3inst")
ROADS_OF = {
    "mul1": (Road("byte", 1), Road("bytes", 1), Road("pairs", 1), Road("pairs", 2)),
    "mcg": (Road("halves", 1), Road("halves", 2)),
    "3inst": (Road("halves", 1), Road("halves", 2)),
}
PRODUCT_ROADS = tuple((codebook, road) for codebook in CODEBOOKS for road in ROADS_OF[codebook])


def product_cases() -> Iterator[exl3.ProductCase]:
    sizes = ((128, (128,)), (384, (256,)), (256, (640,)), (1152, (128, 384)), (512, (256, 128, 128)), (2048, (128,)))
    rows_of = {"byte1": (1, 1, 1), "bytes1": (1, 3, 4), "halves1": (1, 7, 8), "halves2": (9, 16),
               "pairs1": (5, 8), "pairs2": (9, 13, 16)}  # fmt: skip
    runs = (1, 2, 4, 8, 16, 64)
    number = 0
    for bits in BITS:
        for codebook, road in PRODUCT_ROADS:
            for rows in rows_of[road.name]:
                in_size, out_sizes = sizes[number % len(sizes)]
                run = runs[number // 5 % len(runs)]
                yield exl3.ProductCase(bits, codebook, road, rows, in_size, out_sizes, run)
                number += 1
            number += 1  # so that rows and sizes do not always meet in the same pairs


def medium_cases() -> Iterator[medium.ProductCase]:
    sizes = (
        (128, (128,)),
        (384, (256, 384)),
        (256, (640,)),
        (1152, (128, 384, 128)),
        (512, (768, 128)),
        (2048, (128,)),
    )
    splits = (1, 2, 3, 7, 16)
    number = 0
    for bits in BITS:
        for codebook in CODEBOOKS:
            for shape, rows_of in zip(SHAPES, ((17, 31, 32, 1), (33, 64, 40), (100, 65, 128))):
                rows, (in_size, out_sizes) = rows_of[number % len(rows_of)], sizes[number % len(sizes)]
                split = min(splits[number // 5 % len(splits)], in_size // 32)
                yield medium.ProductCase(bits, codebook, shape, rows, in_size, out_sizes, split, number % 3)
                number += 1


def decode_cases() -> Iterator[many_rows.DecodeCase]:
    places = ((0, 8), (3, 5), (8, 16), (0, 24))
    for bits in BITS:
        for i, codebook in enumerate(CODEBOOKS):
            first, tiles = places[(bits + i) % len(places)]
            yield many_rows.DecodeCase(bits, codebook, 128 * (1 + bits % 3), 384, first, tiles)
