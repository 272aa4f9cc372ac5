"""A quantized cache on the CPU: quantization, and attention of few rows that unpacks 16 keys or values at a time.

The numbers are those of the card's format (see `gpu.kernels.packed_layout`): groups of 32 values of a head, rotated,
with one fp16 scale. The layout is the CPU's own: a token's group has `bits` words, planes of 4, 2 and 1 bits from the
highest bits on, 8, 16 or 32 neighbouring values a word. Tokens share no word. Queries and outputs are rotated, keys and
values never. Knows nothing of sequences beyond the page table.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from engine.budget import PAGE_TOKENS
from engine.cpu.attention_ir import DOT_LINES, dot_lines
from engine.cpu.exl3_kernels import PRANGE_ONLY
from engine.cpu.math_ir import half_bits, half_value, soften
from engine.cpu.packed_ir import GROUP, widen_codes
from engine.cpu.softmax_kernels import (
    NEG_INF,
    hide_outside,
    keys_of_split,
    merge_splits,
    multiply,
    split_rows,
    weigh,
)

ROOT = np.float32(32**-0.5)
FINE = np.float32(256.0)  # parts of a grid step in which the scale's fit counts
LARGEST = np.float32(65504.0)
NARROW_REACH = np.float32(0.85)  # of the grid at 2 bits, in largest magnitudes
LINES = DOT_LINES  # tokens that are unpacked at a time


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _rotate_group(x, at):  # type: ignore[no-untyped-def]
    """32 values in place, float32 throughout, strides ascending."""
    stride = 1
    while stride < GROUP:
        for first in range(0, GROUP, 2 * stride):
            for i in range(first, first + stride):
                a, b = x[at + i], x[at + i + stride]
                x[at + i], x[at + i + stride] = a + b, a - b
        stride *= 2
    for i in range(GROUP):
        x[at + i] *= ROOT


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _quantize_group(x, bits, codes):  # type: ignore[no-untyped-def]
    """Codes of a rotated group, returned with the scale; see `gpu.reference.packed.quantize`."""
    half = 1 << (bits - 1)
    reach = NARROW_REACH if bits == 2 else np.float32(1.0)
    peak = np.float32(0.0)
    for i in range(GROUP):
        peak = max(peak, abs(x[i]))
    ratio = np.float32(np.float32(half) / reach) / peak if peak > 0 else np.float32(0.0)
    shared, total = np.int64(0), np.int64(0)
    for i in range(GROUP):
        steps = x[i] * ratio
        code = min(max(np.int64(np.floor(steps)) + half, 0), 2 * half - 1)
        odd = 2 * code + 1 - 2 * half
        shared += np.int64(np.rint(steps * FINE)) * odd
        total += odd * odd
        codes[i] = code
    fit = np.float32(shared) / np.float32(total)
    return min(peak * np.float32(np.float32(2.0) * reach / FINE) * fit, LARGEST)


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _pack_group(codes, bits, words, at):  # type: ignore[no-untyped-def]
    left = bits
    while left > 0:
        size = 4 if left >= 4 else 2 if left >= 2 else 1
        left -= size
        values = GROUP // size
        for w in range(size):
            word = np.uint32(0)
            for i in range(values):
                part = np.uint32((codes[w * values + i] >> left) & ((1 << size) - 1))
                word |= np.uint32(part << np.uint32(size * i))
            words[at + w] = word
        at += size


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def append_packed(x, positions, sequences, page_table, words, scales, head_dim, bits):  # type: ignore[no-untyped-def]
    """Rows x float32 [T, KVH * D] into words uint32 [P, KVH, 256, groups * bits] and scales [P, KVH, 256, groups]."""
    heads, groups = scales.shape[1], scales.shape[3]
    for row in prange(x.shape[0]):
        position = positions[row]
        page, slot = page_table[sequences[row], position // PAGE_TOKENS], position % PAGE_TOKENS
        values, codes = np.empty(GROUP, np.float32), np.empty(GROUP, np.int64)
        for head in range(heads):
            for group in range(groups):
                for i in range(GROUP):
                    place = group * GROUP + i
                    values[i] = x[row, head * head_dim + place] if place < head_dim else np.float32(0.0)
                _rotate_group(values, 0)
                scales[page, head, slot, group] = half_bits(_quantize_group(values, bits, codes))
                _pack_group(codes, bits, words[page, head, slot], group * bits)


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def rotate_heads(x, head_dim, out, out_dim):  # type: ignore[no-untyped-def]
    """Heads [T, H * D] rotated by groups to [T, H * out_dim]: zeros fill up, what is too much falls away."""
    heads, size = x.shape[1] // head_dim, max(head_dim, out_dim)
    for row in prange(x.shape[0]):
        values = np.empty(size, np.float32)
        for head in range(heads):
            for i in range(size):
                values[i] = x[row, head * head_dim + i] if i < head_dim else np.float32(0.0)
            for at in range(0, size, GROUP):
                _rotate_group(values, at)
            for i in range(out_dim):
                out[row, head * out_dim + i] = values[i]


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def expand_packed(pages, first, end, words, scales, bits, out, transposed):  # type: ignore[no-untyped-def]
    """Tokens first..end - 1 of a sequence, still rotated, as fp16 bits into pages 0, 1, ... of an fp16 cache.

    out uint16 [S, KVH, 256, Dp], with `transposed` [S, KVH, Dp, 256].
    """
    heads, groups = scales.shape[1], scales.shape[3]
    unit = np.float32(1.0) / np.float32(1 << bits)
    flat, flat_scales = words.reshape(-1), scales.reshape(-1)
    for token in prange(first, end):
        number, slot = token // PAGE_TOKENS, token % PAGE_TOKENS
        page = pages[number]
        line = np.empty(GROUP, np.float32)
        for head in range(heads):
            for group in range(groups):
                at = ((page * heads + head) * PAGE_TOKENS + slot) * groups + group
                widen_codes(flat, at * bits, bits, half_value(flat_scales[at]) * unit, line, 0)
                for i in range(GROUP):
                    value = half_bits(line[i])
                    if transposed:
                        out[number, head, group * GROUP + i, slot] = value
                    else:
                        out[number, head, slot, group * GROUP + i] = value


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _unpack(words, scales, base, first, end, groups, bits, unit, lines):  # type: ignore[no-untyped-def]
    """Tokens first..end - 1 of the page of a head that begins at token `base`, as lines float32 [end - first, Dp]."""
    for key in range(first, end):
        for n in range(groups):
            at, line = (base + key) * groups + n, ((key - first) * groups + n) * GROUP
            widen_codes(words, at * bits, bits, half_value(scales[at]) * unit, lines, line)


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def attend_packed_rows(  # type: ignore[no-untyped-def]
    q, positions, sequences, page_table, k_words, k_scales, k_bits, v_words, v_scales, v_bits, scale, window, softcap,
    sinks, out,
):  # fmt: skip
    """Decode over packed pages: q and out float32 [T, H * Dp], rotated; the rest as `attention_kernels.attend_rows`."""
    kv_heads, groups = k_scales.shape[1], k_scales.shape[3]
    padded = groups * GROUP
    heads = q.shape[1] // padded
    group = heads // kv_heads
    k_unit = scale / np.float32(1 << k_bits)
    v_unit = np.float32(1.0) / np.float32(1 << v_bits)
    k_flat, k_flat_scales = k_words.reshape(-1), k_scales.reshape(-1)
    v_flat, v_flat_scales = v_words.reshape(-1), v_scales.reshape(-1)
    firsts, rows = split_rows(positions, window)
    sums = np.empty((rows.shape[0], heads, padded), np.float32)
    largest, total = np.empty((rows.shape[0], heads), np.float32), np.empty((rows.shape[0], heads), np.float32)
    for job in prange(rows.shape[0] * kv_heads):
        split, kv_head = job // kv_heads, job % kv_heads
        row, first_head = rows[split], kv_head * group
        first_key, end_key = keys_of_split(positions[row], window, split - firsts[row])
        query = q[row, first_head * padded : (first_head + group) * padded].copy()
        lines = np.empty(LINES * padded, np.float32)
        scores = np.empty(group * PAGE_TOKENS, np.float32)
        own_sums = sums[split, first_head : first_head + group].reshape(-1)
        own_largest = largest[split, first_head : first_head + group]
        own_total = total[split, first_head : first_head + group]
        own_sums[:], own_largest[:], own_total[:] = 0.0, NEG_INF, 0.0
        for page_index in range(first_key // PAGE_TOKENS, (end_key - 1) // PAGE_TOKENS + 1):
            base = (page_table[sequences[row], page_index] * kv_heads + kv_head) * PAGE_TOKENS
            begin = max(first_key - page_index * PAGE_TOKENS, 0)
            end = min(end_key - page_index * PAGE_TOKENS, PAGE_TOKENS)
            from_lane, to_lane = begin // LINES * LINES, (end + LINES - 1) // LINES * LINES
            for lane in range(from_lane, to_lane, LINES):
                _unpack(k_flat, k_flat_scales, base, lane, lane + LINES, groups, k_bits, k_unit, lines)
                for g in range(group):
                    dot_lines(query, g * padded, lines, padded, scores, g * PAGE_TOKENS + lane)
            for g in range(group):
                first = g * PAGE_TOKENS + from_lane
                if softcap > 0:
                    soften(scores, first, to_lane - from_lane, softcap)
                hide_outside(scores, g * PAGE_TOKENS, begin, end, from_lane, to_lane)
                weigh(scores, first, to_lane - from_lane, g, own_largest, own_total, own_sums, g * padded, padded)
            for lane in range(begin, end, LINES):
                shown = min(LINES, end - lane)
                _unpack(v_flat, v_flat_scales, base, lane, lane + shown, groups, v_bits, v_unit, lines)
                multiply(scores, lane, PAGE_TOKENS, lines, 0, padded, 0, own_sums, 0, padded, shown, group, padded)
    merge_splits(firsts, sums, largest, total, sinks, padded, out)
