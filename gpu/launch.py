"""Compiles kernels once, keeps their machine code on disk, and launches them without numba's per-call cost.

Every kernel takes only scalars (addresses as uint64, sizes as int32, float32), so a launch is one driver call on
torch's current stream: a few microseconds instead of about 80, and capturable in a CUDA graph. The disk cache is keyed
by the source of this package, the versions of numba-cuda and Python and the compute capability; with a warm cache numba
is not even imported. Knows nothing of what the kernels compute.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import torch

FORMATS = {"u": "Q", "i": "i", "f": "f"}  # of `struct`, for each letter of a signature
CACHE_FORMAT = "1"
OVERLAP_CAPABILITY = (9, 0)
PROGRAMMATIC_STREAM_SERIALIZATION = 6  # of CUlaunchAttributeID
MAX_DYNAMIC_SHARED_SIZE_BYTES = 8  # of CUfunction_attribute


class DriverError(RuntimeError):
    """A call of the CUDA driver failed; `code` is its CUresult."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call} failed with CUDA driver error {code}")
        self.code = code


@cache
def _driver() -> Any:
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


def _check(call: str, code: int) -> None:
    if code != 0:
        raise DriverError(call, code)


def driver_version() -> int:
    """The CUDA version that the driver was made for, 13000 for 13.0."""
    number = ctypes.c_int()
    _check("cuDriverGetVersion", _driver().cuDriverGetVersion(ctypes.byref(number)))
    return number.value


@dataclass(frozen=True)
class KernelSource:
    """A kernel before it is compiled.

    Attributes:
        name: unique among all kernels and variants.
        signature: one letter for each argument: u an address, i an int32, f a float32.
        build: gives numba's kernel object; called only when the cache has no machine code.
        overlaps: the kernel waits by itself (`wait_for_inputs`) for what was launched before it, so that cards which
            can (compute capability 9.0 and later) may start it early.
        shared_bytes: dynamic shared memory of a block, besides what the kernel declares with a size.
    """

    name: str
    signature: str
    build: Callable[[], Any]
    overlaps: bool = False
    shared_bytes: int = 0


class _LaunchAttribute(ctypes.Structure):
    """CUlaunchAttribute: an id and a union of 64 bytes, of which the first word is used here."""

    _fields_: ClassVar = [
        ("id", ctypes.c_int), ("padding", ctypes.c_int), ("value", ctypes.c_int), ("rest", ctypes.c_byte * 60)
    ]  # fmt: skip


class _LaunchConfig(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_: ClassVar = [
        ("grid_x", ctypes.c_uint), ("grid_y", ctypes.c_uint), ("grid_z", ctypes.c_uint),
        ("block_x", ctypes.c_uint), ("block_y", ctypes.c_uint), ("block_z", ctypes.c_uint),
        ("shared_bytes", ctypes.c_uint), ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(_LaunchAttribute)), ("num_attributes", ctypes.c_uint),
    ]  # fmt: skip


class Kernel:
    """A loaded kernel; call it with grid, threads and arguments to launch it on torch's current stream.

    What the driver reads is made once and filled in by each launch, which copies it before it returns: a kernel is
    launched by one thread at a time.
    """

    def __init__(self, source: KernelSource, image: bytes, entry: str, capability: tuple[int, int]) -> None:
        self.name = source.name
        self._device = torch.cuda.current_device()
        torch.cuda.current_stream()  # makes torch's context current in this thread
        driver = _driver()
        module, self._function = ctypes.c_void_p(), ctypes.c_void_p()
        _check("cuModuleLoadData", driver.cuModuleLoadData(ctypes.byref(module), image))
        name = entry.encode()
        _check("cuModuleGetFunction", driver.cuModuleGetFunction(ctypes.byref(self._function), module, name))
        if source.shared_bytes:
            call = driver.cuFuncSetAttribute
            code = call(self._function, MAX_DYNAMIC_SHARED_SIZE_BYTES, source.shared_bytes)
            _check("cuFuncSetAttribute", code)
        self._launch = driver.cuLaunchKernelEx
        formats = "".join(FORMATS[letter] for letter in source.signature)
        self._pack = struct.Struct(formats).pack_into
        offsets = [struct.calcsize(formats[: i + 1]) - struct.calcsize(formats[i]) for i in range(len(formats))]
        self._values = (ctypes.c_uint64 * len(formats))()
        first = ctypes.addressof(self._values)
        self._pointers = (ctypes.c_void_p * len(formats))(*[first + offset for offset in offsets])
        self._attribute = _LaunchAttribute(PROGRAMMATIC_STREAM_SERIALIZATION, 0, 1)
        num_attributes = int(source.overlaps and capability >= OVERLAP_CAPABILITY)
        self._config = _LaunchConfig(
            block_y=1,
            block_z=1,
            shared_bytes=source.shared_bytes,
            attributes=ctypes.pointer(self._attribute),
            num_attributes=num_attributes,
        )
        self._config_address = ctypes.byref(self._config)

    def __call__(self, grid: tuple[int, int, int], threads: int, *arguments: float) -> None:
        """Launches the kernel. Raises `DriverError`; a zero-sized grid is an error of the caller."""
        self._pack(self._values, 0, *arguments)
        config = self._config
        config.grid_x, config.grid_y, config.grid_z = grid
        config.block_x = threads
        config.stream = torch._C._cuda_getCurrentRawStream(self._device)
        code = self._launch(self._config_address, self._function, self._pointers, None)
        if code != 0:
            raise DriverError(f"the launch of {self.name}", code)


class KernelCache:
    """Loads kernels for one card, from disk if they were compiled before.

    Args:
        folder: where machine code is kept; None keeps none.
    """

    def __init__(self, folder: Path | None, capability: tuple[int, int]) -> None:
        self._capability = capability
        self._folder = None if folder is None else folder / _fingerprint(capability)
        self._loaded: dict[str, Kernel] = {}

    @property
    def folder(self) -> Path | None:
        """Where machine code of this version is kept, and what was measured with it."""
        return self._folder

    def get(self, source: KernelSource) -> Kernel:
        """The kernel, loaded, compiled first if need be (some tenths of a second)."""
        kernel = self._loaded.get(source.name)
        if kernel is None:
            image, entry = self._read(source) or self._compile(source)
            kernel = self._loaded[source.name] = Kernel(source, image, entry, self._capability)
        return kernel

    def _read(self, source: KernelSource) -> tuple[bytes, str] | None:
        if self._folder is None:
            return None
        try:
            header, _, image = (self._folder / f"{source.name}.cubin").read_bytes().partition(b"\n")
            about = json.loads(header)
        except (OSError, ValueError):
            return None
        if about.get("signature") != source.signature or about.get("digest") != _digest(image):
            return None  # half-written or damaged: compiled again
        return image, about["entry"]

    def _compile(self, source: KernelSource) -> tuple[bytes, str]:
        image, entry = compile_kernel(source, self._capability)
        if self._folder is not None:
            about = {"entry": entry, "signature": source.signature, "digest": _digest(image)}
            path = self._folder / f"{source.name}.cubin"
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".part")
                partial.write_bytes(json.dumps(about).encode() + b"\n" + image)
                partial.replace(path)
            except OSError:
                return image, entry  # a read-only or full disk costs the next start a compilation, nothing more
        return image, entry


def compile_kernel(source: KernelSource, capability: tuple[int, int]) -> tuple[bytes, str]:
    """Machine code and entry name of a kernel for a compute capability."""
    from numba.core import types

    numba_types = {"u": types.uint64, "i": types.int32, "f": types.float32}
    compiled = source.build().compile(tuple(numba_types[letter] for letter in source.signature))
    library = compiled._codelibrary  # numba has no public way to the machine code and its entry
    return bytes(library.get_cubin(capability).code), str(library._entry_name)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@cache
def _fingerprint(capability: tuple[int, int]) -> str:
    """Names the folder of everything that machine code depends on."""
    sources: Sequence[Path] = sorted(Path(__file__).parent.rglob("*.py"))
    parts = [CACHE_FORMAT, version("numba-cuda"), version("llvmlite"), str(sys.version_info[:2])]
    digest = hashlib.sha256("\n".join(parts).encode())
    for path in sources:
        digest.update(path.name.encode() + path.read_bytes())
    return f"sm{capability[0]}{capability[1]}-{digest.hexdigest()[:16]}"
