"""The table of GPU operations: for each its kernels, its launch on tensors, its reference and the sizes to try.

It feeds tests, benchmarks and the check of every kernel's machine code. Importing it needs neither numba nor a card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from gpu.cases.counting import count_cases
from gpu.cases.fused import absorb_cases, gated_cases, heads_cases, merge_cases
from gpu.cases.packed import (
    packed_append_cases,
    packed_attend_cases,
    packed_expand_cases,
    packed_scored_cases,
    packed_scored_sources,
    packed_sources,
)
from gpu.cases.pages import attend_cases, rope_cases, rope_many_cases, scored_cases, scored_sources
from gpu.cases.products import BITS, CODEBOOKS, PRODUCT_ROADS, decode_cases, medium_cases, product_cases
from gpu.cases.trellis_search import search_cases
from gpu.kernels import catalogue
from gpu.kernels.medium_layout import SHAPES
from gpu.launch import KernelCache, KernelSource
from gpu.launchers import counting, dense, elementwise, exl3, fused, many_rows, medium, packed, paged, trellis_search
from gpu.launchers.draw import Draw
from gpu.sampler import COUNT_TOKEN

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


def _fused_ops() -> Iterator[Op]:
    """What stands between the products of a step of few rows."""
    for codes in (False, True):
        kind, tolerance = ("codes", 5e-5) if codes else ("halves", 5e-4)
        yield Op(
            f"absorb_{kind}", (catalogue.absorb(codes),), tuple(absorb_cases(codes=codes)),
            fused.absorb_inputs, fused.launch_absorb, fused.absorb_reference, tolerance,
        )  # fmt: skip
        yield Op(
            f"merge_heads_{kind}", (catalogue.merge_heads(codes),), tuple(merge_cases(codes=codes)),
            fused.merge_inputs, fused.launch_merge, fused.merge_reference, tolerance,
        )  # fmt: skip
        yield Op(
            f"merge_heads_{kind}_sinks", (catalogue.merge_heads(codes, has_sinks=True),),
            tuple(merge_cases(codes=codes, sinks=True)),
            fused.merge_inputs, fused.launch_merge, fused.merge_reference, tolerance,
        )  # fmt: skip
        yield Op(
            f"finish_gated_{kind}", (catalogue.finish_gated(codes),), tuple(gated_cases(codes=codes)),
            fused.gated_inputs, fused.launch_gated, fused.gated_reference, tolerance,
        )  # fmt: skip
    # Two roundings of nearly the same value to the cache's fp16 may differ by a step.
    yield Op(
        "finish_heads", (catalogue.FINISH_HEADS,), tuple(heads_cases()),
        fused.heads_inputs, fused.launch_heads, fused.heads_reference, 2e-4,
    )  # fmt: skip


OPS = (
    Op(
        "exl3_product",
        tuple(catalogue.exl3_product(bits, *road) for bits in BITS for road in PRODUCT_ROADS),
        tuple(product_cases()), exl3.product_inputs, exl3.launch_product, exl3.product_reference, 5e-6,
    ),
    Op(
        "exl3_medium",
        tuple(
            catalogue.exl3_medium(bits, codebook, shape) for bits in BITS for codebook in CODEBOOKS for shape in SHAPES
        ),
        tuple(medium_cases()), medium.product_inputs, medium.launch_product, medium.product_reference, 2e-5,
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
        tuple(decode_cases()), many_rows.decode_inputs, many_rows.launch_decode, many_rows.decode_reference, 0.0,
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
        "gated_gelu", (catalogue.GATED_GELU,),
        tuple(elementwise.PairCase(*size) for size in ((1, 1), (255, 1), (257, 2), (5000, 3), (14336, 56))),
        elementwise.pair_inputs, elementwise.launch_gated_gelu, elementwise.gated_gelu_reference, 2e-6,
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
        "rotate_and_append", (catalogue.ROTATE_AND_APPEND,), tuple(rope_cases()),
        paged.rope_inputs, paged.launch_rope, paged.rope_reference, 5e-5,
    ),
    Op(
        "rotate_and_append_many", (catalogue.ROTATE_AND_APPEND_MANY,), tuple(rope_many_cases()),
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
        "count_token", (COUNT_TOKEN,), tuple(count_cases()),
        counting.count_inputs, counting.launch_count, counting.count_reference, 0.0,
    ),
    Op(
        "attend",
        (
            *(kind(padded) for padded in PADDED_HEAD_DIMS for kind in (catalogue.attend_few, catalogue.attend_many)),
            catalogue.combine(),
        ),
        tuple(attend_cases()), paged.attend_inputs, paged.launch_attend, paged.attend_reference, 1e-3,
    ),
    Op(
        "attend_scored", scored_sources(), tuple(scored_cases()),
        paged.attend_inputs, paged.launch_attend, paged.attend_reference, 1e-3,
    ),
    Op(
        "append_packed", packed_sources(catalogue.append_packed, packed_append_cases()),
        tuple(packed_append_cases()),
        packed.append_inputs, packed.launch_append, packed.append_reference, 0.0,
    ),
    Op(
        "expand_packed",
        tuple(catalogue.expand_packed(*kind) for kind in
              sorted({(case.padded, *case.bits) for case in packed_expand_cases()})),
        tuple(packed_expand_cases()),
        packed.expand_inputs, packed.launch_expand, packed.expand_reference, 5e-4,
    ),
    Op(
        "attend_packed", packed_sources(catalogue.attend_packed, packed_attend_cases()),
        tuple(packed_attend_cases()),
        packed.attend_inputs, packed.launch_attend, packed.attend_reference, 1e-3,
    ),
    Op(
        "attend_packed_scored", packed_scored_sources(), tuple(packed_scored_cases()),
        packed.attend_inputs, packed.launch_attend, packed.attend_reference, 1e-3,
    ),
    # Errors of tiles: where two paths cost nearly the same, costs in fp16 may choose the other one.
    Op(
        "trellis_search", trellis_search.SOURCES, tuple(search_cases()),
        trellis_search.search_inputs, trellis_search.launch_search, trellis_search.search_reference, 1e-2,
    ),
)  # fmt: skip
