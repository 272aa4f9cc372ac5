"""Rotary embedding with the cache append, and attention, on tensors: inputs by size, the launch, the reference.

Pages are dealt out in shuffled order, columns of the page table that no token needs name a page full of NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from gpu.kernels import catalogue, rope_layout
from gpu.kernels.attention_layout import (
    COMBINE_THREADS,
    WARPS,
    Scoring,
    attend_parts,
    few_parts,
    group_slices,
    softcap_factors,
    tile_tokens,
)
from gpu.kernels.page_layout import PAGE
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, poisoned
from gpu.reference import attention, rope

Tensors = tuple[torch.Tensor, ...]
SPARE = 12  # values between rows of q that are no one's
GARBAGE = 60000.0  # unused slots of the cache may hold any finite value


@dataclass(frozen=True)
class Spans:
    """Positions, sequences and page table of a batch; page 0 belongs to no sequence."""

    positions: torch.Tensor
    sequences: torch.Tensor
    table: torch.Tensor
    num_pages: int


def spans(parts: tuple[tuple[int, int], ...], draw: Draw) -> Spans:
    """The batch of one (first position, tokens) for each sequence."""
    counts = [(first + tokens - 1) // PAGE + 1 for first, tokens in parts]
    pages = [page + 1 for page in draw.order(sum(counts))]
    table = torch.zeros(len(parts), max(counts) + 1, dtype=torch.int32)
    for i, count in enumerate(counts):
        table[i, :count] = torch.tensor([pages.pop() for _ in range(count)])
    positions = torch.cat([torch.arange(first, first + tokens) for first, tokens in parts])
    sequences = torch.cat([torch.full((tokens,), i) for i, (_, tokens) in enumerate(parts)])
    as_int = [values.to(draw.device, torch.int32) for values in (positions, sequences, table)]
    return Spans(as_int[0], as_int[1], as_int[2], sum(counts) + 1)


def _padded(head_dim: int) -> int:
    return -(-head_dim // 32) * 32


def poisoned_pages(pages: int, heads: int, padded: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """fp16 pages of K and V without keys and values."""
    k = poisoned(pages, heads, PAGE, padded, device=device, dtype=torch.float16)
    return k, poisoned(pages, heads, padded, PAGE, device=device, dtype=torch.float16)


def drawn_offsets(batch: Spans, draw: Draw, *, wanted: bool) -> torch.Tensor:
    """int32 [T], by which rows are turned as if they stood earlier, but not before the first place; empty if unwanted.

    The first row is turned as if it were the first of all, the last of several as what it is.
    """
    if not wanted:
        return torch.zeros(0, dtype=torch.int32, device=draw.device)
    shares = draw.uniform(0.0, 1.0, batch.positions.shape[0])
    shares[-1] = 0.0
    shares[0] = 1.0
    return -(shares * batch.positions).to(torch.int32)


def address_if_any(tensor: torch.Tensor) -> int:
    """0 for an empty one."""
    return tensor.data_ptr() if tensor.numel() else 0


@dataclass(frozen=True)
class RopeCase:
    """`rotary` values of a head are rotated; parts: (first position, tokens) of each sequence.

    turned: rows are turned by other positions than their own.
    """

    head_dim: int
    rotary: int
    heads: int
    kv_heads: int
    norms: bool
    parts: tuple[tuple[int, int], ...]
    turned: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class RopeInputs:
    """q [T, H, D], k and v [T, KVH, D], weights [2, D], angles [2, positions, rotary / 2] (cosines, sines), offsets."""

    case: RopeCase
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    weights: torch.Tensor
    angles: torch.Tensor
    spans: Spans
    offsets: torch.Tensor

    @property
    def caches(self) -> tuple[torch.Tensor, torch.Tensor]:
        case = self.case
        return poisoned_pages(self.spans.num_pages, case.kv_heads, _padded(case.head_dim), self.q.device)


ROPE_EPS = 1e-6


def rope_inputs(case: RopeCase, draw: Draw) -> RopeInputs:
    tokens = sum(count for _, count in case.parts)
    num_positions = max(first + count for first, count in case.parts)
    phases = draw.uniform(0.0, 6.3, num_positions, case.rotary // 2)
    batch = spans(case.parts, draw)
    return RopeInputs(
        case,
        draw.normal(tokens, case.heads, case.head_dim),
        draw.normal(tokens, case.kv_heads, case.head_dim),
        draw.normal(tokens, case.kv_heads, case.head_dim),
        draw.normal(2, case.head_dim),
        torch.stack((phases.cos(), phases.sin())),
        batch,
        drawn_offsets(batch, draw, wanted=case.turned),
    )


def launch_rope(kernels: KernelCache, inputs: RopeInputs) -> Tensors:
    case, batch, q = inputs.case, inputs.spans, inputs.q.clone()
    k_cache, v_cache = inputs.caches
    q_weight, k_weight = (weight.data_ptr() for weight in inputs.weights) if case.norms else (0, 0)
    kernels.get(catalogue.ROTATE_AND_APPEND)(
        (q.shape[0], case.heads + 2 * case.kv_heads, 1), 32, q.data_ptr(), inputs.k.data_ptr(), inputs.v.data_ptr(),
        case.heads, case.kv_heads, case.head_dim, _padded(case.head_dim), q_weight, k_weight, ROPE_EPS,
        inputs.angles[0].data_ptr(), inputs.angles[1].data_ptr(), case.rotary // 2,
        batch.positions.data_ptr(), batch.sequences.data_ptr(), batch.table.data_ptr(), batch.table.shape[1],
        k_cache.data_ptr(), v_cache.data_ptr(), address_if_any(inputs.offsets),
    )  # fmt: skip
    return q, k_cache, v_cache


def rope_reference(inputs: RopeInputs) -> Tensors:
    batch, (k_cache, v_cache) = inputs.spans, inputs.caches
    q = rope.rotate_and_append(
        inputs.q, inputs.k, inputs.v, (inputs.weights[0], inputs.weights[1]) if inputs.case.norms else None, ROPE_EPS,
        inputs.angles[0], inputs.angles[1], batch.positions, batch.sequences, batch.table, k_cache, v_cache,
        inputs.offsets if inputs.case.turned else None,
    )  # fmt: skip
    return q, k_cache, v_cache


@dataclass(frozen=True)
class RopeManyCase(RopeCase):
    """One sequence. spare: rows of the fp16 output that are no one's; below 0: queries stay float32, in place."""

    spare: int


def launch_rope_many(kernels: KernelCache, inputs: RopeInputs) -> Tensors:
    case, batch, q = inputs.case, inputs.spans, inputs.q.clone()
    assert isinstance(case, RopeManyCase)
    k_cache, v_cache = inputs.caches
    rows, q_half = q.shape[0], _dense_queries(inputs)
    q_weight, k_weight = (weight.data_ptr() for weight in inputs.weights) if case.norms else (0, 0)
    kernels.get(catalogue.ROTATE_AND_APPEND_MANY)(
        (rope_layout.num_blocks(rows, case.heads, case.kv_heads, case.head_dim), 1, 1), rope_layout.THREADS,
        q.data_ptr(), inputs.k.data_ptr(), inputs.v.data_ptr(), rows, case.heads, case.kv_heads, case.head_dim,
        _padded(case.head_dim), q_weight, k_weight, ROPE_EPS, inputs.angles[0].data_ptr(), inputs.angles[1].data_ptr(),
        batch.positions.data_ptr(), batch.sequences.data_ptr(), batch.table.data_ptr(), batch.table.shape[1],
        k_cache.data_ptr(), v_cache.data_ptr(), q_half.data_ptr() if q_half.numel() else 0, rows + case.spare,
    )  # fmt: skip
    return q_half if q_half.numel() else q, k_cache, v_cache


def rope_many_reference(inputs: RopeInputs) -> Tensors:
    q, k_cache, v_cache = rope_reference(inputs)
    dense = _dense_queries(inputs).double()
    if dense.numel():
        dense[:, : q.shape[0]] = q.transpose(0, 1)
    return dense if dense.numel() else q, k_cache, v_cache


def _dense_queries(inputs: RopeInputs) -> torch.Tensor:
    """fp16 [H, T + spare, D], full of NaN; empty for queries that stay where they are."""
    case, rows = inputs.case, inputs.q.shape[0]
    assert isinstance(case, RopeManyCase)
    heads = case.heads if case.spare >= 0 else 0
    return poisoned(heads, rows + max(case.spare, 0), case.head_dim, device=inputs.q.device, dtype=torch.float16)


@dataclass(frozen=True)
class AttendCase:
    """window: 0 for none; parts: (first position, tokens) of each sequence; splits: blocks that share a tile's keys.

    splits 0 asks for the kernel for many rows, which is for one sequence only. A pool deals out the keys of rows, each
    a tile of its own, to fewer than pool + rows blocks. softcap: None for none; sinks: every query head has one.
    """

    head_dim: int
    group: int
    kv_heads: int
    window: int
    splits: int
    parts: tuple[tuple[int, int], ...]
    pool: int = 0
    softcap: float | None = None
    sinks: bool = False

    @property
    def scoring(self) -> Scoring:
        return Scoring(self.softcap is not None, self.sinks)

    def draw_sinks(self, draw: Draw) -> torch.Tensor:
        """float32 [H]: about as large as scores are; one that takes all of a head and one that counts for nothing.

        Empty where there are none.
        """
        sinks = draw.normal(self.kv_heads * self.group if self.sinks else 0, scale=3.0)
        for head, value in zip((-1, 1), (300.0, -300.0)):
            if sinks.shape[0] > 2:
                sinks[head] = value
        return sinks


@dataclass(frozen=True)
class AttendInputs:
    """q [T, H * D + SPARE], NaN behind the heads; the caches hold large finite values where no token has been.

    sinks: float32 [H], empty where the case has none.
    """

    case: AttendCase
    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    spans: Spans
    sinks: torch.Tensor

    @property
    def width(self) -> int:
        return self.case.kv_heads * self.case.group * self.case.head_dim

    @property
    def scale(self) -> float:
        return float(self.case.head_dim**-0.5)


def attend_inputs(case: AttendCase, draw: Draw) -> AttendInputs:
    batch = spans(case.parts, draw)
    tokens, padded, heads = batch.positions.shape[0], _padded(case.head_dim), case.kv_heads
    q = draw.normal(tokens, heads * case.group * case.head_dim, scale=2.0)
    k = draw.uniform(-GARBAGE, GARBAGE, batch.num_pages, heads, PAGE, padded, dtype=torch.float16)
    v = draw.uniform(-GARBAGE, GARBAGE, batch.num_pages, heads, padded, PAGE, dtype=torch.float16)
    k[0], v[0] = float("nan"), float("nan")
    for i, (first, count) in enumerate(case.parts):
        for start in range(0, first + count, PAGE):
            page, used = int(batch.table[i, start // PAGE]), min(PAGE, first + count - start)
            k[page, :, :used, : case.head_dim] = draw.normal(heads, used, case.head_dim, dtype=torch.float16)
            v[page, :, : case.head_dim, :used] = draw.normal(heads, case.head_dim, used, dtype=torch.float16)
    return AttendInputs(case, draw.padded(q, q.shape[1] + SPARE), k, v, batch, case.draw_sinks(draw))


def launch_attend(kernels: KernelCache, inputs: AttendInputs) -> Tensors:
    case, batch, q = inputs.case, inputs.spans, inputs.q
    rows, padded, heads = q.shape[0], inputs.k.shape[3], case.kv_heads * case.group
    out = torch.full_like(q, float("nan"))
    is_one = len(case.parts) == 1 and case.pool == 0
    many, splits = is_one and case.splits == 0, 1 if case.pool else max(case.splits, 1)
    tokens = tile_tokens(case.group) if is_one else 1
    tiles = case.pool + rows - 1 if case.pool else -(-rows // tokens)
    columns = case.kv_heads * group_slices(case.group) * (attend_parts if many else few_parts)(padded)
    grid = (-(-tiles // WARPS), columns, 1) if many else (tiles, columns, splits)
    slots = tiles if case.pool else splits * rows if splits > 1 else 0
    partial = poisoned(slots, heads, padded + 2, device=q.device)
    kernels.get((catalogue.attend_many if many else catalogue.attend_few)(padded, case.scoring))(
        grid, 32 * WARPS, q.data_ptr(), q.stride(0), batch.positions.data_ptr(), batch.sequences.data_ptr(),
        batch.table.data_ptr(), batch.table.shape[1], inputs.k.data_ptr(), inputs.v.data_ptr(), out.data_ptr(),
        partial.data_ptr(), rows, case.head_dim, case.group, tokens, case.window, case.pool, inputs.scale,
        *softcap_factors(case.softcap), inputs.sinks.data_ptr(),
    )  # fmt: skip
    if slots:
        kernels.get(catalogue.combine(case.sinks))(
            (rows, heads, 1), COMBINE_THREADS, partial.data_ptr(), batch.positions.data_ptr(), splits, rows,
            case.window, case.pool, padded, case.head_dim, out.data_ptr(), out.stride(0), inputs.sinks.data_ptr(),
        )  # fmt: skip
    return (out,)


def attend_reference(inputs: AttendInputs) -> Tensors:
    case, batch = inputs.case, inputs.spans
    out = torch.full_like(inputs.q, float("nan"), dtype=torch.float64)
    q = inputs.q[:, : inputs.width].reshape(inputs.q.shape[0], -1, case.head_dim)
    result = attention.attend(
        q, batch.positions, batch.sequences, batch.table, inputs.k, inputs.v, case.window, inputs.scale, case.softcap,
        inputs.sinks if case.sinks else None,
    )  # fmt: skip
    out[:, : inputs.width] = result.flatten(1)
    return (out,)
