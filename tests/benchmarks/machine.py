"""The device that is measured: what it reaches at most, and how long something takes on it.

On a card the launches of all copies are captured in one CUDA graph and timed by events; on the processor they are
called one after the other, and the best of several runs counts. Knows nothing of what is launched.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from platformdirs import user_cache_path

from engine.loading import open_backend
from gpu.launch import KernelCache
from tests.benchmarks.floors import Rates, core_rates
from tests.benchmarks.mac_rate import measured_mac_rate

SAMPLES = 7
CPU_SAMPLES = 40
MIN_COPIES, MAX_COPIES = 2, 512
CACHE_MULTIPLE = 3  # of the cache: what the copies take together, so that none is found there when its turn comes again
CPU_CACHE_BYTES = 64_000_000  # more than the last cache of most processors
COPIED_BYTES = 1 << 30

Launches = Sequence[Callable[[], object]]


class Machine(Protocol):
    """What `measure` needs."""

    name: str
    device: torch.device
    cache_bytes: int
    rates: Rates

    def backend(self, *, is_exact: bool = True) -> Any:
        """A fresh backend of the engine."""

    def capture(self, launches: Launches) -> Callable[[], None]:
        """What runs all launches in turn and waits for the last; each ran once when this returns."""

    def seconds(self, launches: Launches) -> float:
        """The time of one launch, over several runs through all of them."""


def copies_for(set_bytes: int, cache_bytes: int, most: int = MAX_COPIES) -> int:
    """Copies of an input that exceed the cache together; fewer where that takes more than `most`."""
    return max(MIN_COPIES, min(most, math.ceil(CACHE_MULTIPLE * cache_bytes / set_bytes)))


class CudaMachine:
    """One card."""

    def __init__(self, index: int = 0) -> None:
        self.device = torch.device("cuda", index)
        torch.cuda.set_device(self.device)
        about = torch.cuda.get_device_properties(self.device)
        capability = (about.major, about.minor)
        self.name, self.cache_bytes = about.name, int(about.L2_cache_size)
        self.kernels = KernelCache(user_cache_path("Espalier", appauthor=False) / "kernels", capability)
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        core = core_rates(capability)
        clock = _clock_of(str(about.uuid)) or core.nominal_clock_hz
        self.rates = Rates(self._copy_rate(), about.multi_processor_count, clock, core)

    def backend(self, *, is_exact: bool = True) -> Any:
        return open_backend(f"cuda:{self.device.index}", is_exact=is_exact)

    def capture(self, launches: Launches) -> Callable[[], None]:
        graph = self._graph(launches)

        def run() -> None:
            graph.replay()
            torch.cuda.synchronize()

        return run

    def seconds(self, launches: Launches) -> float:
        graph = self._graph(launches)
        began, once = time.perf_counter(), 0
        while time.perf_counter() - began < 0.05:  # until the clock has risen
            graph.replay()
            torch.cuda.synchronize()
            once += 1
        replays = max(1, once // 5)
        times = [self._elapsed(graph.replay, replays) / replays for _ in range(SAMPLES)]
        return statistics.median(times) / len(launches)

    def _graph(self, launches: Launches) -> torch.cuda.CUDAGraph:
        """One graph for the check and the timing of the same launches; a new one drops the last."""
        key = id(launches)
        if key not in self._graphs:
            self._graphs.clear()
            for launch in launches:
                launch()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for launch in launches:
                    launch()
            self._graphs[key] = graph
        return self._graphs[key]

    def forget(self) -> None:
        """Frees the graph and its memory."""
        self._graphs.clear()
        torch.cuda.empty_cache()

    @staticmethod
    def _elapsed(run: Callable[[], Any], times: int) -> float:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(times):
            run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3

    def _copy_rate(self) -> float:
        size = min(COPIED_BYTES, torch.cuda.mem_get_info(self.device)[0] // 4)
        source = torch.zeros(size, dtype=torch.uint8, device=self.device)
        copy = partial(torch.empty_like(source).copy_, source)
        self._elapsed(copy, 20)
        return 2 * size / statistics.median(self._elapsed(copy, 5) / 5 for _ in range(SAMPLES))


def _clock_of(uuid: str) -> float | None:
    """The highest clock of the multiprocessors by the driver, in Hz: a floor must not be beaten by a faster clock."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        return float(pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM)) * 1e6
    except pynvml.NVMLError:
        return None


class CpuMachine:
    """The processor, by the engine's own number of threads."""

    def __init__(self) -> None:
        self._backend = open_backend("cpu")
        self.name, self.device, self.cache_bytes = self._backend.device_name, torch.device("cpu"), CPU_CACHE_BYTES
        self.rates = Rates(self._copy_rate(), macs_per_s=measured_mac_rate(self._backend.threads))

    def backend(self, *, is_exact: bool = True) -> Any:
        """Always exact."""
        return self._backend

    def capture(self, launches: Launches) -> Callable[[], None]:
        def run() -> None:
            for launch in launches:
                launch()

        run()
        return run

    def seconds(self, launches: Launches) -> float:
        """The mean over the launches of each one's best time: other programs may hold a core for a while."""
        torch.set_num_threads(self._backend.threads)
        best = [math.inf] * len(launches)
        began, runs = time.perf_counter(), 0
        while runs < 3 or (runs < CPU_SAMPLES and time.perf_counter() - began < 3.0):
            for number, launch in enumerate(launches):
                start = time.perf_counter()
                launch()
                best[number] = min(best[number], time.perf_counter() - start)
            runs += 1
        return statistics.mean(best)

    def forget(self) -> None:
        """Nothing is kept."""

    def _copy_rate(self) -> float:
        source = torch.zeros(1 << 26)
        return 2 * 4 * source.numel() / self.seconds((partial(torch.empty_like(source).copy_, source),))
