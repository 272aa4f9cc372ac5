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
from engine.cpu.math_ir import half_bits, soften, widen_halves
from engine.cpu.softmax_kernels import (
    NEG_INF,
    first_key_of,
    hide_outside,
    keys_of_split,
    merge_splits,
    multiply,
    split_rows,
    weigh,
    with_sink,
)

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
    q,
    k,
    v,
    q_weight,
    k_weight,
    eps,
    cosines,
    sines,
    turns,
    positions,
    sequences,
    page_table,
    k_cache,
    v_cache,
    head_dim,
):
    """Head norms (weights of length 0: none) and rotation of q and k rows in place, then k and v into the pages.

    k_cache uint16 [P, KVH, Dpad, 256], v_cache [P, KVH, 256, Dpad]; cosines, sines float32 [N, rotary / 2], of which
    turns int32 [T] says each row's.
    """
    heads, kv_heads = q.shape[1] // head_dim, k.shape[1] // head_dim
    for row in prange(q.shape[0]):
        position = positions[row]
        page = page_table[sequences[row], position // PAGE_TOKENS]
        slot, turn = position % PAGE_TOKENS, turns[row]
        for head in range(heads):
            if q_weight.shape[0] > 0:
                _norm_head(q[row], head * head_dim, head_dim, q_weight, eps)
            _rotate_head(q[row], head * head_dim, cosines[turn], sines[turn])
        for head in range(kv_heads):
            if k_weight.shape[0] > 0:
                _norm_head(k[row], head * head_dim, head_dim, k_weight, eps)
            _rotate_head(k[row], head * head_dim, cosines[turn], sines[turn])
            for i in range(head_dim):
                k_cache[page, head, i, slot] = half_bits(k[row, head * head_dim + i])
                v_cache[page, head, slot, i] = half_bits(v[row, head * head_dim + i])


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def attend_rows(  # type: ignore[no-untyped-def]
    q, positions, sequences, page_table, k_cache, v_cache, head_dim, scale, window, softcap, sinks, out
):
    """Decode: every row on its own, one read of a page's K and V for all query heads of a group.

    window 0: all keys; softcap 0: none; sinks float32 [H], of length 0: none. Parallel over splits of rows and
    key/value heads.
    """
    heads, kv_heads, padded = q.shape[1] // head_dim, k_cache.shape[1], k_cache.shape[2]
    group = heads // kv_heads
    k_flat, v_flat = k_cache.reshape(-1), v_cache.reshape(-1)
    firsts, rows = split_rows(positions, window)
    sums = np.empty((rows.shape[0], heads, padded), np.float32)
    largest, total = np.empty((rows.shape[0], heads), np.float32), np.empty((rows.shape[0], heads), np.float32)
    jobs = rows.shape[0] * kv_heads
    for job in prange(jobs):
        split, kv_head = job // kv_heads, job % kv_heads
        row, first_head = rows[split], kv_head * group
        first_key, end_key = keys_of_split(positions[row], window, split - firsts[row])
        queries = np.empty(group * head_dim, np.float32)
        for i in range(group * head_dim):
            queries[i] = q[row, first_head * head_dim + i] * scale
        scores = np.empty(group * PAGE_TOKENS, np.float32)
        own_sums = sums[split, first_head : first_head + group].reshape(-1)
        own_largest = largest[split, first_head : first_head + group]
        own_total = total[split, first_head : first_head + group]
        own_sums[:], own_largest[:], own_total[:] = 0.0, NEG_INF, 0.0
        last_page = (end_key - 1) // PAGE_TOKENS
        for page_index in range(first_key // PAGE_TOKENS, last_page + 1):
            base = (page_table[sequences[row], page_index] * kv_heads + kv_head) * padded * PAGE_TOKENS
            following = base  # what this thread reads next
            if page_index < last_page:
                following = (page_table[sequences[row], page_index + 1] * kv_heads + kv_head) * padded * PAGE_TOKENS
            elif job + 1 < jobs:
                next_row = rows[(job + 1) // kv_heads]
                next_key = keys_of_split(positions[next_row], window, (job + 1) // kv_heads - firsts[next_row])[0]
                next_page = page_table[sequences[next_row], next_key // PAGE_TOKENS]
                following = (next_page * kv_heads + (job + 1) % kv_heads) * padded * PAGE_TOKENS
            ahead = following - base
            begin = max(first_key - page_index * PAGE_TOKENS, 0)
            end = min(end_key - page_index * PAGE_TOKENS, PAGE_TOKENS)
            from_lane, to_lane = begin // 16 * 16, (end + 15) // 16 * 16
            scores[:] = 0.0
            multiply(queries, 0, head_dim, k_flat, base + from_lane, PAGE_TOKENS, ahead, scores, from_lane, PAGE_TOKENS,
                     head_dim, group, to_lane - from_lane)  # fmt: skip
            for g in range(group):
                first = g * PAGE_TOKENS + from_lane
                if softcap > 0:
                    soften(scores, first, to_lane - from_lane, softcap)
                hide_outside(scores, g * PAGE_TOKENS, begin, end, from_lane, to_lane)
                weigh(scores, first, to_lane - from_lane, g, own_largest, own_total, own_sums, g * padded, padded)
            multiply(scores, begin, PAGE_TOKENS, v_flat, base + begin * padded, padded, ahead, own_sums, 0, padded,
                     end - begin, group, padded)  # fmt: skip
    merge_splits(firsts, sums, largest, total, sinks, head_dim, out)


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def _first_row(key, position, group):  # type: ignore[no-untyped-def]
    """The first tile of rows that sees a key, of a block whose first token is at `position`."""
    return max(0, key - position) * group // MICRO_ROWS * MICRO_ROWS


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
        # Late blocks see more keys: one from the front and one from the back in turn, so that threads end together.
        kv_head, turn = job // blocks, job % blocks
        begin = (turn // 2 if turn % 2 == 0 else blocks - 1 - turn // 2) * tokens
        count = min(tokens, q.shape[0] - begin)
        rows = count * group
        padded_rows = (rows + MICRO_ROWS - 1) // MICRO_ROWS * MICRO_ROWS
        queries = np.zeros(padded_rows * head_dim, np.float32)
        for r in range(rows):
            source = q[begin + r // group]
            for i in range(head_dim):
                queries[r * head_dim + i] = source[(kv_head * group + r % group) * head_dim + i] * scale
        panel = np.zeros(max(padded, PANEL_COLUMNS) * PANEL_COLUMNS, np.float32)
        scores = np.empty(padded_rows * PAGE_TOKENS, np.float32)
        scores[rows * PAGE_TOKENS :] = 0.0
        sums = np.zeros(padded_rows * width, np.float32)
        largest, total = np.full(padded_rows, NEG_INF, np.float32), np.zeros(padded_rows, np.float32)
        position = first_position + begin
        first_key = first_key_of(position, window) // PANEL_COLUMNS * PANEL_COLUMNS
        for page_index in range(first_key // PAGE_TOKENS, (position + count - 1) // PAGE_TOKENS + 1):
            page_key = page_index * PAGE_TOKENS
            base = (pages[page_index] * kv_heads + kv_head) * padded * PAGE_TOKENS
            known = min(PAGE_TOKENS, position + count - page_key)  # the rest of the page may hold anything
            from_slot = max(first_key - page_key, 0)
            to_slot = (known + PANEL_COLUMNS - 1) // PANEL_COLUMNS * PANEL_COLUMNS
            for slot in range(from_slot, to_slot, PANEL_COLUMNS):
                for i in range(head_dim):
                    widen_halves(k_flat, base + i * PAGE_TOKENS + slot, panel, i * PANEL_COLUMNS, PANEL_COLUMNS)
                for first in range(_first_row(page_key + slot, position, group), padded_rows, MICRO_ROWS):
                    multiply_panel(
                        queries, first * head_dim, head_dim, panel, scores, first * PAGE_TOKENS + slot, PAGE_TOKENS,
                        no_scales, 0, 0, head_dim, False, True,
                    )  # fmt: skip
            for r in range(_first_row(page_key + from_slot, position, group), rows):
                last = position + r // group - page_key
                # A tile of six rows goes as far as its last row: the weights of what a row does not see are zeros.
                shown = max(min(to_slot, last // PANEL_COLUMNS * PANEL_COLUMNS + PANEL_COLUMNS), from_slot)
                scores[r * PAGE_TOKENS + shown : r * PAGE_TOKENS + to_slot] = 0.0
                if last < from_slot:
                    continue
                first, length = r * PAGE_TOKENS + from_slot, shown - from_slot
                if softcap > 0:
                    soften(scores, first, length, softcap)
                hidden = first_key_of(position + r // group, window) - page_key
                hide_outside(scores, r * PAGE_TOKENS, min(hidden, shown), last + 1, from_slot, shown)
                weigh(scores, first, length, r, largest, total, sums, r * width, width)
            for slot in range(from_slot, to_slot, PANEL_COLUMNS):
                for column in range(0, width, PANEL_COLUMNS):
                    panel[: PANEL_COLUMNS * PANEL_COLUMNS] = 0.0
                    for key in range(slot, min(known, slot + PANEL_COLUMNS)):
                        at, to = base + key * padded + column, (key - slot) * PANEL_COLUMNS
                        widen_halves(v_flat, at, panel, to, min(PANEL_COLUMNS, padded - column))
                    for first in range(_first_row(page_key + slot, position, group), padded_rows, MICRO_ROWS):
                        multiply_panel(
                            scores, first * PAGE_TOKENS + slot, PAGE_TOKENS, panel, sums, first * width + column,
                            width, no_scales, 0, 0, PANEL_COLUMNS, False, False,
                        )  # fmt: skip
        for r in range(rows):
            target, head = out[begin + r // group], kv_head * group + r % group
            whole = with_sink(total[r], sinks, head, largest[r])
            for i in range(head_dim):
                target[head * head_dim + i] = sums[r * width + i] / whole
