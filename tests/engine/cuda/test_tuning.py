"""How runs are chosen, remembered and kept within their room, with made-up times and without a card."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.cuda.exl3 import CudaExl3Linear
from engine.cuda.few_rows import (
    FEW_ROWS,
    MAX_GROUP,
    MEASURED_VALUES,
    FewScratch,
    Product,
    ProductShape,
    products_of,
    road_for,
    roads_of,
)
from engine.cuda.tuning import CLEARLY, LAYERS, Chain, RunStore, Tuner, choices_of, fastest
from gpu.kernels.few_layout import PRODUCT_WARPS, Road, splits_of
from tests.fakes.fake_kernels import FakeKernels

INPUTS, WIDTH = 4096, 1024
CARD = "A card, compute capability 8.6, driver 13000"


@pytest.fixture(params=[1, 46, 132])
def scratch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FewScratch:
    about = SimpleNamespace(multi_processor_count=request.param)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    return FewScratch(torch.device("cpu"), is_exact=False)


def linear(bits: int = 4, codebook: str = "mul1", inputs: int = INPUTS, width: int = WIDTH) -> CudaExl3Linear:
    """Without weights: nothing reads them here."""
    zeros = [torch.zeros(size, dtype=torch.float16) for size in (inputs, width, width)]
    return CudaExl3Linear(codebook, bits, inputs, width, torch.zeros(0), zeros[0], zeros[1], zeros[2])


def products(scratch: FewScratch, kernels: FakeKernels, *linears: CudaExl3Linear) -> list[Product]:
    for each in linears:
        scratch.reserve_for(each)
    return [product for each in linears for product in products_of([each], scratch, kernels)[0]]  # type: ignore[arg-type]


class FakeTimer:
    """Products take least at the run that `best` gives, and a clock that goes on by a second for each."""

    def __init__(self, best: Callable[[ProductShape, int], int]) -> None:
        self.best, self.now = best, 0.0
        self.calls: list[tuple[ProductShape, int, int]] = []

    def __call__(self, group: Sequence[Product], rows: int, run: int) -> float:
        shape = group[0].shape
        assert {product.shape for product in group} == {shape}
        self.calls.append((shape, rows, run))
        self.now += 1.0
        target = self.best(shape, rows)
        return 1.0 + max(run, target) / min(run, target)


def tune(
    scratch: FewScratch, group: Sequence[Product], timer: FakeTimer, path: Path | None = None, budget_s: float = 1e9
) -> None:
    store = RunStore(path, CARD)
    for task in Tuner(group, scratch, store, timer, clock=lambda: timer.now, budget_s=budget_s).tasks():
        task()


def nearest(scratch: FewScratch, shape: ProductShape, road: Road, target: int) -> int:
    """The power of two next to a target among those that may run."""
    possible = [run for run in (2**i for i in range(12)) if scratch.may_run(road, shape.width, shape.padded_in, run)]
    return min(possible, key=lambda run: max(run, target) / min(run, target))


@pytest.mark.parametrize("rule", [1, 2, 8, 64])
@pytest.mark.parametrize("best", [1, 4, 8, 32, 64])
def test_the_fastest_run_is_found_from_any_rule(rule: int, best: int) -> None:
    tried: list[int] = []

    def time_of(run: int) -> float:
        tried.append(run)
        return 1.0 + abs(run - best)

    assert fastest(rule, lambda run: 1 <= run <= 64, time_of, lambda: False) == best
    assert len(tried) == len(set(tried)), "measured twice"
    assert all(1 <= run <= 64 for run in tried)
    assert {run for run in (rule // 2, 2 * rule) if 1 <= run <= 64} <= set(tried), "a neighbour was not tried"


def test_noise_does_not_leave_the_rule() -> None:
    times = {4: 1.0 - 0.5 * (1 - CLEARLY), 8: 1.0, 16: CLEARLY}
    assert fastest(8, lambda run: run in times, times.__getitem__, lambda: False) == 8


def test_a_search_that_ran_out_of_time_says_so() -> None:
    assert fastest(8, lambda run: True, float, lambda: True) is None


@pytest.mark.parametrize("target", [1, 4, 64])
def test_products_take_what_was_measured(scratch: FewScratch, target: int) -> None:
    kernels = FakeKernels()
    group = products(scratch, kernels, linear(), linear(), linear(3), linear(codebook="mcg"))
    timer = FakeTimer(lambda shape, rows: target)
    tune(scratch, group, timer)
    assert {shape for shape, _, _ in timer.calls} == {product.shape for product in group}
    for product, rows in itertools.product(group, range(1, FEW_ROWS + 1)):
        road = road_for(product.codebook, rows, is_exact=False)
        run = nearest(scratch, product.shape, road, target)
        kernels.calls.clear()
        product.multiply(rows)
        _, grid, arguments = kernels.calls[0]
        units, unit_rows = arguments[-3:-1]
        assert units * unit_rows == run
        assert grid[1] == splits_of(run, INPUTS // 16) == product.sums(0, rows).splits


def test_each_road_is_timed_with_rows_that_take_it() -> None:
    for codebook, is_exact in itertools.product(("mul1", "mcg"), (False, True)):
        choices = choices_of(ProductShape(4, codebook, (WIDTH,), INPUTS), is_exact=is_exact)
        assert [choice.road for choice in choices] == list(roads_of(codebook, is_exact=is_exact))
        assert choices[0].rows == 1
        for choice in choices:
            assert road_for(codebook, choice.rows, is_exact=is_exact) == choice.road
        assert len({choice.key for choice in choices}) == len(choices)


def test_a_second_start_measures_nothing(scratch: FewScratch, tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "runs.json"
    group = products(scratch, FakeKernels(), linear(), linear(2))
    tune(scratch, group, FakeTimer(lambda shape, rows: rows), path)
    chosen, scratch.runs = scratch.runs, {}
    assert chosen
    again = FakeTimer(lambda shape, rows: 1)
    tune(scratch, group, again, path)
    assert again.calls == []
    assert scratch.runs == chosen
    assert [each.name for each in path.parent.iterdir()] == ["runs.json"]


def test_cards_and_models_keep_their_own(scratch: FewScratch, tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    RunStore(path, "another card").write({"a": 4})
    tune(scratch, products(scratch, FakeKernels(), linear()), FakeTimer(lambda shape, rows: 4), path)
    first, scratch.runs = RunStore(path, CARD).read(), {}
    tune(scratch, products(scratch, FakeKernels(), linear(5)), FakeTimer(lambda shape, rows: 8), path)
    second = RunStore(path, CARD).read()
    assert RunStore(path, "another card").read() == {"a": 4}
    assert len(second) == 2 * len(first) == 2 * len(roads_of("mul1", is_exact=False))
    assert first.items() <= second.items()


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "\0\xff", "[" * 100_000,
        json.dumps({"format": 1, "cards": [1]}), json.dumps({"format": 1, "cards": {CARD: 3}}),
        json.dumps({"format": 0, "cards": {CARD: {}}}),
    ],
    ids=range(9),
)  # fmt: skip
def test_a_damaged_file_is_measured_and_written_anew(scratch: FewScratch, tmp_path: Path, text: str) -> None:
    path = tmp_path / "runs.json"
    path.write_text(text, encoding="latin-1")
    timer = FakeTimer(lambda shape, rows: 4)
    tune(scratch, products(scratch, FakeKernels(), linear()), timer, path)
    assert timer.calls
    assert len(RunStore(path, CARD).read()) == len(scratch.runs) == len(roads_of("mul1", is_exact=False))


@pytest.mark.parametrize("bad", [0, -8, 3, 4096, 2.0, True, "8", None, [8]])
def test_a_run_that_may_not_be_is_measured_anew(scratch: FewScratch, tmp_path: Path, bad: object) -> None:
    path, group = tmp_path / "runs.json", products(scratch, FakeKernels(), linear())
    tune(scratch, group, FakeTimer(lambda shape, rows: 4), path)
    held, chosen = json.loads(path.read_text()), scratch.runs
    key = next(iter(held["cards"][CARD]))
    held["cards"][CARD][key] = bad
    path.write_text(json.dumps(held))
    scratch.runs, timer = {}, FakeTimer(lambda shape, rows: 4)
    tune(scratch, group, timer, path)
    assert len({rows for _, rows, _ in timer.calls}) == 1
    assert scratch.runs == chosen
    assert json.loads(path.read_text())["cards"][CARD][key] != bad


def test_a_folder_that_cannot_be_written_costs_nothing_else(scratch: FewScratch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    tune(scratch, products(scratch, FakeKernels(), linear()), FakeTimer(lambda shape, rows: 4), tmp_path / "file" / "x")
    assert scratch.runs
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("budget_s", [0.5, 4.5, 9.5])
def test_what_the_budget_does_not_reach_is_the_rules_and_measured_next_time(
    scratch: FewScratch, tmp_path: Path, budget_s: float
) -> None:
    path, group = tmp_path / "runs.json", products(scratch, FakeKernels(), linear(), linear(2), linear(3))
    timer = FakeTimer(lambda shape, rows: 4)
    tune(scratch, group, timer, path, budget_s)
    assert timer.now <= budget_s + 1.0, "measured on after the end"
    done = dict(scratch.runs)
    assert len(done) < 3 * len(roads_of("mul1", is_exact=False))
    assert len(RunStore(path, CARD).read()) == len(done)
    for product, rows in itertools.product(group, (1, 4, 8, 16)):
        road = road_for("mul1", rows, is_exact=False)
        if (product.shape, road) not in done:
            rule = scratch.run(road, WIDTH, INPUTS)
            assert product.sums(0, rows).splits == splits_of(rule, INPUTS // 16)
    scratch.runs = {}
    tune(scratch, group, FakeTimer(lambda shape, rows: 4), path)
    assert done.items() <= scratch.runs.items()
    assert len(scratch.runs) == 3 * len(roads_of("mul1", is_exact=False))


def test_runs_are_set_once(scratch: FewScratch) -> None:
    shape, road = ProductShape(4, "mul1", (WIDTH,), INPUTS), roads_of("mul1", is_exact=False)[0]
    scratch.use_runs({(shape, road): scratch.run(road, WIDTH, INPUTS)})
    with pytest.raises(AssertionError):
        scratch.use_runs({})


@pytest.mark.parametrize("codebook", ["mul1", "3inst"])
def test_sums_of_every_possible_run_keep_within_the_scratch(scratch: FewScratch, codebook: str) -> None:
    for inputs, widths in (
        (128, (128, 128, 128)), (1152, (384, 128, 256)), (4096, (4096, 1024, 1024)), (4096, (14336, 14336)),
        (14336, (4096,)), (8192, (28672, 28672)), (4096, (128256,)),
    ):  # fmt: skip
        for width in widths:
            scratch.reserve_for(linear(4, codebook, inputs, width))
        for bits in ((4, 4, 4), (4, 3, 4), (2, 3, 4)):
            linears = [linear(k, codebook, inputs, width) for k, width in zip(bits, widths)]
            own, owners = products_of(linears, scratch, FakeKernels())  # type: ignore[arg-type]
            ends = [each.partial_values for each in own]
            assert sum(ends) <= scratch.partial.numel()
            for (product, number), road in itertools.product(owners, roads_of(codebook, is_exact=False)):
                tried = [run for run in range(1, 600) if scratch.may_run(road, product.width, inputs, run)]
                rule = scratch.run(road, product.width, inputs)
                assert rule in tried
                for run in tried:
                    assert run == 1 or PRODUCT_WARPS * run < 2 * inputs // 16, "warps without work"
                    sums = product.sums(number, road.max_rows, run)
                    start = product.sums(0, road.max_rows, run).address
                    assert sums.splits >= 1
                    assert sums.splits * road.max_rows * sums.width <= product.partial_values
                    last = start + 4 * sums.splits * road.max_rows * sums.width
                    assert last <= scratch.partial.data_ptr() + 4 * scratch.partial.numel()
                    assert sums.address % 16 == scratch.partial.data_ptr() % 16


def test_room_for_measuring_is_bounded(scratch: FewScratch) -> None:
    """Small products may have a few times the rule's sums; large ones need no more memory than by the rule."""
    for inputs, width in ((4096, 4096), (4096, 28672), (28672, 8192), (4096, 128256)):
        by_rule = max(
            splits_of(scratch.run(road, width, inputs), inputs // 16) * road.max_rows * width
            for road in roads_of("mul1", is_exact=False)
        )
        room = scratch.partial_values("mul1", width, inputs)
        assert by_rule <= room <= max(by_rule, MEASURED_VALUES)
    scratch.reserve_for(linear(4, "mul1", 4096, 4096))
    assert scratch.partial.numel() <= MAX_GROUP * MEASURED_VALUES


def test_a_chain_reads_the_sums_that_its_products_write(scratch: FewScratch) -> None:
    kernels = FakeKernels()
    group = products(scratch, kernels, *(linear() for _ in range(LAYERS)))
    Chain(kernels, torch.device("cpu"), WIDTH).launch(group, 5, 8)  # type: ignore[arg-type]
    assert kernels.names == ["exl3_product_mul1_k4_pairs1", "absorb_halves"] * LAYERS
    for (_, grid, product), (_, readers, absorb) in zip(kernels.calls[::2], kernels.calls[1::2]):
        assert readers == (WIDTH // 128, 5, 1)
        partial, splits, rows, width = absorb[:4]
        assert (partial, splits) == (product[14], grid[1])
        assert splits == splits_of(8, INPUTS // 16)
        assert (rows, width) == (5, WIDTH)
