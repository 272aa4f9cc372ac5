"""EXL3 linears on the CPU: rotate and quantize the rows, multiply from the packed trellis, rotate back.

Source of the method: sections 2 to 5 of the format description; the int16 form of mul1 is its section 5.2 with 16-bit
activations, whose error (about 4e-5 of the row's RMS) is below that of the fp16 activations other engines use.
One kernel is compiled per codebook, bit width and row count and cached on disk under a name of its own.
Knows nothing of modules or of torch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, prange

from engine.cpu.exl3_ir import add_lane_groups, decode_panel, dot_block, hadamard_128, multiply_panel
from engine.cpu.trellis_ir import MUL1_CENTER, MUL1_OFFSET, MUL1_SCALE

MUL1_CENTRED_OFFSET = MUL1_OFFSET + MUL1_CENTER * MUL1_SCALE

# Only the loops written as prange run in parallel: turning every small array expression into a parallel loop of its
# own costs seconds of compilation and gains nothing.
PRANGE_ONLY = {
    "prange": True,
    "comprehension": False,
    "reduction": False,
    "inplace_binop": False,
    "setitem": False,
    "numpy": False,
    "stencil": False,
    "fusion": False,
}

Kernel = Callable[..., None]


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _rotate_input(x, suh, block, scratch):  # type: ignore[no-untyped-def]
    """scratch[0:128] = rotation of block `block` of x * suh, with x extended by zeros."""
    first = 128 * block
    known = max(0, min(128, x.shape[0] - first))
    for i in range(known):
        scratch[i] = x[first + i] * suh[first + i]
    for i in range(known, 128):
        scratch[i] = 0.0
    hadamard_128(scratch, 0)


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _quantize_block(scratch, codes):  # type: ignore[no-untyped-def]
    """Writes 128 values as int16 codes; returns (scale, sum of the codes) with value = scale * code."""
    largest = np.float32(0.0)
    for i in range(128):
        largest = max(largest, abs(scratch[i]))
    if not np.isfinite(scratch[0]):  # the rotation has spread it over the block, but the maximum passes over NaN
        largest = np.float32(np.nan)
    # A block of zeros keeps codes of zero; a non-finite block spreads as NaN, as it would in floating point.
    scale = largest / np.float32(32767.0)
    inverse = np.float32(32767.0) / largest if largest > 0 else np.float32(0.0)
    total = 0
    for i in range(128):
        code = np.int32(np.rint(scratch[i] * inverse))
        codes[i] = code
        total += code
    return scale, np.float32(total)


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _spread_lanes(values, activations, first):  # type: ignore[no-untyped-def]
    """Writes 128 inputs in the lane order of `dot_block`: [8 tiles, 4, 16 lanes]."""
    for tile in range(8):
        for group in range(4):
            for lane in range(16):
                row = 2 * (lane % 4) + group % 2 + 8 * (group // 2)
                activations[first + (tile * 4 + group) * 16 + lane] = values[tile * 16 + row]


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _finish_output(values, first, offset, svh, bias, block, y):  # type: ignore[no-untyped-def]
    """y[block] = rotation of values[first : first + 128] + offset, times svh, plus bias; y may be shorter."""
    for i in range(128):
        values[first + i] += offset
    hadamard_128(values, first)
    start = 128 * block
    for i in range(max(0, min(128, y.shape[0] - start))):
        y[start + i] = values[first + i] * svh[start + i] + bias[start + i]


@cache
def few_rows_kernel(codebook: str, bits: int, rows: int) -> Kernel:
    """The kernel for a fixed small number of rows: decoded in registers, one pass over the weights.

    Its arguments: x float32 [rows, in], words uint32 [in/16 * out/16 * 8 * bits], suh, svh and bias float32 [padded],
    y float32 [rows, out], threads.
    """
    integer = codebook == "mul1"
    scale_of_codes = np.float32(MUL1_SCALE if integer else 1.0)
    offset_of_codes = np.float32(MUL1_OFFSET if integer else 0.0)

    def kernel(x, words, suh, svh, bias, y, threads):  # type: ignore[no-untyped-def]
        blocks, tiles_out = suh.shape[0] // 128, svh.shape[0] // 16
        tiles_in = 8 * blocks
        activations = np.empty(rows * tiles_in * 64, np.int32 if integer else np.float32)
        scales = np.empty((rows, blocks), np.float32)
        offsets = np.zeros((rows, blocks), np.float32)
        for job in prange(rows * blocks):
            m, block = job // blocks, job % blocks
            scratch = np.empty(128, np.float32)
            _rotate_input(x[m], suh, block, scratch)
            first = (m * tiles_in + 8 * block) * 64
            if integer:
                codes = np.empty(128, np.int32)
                scale, total = _quantize_block(scratch, codes)
                scales[m, block] = scale * scale_of_codes
                offsets[m, block] = scale * total * offset_of_codes
                for i in range(128):
                    codes[i] = (codes[i] & 0xFFFF) | (codes[i] << 16)
                _spread_lanes(codes, activations, first)
            else:
                _spread_lanes(scratch, activations, first)
        partial = np.empty(rows * tiles_out * 64, np.float32)
        flat_scales = scales.reshape(-1)
        out_blocks = tiles_out // 8
        for part in prange(threads):
            begin, end = out_blocks * part // threads, out_blocks * (part + 1) // threads
            for m in range(rows):
                partial[(m * tiles_out + 8 * begin) * 64 : (m * tiles_out + 8 * end) * 64] = 0.0
            for block in range(blocks):
                for tile in range(8 * begin, 8 * end):
                    dot_block(
                        words, (block * 8 * tiles_out + tile) * 8 * bits, tiles_out * 8 * bits,
                        activations, block * 512, tiles_in * 64,
                        partial, tile * 64, tiles_out * 64,
                        flat_scales, block, blocks,
                        bits, codebook, rows,
                    )  # fmt: skip
            values = np.empty(128, np.float32)
            for m in range(rows):
                offset = offsets[m].sum()
                for block in range(begin, end):
                    for tile in range(8):
                        add_lane_groups(partial, (m * tiles_out + 8 * block + tile) * 64, values, tile * 16)
                    _finish_output(values, 0, offset, svh, bias, block, y[m])

    return _compile(kernel, f"exl3_few_rows_{codebook}_k{bits}_m{rows}")


@cache
def many_rows_kernel(codebook: str, bits: int) -> Kernel:
    """The kernel for any number of rows, decoding each tile once for all of them. Arguments as `few_rows_kernel`."""
    integer = codebook == "mul1"
    scale_of_codes = np.float32(MUL1_SCALE if integer else 1.0)
    offset_of_codes = np.float32(MUL1_CENTRED_OFFSET if integer else 0.0)

    def kernel(x, words, suh, svh, bias, y, threads):  # type: ignore[no-untyped-def]
        num_rows = x.shape[0]
        groups = (num_rows + 5) // 6
        blocks, tiles_out = suh.shape[0] // 128, svh.shape[0] // 16
        padded_in = 128 * blocks
        activations = np.zeros(groups * 6 * padded_in, np.int16 if integer else np.float32)
        scales = np.zeros((groups * 6, blocks), np.float32)
        offsets = np.zeros((num_rows, blocks), np.float32)
        for m in prange(num_rows):
            scratch, codes = np.empty(128, np.float32), np.empty(128, np.int32)
            for block in range(blocks):
                _rotate_input(x[m], suh, block, scratch)
                first = m * padded_in + 128 * block
                if integer:
                    scale, total = _quantize_block(scratch, codes)
                    scales[m, block] = scale * scale_of_codes
                    offsets[m, block] = scale * total * offset_of_codes
                    for i in range(128):
                        activations[first + i] = codes[i]
                else:
                    for i in range(128):
                        activations[first + i] = scratch[i]
        flat_scales = scales.reshape(-1)
        out_blocks = tiles_out // 8
        for part in prange(threads):
            panel = np.empty(64 * 64 if integer else 128 * 64, np.int32 if integer else np.float32)
            sums = np.empty(groups * 6 * 128, np.float32)
            for out_block in range(out_blocks * part // threads, out_blocks * (part + 1) // threads):
                sums[:] = 0.0
                for block in range(blocks):
                    for side in range(2):
                        tile = block * 8 * tiles_out + out_block * 8 + side * 4
                        decode_panel(words, tile * 8 * bits, tiles_out * 8 * bits, panel, bits, codebook)
                        for group in range(groups):
                            multiply_panel(
                                activations, group * 6 * padded_in + 128 * block, padded_in, panel,
                                sums, group * 6 * 128 + 64 * side, 128,
                                flat_scales, group * 6 * blocks + block, blocks,
                                64 if integer else 128, integer, False,
                            )  # fmt: skip
                for m in range(num_rows):
                    _finish_output(sums, 128 * m, offsets[m].sum(), svh, bias, out_block, y[m])

    return _compile(kernel, f"exl3_many_rows_{codebook}_k{bits}")


def _compile(kernel: Callable[..., Any], name: str) -> Kernel:
    """Compiles under a name of its own: numba's disk cache and its symbols go by name, and closures share theirs."""
    kernel.__name__ = kernel.__qualname__ = name
    compiled: Kernel = njit(kernel, parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)
    return compiled
