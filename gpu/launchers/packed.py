"""The quantized cache on tensors: inputs by size, the launches, the references.

Pages are dealt out in shuffled order; slots of the cache that no token needs hold any codes and any finite scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.kernels.attention_layout import COMBINE_THREADS, WARPS, group_slices, softcap_factors, tile_tokens
from gpu.kernels.packed_layout import GROUP, THREADS, packed_parts
from gpu.kernels.page_layout import PAGE
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, poisoned
from gpu.launchers.paged import GARBAGE, SPARE, AttendCase, Spans, poisoned_pages, spans
from gpu.reference import attention, packed

Tensors = tuple[torch.Tensor, ...]


def _padded(head_dim: int) -> int:
    return -(-head_dim // GROUP) * GROUP


def random_pages(draw: Draw, pages: int, heads: int, padded: int, bits: int, *, transposed: bool) -> torch.Tensor:
    """Packed pages with any codes and scales; page 0, which belongs to no one, has NaN for scales."""
    groups = padded // GROUP
    codes = draw.integers(0, 2**bits, pages, heads, PAGE, groups, GROUP)
    scales = draw.uniform(0.0, GARBAGE, pages, heads, PAGE, groups, dtype=torch.float16)
    scales[0] = float("nan")
    return packed.pack(codes, scales, bits, transposed=transposed)


@dataclass(frozen=True)
class AppendCase:
    """Bits of K and V; parts: (first position, tokens) of each sequence."""

    head_dim: int
    kv_heads: int
    bits: tuple[int, int]
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AppendInputs:
    """Staging pages k [S, KVH, 256, Dp], v [S, KVH, Dp, 256] fp16, NaN where no token is; their table; packed pages."""

    case: AppendCase
    k: torch.Tensor
    v: torch.Tensor
    staged: torch.Tensor
    spans: Spans
    k_pages: torch.Tensor
    v_pages: torch.Tensor


def append_inputs(case: AppendCase, draw: Draw) -> AppendInputs:
    """One sequence has its staging pages in order, of several each has one."""
    batch, heads, padded = spans(case.parts, draw), case.kv_heads, _padded(case.head_dim)
    width, is_one = batch.table.shape[1], len(case.parts) == 1
    staged = torch.arange(width, dtype=torch.int32)[None] if is_one else torch.arange(len(case.parts))[:, None]
    staged = staged.expand(len(case.parts), width).int().contiguous().to(draw.device)
    pages, half = int(staged.max()) + 1, torch.float16
    k, v = poisoned_pages(pages, heads, padded, draw.device)
    for position, sequence in zip(batch.positions.tolist(), batch.sequences.tolist()):
        page, slot = int(staged[sequence, position // PAGE]), position % PAGE
        scale = 10.0 ** (position % 5 - 3)
        k[page, :, slot, : case.head_dim] = draw.normal(heads, case.head_dim, dtype=half, scale=scale)
        v[page, :, : case.head_dim, slot] = draw.normal(heads, case.head_dim, dtype=half, scale=scale)
    if position % 2:  # the last token: a group of zeros
        k[page, :, slot, : min(GROUP, case.head_dim)] = 0.0
    k_pages, v_pages = (
        random_pages(draw, batch.num_pages, heads, padded, bits, transposed=number == 1)
        for number, bits in enumerate(case.bits)
    )
    return AppendInputs(case, k, v, staged, batch, k_pages, v_pages)


def launch_append(kernels: KernelCache, inputs: AppendInputs) -> Tensors:
    case, batch = inputs.case, inputs.spans
    k_pages, v_pages = inputs.k_pages.clone(), inputs.v_pages.clone()
    kernels.get(catalogue.append_packed(_padded(case.head_dim), *case.bits))(
        (batch.positions.shape[0], case.kv_heads, 2), THREADS, inputs.k.data_ptr(), inputs.v.data_ptr(),
        inputs.staged.data_ptr(), inputs.staged.shape[1], batch.positions.data_ptr(), batch.sequences.data_ptr(),
        batch.table.data_ptr(), batch.table.shape[1], k_pages.data_ptr(), v_pages.data_ptr(), case.head_dim,
    )  # fmt: skip
    return k_pages, v_pages


def append_reference(inputs: AppendInputs) -> Tensors:
    case, batch = inputs.case, inputs.spans
    k_pages, v_pages = inputs.k_pages.clone(), inputs.v_pages.clone()
    pages = inputs.staged[batch.sequences.long(), batch.positions.long() // PAGE].long()
    slots = batch.positions.long() % PAGE
    k, v = inputs.k[pages, :, slots].clone(), inputs.v[pages, :, :, slots].clone()
    k[..., case.head_dim :], v[..., case.head_dim :] = 0.0, 0.0
    packed.append(k, v, batch.positions, batch.sequences, batch.table, k_pages, v_pages, *case.bits)
    return k_pages, v_pages


@dataclass(frozen=True)
class ExpandCase:
    """Rows from `first` on of one sequence; window: keys that each sees, 0 for all."""

    padded: int
    kv_heads: int
    bits: tuple[int, int]
    first: int
    rows: int
    window: int
    blocks: int


@dataclass(frozen=True)
class ExpandInputs:
    case: ExpandCase
    spans: Spans
    k_pages: torch.Tensor
    v_pages: torch.Tensor

    @property
    def out(self) -> tuple[torch.Tensor, torch.Tensor]:
        case = self.case
        return poisoned_pages(self.spans.table.shape[1], case.kv_heads, case.padded, self.k_pages.device)


def expand_inputs(case: ExpandCase, draw: Draw) -> ExpandInputs:
    batch = spans(((case.first, case.rows),), draw)
    groups, size = case.padded // GROUP, (batch.num_pages, case.kv_heads, PAGE)
    pages = [
        packed.pack(
            draw.integers(0, 2**bits, *size, groups, GROUP),
            draw.uniform(0.0, 3.0, *size, groups, dtype=torch.float16), bits, transposed=number == 1,
        )
        for number, bits in enumerate(case.bits)
    ]  # fmt: skip
    return ExpandInputs(case, batch, *pages)


def launch_expand(kernels: KernelCache, inputs: ExpandInputs) -> Tensors:
    case, batch, (k, v) = inputs.case, inputs.spans, inputs.out
    kernels.get(catalogue.expand_packed(case.padded, *case.bits))(
        (case.blocks, case.kv_heads, 2), THREADS, inputs.k_pages.data_ptr(), inputs.v_pages.data_ptr(),
        batch.positions.data_ptr(), case.rows, batch.sequences.data_ptr(), batch.table.data_ptr(), batch.table.shape[1],
        case.window, k.data_ptr(), v.data_ptr(),
    )  # fmt: skip
    return k, v


def expand_reference(inputs: ExpandInputs) -> Tensors:
    """Whole steps of 32 tokens."""
    case, batch, (k, v) = inputs.case, inputs.spans, inputs.out
    oldest = max(0, case.first - case.window + 1) if case.window else 0
    pages = batch.table[0].long()
    k_values = packed.values_of(inputs.k_pages[pages], case.padded, case.bits[0], transposed=False)
    v_values = packed.values_of(inputs.v_pages[pages], case.padded, case.bits[1], transposed=True).transpose(-1, -2)
    for key in range(oldest // 32 * 32, ((case.first + case.rows - 1) // 32 + 1) * 32):
        page, slot = key // PAGE, key % PAGE
        k[page, :, slot], v[page, :, :, slot] = k_values[page, :, slot].half(), v_values[page, :, :, slot].half()
    return k, v


@dataclass(frozen=True)
class PackedAttendCase(AttendCase):
    """As an `AttendCase` with splits over 0."""

    bits: tuple[int, int] = (8, 8)


@dataclass(frozen=True)
class PackedAttendInputs:
    """q [T, H * D + SPARE], NaN behind the heads; packed pages; sinks float32 [H], empty where there are none."""

    case: PackedAttendCase
    q: torch.Tensor
    k_pages: torch.Tensor
    v_pages: torch.Tensor
    spans: Spans
    sinks: torch.Tensor

    @property
    def width(self) -> int:
        return self.case.kv_heads * self.case.group * self.case.head_dim


def attend_inputs(case: PackedAttendCase, draw: Draw) -> PackedAttendInputs:
    batch, heads, padded = spans(case.parts, draw), case.kv_heads, _padded(case.head_dim)
    q = draw.normal(batch.positions.shape[0], heads * case.group * case.head_dim, scale=2.0)
    pages = []
    for number, bits in enumerate(case.bits):
        words = random_pages(draw, batch.num_pages, heads, padded, bits, transposed=number == 1)
        for i, (first, count) in enumerate(case.parts):
            for start in range(0, first + count, PAGE):
                page, used = int(batch.table[i, start // PAGE]), min(PAGE, first + count - start)
                values = draw.normal(heads, used, padded)
                values[..., case.head_dim :] = 0.0
                codes, scales = packed.unpack(words[page], padded, bits, transposed=number == 1)
                codes[:, :used], scales[:, :used] = packed.quantize(values, bits)
                words[page] = packed.pack(codes, scales, bits, transposed=number == 1)
        pages.append(words)
    return PackedAttendInputs(
        case, draw.padded(q, q.shape[1] + SPARE), pages[0], pages[1], batch, case.draw_sinks(draw)
    )


def launch_attend(kernels: KernelCache, inputs: PackedAttendInputs) -> Tensors:
    case, batch, q = inputs.case, inputs.spans, inputs.q
    rows, padded, heads = q.shape[0], _padded(case.head_dim), case.kv_heads * case.group
    out = torch.full_like(q, float("nan"))
    splits = 1 if case.pool else case.splits
    tokens = tile_tokens(case.group) if len(case.parts) == 1 and case.pool == 0 else 1
    tiles = case.pool + rows - 1 if case.pool else -(-rows // tokens)
    columns = case.kv_heads * group_slices(case.group) * packed_parts(padded)
    slots = tiles if case.pool else splits * rows if splits > 1 else 0
    partial = poisoned(slots, heads, padded + 2, device=q.device)
    kernels.get(catalogue.attend_packed(padded, *case.bits, case.scoring))(
        (tiles, columns, splits), 32 * WARPS, q.data_ptr(), q.stride(0), batch.positions.data_ptr(),
        batch.sequences.data_ptr(), batch.table.data_ptr(), batch.table.shape[1], inputs.k_pages.data_ptr(),
        inputs.v_pages.data_ptr(), out.data_ptr(), partial.data_ptr(), rows, case.head_dim, case.group, tokens,
        case.window, case.pool, case.head_dim**-0.5, *softcap_factors(case.softcap), inputs.sinks.data_ptr(),
    )  # fmt: skip
    if slots:
        kernels.get(catalogue.combine(case.sinks))(
            (rows, heads, 1), COMBINE_THREADS, partial.data_ptr(), batch.positions.data_ptr(), splits, rows,
            case.window, case.pool, padded, case.head_dim, out.data_ptr(), out.stride(0), inputs.sinks.data_ptr(),
        )  # fmt: skip
    return (out,)


def attend_reference(inputs: PackedAttendInputs) -> Tensors:
    """Attention over what the pages hold."""
    case, batch, padded = inputs.case, inputs.spans, _padded(inputs.case.head_dim)
    out = torch.full_like(inputs.q, float("nan"), dtype=torch.float64)
    q = inputs.q[:, : inputs.width].reshape(inputs.q.shape[0], -1, case.head_dim)
    k = packed.values_of(inputs.k_pages, padded, case.bits[0], transposed=False)
    v = packed.values_of(inputs.v_pages, padded, case.bits[1], transposed=True).transpose(-1, -2)
    result = attention.attend(
        q, batch.positions, batch.sequences, batch.table, k, v, case.window, case.head_dim**-0.5, case.softcap,
        inputs.sinks if case.sinks else None,
    )  # fmt: skip
    out[:, : inputs.width] = result.flatten(1)
    return (out,)
