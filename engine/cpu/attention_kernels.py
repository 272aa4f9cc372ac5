"""Paged attention on the CPU: rotation and cache append, a decode kernel and a prefill kernel.

Layout: a page of one layer holds K as fp16 bits [KVH, D, 256], transposed so that scores of 16 keys are one vector,
and V as [KVH, 256, D], with D rounded up to 16 in both. Scores, softmax and sums are float32.
Source: online softmax over key blocks (FlashAttention), with the query heads of a group as rows of one product.
Knows nothing of sequences beyond the page table.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from engine.budget import PAGE_TOKENS
from engine.cpu.exl3_ir import MICRO_ROWS, PANEL_COLUMNS, multiply_panel
from engine.cpu.exl3_kernels import PRANGE_ONLY
from engine.cpu.math_ir import add_scaled, exp_shifted, half_bits, soften, widen_halves

NEG_INF = np.float32(-np.inf)
QUERY_ROWS = 192  # query rows (tokens x heads of a group) that share one widened panel of keys


@njit(nogil=True, error_model="numpy", fastmath={"reassoc"}, cache=True)  # type: ignore[misc]
def _norm_head(x, first, head_dim, weight, eps):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in range(head_dim):
        total += x[first + i] * x[first + i]
    factor = np.float32(1.0) / np.sqrt(total / np.float32(head_dim) + eps)
    for i in range(head_dim):
        x[first + i] = x[first + i] * factor * weight[i]


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _rotate_head(x, first, cosines, sines):  # type: ignore[no-untyped-def]
    """NeoX pairing: value i turns with value i + rotary_dim / 2."""
    half = cosines.shape[0]
    for i in range(half):
        a, b = x[first + i], x[first + half + i]
        x[first + i] = a * cosines[i] - b * sines[i]
        x[first + half + i] = b * cosines[i] + a * sines[i]


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def rotate_and_append(  # type: ignore[no-untyped-def]
    q, k, v, q_weight, k_weight, eps, cosines, sines, positions, sequences, page_table, k_cache, v_cache, head_dim
):
    """Head norms (weights of length 0: none) and rotation of q and k rows in place, then k and v into the pages.

    k_cache uint16 [P, KVH, Dpad, 256], v_cache [P, KVH, 256, Dpad]; cosines, sines float32 [positions, rotary / 2].
    """
    heads, kv_heads = q.shape[1] // head_dim, k.shape[1] // head_dim
    for row in prange(q.shape[0]):
        position = positions[row]
        page = page_table[sequences[row], position // PAGE_TOKENS]
        slot = position % PAGE_TOKENS
        for head in range(heads):
            if q_weight.shape[0] > 0:
                _norm_head(q[row], head * head_dim, head_dim, q_weight, eps)
            _rotate_head(q[row], head * head_dim, cosines[position], sines[position])
        for head in range(kv_heads):
            if k_weight.shape[0] > 0:
                _norm_head(k[row], head * head_dim, head_dim, k_weight, eps)
            _rotate_head(k[row], head * head_dim, cosines[position], sines[position])
            for i in range(head_dim):
                k_cache[page, head, i, slot] = half_bits(k[row, head * head_dim + i])
                v_cache[page, head, slot, i] = half_bits(v[row, head * head_dim + i])


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def with_sink(total, sinks, head, largest):  # type: ignore[no-untyped-def]
    """A head's sum of weights, whose maximum is `largest`, with its sink; sinks of length 0: none."""
    return total + np.exp(sinks[head] - largest) if sinks.shape[0] > 0 else total


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def attend_rows(  # type: ignore[no-untyped-def]
    q, positions, sequences, page_table, k_cache, v_cache, head_dim, scale, window, softcap, sinks, out
):
    """Decode: every row on its own, one read of a page's K and V for all query heads of a group.

    window 0: all keys; softcap 0: none; sinks float32 [H], of length 0: none. Parallel over rows and key/value heads.
    """
    kv_heads, padded = k_cache.shape[1], k_cache.shape[2]
    group = q.shape[1] // head_dim // kv_heads
    k_flat, v_flat = k_cache.reshape(-1), v_cache.reshape(-1)
    page_size = padded * PAGE_TOKENS
    for job in prange(q.shape[0] * kv_heads):
        row, kv_head = job // kv_heads, job % kv_heads
        position = positions[row]
        first_key = max(0, position + 1 - window) if window > 0 else 0
        line = np.empty(max(PAGE_TOKENS, padded), np.float32)
        scores = np.empty(group * PAGE_TOKENS, np.float32)
        sums = np.zeros(group * padded, np.float32)
        largest = np.full(group, NEG_INF, np.float32)
        total = np.zeros(group, np.float32)
        for page_index in range(first_key // PAGE_TOKENS, position // PAGE_TOKENS + 1):
            base = (page_table[sequences[row], page_index] * kv_heads + kv_head) * page_size
            begin = max(first_key - page_index * PAGE_TOKENS, 0)
            end = min(position + 1 - page_index * PAGE_TOKENS, PAGE_TOKENS)
            from_lane, to_lane = begin // 16 * 16, (end + 15) // 16 * 16
            width = to_lane - from_lane
            scores[:] = 0.0
            for i in range(head_dim):
                widen_halves(k_flat, base + i * PAGE_TOKENS + from_lane, line, 0, width)
                for g in range(group):
                    query = q[row, (kv_head * group + g) * head_dim + i] * scale
                    add_scaled(scores, g * PAGE_TOKENS + from_lane, line, 0, query, width)
            for g in range(group):
                first = g * PAGE_TOKENS
                if softcap > 0:
                    soften(scores, first + from_lane, width, softcap)
                for key in range(from_lane, begin):
                    scores[first + key] = NEG_INF
                for key in range(end, to_lane):
                    scores[first + key] = NEG_INF
                peak = largest[g]
                for key in range(begin, end):
                    peak = max(peak, scores[first + key])
                if peak > largest[g]:
                    shrink = np.exp(largest[g] - peak) if total[g] > 0 else np.float32(0.0)
                    total[g] *= shrink
                    for i in range(padded):
                        sums[g * padded + i] *= shrink
                    largest[g] = peak
                total[g] += exp_shifted(scores, first + from_lane, width, largest[g])
            for key in range(begin, end):
                widen_halves(v_flat, base + key * padded, line, 0, padded)
                for g in range(group):
                    add_scaled(sums, g * padded, line, 0, scores[g * PAGE_TOKENS + key], padded)
        for g in range(group):
            whole = with_sink(total[g], sinks, kv_head * group + g, largest[g])
            for i in range(head_dim):
                out[row, (kv_head * group + g) * head_dim + i] = sums[g * padded + i] / whole


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _mask_and_weigh(scores, rows, group, first_position, first_key, window, largest, total, sums, width):  # type: ignore[no-untyped-def]
    """Turns a panel's scores [rows, 64] into softmax weights and rescales what earlier panels summed."""
    for r in range(rows):
        position = first_position + r // group
        begin = r * PANEL_COLUMNS
        for key in range(PANEL_COLUMNS):
            at = first_key + key
            if at > position or (window > 0 and at <= position - window):
                scores[begin + key] = NEG_INF
        peak = largest[r]
        for key in range(PANEL_COLUMNS):
            peak = max(peak, scores[begin + key])
        if peak == NEG_INF:
            for key in range(PANEL_COLUMNS):
                scores[begin + key] = 0.0
            continue
        if peak > largest[r]:
            shrink = np.exp(largest[r] - peak) if total[r] > 0 else np.float32(0.0)
            total[r] *= shrink
            for i in range(width):
                sums[r * width + i] *= shrink
            largest[r] = peak
        total[r] += exp_shifted(scores, begin, PANEL_COLUMNS, peak)


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def attend_chunk(  # type: ignore[no-untyped-def]
    q, first_position, pages, k_cache, v_cache, head_dim, scale, window, softcap, sinks, out
):
    """Prefill: rows of one sequence at consecutive positions from `first_position`; pages int32 [P] of that sequence.

    window, softcap and sinks as in `attend_rows`. Parallel over key/value heads and blocks of about `QUERY_ROWS` query
    rows.
    """
    kv_heads, padded = k_cache.shape[1], k_cache.shape[2]
    group = q.shape[1] // head_dim // kv_heads
    tokens = max(1, QUERY_ROWS // group)
    blocks = (q.shape[0] + tokens - 1) // tokens
    k_flat, v_flat = k_cache.reshape(-1), v_cache.reshape(-1)
    width = (padded + PANEL_COLUMNS - 1) // PANEL_COLUMNS * PANEL_COLUMNS
    no_scales = np.empty(0, np.float32)
    for job in prange(kv_heads * blocks):
        kv_head, begin = job % kv_heads, job // kv_heads * tokens
        count = min(tokens, q.shape[0] - begin)
        rows = count * group
        padded_rows = (rows + MICRO_ROWS - 1) // MICRO_ROWS * MICRO_ROWS
        queries = np.zeros(padded_rows * head_dim, np.float32)
        for r in range(rows):
            source = q[begin + r // group]
            for i in range(head_dim):
                queries[r * head_dim + i] = source[(kv_head * group + r % group) * head_dim + i] * scale
        panel = np.zeros(max(padded, PANEL_COLUMNS) * PANEL_COLUMNS, np.float32)
        scores = np.empty(padded_rows * PANEL_COLUMNS, np.float32)
        sums = np.zeros(padded_rows * width, np.float32)
        largest, total = np.full(padded_rows, NEG_INF, np.float32), np.zeros(padded_rows, np.float32)
        position = first_position + begin
        first_panel = max(0, position + 1 - window) // PANEL_COLUMNS if window > 0 else 0
        for panel_index in range(first_panel, (position + count - 1) // PANEL_COLUMNS + 1):
            first_key = panel_index * PANEL_COLUMNS
            page = pages[first_key // PAGE_TOKENS]
            slot = first_key % PAGE_TOKENS
            known = min(PANEL_COLUMNS, position + count - first_key)  # the rest of the page may hold anything
            base = (page * kv_heads + kv_head) * padded * PAGE_TOKENS
            for i in range(head_dim):
                widen_halves(k_flat, base + i * PAGE_TOKENS + slot, panel, i * PANEL_COLUMNS, PANEL_COLUMNS)
            scores[:] = 0.0
            for first in range(0, padded_rows, MICRO_ROWS):
                multiply_panel(
                    queries, first * head_dim, head_dim, panel, scores, first * PANEL_COLUMNS, PANEL_COLUMNS,
                    no_scales, 0, 0, head_dim, False,
                )  # fmt: skip
            if softcap > 0:
                soften(scores, 0, rows * PANEL_COLUMNS, softcap)
            _mask_and_weigh(scores, rows, group, position, first_key, window, largest, total, sums, width)
            for column in range(0, width, PANEL_COLUMNS):
                panel[: PANEL_COLUMNS * PANEL_COLUMNS] = 0.0
                shown = min(PANEL_COLUMNS, padded - column)
                for key in range(known):
                    at = base + (slot + key) * padded + column
                    widen_halves(v_flat, at, panel, key * PANEL_COLUMNS, shown)
                for first in range(0, padded_rows, MICRO_ROWS):
                    multiply_panel(
                        scores, first * PANEL_COLUMNS, PANEL_COLUMNS, panel, sums, first * width + column, width,
                        no_scales, 0, 0, PANEL_COLUMNS, False,
                    )  # fmt: skip
        for r in range(rows):
            target, head = out[begin + r // group], kv_head * group + r % group
            whole = with_sink(total[r], sinks, head, largest[r])
            for i in range(head_dim):
                target[head * head_dim + i] = sums[r * width + i] / whole
