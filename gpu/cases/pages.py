"""Sizes at which rotary embedding and attention over fp16 pages are tried, and the kernels that some of them need."""

from __future__ import annotations

from collections.abc import Iterator

from gpu.kernels import catalogue
from gpu.kernels.attention_layout import Scoring
from gpu.launch import KernelSource
from gpu.launchers import paged


def rope_cases() -> Iterator[paged.RopeCase]:
    parts = (((0, 1),), ((250, 13),), ((0, 1), (255, 1), (256, 1), (999, 1)), ((511, 3), (3, 2)))
    number = 0
    for head_dim in (64, 80, 96, 128, 256):
        for rotary in (head_dim, head_dim // 2, 20):
            for norms in (False, True):
                yield paged.RopeCase(head_dim, rotary, (4, 7, 16)[number % 3], (4, 1, 2)[number % 3], norms,
                                     parts[number % len(parts)], turned=number % 7 > 3)  # fmt: skip
                number += 1


def rope_many_cases() -> Iterator[paged.RopeManyCase]:
    parts = ((0, 1), (250, 13), (0, 64), (64, 128), (37, 300), (511, 65), (320, 257))
    number = 0
    for head_dim in (32, 64, 128, 256):
        for spare in (-1, 0, 5):
            for norms in (False, True):
                heads, kv_heads = ((4, 4), (7, 1), (16, 2))[number % 3]
                yield paged.RopeManyCase(head_dim, head_dim, heads, kv_heads, norms, (parts[number % len(parts)],),
                                         spare)  # fmt: skip
                number += 1


def attend_cases() -> Iterator[paged.AttendCase]:
    decodes = (((0, 1),), ((31, 1), (256, 1), (510, 1)), ((999, 1), (62, 1), (255, 1), (0, 1)), ((700, 1),))
    prefills = (((0, 7),), ((5, 33),), ((250, 40),), ((700, 100),), ((0, 257),), ((100, 5), (300, 9)))
    windows, splits = (0, 0, 1, 7, 100, 300), (0, 1, 3, 8, 32)
    number = 0
    for head_dim in (64, 80, 96, 128, 256):
        for group in (1, 2, 3, 4, 5, 7, 8, 16):
            for parts in (decodes, prefills):
                yield paged.AttendCase(
                    head_dim, group, (1, 2, 3)[number % 3], windows[number // 2 % len(windows)],
                    splits[number // 3 % len(splits)], parts[number // 2 % len(parts)],
                )  # fmt: skip
                number += 1
    yield from _large_group_cases()
    yield from _dealt_cases()


def _large_group_cases() -> Iterator[paged.AttendCase]:
    """Groups that are cut into slices, equal ones and not."""
    for head_dim in (64, 128, 160):
        for group in (17, 24, 32, 71):
            for splits, parts in ((1, ((300, 1), (40, 1))), (5, ((999, 1),)), (3, ((250, 9),)), (0, ((100, 70),))):
                yield paged.AttendCase(head_dim, group, 1 + group % 2, (0, 90)[head_dim == 64], splits, parts)
            yield paged.AttendCase(head_dim, group, 2, 0, 1, ((700, 1), (0, 1), (33, 1)), pool=9)


def _dealt_cases() -> Iterator[paged.AttendCase]:
    """Decode batches whose keys are dealt out by length."""
    batches = (
        ((0, 1),), ((1200, 1),), ((31, 1), (32, 1)), ((2000, 1), (5, 1), (0, 1), (300, 1)),
        ((0, 1), (0, 1), (1500, 1)), tuple((37 * i, 1) for i in range(16)), tuple((991 - 31 * i, 1) for i in range(32)),
    )  # fmt: skip
    for number, parts in enumerate(batches):
        for pool in (1, 2, 7, 33, 300):
            for head_dim, group in ((64, 7), (128, 4), (192, 1)):
                window = (0, 0, 100)[(number + pool) % 3]
                yield paged.AttendCase(head_dim, group, 1 + pool % 2, window, 1, parts, pool)


# Soft cap, sinks and a head size. Scores have a deviation of 2: a small cap shows whether it is there, a large one
# whether it is exact.
SCORED = ((None, True, 64), (None, True, 128), (50.0, False, 128), (2.5, False, 256), (3.7, True, 80), (9.0, True, 256))


def scored_cases() -> Iterator[paged.AttendCase]:
    """Soft caps and sinks, with windows, splits, pools and sliced groups."""
    decodes = (((31, 1), (256, 1), (510, 1)), ((700, 1),), ((999, 1), (62, 1), (255, 1), (0, 1)))
    chunks, several = (((5, 33),), ((250, 40),), ((0, 257),)), ((100, 5), (300, 9))
    number = 0
    for softcap, sinks, head_dim in SCORED:
        for group in (1, 3, 8, 24):
            chunk, few = chunks[number % 3], (1, 3, 32)[number // 3 % 3]
            for splits, parts in ((0, chunk), (1, decodes[number % 3]), (few, chunk), (33 - few, several)):
                kv_heads, window = 1 + number // 4 % 2, (0, 1, 100, 0, 30)[number % 5]
                yield paged.AttendCase(head_dim, group, kv_heads, window, splits, parts, softcap=softcap, sinks=sinks)
                number += 1
        for pool in (1, 7, 33):
            for window in (0, 100):
                parts = ((2000, 1), (5, 1), (0, 1), (300, 1))
                yield paged.AttendCase(head_dim, 4, 2, window, 1, parts, pool, softcap, sinks)


def scored_sources() -> tuple[KernelSource, ...]:
    """The kernels that these cases need."""
    kinds = {(-(-case.head_dim // 32) * 32, case.softcap is not None, case.sinks) for case in scored_cases()}
    makers = (catalogue.attend_few, catalogue.attend_many)
    each = (maker(padded, Scoring(*scoring)) for padded, *scoring in sorted(kinds) for maker in makers)
    return (*each, catalogue.combine(has_sinks=True))
