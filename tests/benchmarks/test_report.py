"""A wrong result never gets a speed, in the table, in JSON or in the exit code."""

from __future__ import annotations

import ctypes
import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import DeviceError
from gpu.launch import KernelSource
from gpu.launchers.draw import Draw, poisoned
from gpu.ops import OPS, Op
from gpu.reference import attention, rope
from tests.benchmarks import attending, products, small_ops, table_ops
from tests.benchmarks.bench import Bench, measure
from tests.benchmarks.floors import Rates, Work
from tests.benchmarks.machine import CpuMachine, Launches, copies_for
from tests.benchmarks.ops import card_benches, chosen, cpu_benches, main, run
from tests.benchmarks.published import PRODUCTS, SOURCE
from tests.benchmarks.report import Row, exit_code, line_of, write_json

GOOD = Row("a product", "card", 20.0, 29.4, 5.0, "bytes", 1e-4, 1e-3, beside_name="other", beside_us=30.0)


class CountingMachine:
    """A processor that is never timed: it says how often it was asked to."""

    name, device, cache_bytes, rates = "fake", torch.device("cpu"), 1000, Rates(1e9)

    def __init__(self, backend: Any = None, kernels: Any = None) -> None:
        self.kernels, self._backend = kernels, backend
        self.timed = 0

    def backend(self, *, is_exact: bool = True) -> Any:
        return self._backend

    def capture(self, launches: Launches) -> Any:
        def run() -> None:
            for launch in launches:
                launch()

        run()
        return run

    def seconds(self, launches: Launches) -> float:
        self.timed += 1
        return 1e-5

    def forget(self) -> None:
        pass


class Doubling:
    """out = 2 * x, with a fault to choose."""

    def __init__(self, fault: str, machine: Any, copies: int) -> None:
        self._x, self._out = torch.zeros(copies, 8), torch.zeros(copies, 8)
        if fault == "refused":
            raise DeviceError("No.", "")
        self._fault = fault
        self.launches = tuple(partial(self._launch, number) for number in range(copies))

    def _launch(self, number: int) -> None:
        last = number == len(self._out) - 1
        if not (self._fault == "nothing written" and last):
            self._out[number] = 2 * self._x[number] + 0.1 * (self._fault == "wrong" and last)

    def refresh(self, seed: int) -> None:
        self._x.copy_(torch.randn(self._x.shape, generator=torch.Generator().manual_seed(seed)))
        self._out.fill_(float("nan"))

    def error(self) -> float:
        return float((self._out - 2 * self._x).norm() / self._x.norm())


def bench(fault: str) -> Bench:
    return Bench("group", "doubling", Work(1e6), 1e-6, 32, partial(Doubling, fault))


def test_a_right_result_is_timed() -> None:
    machine = CountingMachine()
    row = measure(bench(""), machine)
    assert machine.timed == 1
    assert row.microseconds == pytest.approx(10.0)
    assert row.floor_us == pytest.approx(1000.0)
    assert exit_code([row]) == 0


@pytest.mark.parametrize("fault", ["wrong", "nothing written"])
def test_a_wrong_result_is_never_timed(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    machine = CountingMachine()
    rows = run(machine, [bench(fault)])
    assert machine.timed == 0
    assert rows[0].microseconds is None
    assert exit_code(rows) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "WRONG (error" in last
    assert "> tolerance 1e-06)" in last


def test_a_refusal_does_not_stop_the_others() -> None:
    machine = CountingMachine()
    rows = run(machine, [bench("refused"), bench("")])
    assert "FAILED (DeviceError: No.)" in line_of(rows[0])
    assert rows[1].microseconds is not None
    assert exit_code(rows) == 1


def test_a_speed_of_a_wrong_result_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        replace(GOOD, error=1.0)
    with pytest.raises(AssertionError):
        replace(GOOD, error=float("nan"))


def test_a_line_shows_bytes_floor_ratio_and_what_stands_beside() -> None:
    assert line_of(GOOD).split() == [
        "a",
        "product",
        "20.00",
        "29.40",
        "5.00",
        "4.00",
        "bytes",
        "30.00",
        "1.50x",
        "other",
    ]
    assert "(in cache)" in line_of(replace(GOOD, in_cache=True))


def test_json_has_no_infinity(tmp_path: Path) -> None:
    wrong = replace(GOOD, microseconds=None, error=float("inf"))
    write_json(tmp_path / "rows.json", {"torch": "2"}, [GOOD, wrong])
    values = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert values["torch"] == "2"
    assert values["rows"][0]["microseconds"] == 20.0
    assert values["rows"][1]["error"] is None


def test_copies_exceed_the_cache() -> None:
    assert copies_for(30, 100) == 10
    assert copies_for(10**9, 100) == 2
    assert copies_for(1, 10**9) == 512


def test_the_kernel_table_is_measured_whole() -> None:
    benches = card_benches()
    beside = [each.beside_us for each in benches if each.beside_name == SOURCE]
    assert len(PRODUCTS) == 22
    assert beside == [each.microseconds for each in PRODUCTS]
    names = [each.name for each in (*benches, *cpu_benches())]
    assert len(names) == len(set(names))
    groups = {each.group for each in benches}
    assert {"products", "attention decode", "attention prefill", "rope", "norm", "sampler", "embed"} <= groups


def test_choosing_by_group_or_name() -> None:
    benches = card_benches()
    assert {each.group for each in chosen(benches, ["sampler"])} == {"sampler"}
    assert [each.name for each in chosen(benches, ["prefill 512"])] == ["attention, prefill 512"]
    assert chosen(benches, []) == list(benches)


def test_every_case_of_the_table_of_operations_can_be_made() -> None:
    known = {op.name for op in OPS}
    found = [case.find()[0].name for case in table_ops.CASES if case.op in known]
    assert found


def test_nothing_to_measure_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "no such operation"]) == 1
    assert "Nothing was measured" in capsys.readouterr().err


@pytest.mark.parametrize("gain", [1.0, 1.01])
def test_a_product_is_checked_through_the_backend(gain: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.cpu.backend import CpuBackend

    original = CpuBackend.linears

    def scaled(self: CpuBackend, x: torch.Tensor, linears: Any, outs: Any) -> None:
        original(self, x, linears, outs)
        for out in outs:
            out *= gain

    monkeypatch.setattr(CpuBackend, "linears", scaled)
    machine = CountingMachine(CpuBackend())
    case = products.ProductCase(256, (128, 384), 3, "mcg", 4)
    row = measure(products.product_bench(case), machine)
    assert row.problem == ""
    assert row.is_right == (gain == 1.0)
    assert machine.timed == (gain == 1.0)


@dataclass(frozen=True)
class Cache:
    k: torch.Tensor
    v: torch.Tensor


class ReferenceBackend:
    """Attention and rope by the references over the card's layout of the cache; `wrong` spoils the last value."""

    def __init__(self, *, wrong: bool) -> None:
        self._wrong = wrong

    def allocate_cache(self, shape: Any) -> Cache:
        pages, heads, size = shape.num_pages, shape.num_kv_heads, shape.head_dim
        return Cache(torch.zeros(pages, heads, 256, size).half(), torch.zeros(pages, heads, size, 256).half())

    def prepare_rope(self, cosines: torch.Tensor, sines: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return cosines, sines

    def attention(self, q: torch.Tensor, shape: Any, batch: Any, cache: Cache, out: torch.Tensor) -> None:
        heads = q.view(q.shape[0], shape.num_heads, -1)
        where = (batch.positions, batch.sequences, batch.page_table)
        out.copy_(attention.attend(heads, *where, cache.k, cache.v, 0, shape.scale).flatten(1))
        out[-1, -1] += self._wrong

    def rotate_and_append(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, norms: Any, angles: Any, shape: Any, batch: Any,
        cache: Cache,
    ) -> None:  # fmt: skip
        parts = [each.view(each.shape[0], -1, shape.head_dim) for each in (q, k, v)]
        where = (batch.positions, batch.sequences, batch.page_table)
        q.copy_(rope.rotate_and_append(*parts, None, 0.0, *angles, *where, cache.k, cache.v).flatten(1))
        page, slot = batch.page_table[-1, int(batch.positions[-1]) // 256], int(batch.positions[-1]) % 256
        cache.v[page, -1, -1, slot] += self._wrong


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("case", [attending.AttendCase(2, 300, False), attending.AttendCase(1, 40, True)])
def test_attention_is_checked(case: attending.AttendCase, wrong: bool) -> None:
    prepared = attending.PreparedAttention(case, CountingMachine(ReferenceBackend(wrong=wrong)), 2)
    assert_checked(prepared, wrong, 1e-3)


@pytest.mark.parametrize("gain", [1.0, 1.01])
@pytest.mark.parametrize("case", [attending.AttendCase(2, 700, False), attending.AttendCase(1, 300, True)])
def test_attention_is_checked_on_the_processor_too(
    case: attending.AttendCase, gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.cpu.backend import CpuBackend

    original = CpuBackend.attention

    def scaled(self: CpuBackend, q: torch.Tensor, shape: Any, batch: Any, cache: Any, out: torch.Tensor) -> None:
        original(self, q, shape, batch, cache, out)
        out *= gain

    monkeypatch.setattr(CpuBackend, "attention", scaled)
    prepared = attending.PreparedAttention(case, CountingMachine(CpuBackend()), 2)
    assert_checked(prepared, gain != 1.0, 1e-5)


def test_every_row_count_bits_and_codebook_of_the_processor() -> None:
    benches = cpu_benches()
    for book in ("mul1", "mcg"):
        for bits in (2, 3, 4, 6):
            for rows in ("1 row", "4 rows", "16 rows", "128 rows", "512 rows"):
                assert len(chosen(benches, [f"CPU 2048x2048 K{bits} {book}, {rows}"])) == 1
    assert [len(chosen(benches, [text])) for text in ("attention decode", "attention prefill")] == [2, 2]


def test_each_launch_counts_by_its_best_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, *(each for run in ((1, 9), (5, 3), (2, 4)) for took in run for each in (0.0, float(took)))])
    machine = object.__new__(CpuMachine)
    machine._backend = type("Fake", (), {"threads": torch.get_num_threads()})()
    monkeypatch.setattr("tests.benchmarks.machine.CPU_SAMPLES", 3)
    monkeypatch.setattr("tests.benchmarks.machine.time.perf_counter", lambda: next(clock))
    assert machine.seconds((lambda: None, lambda: None)) == (1 + 3) / 2


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("rows", [1, 16, 300])
def test_rope_is_checked(rows: int, wrong: bool) -> None:
    prepared = small_ops.PreparedRope(rows, CountingMachine(ReferenceBackend(wrong=wrong)), 3)
    assert_checked(prepared, wrong, 5e-5)


def assert_checked(prepared: Any, wrong: bool, tolerance: float) -> None:
    prepared.refresh(1)
    assert not prepared.error() <= tolerance  # nothing is written yet
    for launch in prepared.launches:
        launch()
    assert (prepared.error() <= tolerance) == (not wrong)


def test_the_norm_is_checked_on_the_processor_too() -> None:
    from engine.cpu.backend import CpuBackend

    machine = CountingMachine(CpuBackend())
    row = measure(next(each for each in small_ops.benches() if each.name == "RMS norm 4096, 1 row"), machine)
    assert row.is_right, line_of(row)


@dataclass(frozen=True)
class Size:
    count: int


@dataclass(frozen=True)
class Values:
    case: Size
    x: torch.Tensor


class CopyKernel:
    """A kernel cache with one kernel: copies float32 values between addresses; from the third launch on wrongly."""

    def __init__(self, right_launches: int) -> None:
        self.right_launches = right_launches

    def get(self, source: KernelSource) -> Any:
        def launch(grid: Any, threads: int, source: int, target: int, count: int) -> None:
            self.right_launches -= 1
            ctypes.memmove(target, source, 4 * (count if self.right_launches >= 0 else count - 1))

        return launch


def copy_launch(kernels: Any, inputs: Values) -> tuple[torch.Tensor, ...]:
    out = poisoned(inputs.case.count, device=inputs.x.device)
    kernels.get(KernelSource("copy", "uui", lambda: None))((1, 1, 1), 1, inputs.x.data_ptr(), out.data_ptr(), len(out))
    return (out * 2,)  # what a launcher makes of its output afterwards


def copy_inputs(case: Size, draw: Draw) -> Values:
    return Values(case, draw.normal(case.count))


COPY = Op("copy", (), (Size(5),), copy_inputs, copy_launch, lambda inputs: (2 * inputs.x,), 1e-6)


@pytest.mark.parametrize(("right_launches", "right"), [(100, True), (4, False), (2, False)])
def test_a_launch_of_the_table_is_noted_repeated_and_checked(right_launches: int, right: bool) -> None:
    prepared = table_ops.PreparedOp(COPY, Size(5), CountingMachine(kernels=CopyKernel(right_launches)), 2)
    prepared.refresh(1)
    for launch in prepared.launches:  # the third and the fourth launch; the check makes two more
        launch()
    assert (prepared.error() <= COPY.tolerance) == right
