"""What lies between the products of a step of few rows, on tensors: inputs by size, the launch, the reference.

Partial sums stand among columns of other matrices, which are NaN, as are the margins of every output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.kernels.fused_layout import THREADS
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, padded_size, poisoned
from gpu.launchers.exl3 import InputSpace
from gpu.launchers.paged import Spans, address_if_any, drawn_offsets, poisoned_pages, spans
from gpu.reference import fused as reference
from gpu.reference.fused import Unfinished

Tensors = tuple[torch.Tensor, ...]
ROW_CAPACITY = 16
EPS = 0.25  # so large that it shows
HEAD_EPS = 0.1
NO_KEYS = (0.0, -1e30)  # sum and maximum of a piece of attention that sees no key; its values stay as they were


@dataclass(frozen=True)
class SumsCase:
    """Partial sums in `splits` parts; of a row `before` and `behind` columns belong to others (multiples of 128)."""

    splits: int
    before: int = 0
    behind: int = 0


@dataclass(frozen=True)
class Sums:
    """whole: float32 [splits, rows, before + columns + behind]; svh, bias: fp16 [columns]."""

    case: SumsCase
    whole: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor

    @property
    def product(self) -> Unfinished:
        first = self.case.before
        return Unfinished(self.whole[..., first : first + self.svh.shape[0]], self.svh, self.bias)

    @property
    def arguments(self) -> tuple[int, int, int]:
        """As kernels take them: address of the first column, splits, columns from row to row."""
        return self.whole.data_ptr() + 4 * self.case.before, self.case.splits, self.whole.shape[2]


def _sums(case: SumsCase, rows: int, columns: int, draw: Draw, *, biased: bool = True) -> Sums:
    whole = poisoned(case.splits, rows, case.before + columns + case.behind, device=draw.device)
    whole[..., case.before : case.before + columns] = draw.normal(case.splits, rows, columns)
    svh, bias = (draw.normal(columns, dtype=torch.float16) for _ in range(2))
    return Sums(case, whole, svh, bias if biased else torch.zeros_like(bias))


@dataclass(frozen=True)
class NormCase:
    """The norm before a product, whose factor the kernel after it applies.

    `features`: of the residual stream; 0: no norm.
    """

    features: int

    @property
    def blocks(self) -> int:
        return padded_size(self.features) // 128

    def squares(self, rows: int, draw: Draw) -> torch.Tensor:
        """float32 [rows, blocks], sums of squares; of the second row only eps is left."""
        squares = draw.uniform(20.0, 300.0, rows, self.blocks)
        squares[1:2] = 0.0
        return squares

    def factors(self, squares: torch.Tensor) -> torch.Tensor | None:
        return reference.norm_factors(squares, self.features, EPS) if self.features else None

    def arguments(self, squares: torch.Tensor) -> tuple[int, int, int, float]:
        """As kernels take them: squares, blocks, features, eps."""
        return squares.data_ptr() if self.features else 0, self.blocks, self.features, EPS


@dataclass(frozen=True)
class AbsorbCase:
    """`sums`: None for no product before; matrices: of the following product, 0 for none."""

    rows: int
    features: int
    sums: SumsCase | None
    matrices: int
    codes: bool

    @property
    def space(self) -> InputSpace:
        return InputSpace(self.matrices, self.rows, ROW_CAPACITY, padded_size(self.features), self.codes)


@dataclass(frozen=True)
class AbsorbInputs:
    """residual: float32 [rows + 1, features], the last row NaN; norm: float32 [features]; suh: fp16 [M, padded]."""

    case: AbsorbCase
    sums: Sums | None
    residual: torch.Tensor
    norm: torch.Tensor
    suh: torch.Tensor


def absorb_inputs(case: AbsorbCase, draw: Draw) -> AbsorbInputs:
    padded = case.space.padded
    residual = poisoned(case.rows + 1, case.features, device=draw.device)
    residual[:-1] = draw.normal(case.rows, case.features, scale=3.0)
    sums = None if case.sums is None else _sums(case.sums, case.rows, padded, draw)
    if case.rows > 1:  # the second row becomes zero: it has no largest value
        residual[1] = 0.0
        if sums is not None:
            sums.product.partial[:, 1] = 0.0
            residual[1] = -sums.bias[: case.features].float()
    suh = draw.normal(case.matrices, padded, dtype=torch.float16, scale=0.1)
    return AbsorbInputs(case, sums, residual, draw.normal(case.features), suh)


def launch_absorb(kernels: KernelCache, inputs: AbsorbInputs) -> Tensors:
    """The residual stream, its sums of squares, the prepared inputs."""
    case, sums, space, residual = inputs.case, inputs.sums, inputs.case.space, inputs.residual.clone()
    out, scales = space.buffers(residual.device)
    squares = poisoned(case.rows + 1, space.padded // 128, device=residual.device)
    address, splits, width = sums.arguments if sums else (0, 0, 0)
    kernels.get(catalogue.absorb(case.codes))(
        (space.padded // 128, case.rows, 1), THREADS, address, splits, case.rows, width,
        sums.svh.data_ptr() if sums else 0, sums.bias.data_ptr() if sums else 0, residual.data_ptr(), case.features,
        inputs.norm.data_ptr() if case.matrices else 0, inputs.suh.data_ptr() if case.matrices else 0, case.matrices,
        ROW_CAPACITY, out.data_ptr(), scales.data_ptr(), squares.data_ptr(),
    )  # fmt: skip
    return residual, squares, *space.meaning(out, scales)


def absorb_reference(inputs: AbsorbInputs) -> Tensors:
    case, sums = inputs.case, inputs.sums
    stream, squares, prepared = reference.absorb(
        sums.product if sums else None, inputs.residual[:-1], inputs.norm, inputs.suh
    )
    if not case.matrices:
        squares = torch.full_like(squares, float("nan"))
    return _with_margin(stream), _with_margin(squares), *case.space.expected(prepared)


def _with_margin(values: torch.Tensor) -> torch.Tensor:
    """A row of NaN behind the last."""
    return torch.cat((values, torch.full_like(values[:1], float("nan"))))


@dataclass(frozen=True)
class MergeCase:
    """positions: one for each row; splits count without a pool; spare: values of a head that are there for padding.

    sinks: every head has one.
    """

    head_dim: int
    heads: int
    positions: tuple[int, ...]
    splits: int
    pool: int
    window: int
    spare: int
    codes: bool
    sinks: bool = False

    @property
    def space(self) -> InputSpace:
        return InputSpace(1, len(self.positions), ROW_CAPACITY, padded_size(self.heads * self.head_dim), self.codes)

    @property
    def slots(self) -> int:
        """Partial outputs that there is room for."""
        rows = len(self.positions)
        return self.pool + rows - 1 if self.pool else self.splits * rows

    @property
    def pieces(self) -> list[list[int]]:
        """Partial outputs of each row."""
        return reference.pieces_of(self.positions, self.splits, self.window, self.pool)


@dataclass(frozen=True)
class MergeInputs:
    """partial: float32 [slots, H, Dp + 2]; done: float32 [rows, H * D], NaN where a row has several pieces.

    sinks: float32 [H], looked at where the case has some.
    """

    case: MergeCase
    positions: torch.Tensor
    partial: torch.Tensor
    done: torch.Tensor
    suh: torch.Tensor
    sinks: torch.Tensor


def merge_inputs(case: MergeCase, draw: Draw) -> MergeInputs:
    wide = case.head_dim + case.spare + 2
    partial = poisoned(case.slots, case.heads, wide, device=draw.device)
    done = poisoned(len(case.positions), case.heads * case.head_dim, device=draw.device)
    for row, slots in enumerate(case.pieces):
        if len(slots) == 1:
            done[row] = draw.normal(done.shape[1])
            continue
        # Of a fixed number of splits the last may see no key; pieces of a pool all see some.
        used = len(slots) if case.pool else int(draw.integers(1, len(slots) + 1, 1))
        for number, slot in enumerate(slots):
            if number < used:
                partial[slot, :, :-2] = draw.normal(case.heads, wide - 2, scale=2.0)
                partial[slot, :, -2] = draw.uniform(0.5, 9.0, case.heads)
                partial[slot, :, -1] = draw.normal(case.heads, scale=3.0)
            else:
                partial[slot, :, -2], partial[slot, :, -1] = NO_KEYS
    positions = torch.tensor(case.positions, dtype=torch.int32, device=draw.device)
    suh = draw.normal(1, case.space.padded, dtype=torch.float16)
    return MergeInputs(case, positions, partial, done, suh, draw.normal(case.heads, scale=3.0))


def launch_merge(kernels: KernelCache, inputs: MergeInputs) -> Tensors:
    case, space = inputs.case, inputs.case.space
    out, scales = space.buffers(inputs.done.device)
    kernels.get(catalogue.merge_heads(case.codes, case.sinks))(
        (space.padded // 128, space.rows, 1), THREADS, inputs.partial.data_ptr(), inputs.positions.data_ptr(),
        1 if case.pool else case.splits, space.rows, case.window, case.pool, case.head_dim + case.spare, case.head_dim,
        case.heads, inputs.done.data_ptr(), inputs.suh.data_ptr(), out.data_ptr(), scales.data_ptr(),
        inputs.sinks.data_ptr(),
    )  # fmt: skip
    return space.meaning(out, scales)


def merge_reference(inputs: MergeInputs) -> Tensors:
    case = inputs.case
    return case.space.expected(
        reference.merge_heads(
            inputs.partial, case.pieces, inputs.done, case.head_dim, inputs.suh, inputs.sinks if case.sinks else None
        )
    )


@dataclass(frozen=True)
class GatedCase:
    """`columns` of the gate's and up's widths exist."""

    rows: int
    columns: int
    gate: SumsCase
    up: SumsCase
    norm: NormCase
    codes: bool

    @property
    def space(self) -> InputSpace:
        return InputSpace(1, self.rows, ROW_CAPACITY, padded_size(self.columns), self.codes)


@dataclass(frozen=True)
class GatedInputs:
    case: GatedCase
    gate: Sums
    up: Sums
    squares: torch.Tensor
    suh: torch.Tensor


def gated_inputs(case: GatedCase, draw: Draw) -> GatedInputs:
    width = case.space.padded
    gate, up = (_sums(each, case.rows, width, draw) for each in (case.gate, case.up))
    return GatedInputs(
        case, gate, up, case.norm.squares(case.rows, draw), draw.normal(1, width, dtype=torch.float16, scale=0.1)
    )


def launch_gated(kernels: KernelCache, inputs: GatedInputs) -> Tensors:
    case, space, gate, up = inputs.case, inputs.case.space, inputs.gate, inputs.up
    out, scales = space.buffers(inputs.suh.device)
    kernels.get(catalogue.finish_gated(case.codes))(
        (space.padded // 128, case.rows, 1), THREADS, *gate.arguments, *up.arguments, case.rows, case.columns,
        gate.svh.data_ptr(), gate.bias.data_ptr(), up.svh.data_ptr(), up.bias.data_ptr(), inputs.suh.data_ptr(),
        *case.norm.arguments(inputs.squares), out.data_ptr(), scales.data_ptr(),
    )  # fmt: skip
    return space.meaning(out, scales)


def gated_reference(inputs: GatedInputs) -> Tensors:
    case = inputs.case
    values = reference.finish_gated(
        inputs.gate.product, inputs.up.product, case.norm.factors(inputs.squares), case.columns, inputs.suh
    )
    return case.space.expected(values)


@dataclass(frozen=True)
class HeadsCase:
    """`rotary` values of a head are rotated; parts: (first position, tokens) of each sequence; sums: of q, k and v.

    turned: rows are turned by other positions than their own; grows: queries are multiplied by their position's factor.
    """

    head_dim: int
    rotary: int
    heads: int
    kv_heads: int
    parts: tuple[tuple[int, int], ...]
    sums: tuple[SumsCase, SumsCase, SumsCase]
    biased: bool
    norm: NormCase
    head_norms: bool
    spare: int
    turned: bool = False
    grows: bool = False

    @property
    def span(self) -> int:
        """Columns of a block."""
        return math.lcm(self.head_dim, 128)


@dataclass(frozen=True)
class HeadsInputs:
    """sums of q, k and v; weights float32 [2, D]; angles float32 [2, positions, rotary / 2] (cosines, sines).

    offsets int32 [T], factors float32 [positions], or empty.
    """

    case: HeadsCase
    sums: tuple[Sums, ...]
    squares: torch.Tensor
    weights: torch.Tensor
    angles: torch.Tensor
    spans: Spans
    offsets: torch.Tensor
    factors: torch.Tensor

    @property
    def caches(self) -> tuple[torch.Tensor, torch.Tensor]:
        case = self.case
        return poisoned_pages(self.spans.num_pages, case.kv_heads, case.head_dim + case.spare, self.weights.device)


def heads_inputs(case: HeadsCase, draw: Draw) -> HeadsInputs:
    batch = spans(case.parts, draw)
    rows, num_positions = batch.positions.shape[0], max(first + count for first, count in case.parts)
    columns = [case.head_dim * heads for heads in (case.heads, case.kv_heads, case.kv_heads)]
    phases = draw.uniform(0.0, 6.3, num_positions, case.rotary // 2)
    return HeadsInputs(
        case,
        tuple(_sums(sums, rows, count, draw, biased=case.biased) for sums, count in zip(case.sums, columns)),
        case.norm.squares(rows, draw),
        draw.normal(2, case.head_dim),
        torch.stack((phases.cos(), phases.sin())),
        batch,
        drawn_offsets(batch, draw, wanted=case.turned),
        draw.uniform(0.5, 2.0, num_positions if case.grows else 0),
    )


def launch_heads(kernels: KernelCache, inputs: HeadsInputs) -> Tensors:
    case, batch, (k_cache, v_cache) = inputs.case, inputs.spans, inputs.caches
    rows, span = batch.positions.shape[0], case.span
    svh, bias = torch.cat([each.svh for each in inputs.sums]), torch.cat([each.bias for each in inputs.sums])
    q = poisoned(rows + 1, case.heads * case.head_dim, device=svh.device)
    q_weight, k_weight = (weight.data_ptr() for weight in inputs.weights) if case.head_norms else (0, 0)
    kernels.get(catalogue.FINISH_HEADS)(
        (svh.shape[0] // span, rows, 1), THREADS, *(number for each in inputs.sums for number in each.arguments), rows,
        svh.data_ptr(), bias.data_ptr(), *case.norm.arguments(inputs.squares), case.heads, case.kv_heads, case.head_dim,
        span, case.head_dim + case.spare, q_weight, k_weight, HEAD_EPS,
        inputs.angles[0].data_ptr(), inputs.angles[1].data_ptr(), case.rotary // 2,
        batch.positions.data_ptr(), batch.sequences.data_ptr(), batch.table.data_ptr(), batch.table.shape[1],
        q.data_ptr(), k_cache.data_ptr(), v_cache.data_ptr(), address_if_any(inputs.offsets),
        address_if_any(inputs.factors),
    )  # fmt: skip
    return q, k_cache, v_cache


def heads_reference(inputs: HeadsInputs) -> Tensors:
    case, batch, caches = inputs.case, inputs.spans, inputs.caches
    rotary = reference.Rotary(
        inputs.weights if case.head_norms else None, HEAD_EPS, inputs.angles[0], inputs.angles[1],
        inputs.offsets if case.turned else None, inputs.factors if case.grows else None,
    )  # fmt: skip
    q = reference.finish_heads(
        [each.product for each in inputs.sums], case.norm.factors(inputs.squares), case.head_dim, rotary,
        reference.Places(batch.positions, batch.sequences, batch.table, *caches),
    )  # fmt: skip
    return _with_margin(q), *caches
