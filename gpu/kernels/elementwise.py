"""RMS norm, SiLU and GELU products, and embedding rows on the GPU.

Launch: `rms_norm`: grid (rows), 256 threads, a block a row. `gated_silu`, `gated_gelu`: grid (any), 256 threads, a
    grid-stride loop. `embed`: grid (rows, ceil(size / 256)), 256 threads.
Arguments are addresses and int32 sizes; activations are float32.
"""

from __future__ import annotations

import math

from numba import cuda
from numba.core import types

from gpu.kernels.norms import row_factor
from gpu.ptx import load_bfloat, load_float, load_floats, load_half, load_long, store_float, store_floats

THREADS = 256
NUM_WARPS = THREADS // 32
HALF, BFLOAT, SINGLE = 0, 1, 2  # how an embedding's values read
TWICE_ROOT = 2 * math.sqrt(2 / math.pi)  # of gelu by a hyperbolic tangent, twice over
CUBIC = 0.044715


@cuda.jit
def rms_norm(x, weight, eps, size, out):  # type: ignore[no-untyped-def]
    """out [T, E] = x / sqrt(mean(x^2) + eps) * weight, all float32; out may be x."""
    staged = cuda.shared.array(NUM_WARPS, types.float32)
    first = types.uint64(cuda.blockIdx.x) * types.uint64(4 * size)
    total = types.float32(0.0)
    for i in range(cuda.threadIdx.x, size, THREADS):
        value = load_float(x + first + types.uint64(4 * i))
        total += value * value
    factor = row_factor(total, size, eps, staged, NUM_WARPS)
    for i in range(cuda.threadIdx.x, size, THREADS):
        at = types.uint64(4 * i)
        store_float(out + first + at, load_float(x + first + at) * factor * load_float(weight + at))


@cuda.jit(device=True, inline=True)
def _silu_times(gate, up):  # type: ignore[no-untyped-def]
    return gate / (types.float32(1.0) + cuda.libdevice.fast_expf(-gate)) * up


@cuda.jit(device=True, inline=True)
def _gelu_times(gate, up):  # type: ignore[no-untyped-def]
    # gelu by a hyperbolic tangent of u is gate * (1 + tanh(u)) / 2, and that is gate / (1 + exp(-2 u)).
    doubled = gate * (types.float32(TWICE_ROOT) + types.float32(TWICE_ROOT * CUBIC) * gate * gate)
    return gate / (types.float32(1.0) + cuda.libdevice.fast_expf(-doubled)) * up


def _gated_kernel(name, product):  # type: ignore[no-untyped-def]
    """gate = product(gate, up) over `count` float32, both 16-byte aligned."""

    def kernel(gate, up, count):  # type: ignore[no-untyped-def]
        for i in range(4 * cuda.grid(1), count, 4 * cuda.gridsize(1)):
            at = types.uint64(4) * types.uint64(i)
            if i + 3 < count:
                g0, g1, g2, g3 = load_floats(gate + at)
                u0, u1, u2, u3 = load_floats(up + at)
                store_floats(gate + at, product(g0, u0), product(g1, u1), product(g2, u2), product(g3, u3))
            else:
                for j in range(i, count):
                    place = types.uint64(4) * types.uint64(j)
                    store_float(gate + place, product(load_float(gate + place), load_float(up + place)))

    kernel.__name__ = kernel.__qualname__ = name
    return cuda.jit(kernel)


gated_silu = _gated_kernel("gated_silu", _silu_times)
gated_gelu = _gated_kernel("gated_gelu", _gelu_times)


@cuda.jit
def embed(table, kind, token_ids, size, out):  # type: ignore[no-untyped-def]
    """out float32 [T, E] = rows of a table of fp16, bf16 or float32 (`kind`) named by int64 ids; a value a thread."""
    row, i = types.uint64(cuda.blockIdx.x), cuda.blockIdx.y * THREADS + cuda.threadIdx.x
    first = load_long(token_ids + types.uint64(8) * row) * types.uint64(size)
    if i < size:
        at = first + types.uint64(i)
        if kind == HALF:
            value = load_half(table + types.uint64(2) * at)
        elif kind == BFLOAT:
            value = load_bfloat(table + types.uint64(2) * at)
        else:
            value = load_float(table + types.uint64(4) * at)
        store_float(out + types.uint64(4) * (row * types.uint64(size) + types.uint64(i)), value)
