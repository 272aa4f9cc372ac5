"""Sizes at which the kernels of the quantized cache are tried, and the kernels that they need: one for each width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpu.kernels import catalogue
from gpu.kernels.attention_layout import Scoring
from gpu.launch import KernelSource
from gpu.launchers import packed

PACKED_BITS = ((4, 4), (8, 8), (2, 3), (5, 2), (3, 6), (6, 4), (7, 5), (8, 7))
PACKED_HEAD_DIMS = (64, 80, 96, 128, 160, 256)


def _packed_bits(number: int, head_dim: int) -> tuple[int, int]:
    """All widths for one head size, two for each of the others: every pair is a kernel of its own."""
    return PACKED_BITS[number % 8 if head_dim == 128 else (head_dim // 16 + number % 2) % 8]


def packed_append_cases() -> Iterator[packed.AppendCase]:
    parts = (((0, 1),), ((250, 40),), ((0, 1), (255, 1), (256, 1), (30, 1), (31, 1)), ((511, 3), (3, 2)), ((0, 300),))
    for head_dim in (*PACKED_HEAD_DIMS, 20):
        for number in range(8 if head_dim == 128 else 4):
            bits = _packed_bits(number, head_dim)
            yield packed.AppendCase(head_dim, 1 + number % 3, bits, parts[(head_dim // 4 + number) % len(parts)])


def packed_expand_cases() -> Iterator[packed.ExpandCase]:
    spans = ((0, 1, 0), (250, 40, 0), (600, 100, 70), (300, 1, 1), (0, 257, 100))
    for padded in (32, 64, 96, 128, 256):
        for number in range(8 if padded == 128 else 2):
            span = spans[(padded // 32 + number) % len(spans)]
            yield packed.ExpandCase(
                padded, 1 + number % 2, _packed_bits(number, padded), *span, (1, 3, 100)[number % 3]
            )


def packed_attend_cases() -> Iterator[packed.PackedAttendCase]:
    decodes = (((0, 1),), ((31, 1), (256, 1), (510, 1)), ((999, 1), (62, 1), (255, 1), (0, 1)), ((700, 1),))
    chunks = (((0, 7),), ((5, 33),), ((250, 40),), ((0, 257),), ((100, 5), (300, 9)))
    number = 0
    for head_dim in PACKED_HEAD_DIMS:
        for group in (1, 3, 4, 8, 24):
            for parts in (decodes[number // 2 % len(decodes)], chunks[number // 2 % len(chunks)]):
                yield packed.PackedAttendCase(
                    head_dim, group, 1 + number % 3, (0, 0, 1, 7, 100, 300)[number % 6], (1, 3, 8, 32)[number // 3 % 4],
                    parts, bits=_packed_bits(number, head_dim),
                )  # fmt: skip
                number += 1
    for bits in PACKED_BITS:
        yield packed.PackedAttendCase(128, 4, 2, 0, 1, ((2000, 1), (5, 1), (0, 1), (300, 1)), 33, bits=bits)


def packed_scored_cases() -> Iterator[packed.PackedAttendCase]:
    """Soft caps and sinks over packed pages, fetched ahead and not."""
    parts = (((31, 1), (256, 1), (510, 1)), ((250, 40),), ((700, 1),), ((100, 5), (300, 9)))
    number = 0
    for softcap, sinks, head_dim, bits in (
        (None, True, 64, (8, 8)), (2.5, False, 256, (4, 4)), (3.7, True, 128, (5, 2))
    ):  # fmt: skip
        for group in (1, 3, 24):
            for splits in (1, 3):
                yield packed.PackedAttendCase(
                    head_dim, group, 2, (0, 100, 0)[number % 3], splits, parts[number % 4], softcap=softcap,
                    sinks=sinks, bits=bits,
                )  # fmt: skip
                number += 1
        dealt = ((2000, 1), (5, 1), (0, 1), (300, 1))
        yield packed.PackedAttendCase(head_dim, 4, 2, 0, 1, dealt, 33, softcap, sinks, bits)


def packed_scored_sources() -> tuple[KernelSource, ...]:
    """The kernels that these cases need besides the sum over splits."""
    kinds = {(case.head_dim, case.bits, case.softcap is not None, case.sinks) for case in packed_scored_cases()}
    return tuple(
        catalogue.attend_packed(head_dim, *bits, Scoring(*scoring)) for head_dim, bits, *scoring in sorted(kinds)
    )


def packed_sources(maker: Any, cases: Iterator[Any]) -> tuple[KernelSource, ...]:
    """The kernels that the cases need."""
    kinds = {(-(-case.head_dim // 32) * 32, case.bits) for case in cases}
    return tuple(maker(padded, *bits) for padded, bits in sorted(kinds))
