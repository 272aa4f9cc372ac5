"""What multiply-adds a processor reaches: the engine's own tile of sums, its inputs in the first cache, on all threads.

A floor must not be beaten, and a library's large product reaches less. Knows nothing of what is measured against it.
"""

from __future__ import annotations

import time

import numpy as np
from numba import njit, prange

from engine.cpu.exl3_ir import MICRO_ROWS, PANEL_COLUMNS, PANEL_ROWS, multiply_panel
from engine.cpu.exl3_kernels import PRANGE_ONLY

REPEATS = 2000
SAMPLES = 30


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy")  # type: ignore[misc, untyped-decorator, unused-ignore]
def _multiply(threads, repeats, x, panel, out, no_scales):  # type: ignore[no-untyped-def]
    for thread in prange(threads):
        first = thread * MICRO_ROWS * PANEL_COLUMNS
        for _ in range(repeats):
            multiply_panel(
                x, 0, PANEL_ROWS, panel, out, first, PANEL_COLUMNS, no_scales, 0, 0, PANEL_ROWS, False, False
            )


def measured_mac_rate(threads: int) -> float:
    """Float32 multiply-adds per second of all threads together: the best of many short samples."""
    x, panel = np.zeros(MICRO_ROWS * PANEL_ROWS, np.float32), np.zeros(PANEL_ROWS * PANEL_COLUMNS, np.float32)
    out, no_scales = np.zeros(threads * MICRO_ROWS * PANEL_COLUMNS, np.float32), np.empty(0, np.float32)
    _multiply(threads, 1, x, panel, out, no_scales)
    times = []
    for _ in range(SAMPLES):
        start = time.perf_counter()
        _multiply(threads, REPEATS, x, panel, out, no_scales)
        times.append(time.perf_counter() - start)
    return threads * REPEATS * x.size * PANEL_COLUMNS / min(times)
