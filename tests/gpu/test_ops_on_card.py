"""Every operation of the table against its reference, on a card."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gpu.launch import KernelCache
from gpu.launchers.draw import Draw
from gpu.ops import OPS, Op, worst_error

pytestmark = pytest.mark.gpu

ALL = [pytest.param(op, case, id=f"{op.name}-{i}") for op in OPS for i, case in enumerate(op.cases)]


@pytest.fixture(scope="module")
def kernels() -> KernelCache:
    """Compiled in this run, never read from disk: the compiler is under test too."""
    return KernelCache(None, torch.cuda.get_device_capability())


@pytest.mark.parametrize(("op", "case"), ALL)
def test_launch_agrees_with_reference(op: Op, case: Any, kernels: KernelCache) -> None:
    inputs = op.inputs(case, Draw(case, torch.device("cuda")))
    actual = op.launch(kernels, inputs)
    torch.cuda.synchronize()
    error = worst_error(actual, op.reference(inputs))
    assert error <= op.tolerance, f"{case}: relative error {error:.2e}, allowed {op.tolerance:.0e}"


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_two_launches_give_the_same_bits(op: Op, kernels: KernelCache) -> None:
    for case in op.cases[-3:]:
        inputs = op.inputs(case, Draw(case, torch.device("cuda")))
        first, second = op.launch(kernels, inputs), op.launch(kernels, inputs)
        for a, b in zip(first, second, strict=True):
            assert torch.equal(a.nan_to_num(), b.nan_to_num()), case


@pytest.mark.parametrize("op", [op for op in OPS if op.name in ("attend", "rms_norm")], ids=lambda op: op.name)
def test_a_captured_launch_repeats_with_new_inputs(op: Op, kernels: KernelCache) -> None:
    """Launches go to torch's stream and read memory when they run, so that a graph can hold them."""
    case = op.cases[2]
    held, fresh = (op.inputs(case, Draw(seed, torch.device("cuda"))) for seed in (case, (case, "fresh")))
    leaf = "q" if op.name == "attend" else "x"
    op.launch(kernels, held)  # loads the kernels
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = op.launch(kernels, held)
    getattr(held, leaf).copy_(getattr(fresh, leaf))
    graph.replay()
    torch.cuda.synchronize()
    assert worst_error(outputs, op.reference(held)) <= op.tolerance
