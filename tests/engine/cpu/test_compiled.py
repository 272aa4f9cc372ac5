"""Compiled kernels are found on disk by the next process, and release the GIL while they run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch

from engine.cpu.backend import CpuBackend
from engine.cpu.exl3_kernels import many_rows_kernel
from engine.quant.tensors import Exl3Linear
from tests.oracles.exl3_numpy import make_exl3_linear

# Loads a model and generates, then counts over all compiled functions: found on disk, compiled anew.
COUNT_COMPILATIONS = """
import gc, sys
from numba.core.dispatcher import Dispatcher
from engine import SamplingSettings, load_model
model = load_model(sys.argv[1], device="cpu", cache_tokens=512)
list(model.generate("Once upon a time", SamplingSettings(max_new_tokens=3, seed=1)))
model.logits(list(range(40)))
found = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
kernels = [each for each in found if "engine" in each.py_func.__code__.co_filename]
hits = sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels)
misses = {kernel.__name__: sum(kernel.stats.cache_misses.values()) for kernel in kernels}
print("hits", hits)
print("compiled", {name: count for name, count in misses.items() if count})
"""


def test_a_second_process_compiles_nothing(demo_model: Path, project_root: Path, tmp_path: Path) -> None:
    def run() -> list[str]:
        result = subprocess.run(
            [sys.executable, "-c", COUNT_COMPILATIONS, str(demo_model)],
            cwd=project_root, env=dict(os.environ), capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()

    run()
    hits, compiled = run()[-2:]
    assert int(hits.removeprefix("hits ")) >= 5
    assert compiled == "compiled {}"


def test_kernels_release_the_gil() -> None:
    sizes = (2048, 2048)
    parts = make_exl3_linear(128, 128, 5, "mul1", seed=0)  # the values do not matter: zeros of a larger size
    backend = CpuBackend()
    trellis = torch.zeros(sizes[0] // 16, sizes[1] // 16, parts["trellis"].shape[2], dtype=torch.int16)
    weights = Exl3Linear("gil", *sizes, 5, "mul1", trellis, torch.ones(2048).half(), torch.ones(2048).half(), None)
    linear = backend.prepare_linear(weights)
    x, out = torch.ones(512, 2048), torch.empty(512, 2048)
    many_rows_kernel("mul1", 5)  # made, so that only the product is timed below
    backend.linears(x[:20], (linear,), (out[:20],))
    longest_gap, stop = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest_gap
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(0.0005)
            now = time.perf_counter()
            longest_gap, last = max(longest_gap, now - last), now

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    while time.perf_counter() - began < 0.2:
        backend.linears(x, (linear,), (out,))
    began = time.perf_counter()
    backend.linears(x, (linear,), (out,))
    one_call = time.perf_counter() - began
    ran = np.isfinite(out.numpy()).all()
    stop.set()
    watcher.join()
    assert ran
    assert longest_gap < max(one_call / 2, 0.05), (longest_gap, one_call)
