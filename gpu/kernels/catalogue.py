"""Every kernel as a `KernelSource`: its name, its arguments and how to build it.

numba is imported when a kernel is built, not before, so that a start with a warm cache does not pay for it.
"""

from __future__ import annotations

from typing import Any

from gpu.kernels.attention_layout import PLAIN, Scoring
from gpu.kernels.few_layout import Road
from gpu.kernels.medium_layout import Shape
from gpu.launch import KernelSource

ATTEND = "uiuuuiuuuuiiiiiifffu"  # of every attention kernel


def exl3_product(bits: int, codebook: str, road: Road) -> KernelSource:
    """Products of a few rows."""

    def build() -> Any:
        from gpu.kernels.exl3_product import product_kernel

        return product_kernel(bits, codebook, road)

    return KernelSource(f"exl3_product_{codebook}_k{bits}_{road.name}", "uuuiiiiiuuuuiiuiiii", build, overlaps=True)


def exl3_medium(bits: int, codebook: str, shape: Shape) -> KernelSource:
    """Products of 17 to 128 rows."""

    def build() -> Any:
        from gpu.kernels.exl3_medium import medium_kernel

        return medium_kernel(bits, codebook, shape)

    return KernelSource(f"exl3_medium_{codebook}_k{bits}_{shape.name}", "uuuiiiiiuuiuiuiii", build, overlaps=True)


def finish_output(is_split: bool) -> KernelSource:
    """Sums of splits (or of one) rotated back and written to their places."""

    def build() -> Any:
        from gpu.kernels.hadamard import finish_kernel

        return finish_kernel(is_split)

    return KernelSource("finish_splits" if is_split else "finish_single", "uiiiuuuii", build, overlaps=True)


def _by_inputs(name: str, signature: str, maker: str, is_bytes: bool) -> KernelSource:
    """A kernel that writes a product's inputs, as bytes or as halves."""

    def build() -> Any:
        from gpu.kernels import fused

        return getattr(fused, maker)(is_bytes)

    return KernelSource(f"{name}_codes" if is_bytes else f"{name}_halves", signature, build, overlaps=True)


def absorb(is_bytes: bool) -> KernelSource:
    """A product added to the residual stream, which becomes the next products' input."""
    return _by_inputs("absorb", "uiiiuuuiuuiiuuu", "absorb_kernel", is_bytes)


def merge_heads(is_bytes: bool, has_sinks: bool = False) -> KernelSource:
    """Attention's splits merged, and the heads made the output projection's input."""

    def build() -> Any:
        from gpu.kernels.fused import merge_heads_kernel

        return merge_heads_kernel(is_bytes, has_sinks)

    name = "merge_heads_codes" if is_bytes else "merge_heads_halves"
    return KernelSource(f"{name}_sinks" if has_sinks else name, "uuiiiiiiiuuuuu", build, overlaps=True)


def finish_gated(is_bytes: bool) -> KernelSource:
    """Gate and up finished, multiplied and made the input of the down projection."""
    return _by_inputs("finish_gated", "uiiuiiiiuuuuuuiifuu", "finish_gated_kernel", is_bytes)


def exl3_decode(bits: int, codebook: str) -> KernelSource:
    def build() -> Any:
        from gpu.kernels.exl3_decode import decode_kernel

        return decode_kernel(bits, codebook)

    return KernelSource(f"exl3_decode_{codebook}_k{bits}", "uuiii", build)


def attend_few(padded: int, scoring: Scoring = PLAIN) -> KernelSource:
    """Attention of few query rows over heads padded to a multiple of 32."""

    def build() -> Any:
        from gpu.kernels.attention import few_kernel

        return few_kernel(padded, scoring)

    return KernelSource(f"attend_few_{padded}{scoring.suffix}", ATTEND, build, overlaps=True)


def attend_many(padded: int, scoring: Scoring = PLAIN) -> KernelSource:
    """Attention of many query rows of one sequence over heads padded to a multiple of 32."""

    def build() -> Any:
        from gpu.kernels.attention import many_kernel

        return many_kernel(padded, scoring)

    return KernelSource(f"attend_many_{padded}{scoring.suffix}", ATTEND, build)


def _packed(name: str, signature: str, module: str, maker: str, *, overlaps: bool = False) -> Any:
    """A maker of kernels by the padded size of heads and the bits of K and V."""

    def source(padded: int, k_bits: int, v_bits: int) -> KernelSource:
        def build() -> Any:
            from importlib import import_module

            return getattr(import_module(f"gpu.kernels.{module}"), maker)(padded, k_bits, v_bits)

        return KernelSource(f"{name}_{padded}_k{k_bits}v{v_bits}", signature, build, overlaps)

    return source


append_packed = _packed("append_packed", "uuuiuuuiuui", "packed_pages", "append_kernel", overlaps=True)
expand_packed = _packed("expand_packed", "uuuiuuiiuu", "packed_pages", "expand_kernel")


def attend_packed(padded: int, k_bits: int, v_bits: int, scoring: Scoring = PLAIN) -> KernelSource:
    """Attention of few query rows over packed pages."""

    def build() -> Any:
        from gpu.kernels.attention_packed import packed_kernel

        return packed_kernel(padded, k_bits, v_bits, scoring)

    name = f"attend_packed_{padded}_k{k_bits}v{v_bits}{scoring.suffix}"
    return KernelSource(name, ATTEND, build, overlaps=True)


def combine(has_sinks: bool = False) -> KernelSource:
    """The splits of attention merged."""

    def build() -> Any:
        from gpu.kernels.attention_merge import combine_kernel

        return combine_kernel(has_sinks)

    return KernelSource("combine_sinks" if has_sinks else "combine", "uuiiiiiiuiu", build)


def _fixed(module: str, name: str, signature: str, *, overlaps: bool = False) -> KernelSource:
    def build() -> Any:
        from importlib import import_module

        return getattr(import_module(f"gpu.kernels.{module}"), name)

    return KernelSource(name, signature, build, overlaps)


def prepare_input(is_bytes: bool) -> KernelSource:
    """Norm, scale, rotation and quantization of a linear's inputs."""

    def build() -> Any:
        from gpu.kernels.hadamard import input_kernel

        return input_kernel(is_bytes)

    return KernelSource("prepare_codes" if is_bytes else "prepare_halves", "uiiufuiiuu", build, overlaps=True)


RMS_NORM = _fixed("elementwise", "rms_norm", "uufiu")
GATED_SILU = _fixed("elementwise", "gated_silu", "uui")
GATED_GELU = _fixed("elementwise", "gated_gelu", "uui")
EMBED = _fixed("elementwise", "embed", "uiuiu")
ROTATE_AND_APPEND = _fixed("rope", "rotate_and_append", "uuuiiiiuufuuiuuuiuuu")
ROTATE_AND_APPEND_MANY = _fixed("rope_many", "rotate_and_append_many", "uuuiiiiiuufuuuuuiuuui")
GATHER_PAGES = _fixed("dense", "gather_pages", "uuuuiiiiiuu")
MERGE_PARTS = _fixed("dense", "merge_parts", "uuuuiiiiuu")
PREPARE_MEDIUM = _fixed("medium_inputs", "prepare_medium", "uiiufuiiuu")
PREPARE_MANY = _fixed("rotate_many", "prepare_many", "uiiufuiiu")
FINISH_MANY = _fixed("rotate_many", "finish_many", "uiiuuuiii")
FINISH_GATED_MANY = _fixed("rotate_many", "finish_gated_many", "uuiiiuuuuuui")
FINISH_HEADS = _fixed("fused", "finish_heads", "uiiuiiuiiiuuuiifiiiiiuufuuiuuuiuuuuu", overlaps=True)
