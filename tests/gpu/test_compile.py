"""Every kernel becomes machine code for the cards we support: nothing spills, and shared memory fits the smallest."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from typing import Any

import pytest

from gpu.compile import AssemblerError, assemble, compile_for, to_ptx
from gpu.kernels import catalogue
from gpu.kernels.attention_layout import Scoring
from gpu.launch import KernelSource
from gpu.ops import OPS
from gpu.sampler import SOURCES

CAPABILITIES = ((8, 0), (8, 6), (8, 9), (9, 0), (12, 0))
FULL_CAPABILITY = (8, 6)  # here every width, and every codebook at some; elsewhere every second width
CODEBOOK_WIDTHS = (3, 4, 8)  # states across words and within, and the most registers; a card's tests run every pair
# What the table of operations has, and what is tested on a card as part of something larger.
KERNELS = {op.name: tuple(op.sources) for op in OPS} | {"sampling": SOURCES}
STATIC_SHARED_LIMIT = 48 * 1024
SYSTEM_SHARED = 1024  # what newer cards add to every block
MAX_BLOCK_REGISTERS = 65536
THREADS = 256  # of the largest block

needs_compiler = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None or importlib.util.find_spec("cuda") is None,
    reason="the `gpu` extra (numba-cuda and its assembler) is not installed",
)


def _chosen(source: KernelSource) -> list[tuple[int, int]]:
    """Every width and every codebook for one capability, one codebook of a width for the others: it must stay short."""
    return [capability for capability in CAPABILITIES if _is_chosen(source, capability)]


def _is_chosen(source: KernelSource, capability: tuple[int, int]) -> bool:
    if source.name.endswith(("_cap", "_sinks")):
        return capability in (FULL_CAPABILITY, (9, 0))  # where the plain kernels need the most registers
    if "_packed_" in source.name:
        return "_128_k4v4" in source.name or (capability == FULL_CAPABILITY and _is_typical(source.name))
    if source.name.startswith("attend_"):
        return capability in (FULL_CAPABILITY, (9, 0)) or source.name.endswith(("_128", "_256"))
    if not source.name.startswith("exl3_"):
        return True
    if capability == FULL_CAPABILITY:
        return "_mul1_" in source.name or any(f"_k{bits}" in source.name for bits in CODEBOOK_WIDTHS)
    codebooks = ("mul1", "mcg", "3inst")
    chosen = [f"_{codebooks[bits % 3]}_k{bits}" for bits in (1, 4, 8)]
    return any(part in source.name for part in chosen)


def _is_typical(packed: str) -> bool:
    """Every width at the commonest size of heads, one at the others; a card's tests run them all."""
    return any(part in packed for part in ("_128_", "_32_k8v8", "_64_k6v4", "_96_k7v5", "_160_k5v2", "_256_"))


@needs_compiler
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_fit_the_cards(name: str) -> None:
    faults: list[str] = []
    for source in KERNELS[name]:
        for needs in compile_for(source, *_chosen(source)):
            kernel = f"{source.name} for {needs.capability}"
            assert needs.image[:4] == b"\x7fELF"
            if needs.spill_bytes:
                faults.append(f"{kernel} keeps {needs.spill_bytes} bytes of a thread in local memory")
            if needs.shared_bytes > STATIC_SHARED_LIMIT + SYSTEM_SHARED:
                faults.append(f"{kernel} needs {needs.shared_bytes} bytes of shared memory")
            if needs.registers * THREADS > MAX_BLOCK_REGISTERS:
                faults.append(f"{kernel} needs {needs.registers} registers")
    assert not faults


@needs_compiler
@pytest.mark.parametrize("name", ["exl3_product_mul1_k4_bytes1", "attend_packed_128_k2v3", "rms_norm"])
def test_what_is_compiled_for_several_cards_is_what_each_gets_alone(name: str) -> None:
    """But for names, which end in a number that grows with each compilation."""
    (source,) = [source for op in OPS for source in op.sources if source.name == name]
    together = to_ptx(source, *CAPABILITIES)
    assert len(set(together)) > 1
    for capability, ptx in zip(CAPABILITIES, together, strict=True):
        (alone,) = to_ptx(source, capability)
        assert without_names(alone) == without_names(ptx)


def without_names(ptx: str) -> str:
    return re.sub(r"_ZN\w+|_cudapy_smem_\d+", "", ptx)


@needs_compiler
@pytest.mark.parametrize("maker", [catalogue.attend_few, catalogue.attend_many])
def test_soft_caps_and_sinks_leave_no_trace_in_a_kernel_without(maker: Callable[..., KernelSource]) -> None:
    """Their arguments, the last three, are read by the kernels that have them and by no other."""
    read = {}
    for softcap, sinks in ((False, False), (True, False), (False, True), (True, True)):
        (ptx,) = to_ptx(maker(64, Scoring(softcap, sinks)), (8, 6))
        last = len(catalogue.ATTEND) - 1
        read[softcap, sinks] = [bool(re.search(rf"ld\.param.*_param_{number}]", ptx)) for number in range(last + 1)]
    for (softcap, sinks), is_read in read.items():
        assert is_read[-3:] == [softcap, softcap, sinks]
        assert is_read[-4], "the scale is always read"


@needs_compiler
def test_a_kernel_with_a_local_array_is_found_out() -> None:
    def build() -> Any:
        from numba import cuda
        from numba.core import types

        from gpu.ptx import load_float, store_float

        def kernel(address, count):  # type: ignore[no-untyped-def]
            kept = cuda.local.array(64, types.float32)
            for i in range(64):
                kept[i] = load_float(address + types.uint64(4 * i))
            for i in range(count):
                kept[(i * i + 7) % 64] += kept[i % 64]
            store_float(address, kept[count % 64])

        return cuda.jit(kernel)

    (needs,) = compile_for(KernelSource("keeps_an_array", "ui", build), (8, 6))
    assert needs.spill_bytes >= 256


@needs_compiler
def test_wrong_ptx_is_refused_with_the_assemblers_words() -> None:
    with pytest.raises(AssemblerError, match="nonsense"):
        assemble(".version 8.0\n.target sm_86\n.address_size 64\n.visible .entry f() { nonsense; }", (8, 6))


def test_names_of_kernels_are_their_own() -> None:
    names = [source.name for op in OPS for source in op.sources]
    assert len(names) == len(set(names))
