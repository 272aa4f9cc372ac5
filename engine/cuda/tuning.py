"""How many tile rows a warp takes in each product of few rows, measured on the card at load and remembered on disk.

The rule of `few_rows` is a guess from the number of blocks; the best run differs from card to card. A run decides the
order in which float32 sums are made, so it is chosen before the first step and stays as long as the model: the same
input gives the same bits. Two cards, or two measurements, may choose differently and then differ in the last bits.
Knows nothing of layers: it is given the products.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine.atomic_file import replace_file
from engine.cuda.few_rows import FEW_ROWS, FewScratch, Product, ProductShape, roads_of
from gpu.kernels import catalogue
from gpu.kernels.few_layout import Road
from gpu.kernels.fused_layout import THREADS
from gpu.launch import KernelCache, driver_version

BUDGET_S = 1.0
LAYERS = 8  # whose products are timed one after another
REPEATS = 3
WARM_UP_S = 0.03  # until an idle card has raised its clocks
CLEARLY = 0.99  # of the time so far: what is not faster than that is noise, and the rule stays
STORE_FORMAT = 1

TimeOf = Callable[[Sequence[Product], int, int], float]
"""Seconds of products of one shape, one after another, for a number of rows and a run."""


@dataclass(frozen=True)
class Choice:
    """What a run is chosen for, with the number of rows that is timed."""

    shape: ProductShape
    road: Road
    rows: int

    @property
    def key(self) -> str:
        """Its name in the file."""
        widths = "+".join(str(width) for width in self.shape.widths)
        about = f"{self.shape.codebook} k{self.shape.bits} {self.shape.padded_in}x{widths}"
        return f"{about} {self.road.name} rows{self.rows}"


def choices_of(shape: ProductShape, *, is_exact: bool) -> list[Choice]:
    """For each road: the first is timed with one row, which most steps have, others with the most they take."""
    roads = roads_of(shape.codebook, is_exact=is_exact)
    return [Choice(shape, road, road.max_rows if i else 1) for i, road in enumerate(roads)]


def fastest(
    rule: int, is_possible: Callable[[int], bool], time_of: Callable[[int], float], is_over: Callable[[], bool]
) -> int | None:
    """The rule's run, or one of the halves or doubles of it, each step tried as long as the last was an improvement.

    Returns:
        None if the time was over before that was known.
    """
    best, least = rule, time_of(rule)
    for is_half in (True, False):
        run = rule
        while is_possible(run := run // 2 if is_half else 2 * run):
            if is_over():
                return None
            seconds = time_of(run)
            if seconds >= CLEARLY * least:
                break
            best, least = run, seconds
    return best


class RunStore:
    """Chosen runs on disk, for each card its own. A file that cannot be read or written costs a measurement, no more.

    Args:
        path: a JSON file; None keeps nothing.
        card: names the card and all that its times depend on.
    """

    def __init__(self, path: Path | None, card: str) -> None:
        self._path, self._card = path, card

    def read(self) -> dict[str, int]:
        """Runs by the names of their choices; not checked against anything."""
        runs = self._cards().get(self._card)
        if not isinstance(runs, dict):
            return {}
        return {key: run for key, run in runs.items() if type(run) is int}

    def write(self, runs: Mapping[str, int]) -> None:
        """Adds this card's runs to those that are known."""
        if self._path is None:
            return
        cards = self._cards() | {self._card: self.read() | dict(runs)}
        text = json.dumps({"format": STORE_FORMAT, "cards": cards}, indent=1)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, text.encode(), is_durable=False, is_shared=True)
        except OSError:
            return

    def _cards(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(held, dict) or held.get("format") != STORE_FORMAT or not isinstance(held.get("cards"), dict):
            return {}
        return dict(held["cards"])


def store_beside(kernels: KernelCache, device: torch.device) -> RunStore:
    """The store of a card, in the folder of the kernels that were measured."""
    about = torch.cuda.get_device_properties(device)
    card = f"{about.name}, compute capability {about.major}.{about.minor}, driver {driver_version()}"
    return RunStore(None if kernels.folder is None else kernels.folder / "runs.json", card)


class Tuner:
    """Chooses the runs of a model's products.

    Args:
        products: all of them; those of one shape are timed together.
        scratch: takes the runs.
        clock: seconds, for the budget.
        budget_s: of measuring; what it does not reach is left to the rule, and to the next load.
    """

    def __init__(
        self,
        products: Sequence[Product],
        scratch: FewScratch,
        store: RunStore,
        time_of: TimeOf,
        *,
        clock: Callable[[], float] = time.perf_counter,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._scratch, self._store, self._time_of = scratch, store, time_of
        self._clock, self._budget_s = clock, budget_s
        self._end: float | None = None
        self._products: dict[ProductShape, list[Product]] = {}
        for product in products:
            self._products.setdefault(product.shape, []).append(product)
        self._chosen: dict[Choice, int] = {}
        self._measured: dict[str, int] = {}

    def tasks(self) -> list[Callable[[], None]]:
        """What is to be done, in order, after the kernels are loaded and before the first step."""
        known = self._store.read()
        unknown = []
        for shape in self._products:
            for choice in choices_of(shape, is_exact=self._scratch.is_exact):
                run = known.get(choice.key)
                if run is not None and self._may_run(choice, run):
                    self._chosen[choice] = run
                else:
                    unknown.append(choice)
        return [*(partial(self._choose, choice) for choice in unknown), self._finish]

    def _choose(self, choice: Choice) -> None:
        if self._end is None:
            self._end = self._clock() + self._budget_s
        if self._is_over():
            return
        products, shape = self._products[choice.shape], choice.shape
        best = fastest(
            self._scratch.run(choice.road, shape.width, shape.padded_in),
            partial(self._may_run, choice),
            partial(self._time_of, products, choice.rows),
            self._is_over,
        )
        if best is not None:
            self._chosen[choice] = self._measured[choice.key] = best

    def _finish(self) -> None:
        self._scratch.use_runs({(choice.shape, choice.road): run for choice, run in self._chosen.items()})
        if self._measured:
            self._store.write(self._measured)

    def _may_run(self, choice: Choice, run: int) -> bool:
        return self._scratch.may_run(choice.road, choice.shape.width, choice.shape.padded_in, run)

    def _is_over(self) -> bool:
        return self._end is not None and self._clock() >= self._end


class Chain:
    """Launches products as a step does, each followed by a kernel that reads its partial sums.

    Without the reader every split more would look free.

    Args:
        width: columns of the widest product.
    """

    def __init__(self, kernels: KernelCache, device: torch.device, width: int) -> None:
        self._kernels = kernels
        self._residual = torch.zeros(FEW_ROWS * width, dtype=torch.float32, device=device)
        self._scales = torch.zeros(2 * width, dtype=torch.float16, device=device)

    def launch(self, products: Sequence[Product], rows: int, run: int) -> None:
        """Multiplies whatever is in the scratch; sums go nowhere."""
        for product in products:
            product.multiply(rows, run)
            sums = product.sums(0, rows, run)
            self._kernels.get(catalogue.absorb(False))(
                (sums.width // 128, rows, 1), THREADS, sums.address, sums.splits, rows, sums.width,
                self._scales.data_ptr(), self._scales.data_ptr() + 2 * sums.width, self._residual.data_ptr(),
                sums.width, 0, 0, 0, FEW_ROWS, 0, 0, 0,
            )  # fmt: skip


class CardTimer:
    """Times products on the card from a captured graph, with weights that come from memory as in a step.

    Args:
        products: all that will be timed.
        evict: a large tensor, read before each repeat so that no weights are left in the card's L2 cache.
    """

    def __init__(
        self, products: Sequence[Product], kernels: KernelCache, device: torch.device, evict: torch.Tensor
    ) -> None:
        self._device, self._products, self._kernels = device, products, kernels
        cached = 2 * torch.cuda.get_device_properties(device).L2_cache_size
        self._evict = evict[: cached // evict.element_size()]
        self._chain: Chain | None = None  # not before it is needed: nothing may be left to measure
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __call__(self, products: Sequence[Product], rows: int, run: int) -> float:
        """The least seconds of `REPEATS`."""
        some = products[:LAYERS]
        if self._chain is None:
            self._chain = Chain(self._kernels, self._device, max(product.width for product in self._products))
            self._warm_up(self._capture(some, rows, run))
        graph = self._capture(some, rows, run)
        graph.replay()
        events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(REPEATS)]  # type: ignore[no-untyped-call]
        for begin, end in events:
            self._evict.sum()
            begin.record()
            graph.replay()
            end.record()
        torch.cuda.synchronize(self._device)
        return min(begin.elapsed_time(end) for begin, end in events) / 1000

    def _capture(self, products: Sequence[Product], rows: int, run: int) -> torch.cuda.CUDAGraph:
        """A graph of the products. `torch.cuda.graph` would empty torch's cache of memory each time."""
        assert self._chain is not None
        self._chain.launch(products, rows, run)  # what is launched first must not be captured
        torch.cuda.synchronize(self._device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                self._chain.launch(products, rows, run)
            finally:
                graph.capture_end()
        return graph

    def _warm_up(self, graph: torch.cuda.CUDAGraph) -> None:
        end = time.perf_counter() + WARM_UP_S
        while time.perf_counter() < end:
            self._evict.sum()
            graph.replay()
            torch.cuda.synchronize(self._device)
