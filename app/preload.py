"""Maps torch's shared libraries into the process without holding the interpreter. Imports nothing of torch.

`import torch` spends 0.15 to 0.3 s in the system's loader while it holds the interpreter's lock, and the window stands
still for that long. A call through ctypes releases the lock, and the later import finds the libraries loaded.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

_LIBRARY = Path("lib") / "libtorch_python.so"  # it brings all the others along


def preload_torch_libraries() -> bool:
    """Loads them where that is known to help (Linux); says whether it did. The import will report what is wrong."""
    if sys.platform != "linux":
        return False
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    library = Path(next(iter(spec.submodule_search_locations))) / _LIBRARY
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    return library.is_file() and bool(dlopen(os.fsencode(library), os.RTLD_NOW))
