"""Norms, activations, embedding rows and unquantized linears on the CPU. Knows nothing of modules or of torch."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from engine.cpu.exl3_kernels import PRANGE_ONLY
from engine.cpu.math_ir import gated_silu_16, half_value

HALF, BFLOAT, SINGLE = 0, 1, 2  # how the bits of a plain tensor read: uint16, uint16, float32


@njit(nogil=True, error_model="numpy", inline="always")  # type: ignore[misc]
def _bfloat_value(bits):  # type: ignore[no-untyped-def]
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", fastmath={"reassoc"}, cache=True)  # type: ignore[misc]
def rms_norm(x, weight, eps, out):  # type: ignore[no-untyped-def]
    """out [T, E] = x / sqrt(mean(x^2) + eps) * weight; out may be x."""
    size = x.shape[1]
    for row in prange(x.shape[0]):
        total = np.float32(0.0)
        for i in range(size):
            total += x[row, i] * x[row, i]
        factor = np.float32(1.0) / np.sqrt(total / np.float32(size) + eps)
        for i in range(size):
            out[row, i] = x[row, i] * factor * weight[i]


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def gated_silu(gate, up):  # type: ignore[no-untyped-def]
    """gate [T, I] = silu(gate) * up."""
    size = gate.shape[1]
    for row in prange(gate.shape[0]):
        gate_row, up_row = gate[row], up[row]
        for first in range(0, size - 15, 16):
            gated_silu_16(gate_row, up_row, first)
        for i in range(size // 16 * 16, size):
            gate_row[i] = gate_row[i] / (np.float32(1.0) + np.exp(-gate_row[i])) * up_row[i]


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def add(x, y):  # type: ignore[no-untyped-def]
    """x [T, E] += y."""
    for row in prange(x.shape[0]):
        for i in range(x.shape[1]):
            x[row, i] += y[row, i]


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"}, cache=True)  # type: ignore[misc]
def _dot_half(weight, x):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in range(x.shape[0]):
        total += half_value(weight[i]) * x[i]
    return total


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"}, cache=True)  # type: ignore[misc]
def _dot_bfloat(weight, x):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in range(x.shape[0]):
        total += _bfloat_value(weight[i]) * x[i]
    return total


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def plain_row(weight, kind, x, bias, out):  # type: ignore[no-untyped-def]
    """out [N] = weight [N, K] x + bias for one row; weight holds fp16 (kind 0) or bf16 (kind 1) bits."""
    for n in prange(weight.shape[0]):
        total = _dot_half(weight[n], x) if kind == 0 else _dot_bfloat(weight[n], x)
        out[n] = total + bias[n]


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"}, cache=True)  # type: ignore[misc]
def _dot_single(weight, x):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in range(x.shape[0]):
        total += weight[i] * x[i]
    return total


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def single_row(weight, x, bias, out):  # type: ignore[no-untyped-def]
    """As `plain_row`, for a float32 weight."""
    for n in prange(weight.shape[0]):
        out[n] = _dot_single(weight[n], x) + bias[n]
