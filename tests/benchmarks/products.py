"""EXL3 products as the engine runs them: one call of a backend, rotations, scales and bias included.

The kernel table of the published figures with ours beside it, groups that share an input, and the sizes of a small
model for the processor. Knows nothing of kernels: a backend may cut and order its work as it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from engine.quant.exl3_decode import decode_inner
from engine.quant.tensors import Codebook, Exl3Linear
from gpu.ops import worst_error
from gpu.reference import exl3 as reference
from tests.benchmarks.bench import Bench
from tests.benchmarks.floors import product_work
from tests.benchmarks.machine import MAX_COPIES, Launches
from tests.benchmarks.published import PRODUCTS, SOURCE
from tests.benchmarks.synthetic import RandomBits, random_linear

# fp16 activations round by up to 2^-11 of each value, mul1's weights likewise: 4e-4 in the mean; 8 bits about 7e-3.
TOLERANCE, FAST_TOLERANCE = 1e-3, 2e-2
REFERENCE_WEIGHTS = 1 << 22  # decoded at a time: the plain decoder needs some 400 bytes for each


@dataclass(frozen=True)
class ProductCase:
    """Matrices that share an input; `published_us` of another engine for the same, `exact` if with fp16 activations."""

    in_features: int
    out_features: tuple[int, ...]
    bits: int
    codebook: Codebook
    rows: int
    published_us: float | None = None
    exact: bool = False
    most_copies: int = MAX_COPIES

    @property
    def is_fast(self) -> bool:
        """Whether activations are rounded to 8 bits, as the other engine does unless told otherwise."""
        return self.rows == 1 and self.codebook == "mul1" and not self.exact

    @property
    def name(self) -> str:
        columns = "+".join(str(each) for each in self.out_features)
        rows = f"{self.rows} row" + "s" * (self.rows > 1)
        return f"{self.in_features}x{columns} K{self.bits} {self.codebook}, {rows}" + ", exact" * self.exact


def product_bench(case: ProductCase) -> Bench:
    """The measurement of one case."""
    weights = case.in_features * sum(case.out_features)
    return Bench(
        "products", case.name,
        product_work(case.bits, case.codebook, case.in_features, case.out_features, case.rows),
        FAST_TOLERANCE if case.is_fast else TOLERANCE, weights * case.bits // 8, partial(PreparedProduct, case),
        SOURCE if case.published_us is not None else "", None, case.published_us, case.most_copies,
    )  # fmt: skip


class PreparedProduct:
    """Copies of the weights, one input for all of them (which lies in the cache in a real step too), outputs each."""

    def __init__(self, case: ProductCase, machine: Any, copies: int) -> None:
        self._case, self._device = case, machine.device
        backend = machine.backend(is_exact=not case.is_fast)
        random = RandomBits(1, machine.device)
        self._x = torch.zeros(case.rows, case.in_features, device=machine.device)
        self._weights = [
            [random_linear(random, "", case.in_features, size, case.bits, case.codebook) for size in case.out_features]
            for _ in range(copies)
        ]
        # All are prepared before the first launch: a backend's working memory may grow until then.
        linears = [tuple(backend.prepare_linear(each) for each in group) for group in self._weights]
        for task in backend.warm_up_tasks() if machine.device.type == "cuda" else ():
            task()
        self._outs = [tuple(backend.empty(case.rows, size) for size in case.out_features) for _ in range(copies)]
        self.refresh(0)
        self.launches = tuple(
            partial(backend.linears, self._x, group, outs) for group, outs in zip(linears, self._outs, strict=True)
        )

    def refresh(self, seed: int) -> None:
        self._x.copy_(RandomBits(seed, self._device).normal(*self._x.shape))
        for outs in self._outs:
            for out in outs:
                out.fill_(float("nan"))

    def error(self) -> float:
        """Of the first and the last copy against float64; of the others that they wrote everything."""
        if not all(bool(out.isfinite().all()) for outs in self._outs for out in outs):
            return float("inf")
        worst = 0.0
        for number in {0, len(self._outs) - 1}:
            wanted = tuple(product_reference(each, self._x) for each in self._weights[number])
            worst = max(worst, worst_error(self._outs[number], wanted))
        return worst


def product_reference(weights: Exl3Linear, x: torch.Tensor) -> torch.Tensor:
    """x [rows, in] W in plain torch, float64 [rows, out], some columns at a time."""
    rotated = reference.rotate_input(x, weights.suh[None])[0]
    tiles = max(1, REFERENCE_WEIGHTS // (16 * weights.padded_in))
    parts = []
    for first in range(0, weights.trellis.shape[1], tiles):
        words = weights.trellis[:, first : first + tiles]
        parts.append(rotated @ _decode(weights, words).double())
    bias = torch.zeros_like(weights.svh) if weights.bias is None else weights.bias
    return reference.finish_output(torch.cat(parts, 1)[None], weights.svh, bias)


def _decode(weights: Exl3Linear, words: torch.Tensor) -> torch.Tensor:
    """fp16 [in, columns]; by the engine's own table-driven decoder where there is no card, which is faster there."""
    if words.is_cuda:
        return reference.decode(words, weights.codebook)
    columns = 16 * words.shape[1]
    part = Exl3Linear(
        "", weights.in_features, columns, weights.bits, weights.codebook, words.contiguous(), weights.suh,
        weights.svh[:columns], None,
    )  # fmt: skip
    return decode_inner(part)


def published_cases() -> tuple[ProductCase, ...]:
    """The kernel table."""
    return tuple(
        ProductCase(each.in_features, (each.out_features,), each.bits, _codebook(each.codebook), each.rows,
                    each.microseconds, each.exact)
        for each in PRODUCTS
    )  # fmt: skip


def _codebook(name: str) -> Codebook:
    return next(each for each in ("mul1", "mcg", "3inst") if each == name)


def group_cases() -> tuple[ProductCase, ...]:
    """Query, key and value, and gate and up, of an 8B model in one call, and every K that the table leaves out."""
    cases = [
        ProductCase(4096, outs, 4, "mul1", rows) for outs in ((4096, 1024, 1024), (14336, 14336)) for rows in (1, 8)
    ]
    cases += [ProductCase(4096, (14336,), bits, "mul1", 1) for bits in (1, 5, 7, 8)]
    cases += [ProductCase(4096, (14336,), bits, "3inst", 1) for bits in (3, 4)]
    cases += [ProductCase(4096, (14336,), 4, "mcg", rows) for rows in (8, 16, 128)]
    cases += [ProductCase(4096, (14336,), 4, "mul1", rows) for rows in (512, 2048)]
    return tuple(cases)


def cpu_bench(case: ProductCase) -> Bench:
    """A product on the processor; that of many rows stands beside torch's of float32 matrices, as large."""
    bench = product_bench(case)
    if case.rows == 1:
        return bench
    return replace(bench, beside_name="torch.mm, float32", beside=partial(_dense_product, case))


def _dense_product(case: ProductCase, machine: Any, copies: int) -> Launches:
    x = torch.ones(case.rows, case.in_features)
    weight = torch.ones(case.in_features, case.out_features[0])
    return tuple(partial(torch.mm, x, weight, out=x.new_empty(case.rows, weight.shape[1])) for _ in range(copies))


def cpu_cases() -> tuple[ProductCase, ...]:
    """The products of llama-1b at 4 bits, its head, and one of its sizes over rows, bits and codebooks."""
    sizes: Sequence[tuple[int, int]] = ((2048, 2048), (2048, 512), (2048, 8192), (8192, 2048))
    cases = [ProductCase(*_sized(size), 4, "mul1", 1) for size in sizes]
    cases += [ProductCase(*_sized(size), 4, "mul1", 512, most_copies=2) for size in sizes]
    cases.append(ProductCase(2048, (128256,), 6, "mul1", 1))
    books: Sequence[Codebook] = ("mul1", "mcg")
    swept = [
        ProductCase(2048, (2048,), bits, book, rows, most_copies=32 if rows <= 16 else 2)
        for book in books for bits in (2, 3, 4, 6) for rows in (1, 4, 16, 128, 512)
    ]  # fmt: skip
    known = {case.name for case in cases}
    return (*cases, *(case for case in swept if case.name not in known))


def _sized(size: tuple[int, int]) -> tuple[int, tuple[int]]:
    return size[0], (size[1],)
