"""Compiles kernels to machine code without a card, and reads what each needs: registers, spills, shared memory.

For tests on machines without a GPU. The assembler is nvJitLink, which comes with numba-cuda's own packages. Knows
nothing of what the kernels compute; running them is `gpu.launch`'s part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gpu.launch import KernelSource

_USED = re.compile(r"^info\s+: used (\d+) registers.*?(\d+) stack(.*)$", re.MULTILINE)
_SHARED = re.compile(r"(\d+) bytes smem")
_LOCAL = re.compile(r"(\d+) bytes lmem")
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")


class AssemblerError(RuntimeError):
    """The assembler refused a kernel; the message is its log."""


@dataclass(frozen=True)
class KernelResources:
    """What one kernel's machine code needs.

    Attributes:
        registers: of a thread.
        spill_bytes: stack, spills and other local memory of a thread; 0 for a sound kernel.
        shared_bytes: static shared memory of a block, the system's own 1024 bytes on newer cards included.
        image: the machine code.
    """

    name: str
    capability: tuple[int, int]
    registers: int
    spill_bytes: int
    shared_bytes: int
    image: bytes


def compile_for(source: KernelSource, *capabilities: tuple[int, int]) -> list[KernelResources]:
    """Machine code of a kernel for each of some compute capabilities, and what it needs there.

    Raises:
        AssemblerError: the PTX is refused for one of them.
    """
    return [
        _resources(source.name, capability, ptx)
        for capability, ptx in zip(capabilities, to_ptx(source, *capabilities), strict=True)
    ]


def _resources(name: str, capability: tuple[int, int], ptx: str) -> KernelResources:
    image, log = assemble(ptx, capability)
    used = _USED.search(log)
    spills = [int(number) for pair in _SPILLS.findall(log) for number in pair]
    assert used is not None, f"the assembler's log names no resources: {log}"
    local = [int(number) for number in _LOCAL.findall(used[3])]
    shared = [int(number) for number in _SHARED.findall(used[3])]
    return KernelResources(
        name, capability, int(used[1]), max(int(used[2]), *spills, *local), max(shared, default=0), image
    )


def to_ptx(source: KernelSource, *capabilities: tuple[int, int]) -> list[str]:
    """PTX of a kernel for each of some compute capabilities, with the options of its decorator.

    Reading a kernel and lowering it to LLVM takes 25 times as long as what follows, and gives the same for all cards
    that answer the one question kernels ask. `cuda.compile` would begin anew for each of them, so the function that it
    calls for this part is called here; the dependency is pinned to one release.
    """
    from gpu.ptx import overlaps_launches

    lowered: dict[bool, Any] = {}
    found = []
    for capability in capabilities:
        answer = overlaps_launches(capability)
        if answer not in lowered:
            lowered[answer] = _lower(source, capability)
        found.append(str(lowered[answer].get_asm_str(cc=capability)))
    return found


def _lower(source: KernelSource, capability: tuple[int, int]) -> Any:
    from numba.core import types
    from numba.cuda import compiler

    numba_types = {"u": types.uint64, "i": types.int32, "f": types.float32}
    signature = tuple(numba_types[letter] for letter in source.signature)
    dispatcher = source.build()
    options = {
        name: dispatcher.targetoptions[name]
        for name in ("fastmath", "opt", "launch_bounds")
        if dispatcher.targetoptions.get(name) is not None
    }
    library, _ = compiler._compile_pyfunc_with_fixup(
        dispatcher.py_func, signature, cc=capability, device=False, abi="numba", **options
    )
    return library


def assemble(ptx: str, capability: tuple[int, int]) -> tuple[bytes, str]:
    """Machine code of PTX and the assembler's log."""
    from cuda.bindings import nvjitlink  # type: ignore[import-not-found,import-untyped,unused-ignore]

    options = [f"-arch=sm_{capability[0]}{capability[1]}", "-verbose"]
    handle = nvjitlink.create(len(options), options)
    try:
        data = ptx.encode()
        try:
            nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), "kernel.ptx")
            nvjitlink.complete(handle)
        except nvjitlink.nvJitLinkError as error:
            raise AssemblerError(_log(nvjitlink, handle, "error") or str(error)) from error
        image = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, image)
        return bytes(image), _log(nvjitlink, handle, "info")
    finally:
        nvjitlink.destroy(handle)


def _log(nvjitlink: Any, handle: int, kind: str) -> str:
    text = bytearray(getattr(nvjitlink, f"get_{kind}_log_size")(handle))
    if text:
        getattr(nvjitlink, f"get_{kind}_log")(handle, text)
    return text.rstrip(b"\0").decode(errors="replace")
