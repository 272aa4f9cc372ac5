"""The trellis search on tensors: its tables, its four launches, inputs by size and the reference's answer.

Knows nothing of codebooks: a search is given the value of every state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gpu.kernels import trellis_search_layout as layout
from gpu.kernels.trellis_search_layout import APPROACH, PLANS, THREADS, WEIGHTS
from gpu.launch import KernelCache, KernelSource
from gpu.launchers.draw import Draw, poisoned
from gpu.reference import exl3
from gpu.reference import trellis_search as reference

Tensors = tuple[torch.Tensor, ...]


def _build(name: str, bits: int) -> Callable[[], Any]:
    def build() -> Any:
        from gpu.kernels import trellis_search

        return getattr(trellis_search, name)(bits)

    return build


def walk_source(bits: int) -> KernelSource:
    """Costs of all nodes over a run of steps."""
    build, shared = _build("walk_kernel", bits), PLANS[bits].shared_bytes
    return KernelSource(f"trellis_walk_k{bits}", "uuuuiiiuu", build, shared_bytes=shared)


def trace_source(bits: int) -> KernelSource:
    """Cheapest paths back from their last nodes."""
    return KernelSource(f"trellis_trace_k{bits}", "uuuuiiiuuuu", _build("trace_kernel", bits))


SOURCES = tuple(source(bits) for bits in PLANS for source in (walk_source, trace_source))


@dataclass(frozen=True)
class SearchTables:
    """A codebook as the kernels read it, times the scale of K.

    Attributes:
        by_thread: int32 [16, 512, 4], pairs of fp16 in the order of a thread's registers.
        by_state: fp16 [65536].
    """

    bits: int
    by_thread: torch.Tensor
    by_state: torch.Tensor


def search_tables(values: torch.Tensor, bits: int) -> SearchTables:
    """The tables for values [65536] by state, which are fp16 numbers."""
    plan = PLANS[bits]
    scaled = (values.float() * plan.scale).half()
    thread = torch.arange(THREADS, device=values.device)
    states = torch.stack(
        [torch.stack([plan.state(thread, r, half) for half in (0, 1)], -1) for r in range(layout.REGISTERS)]
    )
    pairs = scaled[states].view(torch.int32).view(layout.REGISTERS // 4, 4, THREADS)
    return SearchTables(bits, pairs.transpose(1, 2).contiguous(), scaled)


def search(
    kernels: KernelCache, targets: torch.Tensor, tables: SearchTables, rows: torch.Tensor, approach: int = APPROACH
) -> torch.Tensor:
    """The states of the cheapest closed path of each tile, int32 [n, 256].

    Args:
        targets: float32 [n, 256] in stream order, contiguous.
        rows: scratch of at least n times the layout's `tile_bytes` bytes.
        approach: steps before and behind the seam, a multiple of 8, at most 128.
    """
    bits, count, device = tables.bits, targets.shape[0], targets.device
    plan = PLANS[bits]
    assert targets.is_contiguous()
    assert targets.dtype == torch.float32
    assert rows.nbytes >= count * plan.tile_bytes
    assert approach in range(8, WEIGHTS // 2 + 1, 8)
    states = torch.empty(count, WEIGHTS, dtype=torch.int32, device=device)
    nodes = torch.empty(2, count, dtype=torch.int32, device=device)
    ends, entries = nodes[0].data_ptr(), nodes[1].data_ptr()
    walk, trace, grid = kernels.get(walk_source(bits)), kernels.get(trace_source(bits)), (count, 1, 1)
    at, by_thread, by_state = targets.data_ptr(), tables.by_thread.data_ptr(), tables.by_state.data_ptr()
    kept = (rows.data_ptr(), plan.tile_bytes)
    first, steps = WEIGHTS - approach, 2 * approach
    walk(grid, THREADS, at, by_thread, *kept, first, steps, approach, 0, ends)
    trace(grid, 32, at, by_state, *kept, first, steps, approach, ends, 0, entries, 0)
    walk(grid, THREADS, at, by_thread, *kept, 0, WEIGHTS, 0, entries, 0)
    trace(grid, 32, at, by_state, *kept, 0, WEIGHTS, 0, entries, entries, 0, states.data_ptr())
    return states


@dataclass(frozen=True)
class SearchCase:
    """Tiles of targets of a standard deviation; `outlier` makes one target far larger than any value."""

    bits: int
    codebook: str
    tiles: int
    deviation: float
    outlier: float = 0.0


@dataclass(frozen=True)
class SearchInputs:
    """targets: float32 [n, 256]; values: float32 [65536]."""

    case: SearchCase
    targets: torch.Tensor
    values: torch.Tensor


def search_inputs(case: SearchCase, draw: Draw) -> SearchInputs:
    values = exl3.values_of(torch.arange(65536), case.codebook).half().float().to(draw.device)
    targets = draw.normal(case.tiles, WEIGHTS, scale=case.deviation)
    if case.outlier:
        targets[:, 77] = case.outlier
    return SearchInputs(case, targets, values)


def launch_search(kernels: KernelCache, inputs: SearchInputs) -> Tensors:
    """Squared errors of tiles; how many states do not hold the one before; what was written behind the rows."""
    case, device = inputs.case, inputs.targets.device
    size = case.tiles * PLANS[case.bits].tile_bytes // 4
    rows = poisoned(size + 1024, device=device)
    states = search(kernels, inputs.targets, search_tables(inputs.values, case.bits), rows).long()
    breaks = ((states >> case.bits) != (states.roll(1, 1) & ((1 << (16 - case.bits)) - 1))).sum()
    return _errors(inputs, states & 0xFFFF), breaks[None].double(), rows[size:]


def search_reference(inputs: SearchInputs) -> Tensors:
    bits, device = inputs.case.bits, inputs.targets.device
    states = reference.search(inputs.targets, inputs.values, bits, APPROACH)
    behind = poisoned(1024, device=device)
    return _errors(inputs, states), torch.zeros(1, dtype=torch.float64, device=device), behind


def _errors(inputs: SearchInputs, states: torch.Tensor) -> torch.Tensor:
    return (inputs.values.double()[states] - inputs.targets.double()).square().sum(1)
