"""Every kernel as a `KernelSource`: its name, its arguments and how to build it.

numba is imported when a kernel is built, not before, so that a start with a warm cache does not pay for it.
"""

from __future__ import annotations

from typing import Any

from gpu.launch import KernelSource


def exl3_matmul(bits: int, codebook: str, groups: int) -> KernelSource:
    """Products of up to `8 * groups` rows."""

    def build() -> Any:
        from gpu.kernels.exl3_matmul import matmul_kernel

        return matmul_kernel(bits, codebook, groups)

    return KernelSource(f"exl3_matmul_{codebook}_k{bits}_g{groups}", "uuuiiii", build)


def exl3_matmul_int(bits: int) -> KernelSource:
    """Products of up to four rows with codebook mul1, in integers."""

    def build() -> Any:
        from gpu.kernels.exl3_matmul_int import matmul_int_kernel

        return matmul_int_kernel(bits)

    return KernelSource(f"exl3_matmul_int_k{bits}", "uuuiii", build)


def finish_output(is_split: bool) -> KernelSource:
    """Sums of splits (or of one) rotated back and written to their places."""

    def build() -> Any:
        from gpu.kernels.hadamard import finish_kernel

        return finish_kernel(is_split)

    return KernelSource("finish_splits" if is_split else "finish_single", "uiiiuuuii", build)


def finish_gated(is_integer: bool) -> KernelSource:
    """Gate and up finished, multiplied and made the input of the down projection."""

    def build() -> Any:
        from gpu.kernels.hadamard import finish_gated_kernel

        return finish_gated_kernel(is_integer)

    return KernelSource("finish_gated_codes" if is_integer else "finish_gated_halves", "uiiiiuuuuu", build)


def exl3_decode(bits: int, codebook: str) -> KernelSource:
    def build() -> Any:
        from gpu.kernels.exl3_decode import decode_kernel

        return decode_kernel(bits, codebook)

    return KernelSource(f"exl3_decode_{codebook}_k{bits}", "uuiii", build)


def attend_few(padded: int) -> KernelSource:
    """Attention of few query rows over heads padded to a multiple of 32."""

    def build() -> Any:
        from gpu.kernels.attention import few_kernel

        return few_kernel(padded)

    return KernelSource(f"attend_few_{padded}", "uiuuuiuuuuiiiiiif", build)


def attend_many(padded: int) -> KernelSource:
    """Attention of many query rows of one sequence over heads padded to a multiple of 32."""

    def build() -> Any:
        from gpu.kernels.attention import many_kernel

        return many_kernel(padded)

    return KernelSource(f"attend_many_{padded}", "uiuuuiuuuuiiiiiif", build)


def _fixed(module: str, name: str, signature: str) -> KernelSource:
    def build() -> Any:
        from importlib import import_module

        return getattr(import_module(f"gpu.kernels.{module}"), name)

    return KernelSource(name, signature, build)


def prepare_input(is_integer: bool) -> KernelSource:
    """Norm, scale, rotation and quantization of a linear's inputs."""

    def build() -> Any:
        from gpu.kernels.hadamard import input_kernel

        return input_kernel(is_integer)

    return KernelSource("prepare_codes" if is_integer else "prepare_halves", "uiiufuiiuu", build)


RMS_NORM = _fixed("elementwise", "rms_norm", "uufiu")
GATED_SILU = _fixed("elementwise", "gated_silu", "uui")
EMBED = _fixed("elementwise", "embed", "uiuiu")
ROTATE_AND_APPEND = _fixed("rope", "rotate_and_append", "uuuiiiiuufuuiuuuiuu")
PREPARE_MANY = _fixed("rotate_many", "prepare_many", "uiiufuiiu")
FINISH_MANY = _fixed("rotate_many", "finish_many", "uiiuuuiii")
FINISH_GATED_MANY = _fixed("rotate_many", "finish_gated_many", "uuiiiuuuuuui")
COMBINE = _fixed("attention", "combine", "uuiiiiiiui")
