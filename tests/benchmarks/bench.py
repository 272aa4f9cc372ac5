"""One measurement: prepare copies of the inputs, check what the prepared launches write, and only then take the time.

The check sees the very launches that are timed: fresh random inputs, NaN in every output, one run (on a card a replay
of the captured graph), then the reference. Knows nothing of single operations or devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from engine.errors import EngineError
from gpu.ops import OPS
from tests.benchmarks.floors import Work, floor_of
from tests.benchmarks.machine import MAX_COPIES, Launches, copies_for
from tests.benchmarks.report import Row

FRESH_SEED = 20260
# What a kernel or an interface that is being changed raises: one operation must not keep the others from their turn.
FAILURES = (EngineError, RuntimeError, AssertionError, TypeError, AttributeError, LookupError)


def tolerance_of(name: str) -> float:
    """That of an operation of the table; 0 for one that is not there (any more): whatever is measured then is red."""
    return next((op.tolerance for op in OPS if op.name == name), 0.0)


class Prepared(Protocol):
    """Everything allocated, ready to be launched again and again."""

    @property
    def launches(self) -> Launches:
        """One for each copy."""

    def refresh(self, seed: int) -> None:
        """Draws new inputs in place and fills the outputs with NaN."""

    def error(self) -> float:
        """Relative L2 error of what the launches wrote last; infinite where a value is missing."""


@dataclass(frozen=True)
class Bench:
    """An operation at one size.

    Attributes:
        group: what `--only` chooses by, beside the name.
        set_bytes: what one copy of the inputs takes and a launch reads.
        prepare: allocates so many copies on a machine.
        beside: another implementation of the same, timed in the same way.
        beside_us: or its published time.
    """

    group: str
    name: str
    work: Work
    tolerance: float
    set_bytes: int
    prepare: Callable[[Any, int], Prepared]
    beside_name: str = ""
    beside: Callable[[Any, int], Launches] | None = None
    beside_us: float | None = None
    most_copies: int = MAX_COPIES


def measure(bench: Bench, machine: Any) -> Row:
    """Checks and times; a wrong result has no speed."""
    copies = copies_for(bench.set_bytes, machine.cache_bytes, bench.most_copies)
    microseconds, error, problem, beside_us = None, math.inf, "", bench.beside_us
    try:
        prepared = bench.prepare(machine, copies)
        run = machine.capture(prepared.launches)
        prepared.refresh(FRESH_SEED)
        run()
        error = prepared.error()
        if error <= bench.tolerance:
            microseconds = 1e6 * machine.seconds(prepared.launches)
            if bench.beside is not None:
                beside_us = 1e6 * machine.seconds(bench.beside(machine, copies))
    except FAILURES as failure:
        problem = f"{type(failure).__name__}: {failure}".splitlines()[0]
        microseconds = None
    finally:
        machine.forget()
    floor = floor_of(bench.work, machine.rates)
    return Row(
        bench.name, machine.name, microseconds, bench.work.num_bytes / 1e6, 1e6 * floor.seconds, floor.limit,
        error, bench.tolerance, copies * bench.set_bytes < machine.cache_bytes, problem,
        bench.beside_name, beside_us,
    )  # fmt: skip
