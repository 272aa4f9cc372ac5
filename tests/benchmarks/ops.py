"""Times every operation and prints what it moves, its floor and how far it is from it.

    python -m tests.benchmarks.ops [--only NAME ...] [--json FILE] [--cpu]

An operation whose result is wrong gets no speed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks import report
from tests.benchmarks.bench import Bench, measure


def card_benches() -> tuple[Bench, ...]:
    """All measurements of a card, in the order of the table."""
    from tests.benchmarks import attending, products, small_ops, table_ops

    cases = (*products.published_cases(), *products.group_cases())
    found = [products.product_bench(case) for case in cases]
    return (*found, *attending.benches(), *small_ops.benches(), *table_ops.benches())


def cpu_benches() -> tuple[Bench, ...]:
    """All measurements of the processor."""
    from tests.benchmarks import attending, products

    found = [products.cpu_bench(case) for case in products.cpu_cases()]
    return (*(replace(bench, name=f"CPU {bench.name}") for bench in found), *attending.cpu_benches())


def chosen(benches: Sequence[Bench], only: Sequence[str]) -> list[Bench]:
    """Those whose group or name has one of the texts in it; all without any."""
    return [bench for bench in benches if not only or any(text in f"{bench.group} {bench.name}" for text in only)]


def run(machine: Any, benches: Sequence[Bench]) -> list[report.Row]:
    """Measures and prints, row by row."""
    rows, rates = [], machine.rates
    print(
        f"{machine.name}: copies {rates.bytes_per_s / 1e12:.3f} TB/s, cache {machine.cache_bytes / 1e6:.0f} MB", end=""
    )
    if rates.macs_per_s:
        print(f", {rates.macs_per_s / 1e9:.0f} billion float32 multiply-adds/s", end="")
    if rates.cores:
        print(f", {rates.cores} multiprocessors at {rates.clock_hz / 1e9:.2f} GHz", end="")
    print(f"\n{report.HEADER}")
    group = ""
    for bench in benches:
        if bench.group != group:
            group = bench.group
            print(f"-- {group}")
        rows.append(measure(bench, machine))
        print(report.line_of(rows[-1]), flush=True)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 if any operation was wrong or failed, or if there was nothing to measure."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    parser = argparse.ArgumentParser(prog="tests.benchmarks.ops", description="Time every operation.")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="those with this text in group or name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to this file")
    parser.add_argument("--cpu", action="store_true", help="also measure the processor")
    parser.add_argument("--list", action="store_true", help="print the names and measure nothing")
    options = parser.parse_args(arguments)
    on_card, on_cpu = chosen(card_benches(), options.only), chosen(cpu_benches(), options.only) if options.cpu else []
    if options.list:
        for bench in (*on_card, *on_cpu):
            print(f"{bench.group}: {bench.name}")
        return 0
    rows: list[report.Row] = []
    import torch

    from tests.benchmarks.machine import CpuMachine, CudaMachine

    if on_card and torch.cuda.is_available():
        rows += run(CudaMachine(), on_card)
    if on_cpu:
        rows += run(CpuMachine(), on_cpu)
    if not rows:
        print("Nothing was measured: no usable card (--cpu measures the processor), or no such name.", file=sys.stderr)
        return 1
    if options.json is not None:
        about = {"torch": torch.__version__, "python": platform.python_version()}
        report.write_json(options.json, about, rows)
    return report.exit_code(rows)


if __name__ == "__main__":
    raise SystemExit(main())
