"""Sizes at which the products of EXL3 matrices and the decoding of their tiles are tried."""

from __future__ import annotations

from collections.abc import Iterator

from gpu.kernels.medium_layout import SHAPES
from gpu.launchers import exl3, many_rows, medium

BITS = range(1, 9)
CODEBOOKS = ("mul1", "mcg", "3inst")
PRODUCT_ROADS = tuple(
    (codebook, kind, groups)
    for codebook in CODEBOOKS
    for kind in (("byte", "bytes", "pairs") if codebook == "mul1" else ("halves",))
    for groups in ((1,) if kind.startswith("byte") else (1, 2))
)


def product_cases() -> Iterator[exl3.ProductCase]:
    sizes = ((128, (128,)), (384, (256,)), (256, (640,)), (1152, (128, 384)), (512, (256, 128, 128)), (2048, (128,)))
    rows_of = {("byte", 1): (1, 1, 1), ("bytes", 1): (1, 3, 4), ("halves", 1): (1, 7, 8), ("halves", 2): (9, 16),
               ("pairs", 1): (5, 8), ("pairs", 2): (9, 13, 16)}  # fmt: skip
    runs = (1, 2, 4, 8, 16, 64)
    number = 0
    for bits in BITS:
        for codebook, kind, groups in PRODUCT_ROADS:
            for rows in rows_of[kind, groups]:
                in_size, out_sizes = sizes[number % len(sizes)]
                run = runs[number // 5 % len(runs)]
                yield exl3.ProductCase(bits, codebook, kind, groups, rows, in_size, out_sizes, run)
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
