"""The table of GPU operations: for each its kernels, its launch on tensors, its reference and the sizes to try.

It feeds tests, benchmarks and the check of every kernel's machine code. Importing it needs neither numba nor a card.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from gpu.kernels import catalogue
from gpu.kernels.attention_layout import Scoring
from gpu.kernels.medium_layout import SHAPES
from gpu.launch import KernelCache, KernelSource
from gpu.launchers import counting, dense, elementwise, exl3, fused, many_rows, medium, packed, paged
from gpu.launchers.draw import Draw
from gpu.sampler import COUNT_TOKEN

BITS = range(1, 9)
CODEBOOKS = ("mul1", "mcg", "3inst")
PADDED_HEAD_DIMS = (32, 64, 96, 128, 160, 192, 256)
Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Op:
    """One operation.

    Attributes:
        sources: every kernel and variant that it may launch.
        cases: the sizes to try, each a frozen dataclass.
        inputs: tensors of a case, random but the same every time.
        launch: runs the kernels on the inputs, which stay as they are; new outputs, NaN where nothing is written.
        reference: the outputs by plain torch, of the same shapes, NaN at the same places.
        tolerance: of the relative L2 error of each output; 0 asks for equal bits.
    """

    name: str
    sources: tuple[KernelSource, ...]
    cases: tuple[Any, ...]
    inputs: Callable[[Any, Draw], Any]
    launch: Callable[[KernelCache, Any], Tensors]
    reference: Callable[[Any], Tensors]
    tolerance: float


def worst_error(actual: Tensors, expected: Tensors) -> float:
    """The largest relative L2 error of the outputs; infinite where a NaN is missing or too many, or a shape differs."""
    assert len(actual) == len(expected), "a launch and its reference must give the same outputs"
    worst = 0.0
    for found, wanted in zip(actual, expected):
        known = ~wanted.isnan()
        if found.shape != wanted.shape or not torch.equal(~found.isnan(), known):
            return float("inf")
        difference = (found[known].double() - wanted[known].double()).norm()
        worst = max(worst, float(difference / wanted[known].double().norm().clamp(min=1e-30)))
    return worst


PRODUCT_ROADS = tuple(
    (codebook, kind, groups)
    for codebook in CODEBOOKS
    for kind in (("byte", "bytes", "pairs") if codebook == "mul1" else ("halves",))
    for groups in ((1,) if kind.startswith("byte") else (1, 2))
)


def _product_cases() -> Iterator[exl3.ProductCase]:
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


def _medium_cases() -> Iterator[medium.ProductCase]:
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


def _decode_cases() -> Iterator[many_rows.DecodeCase]:
    places = ((0, 8), (3, 5), (8, 16), (0, 24))
    for bits in BITS:
        for i, codebook in enumerate(CODEBOOKS):
            first, tiles = places[(bits + i) % len(places)]
            yield many_rows.DecodeCase(bits, codebook, 128 * (1 + bits % 3), 384, first, tiles)


def _rope_cases() -> Iterator[paged.RopeCase]:
    parts = (((0, 1),), ((250, 13),), ((0, 1), (255, 1), (256, 1), (999, 1)), ((511, 3), (3, 2)))
    number = 0
    for head_dim in (64, 80, 96, 128, 256):
        for rotary in (head_dim, head_dim // 2, 20):
            for norms in (False, True):
                yield paged.RopeCase(head_dim, rotary, (4, 7, 16)[number % 3], (4, 1, 2)[number % 3], norms,
                                     parts[number % len(parts)])  # fmt: skip
                number += 1


def _rope_many_cases() -> Iterator[paged.RopeManyCase]:
    parts = ((0, 1), (250, 13), (0, 64), (64, 128), (37, 300), (511, 65), (320, 257))
    number = 0
    for head_dim in (32, 64, 128, 256):
        for spare in (-1, 0, 5):
            for norms in (False, True):
                heads, kv_heads = ((4, 4), (7, 1), (16, 2))[number % 3]
                yield paged.RopeManyCase(head_dim, head_dim, heads, kv_heads, norms, (parts[number % len(parts)],),
                                         spare)  # fmt: skip
                number += 1


def _attend_cases() -> Iterator[paged.AttendCase]:
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


def _scored_cases() -> Iterator[paged.AttendCase]:
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


def _scored_sources() -> tuple[KernelSource, ...]:
    """The kernels that these cases need."""
    kinds = {(-(-case.head_dim // 32) * 32, case.softcap is not None, case.sinks) for case in _scored_cases()}
    makers = (catalogue.attend_few, catalogue.attend_many)
    each = (maker(padded, Scoring(*scoring)) for padded, *scoring in sorted(kinds) for maker in makers)
    return (*each, catalogue.combine(has_sinks=True))


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


def _absorb_cases(*, codes: bool) -> Iterator[fused.AbsorbCase]:
    mix = _Mix(1)
    for features in STREAMS:
        for matrices in (1, 2, 3, 0):
            for splits in (0, *SPLITS):
                if splits or matrices:
                    around = mix.sums()
                    sums = fused.SumsCase(splits, around.before, around.behind) if splits else None
                    yield fused.AbsorbCase(mix.one_of(FEW_ROWS), features, sums, matrices, codes)


def _merge_cases(*, codes: bool, sinks: bool = False) -> Iterator[fused.MergeCase]:
    mix = _Mix(2)
    divisions = (*((splits, 0) for splits in (*SPLITS, 32)), *((1, pool) for pool in (1, 2, 7, 33, 300)))
    for head_dim in (32, 64, 96, 128, 256):
        for splits, pool in divisions:
            positions = tuple(mix.one_of((0, 31, 32, 255, 256, 700, 1999)) for _ in range(mix.one_of(FEW_ROWS)))
            heads, window, spare = mix.one_of((1, 2, 3, 7, 8)), mix.one_of((0, 0, 100)), mix.one_of((0, 0, 32))
            yield fused.MergeCase(head_dim, heads, positions, splits, pool, window, spare, codes, sinks)


def _gated_cases(*, codes: bool) -> Iterator[fused.GatedCase]:
    mix = _Mix(3)
    for rows in FEW_ROWS:
        for columns in (76, 128, 300, 640, 1025, 4096):
            norm = fused.NormCase(mix.one_of((0, *STREAMS)))
            yield fused.GatedCase(rows, columns, mix.sums(), mix.sums(), norm, codes)


def _heads_cases() -> Iterator[fused.HeadsCase]:
    mix = _Mix(4)
    batches = (((0, 1),), ((255, 1), (256, 1)), ((253, 5),), ((511, 3), (3, 2), (1000, 3)), ((250, 9),),
               tuple((37 * i + 220, 1) for i in range(16)))  # fmt: skip
    for head_dim in (32, 64, 96, 128, 192, 256):
        unit = math.lcm(head_dim, 128) // head_dim
        for parts in batches:
            for norms in (False, True):
                sums = (mix.sums(), mix.sums(), mix.sums())
                kv_heads = unit * mix.one_of((1, 2))
                yield fused.HeadsCase(
                    head_dim, mix.one_of((head_dim, head_dim // 2, 20)), kv_heads * mix.one_of((1, 3, 4)), kv_heads,
                    parts, sums, mix.one_of((True, True, False)), fused.NormCase(mix.one_of((0, *STREAMS))), norms,
                    mix.one_of((0, 0, 32)),
                )  # fmt: skip


def _fused_ops() -> Iterator[Op]:
    """What stands between the products of a step of few rows."""
    for codes in (False, True):
        kind, tolerance = ("codes", 5e-5) if codes else ("halves", 5e-4)
        yield Op(
            f"absorb_{kind}", (catalogue.absorb(codes),), tuple(_absorb_cases(codes=codes)),
            fused.absorb_inputs, fused.launch_absorb, fused.absorb_reference, tolerance,
        )  # fmt: skip
        yield Op(
            f"merge_heads_{kind}", (catalogue.merge_heads(codes),), tuple(_merge_cases(codes=codes)),
            fused.merge_inputs, fused.launch_merge, fused.merge_reference, tolerance,
        )  # fmt: skip
        yield Op(
            f"merge_heads_{kind}_sinks", (catalogue.merge_heads(codes, has_sinks=True),),
            tuple(_merge_cases(codes=codes, sinks=True)),
            fused.merge_inputs, fused.launch_merge, fused.merge_reference, tolerance,
        )  # fmt: skip
        yield Op(
            f"finish_gated_{kind}", (catalogue.finish_gated(codes),), tuple(_gated_cases(codes=codes)),
            fused.gated_inputs, fused.launch_gated, fused.gated_reference, tolerance,
        )  # fmt: skip
    # Two roundings of nearly the same value to the cache's fp16 may differ by a step.
    yield Op(
        "finish_heads", (catalogue.FINISH_HEADS,), tuple(_heads_cases()),
        fused.heads_inputs, fused.launch_heads, fused.heads_reference, 2e-4,
    )  # fmt: skip


PACKED_BITS = ((4, 4), (8, 8), (2, 3), (5, 2), (3, 6), (6, 4), (7, 5), (8, 7))
PACKED_HEAD_DIMS = (64, 80, 96, 128, 160, 256)


def _packed_bits(number: int, head_dim: int) -> tuple[int, int]:
    """All widths for one head size, two for each of the others: every pair is a kernel of its own."""
    return PACKED_BITS[number % 8 if head_dim == 128 else (head_dim // 16 + number % 2) % 8]


def _packed_append_cases() -> Iterator[packed.AppendCase]:
    parts = (((0, 1),), ((250, 40),), ((0, 1), (255, 1), (256, 1), (30, 1), (31, 1)), ((511, 3), (3, 2)), ((0, 300),))
    for head_dim in (*PACKED_HEAD_DIMS, 20):
        for number in range(8 if head_dim == 128 else 4):
            bits = _packed_bits(number, head_dim)
            yield packed.AppendCase(head_dim, 1 + number % 3, bits, parts[(head_dim // 4 + number) % len(parts)])


def _packed_expand_cases() -> Iterator[packed.ExpandCase]:
    spans = ((0, 1, 0), (250, 40, 0), (600, 100, 70), (300, 1, 1), (0, 257, 100))
    for padded in (32, 64, 96, 128, 256):
        for number in range(8 if padded == 128 else 2):
            span = spans[(padded // 32 + number) % len(spans)]
            yield packed.ExpandCase(
                padded, 1 + number % 2, _packed_bits(number, padded), *span, (1, 3, 100)[number % 3]
            )


def _packed_attend_cases() -> Iterator[packed.PackedAttendCase]:
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


def _packed_scored_cases() -> Iterator[packed.PackedAttendCase]:
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


def _packed_scored_sources() -> tuple[KernelSource, ...]:
    """The kernels that these cases need besides the sum over splits."""
    kinds = {(case.head_dim, case.bits, case.softcap is not None, case.sinks) for case in _packed_scored_cases()}
    return tuple(
        catalogue.attend_packed(head_dim, *bits, Scoring(*scoring)) for head_dim, bits, *scoring in sorted(kinds)
    )


def _packed_sources(maker: Any, cases: Iterator[Any]) -> tuple[KernelSource, ...]:
    """The kernels that the cases need."""
    kinds = {(-(-case.head_dim // 32) * 32, case.bits) for case in cases}
    return tuple(maker(padded, *bits) for padded, bits in sorted(kinds))


def _count_cases() -> Iterator[counting.CountCase]:
    for window in (1, 5, 0, counting.MAX_WINDOW, 10 * counting.MAX_WINDOW):
        for prompt, reply in ((1, 0), (7, 3), (40, 12)):
            yield counting.CountCase(11, 30, (counting.CountRow(window, prompt, reply),))
    rows = [(1, 3, 0), (5, 9, 2), (64, 20, 0), (0, 5, 5), (2, 1, 0), (99, 70, 1)]
    several = [counting.CountRow(*row, active=number != 4) for number, row in enumerate(rows)]
    yield counting.CountCase(3, 25, tuple(several))
    yield counting.CountCase(1003, 29, tuple(several[number % 6] for number in range(32)))


OPS = (
    Op(
        "exl3_product",
        tuple(catalogue.exl3_product(bits, *road) for bits in BITS for road in PRODUCT_ROADS),
        tuple(_product_cases()), exl3.product_inputs, exl3.launch_product, exl3.product_reference, 5e-6,
    ),
    Op(
        "exl3_medium",
        tuple(
            catalogue.exl3_medium(bits, codebook, shape) for bits in BITS for codebook in CODEBOOKS for shape in SHAPES
        ),
        tuple(_medium_cases()), medium.product_inputs, medium.launch_product, medium.product_reference, 2e-5,
    ),
    Op(
        "prepare_medium", (catalogue.PREPARE_MEDIUM,),
        tuple(
            medium.PrepareCase(*sizes, norm=norm, offset=offset, size=size)
            for norm in (False, True)
            for sizes, offset, size in (
                ((1, 17, 128, 1), 0, 1.0), ((3, 16, 300, 2), 3, 1e6), ((33, 128, 77, 3), 0, 1e-6),
                ((5, 5, 1025, 1), 1, 1e-3), ((128, 128, 4096, 1), 0, 100.0), ((19, 32, 14336, 2), 0, 1.0),
            )
        ),
        medium.prepare_inputs, medium.launch_prepare, medium.prepare_reference, 5e-4,
    ),
    Op(
        "exl3_decode",
        tuple(catalogue.exl3_decode(bits, codebook) for bits in BITS for codebook in CODEBOOKS),
        tuple(_decode_cases()), many_rows.decode_inputs, many_rows.launch_decode, many_rows.decode_reference, 0.0,
    ),
    *(
        Op(
            "prepare_codes" if codes else "prepare_halves", (catalogue.prepare_input(codes),),
            tuple(
                exl3.PrepareCase(*sizes, codes=codes, norm=norm)
                for norm in (False, True)
                for sizes in ((1, 16, 128, 1), (3, 16, 300, 2), (16, 16, 77, 3), (5, 5, 1025, 1), (70, 70, 4096, 1))
            ),
            exl3.prepare_inputs, exl3.launch_prepare, exl3.prepare_reference, 5e-5 if codes else 5e-4,
        )
        for codes in (False, True)
    ),
    Op(
        "finish_output", (catalogue.finish_output(True), catalogue.finish_output(False)),
        (
            exl3.FinishCase(1, 1, (128,), False), exl3.FinishCase(2, 2, (128, 77), True),
            exl3.FinishCase(5, 3, (3, 128, 0, 128, 1), False), exl3.FinishCase(16, 7, (128,) * 9 + (66,), True),
            exl3.FinishCase(70, 1, (128, 128, 50), False), exl3.FinishCase(4, 3, (3, 128, 0, 128, 1), True),
        ),
        exl3.finish_inputs, exl3.launch_finish, exl3.finish_reference, 2e-6,
    ),
    *_fused_ops(),
    Op(
        "prepare_many", (catalogue.PREPARE_MANY,),
        tuple(
            many_rows.PrepareCase(*sizes, norm=norm, spare=spare)
            for norm in (False, True)
            for sizes, spare in (((1, 128, 1), 0), ((3, 300, 2), 4), ((17, 77, 3), 0), ((5, 1025, 1), 5),
                                 ((70, 4096, 3), 8), ((19, 14336, 1), 0), ((33, 640, 2), 1))
        ),
        many_rows.prepare_inputs, many_rows.launch_prepare, many_rows.prepare_reference, 5e-4,
    ),
    Op(
        "finish_many", (catalogue.FINISH_MANY,),
        (
            many_rows.FinishCase(1, 128, False, 0), many_rows.FinishCase(17, 77, True, 0),
            many_rows.FinishCase(5, 1000, False, 3), many_rows.FinishCase(33, 1282, True, 2),
            many_rows.FinishCase(70, 4096, True, 0), many_rows.FinishCase(19, 640, False, 0, in_place=True),
            many_rows.FinishCase(64, 1024, False, 0, in_place=True),
        ),
        many_rows.finish_inputs, many_rows.launch_finish, many_rows.finish_reference, 2e-6,
    ),
    Op(
        "finish_gated_many", (catalogue.FINISH_GATED_MANY,),
        tuple(
            many_rows.GatedCase(*sizes)
            for sizes in ((1, 128, 0, 1), (17, 77, 128, 1), (5, 1000, 8, 9), (33, 1282, 0, 2), (70, 4096, 256, 7),
                          (19, 640, 0, 1), (6, 5000, 0, 2))
        ),
        many_rows.gated_inputs, many_rows.launch_gated, many_rows.gated_reference, 5e-4,
    ),
    Op(
        "rms_norm", (catalogue.RMS_NORM,),
        (
            *(elementwise.NormCase(rows, size) for rows, size in ((1, 1), (2, 77), (5, 256), (3, 257), (17, 4096))),
            elementwise.NormCase(4, 1000, in_place=True),
        ),
        elementwise.norm_inputs, elementwise.launch_norm, elementwise.norm_reference, 2e-6,
    ),
    Op(
        "gated_silu", (catalogue.GATED_SILU,),
        tuple(elementwise.PairCase(*size) for size in ((1, 1), (255, 1), (257, 2), (5000, 3), (14336, 56))),
        elementwise.pair_inputs, elementwise.launch_gated_silu, elementwise.gated_silu_reference, 2e-6,
    ),
    Op(
        "embed", (catalogue.EMBED,),
        tuple(
            elementwise.EmbedCase(dtype, 301, size, tokens)
            for dtype in (torch.float16, torch.bfloat16, torch.float32)
            for size, tokens in ((1, 1), (77, 5), (4096, 3))
        ),
        elementwise.embed_inputs, elementwise.launch_embed, elementwise.embed_reference, 0.0,
    ),
    Op(
        "rotate_and_append", (catalogue.ROTATE_AND_APPEND,), tuple(_rope_cases()),
        paged.rope_inputs, paged.launch_rope, paged.rope_reference, 5e-5,
    ),
    Op(
        "rotate_and_append_many", (catalogue.ROTATE_AND_APPEND_MANY,), tuple(_rope_many_cases()),
        paged.rope_inputs, paged.launch_rope_many, paged.rope_many_reference, 5e-4,
    ),
    Op(
        "gather_pages", (catalogue.GATHER_PAGES,),
        tuple(
            dense.GatherCase(*sizes)
            for sizes in ((64, 1, 0, 1, 0), (128, 8, 0, 5, 7), (96, 3, 192, 9, 0), (40, 2, 64, 4, 64),
                          (256, 1, 512, 3, 1))
        ),
        dense.gather_inputs, dense.launch_gather, dense.gather_reference, 0.0,
    ),
    Op(
        "merge_parts", (catalogue.MERGE_PARTS,),
        tuple(
            dense.MergeCase(*sizes)
            for sizes in ((1, 1, 64, 1, 0), (33, 8, 128, 2, 5), (70, 5, 40, 3, 0), (17, 3, 96, 1, 9), (9, 4, 256, 3, 1))
        ),
        dense.merge_inputs, dense.launch_merge, dense.merge_reference, 2e-6,
    ),
    Op(
        "count_token", (COUNT_TOKEN,), tuple(_count_cases()),
        counting.count_inputs, counting.launch_count, counting.count_reference, 0.0,
    ),
    Op(
        "attend",
        (
            *(kind(padded) for padded in PADDED_HEAD_DIMS for kind in (catalogue.attend_few, catalogue.attend_many)),
            catalogue.combine(),
        ),
        tuple(_attend_cases()), paged.attend_inputs, paged.launch_attend, paged.attend_reference, 1e-3,
    ),
    Op(
        "attend_scored", _scored_sources(), tuple(_scored_cases()),
        paged.attend_inputs, paged.launch_attend, paged.attend_reference, 1e-3,
    ),
    Op(
        "append_packed", _packed_sources(catalogue.append_packed, _packed_append_cases()),
        tuple(_packed_append_cases()),
        packed.append_inputs, packed.launch_append, packed.append_reference, 0.0,
    ),
    Op(
        "expand_packed",
        tuple(catalogue.expand_packed(*kind) for kind in
              sorted({(case.padded, *case.bits) for case in _packed_expand_cases()})),
        tuple(_packed_expand_cases()),
        packed.expand_inputs, packed.launch_expand, packed.expand_reference, 5e-4,
    ),
    Op(
        "attend_packed", _packed_sources(catalogue.attend_packed, _packed_attend_cases()),
        tuple(_packed_attend_cases()),
        packed.attend_inputs, packed.launch_attend, packed.attend_reference, 1e-3,
    ),
    Op(
        "attend_packed_scored", _packed_scored_sources(), tuple(_packed_scored_cases()),
        packed.attend_inputs, packed.launch_attend, packed.attend_reference, 1e-3,
    ),
)  # fmt: skip
