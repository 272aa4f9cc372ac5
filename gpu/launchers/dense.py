"""Pages made dense, and parts of attention merged, on tensors: inputs by size, the launch, the reference beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.kernels import catalogue
from gpu.kernels.page_layout import PAGE
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, poisoned
from gpu.launchers.paged import Spans, spans
from gpu.reference import dense

Tensors = tuple[torch.Tensor, ...]
THREADS = 256
TILE = 64


@dataclass(frozen=True)
class GatherCase:
    """tiles: of 64 keys, from position `first` on."""

    head_dim: int
    kv_heads: int
    first: int
    tiles: int
    spare: int  # keys behind those that are gathered


@dataclass(frozen=True)
class GatherInputs:
    case: GatherCase
    k: torch.Tensor
    v: torch.Tensor
    spans: Spans


def gather_inputs(case: GatherCase, draw: Draw) -> GatherInputs:
    batch = spans(((case.first + TILE * case.tiles - 1, 1),), draw)
    padded, half = -(-case.head_dim // 32) * 32, torch.float16
    k = draw.normal(batch.num_pages, case.kv_heads, PAGE, padded, dtype=half)
    v = draw.normal(batch.num_pages, case.kv_heads, padded, PAGE, dtype=half)
    return GatherInputs(case, k, v, batch)


def _outputs(inputs: GatherInputs) -> list[torch.Tensor]:
    case, pitch = inputs.case, TILE * inputs.case.tiles + inputs.case.spare
    shape = (case.kv_heads, pitch, case.head_dim)
    return [poisoned(*shape, device=inputs.k.device, dtype=torch.float16) for _ in range(2)]


def launch_gather(kernels: KernelCache, inputs: GatherInputs) -> Tensors:
    case, batch = inputs.case, inputs.spans
    k, v = _outputs(inputs)
    kernels.get(catalogue.GATHER_PAGES)(
        (case.tiles, case.kv_heads, 2), THREADS, inputs.k.data_ptr(), inputs.v.data_ptr(), batch.sequences.data_ptr(),
        batch.table.data_ptr(), batch.table.shape[1], case.first, case.head_dim, inputs.k.shape[3], k.shape[1],
        k.data_ptr(), v.data_ptr(),
    )  # fmt: skip
    return k, v


def gather_reference(inputs: GatherInputs) -> Tensors:
    case, outputs = inputs.case, _outputs(inputs)
    count = TILE * case.tiles
    found = dense.gather(inputs.k, inputs.v, inputs.spans.table[0], case.first, count, case.head_dim)
    for output, values in zip(outputs, found, strict=True):
        output[:, :count] = values
    return tuple(outputs)


@dataclass(frozen=True)
class MergeCase:
    """parts: 1, 2, or 3: two, of which the first is what the output holds; spare: rows that are no one's."""

    rows: int
    heads: int
    head_dim: int
    parts: int
    spare: int


@dataclass(frozen=True)
class MergeInputs:
    """parts: fp16 [2, H, rows + spare, D]; lse: float32 [2, H, rows + spare]; held: float32 [rows, H * D]."""

    case: MergeCase
    parts: torch.Tensor
    lse: torch.Tensor
    held: torch.Tensor


def merge_inputs(case: MergeCase, draw: Draw) -> MergeInputs:
    pitch = case.rows + case.spare
    parts = draw.normal(2, case.heads, pitch, case.head_dim, dtype=torch.float16)
    lse = draw.uniform(-8.0, 8.0, 2, case.heads, pitch)
    lse[0, :, ::3] = 60.0  # a part that outweighs the other beyond float32
    parts[:, :, case.rows :], lse[:, :, case.rows :] = float("nan"), float("nan")
    return MergeInputs(case, parts, lse, draw.normal(case.rows, case.heads * case.head_dim))


def launch_merge(kernels: KernelCache, inputs: MergeInputs) -> Tensors:
    case, is_held = inputs.case, inputs.case.parts == 3
    out = inputs.held.clone() if is_held else torch.full_like(inputs.held, float("nan"))
    total = torch.full_like(inputs.lse[0], float("nan"))
    kernels.get(catalogue.MERGE_PARTS)(
        (-(-case.rows * case.heads * case.head_dim // (4 * THREADS)), 1, 1), THREADS,
        0 if is_held else inputs.parts[0].data_ptr(), inputs.lse[0].data_ptr(),
        inputs.parts[1].data_ptr() if case.parts > 1 else 0, inputs.lse[1].data_ptr(), total.shape[1],
        case.rows, case.heads, case.head_dim, out.data_ptr(), total.data_ptr(),
    )  # fmt: skip
    return out, total


def merge_reference(inputs: MergeInputs) -> Tensors:
    case, rows = inputs.case, inputs.case.rows
    first = inputs.parts[0, :, :rows]
    if case.parts == 3:
        first = inputs.held.view(rows, case.heads, case.head_dim).transpose(0, 1)
    total = torch.full_like(inputs.lse[0], float("nan"), dtype=torch.float64)
    if case.parts == 1:
        return first.double().transpose(0, 1).flatten(1), total
    lse = inputs.lse[:, :, :rows]
    merged, total[:, :rows] = dense.merge(first, lse[0], inputs.parts[1, :, :rows], lse[1])
    return merged.transpose(0, 1).flatten(1), total
