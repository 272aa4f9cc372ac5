"""Maps shared libraries into the process without holding the interpreter. Imports nothing of torch.

`import torch` spends 0.15 to 0.3 s in the system's loader while it holds the interpreter's lock, and the window stands
still for that long. A call through ctypes releases the lock, and the later import finds the libraries loaded. The
loader has a lock of its own: who opens another library meanwhile waits for torch's, and does so in such a call as well.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

_TORCH = Path("lib") / "libtorch_python.so"  # it brings all the others along
_NVML = "libnvidia-ml.so.1"


def _opener() -> Callable[[bytes, int], int | None] | None:
    """The loader's own function, where calling it is known to help (Linux)."""
    if sys.platform != "linux":
        return None
    opener = ctypes.CDLL(None).dlopen
    opener.argtypes, opener.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    return opener


_OPENER = _opener()  # found at the import: finding it waits for the loader as well, and holds the interpreter meanwhile


def preload_torch_libraries() -> bool:
    """Loads them where that is known to help (Linux); says whether it did. The import will report what is wrong."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    library = Path(next(iter(spec.submodule_search_locations))) / _TORCH
    return sys.platform == "linux" and library.is_file() and _open(str(library))


def preload_driver_library() -> bool:
    """The same for the library that NVIDIA's driver is asked through, which may be missing."""
    return _open(_NVML)


def _open(library: str) -> bool:
    return _OPENER is not None and bool(_OPENER(os.fsencode(library), os.RTLD_NOW))
