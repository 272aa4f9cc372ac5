"""How the CPU kernels run in parallel: OpenMP through numba, with short spinning.

The OpenMP layer starts a parallel loop in about 1.4 us, numba's own pool in about 67 us (2 cores), and a token takes
some hundred loops. Between loops OpenMP's threads spin; by default for so long that an idle chat would burn a core,
so the spinning is cut to a fraction of a millisecond before the library loads.
"""

from __future__ import annotations

import os
from importlib import import_module

import numba
import psutil

from engine.errors import DeviceError

SPIN_ITERATIONS = "10000"  # about 0.4 ms: longer than the gap between two kernels of a step


def start_threads() -> int:
    """Selects the OpenMP layer and returns the number of threads: one for each physical core.

    Raises:
        DeviceError: the OpenMP runtime is missing.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_ITERATIONS)
    try:
        import_module("numba.np.ufunc.omppool")
    except ImportError as error:
        raise DeviceError(
            f"The OpenMP runtime that the CPU kernels need is missing ({error}).",
            "Install libgomp1 (Debian, Ubuntu) or libgomp (Fedora) and start again.",
        ) from error
    numba.config.THREADING_LAYER = "omp"
    cores = psutil.cpu_count(logical=False) or 1
    threads = max(1, min(cores, int(numba.config.NUMBA_NUM_THREADS)))
    numba.set_num_threads(threads)
    return threads
