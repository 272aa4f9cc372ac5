"""Rotations of inputs and outputs, which a backend hides in its products, out of the table of operations.

A launcher of the table allocates what it needs, so it runs once, what it starts is noted, what it allocates is kept,
and the notes are started again. Sizes of an 8B model: a decode row and a prefill chunk. An operation that the table
does not have is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gpu.launch import KernelSource
from gpu.launchers.draw import Draw
from gpu.ops import OPS, Op, worst_error
from tests.benchmarks.bench import Bench, tolerance_of
from tests.benchmarks.floors import Work

HIDDEN, INNER = 4096, 14336
CHUNK = 2048  # rows of a prefill


@dataclass(frozen=True)
class TableCase:
    """An operation at one size.

    Attributes:
        sizes: fields of the operation's own kind of case. It must not add to its outputs: launches are repeated.
        num_bytes: read or written at least once.
    """

    op: str
    name: str
    sizes: Mapping[str, Any]
    num_bytes: int

    def find(self) -> tuple[Op, Any]:
        """The operation with the case. Raises `LookupError` or `TypeError` if the table no longer has such."""
        op = {op.name: op for op in OPS}[self.op]
        return op, replace(op.cases[0], **self.sizes)


def _prepare(rows: int, *, codes: bool) -> TableCase:
    """With a norm and for three matrices where rows are few, as in front of query, key and value; else plain."""
    few = rows == 1
    matrices = 3 if few else 1
    values = matrices * rows * HIDDEN
    moved = 4 * rows * HIDDEN + 2 * matrices * HIDDEN + 2 * values + codes * 8 * values // 128 + few * 4 * HIDDEN
    sizes = {"rows": rows, "row_capacity": max(rows, 16), "in_features": HIDDEN, "matrices": matrices,
             "codes": codes, "norm": few}  # fmt: skip
    kind = ("integers" if codes else "fp16") + few * ", norm, 3 matrices"
    return TableCase("prepare_input", f"prepare input {HIDDEN}, {kind}, {_rows(rows)}", sizes, moved)


def _finish(rows: int, width: int, splits: int) -> TableCase:
    sizes = {"rows": rows, "splits": splits, "known": (128,) * (width // 128), "accumulate": False}
    moved = 4 * splits * rows * width + 4 * width + 4 * rows * width
    return TableCase(
        "finish_output", f"finish output {width}, {splits} split{'s' * (splits > 1)}, {_rows(rows)}", sizes, moved
    )


def _rows(rows: int) -> str:
    return f"{rows} row" + "s" * (rows > 1)


CASES = (
    *(_prepare(rows, codes=codes) for rows in (1, CHUNK) for codes in (False, True)),
    TableCase(
        "prepare_many", f"prepare input {HIDDEN}, chunk, norm, 3 matrices, {CHUNK} rows",
        {"rows": CHUNK, "in_features": HIDDEN, "matrices": 3, "norm": True, "spare": 0},
        4 * CHUNK * HIDDEN + 4 * HIDDEN + 3 * (2 * HIDDEN + 2 * CHUNK * HIDDEN),
    ),
    _finish(1, HIDDEN, 4), _finish(1, INNER, 4), _finish(CHUNK, HIDDEN, 1),
    TableCase(
        "finish_many", f"finish output {HIDDEN}, chunk, {CHUNK} rows",
        {"rows": CHUNK, "columns": HIDDEN, "accumulate": False, "spare": 0, "in_place": False},
        4 * CHUNK * HIDDEN + 4 * HIDDEN + 4 * CHUNK * HIDDEN,
    ),
    TableCase(
        "finish_gated_many", f"finish gate and up {INNER}, chunk, {CHUNK} rows",
        {"rows": CHUNK, "columns": INNER, "spare": 0, "blocks": 264},
        2 * 4 * CHUNK * INNER + 2 * 4 * INNER + 2 * INNER + 2 * CHUNK * INNER,
    ),
)  # fmt: skip


def benches() -> tuple[Bench, ...]:
    """Of the operations that the table has."""
    known = {op.name for op in OPS}
    return tuple(
        Bench("rotations", case.name, Work(case.num_bytes), tolerance_of(case.op), case.num_bytes,
              partial(PreparedOp.of, case), most_copies=64)
        for case in CASES if case.op in known
    )  # fmt: skip


class _Recorder:
    """Stands in for the kernel cache: launches, and notes what it launched."""

    def __init__(self, kernels: Any) -> None:
        self._kernels = kernels
        self.calls: list[Callable[[], None]] = []

    def get(self, source: KernelSource) -> Callable[..., None]:
        kernel = self._kernels.get(source)

        def launch(grid: tuple[int, int, int], threads: int, *arguments: float) -> None:
            self.calls.append(partial(kernel, grid, threads, *arguments))
            kernel(grid, threads, *arguments)

        return launch


class _Keeper(TorchDispatchMode):
    """Keeps alive every tensor that is made; those made by filling are the poisoned ones, which kernels write."""

    def __init__(self) -> None:
        super().__init__()
        self._all: list[Any] = []
        self.filled: list[torch.Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self._all.append(made)
        if func is torch.ops.aten.full.default:
            self.filled.append(made)
        return made


@dataclass(frozen=True)
class _Launched:
    """One launch with all that it allocated."""

    outputs: Sequence[torch.Tensor]
    calls: list[Callable[[], None]]
    keeper: _Keeper


class PreparedOp:
    """Copies of a case's inputs with a noted launch for each; kernels must write poisoned tensors alone."""

    def __init__(self, op: Op, case: Any, machine: Any, copies: int) -> None:
        self._op, self._case, self._machine = op, case, machine
        self._inputs = [op.inputs(case, Draw((case, number), machine.device)) for number in range(copies)]
        self._held = [self._launch(inputs) for inputs in self._inputs]
        self.launches = tuple(partial(_start, held.calls) for held in self._held)

    @classmethod
    def of(cls, case: TableCase, machine: Any, copies: int) -> PreparedOp:
        return cls(*case.find(), machine, copies)

    def _launch(self, inputs: Any) -> _Launched:
        recorder: Any = _Recorder(self._machine.kernels)
        keeper = _Keeper()
        with keeper:
            outputs = self._op.launch(recorder, inputs)
        return _Launched(outputs, recorder.calls, keeper)

    def refresh(self, seed: int) -> None:
        for number in self._looked_at:
            fresh = self._op.inputs(self._case, Draw((self._case, seed, number), self._machine.device))
            for each in fields(fresh):
                held = getattr(self._inputs[number], each.name)
                if isinstance(held, torch.Tensor):
                    held.copy_(getattr(fresh, each.name))
        for launched in self._held:
            for tensor in launched.keeper.filled:
                tensor.fill_(float("nan"))

    def error(self) -> float:
        """A launch anew must agree with the reference, and the repeated one with that bit for bit."""
        worst = 0.0
        for number in self._looked_at:
            anew = self._launch(self._inputs[number])
            worst = max(worst, worst_error(tuple(anew.outputs), self._op.reference(self._inputs[number])))
            for a, b in zip(self._held[number].keeper.filled, anew.keeper.filled, strict=True):
                if not torch.equal(a.view(torch.uint8), b.view(torch.uint8)):
                    return float("inf")
        return worst

    @property
    def _looked_at(self) -> set[int]:
        return {0, len(self._inputs) - 1}


def _start(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()
