"""Sizes at which the kernels between the products of a step of few rows are tried."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from gpu.launchers import fused

FEW_ROWS = (1, 2, 5, 8, 9, 16)
SPLITS = (1, 2, 3, 7, 16)
STREAMS = (76, 300, 1028, 4096)  # sizes of the residual stream


class _Mix:
    """Chooses sizes that meet in ever new pairs, the same every time."""

    def __init__(self, seed: int) -> None:
        self.one_of = random.Random(seed).choice

    def sums(self) -> fused.SumsCase:
        beside = (0, 0, 128, 384)
        return fused.SumsCase(self.one_of(SPLITS), self.one_of(beside), self.one_of(beside))


def absorb_cases(*, codes: bool) -> Iterator[fused.AbsorbCase]:
    mix = _Mix(1)
    for features in STREAMS:
        for matrices in (1, 2, 3, 0):
            for splits in (0, *SPLITS):
                if splits or matrices:
                    around = mix.sums()
                    sums = fused.SumsCase(splits, around.before, around.behind) if splits else None
                    yield fused.AbsorbCase(mix.one_of(FEW_ROWS), features, sums, matrices, codes)


def merge_cases(*, codes: bool, sinks: bool = False) -> Iterator[fused.MergeCase]:
    mix = _Mix(2)
    divisions = (*((splits, 0) for splits in (*SPLITS, 32)), *((1, pool) for pool in (1, 2, 7, 33, 300)))
    for head_dim in (32, 64, 96, 128, 256):
        for splits, pool in divisions:
            positions = tuple(mix.one_of((0, 31, 32, 255, 256, 700, 1999)) for _ in range(mix.one_of(FEW_ROWS)))
            heads, window, spare = mix.one_of((1, 2, 3, 7, 8)), mix.one_of((0, 0, 100)), mix.one_of((0, 0, 32))
            yield fused.MergeCase(head_dim, heads, positions, splits, pool, window, spare, codes, sinks)


def gated_cases(*, codes: bool) -> Iterator[fused.GatedCase]:
    mix = _Mix(3)
    for rows in FEW_ROWS:
        for columns in (76, 128, 300, 640, 1025, 4096):
            norm = fused.NormCase(mix.one_of((0, *STREAMS)))
            yield fused.GatedCase(rows, columns, mix.sums(), mix.sums(), norm, codes)


def heads_cases() -> Iterator[fused.HeadsCase]:
    mix = _Mix(4)
    batches = (((0, 1),), ((255, 1), (256, 1)), ((253, 5),), ((511, 3), (3, 2), (1000, 3)), ((250, 9),),
               tuple((37 * i + 220, 1) for i in range(16)))  # fmt: skip
    number = 0
    for head_dim in (32, 64, 96, 128, 192, 256):
        unit = math.lcm(head_dim, 128) // head_dim
        for parts in batches:
            for norms in (False, True):
                sums = (mix.sums(), mix.sums(), mix.sums())
                kv_heads = unit * mix.one_of((1, 2))
                yield fused.HeadsCase(
                    head_dim, mix.one_of((head_dim, head_dim // 2, 20)), kv_heads * mix.one_of((1, 3, 4)), kv_heads,
                    parts, sums, mix.one_of((True, True, False)), fused.NormCase(mix.one_of((0, *STREAMS))), norms,
                    mix.one_of((0, 0, 32)), turned=number % 3 == 1, grows=number % 5 > 2,
                )  # fmt: skip
                number += 1
