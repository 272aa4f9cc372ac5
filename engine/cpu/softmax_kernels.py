"""A softmax whose keys come in pieces: the running maximum and sum, splits of long sequences, and their merging.

A row's keys are cut into splits at fixed positions, so that many threads share one long conversation and a row's result
does not depend on who else is in the batch. Source: online softmax (Milakov and Gimelshein 2018), merged over splits as
in FlashDecoding. Knows nothing of how keys are stored.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from engine.budget import PAGE_TOKENS
from engine.cpu.attention_ir import largest_of, multiply_rows
from engine.cpu.exl3_kernels import PRANGE_ONLY
from engine.cpu.math_ir import exp_shifted

NEG_INF = np.float32(-np.inf)
SPLIT_TOKENS = 2 * PAGE_TOKENS


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def with_sink(total, sinks, head, largest):  # type: ignore[no-untyped-def]
    """A head's sum of weights, whose maximum is `largest`, with its sink; sinks of length 0: none."""
    return total + np.exp(sinks[head] - largest) if sinks.shape[0] > 0 else total


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def weigh(scores, first, count, row, largest, total, sums, first_sum, width):  # type: ignore[no-untyped-def]
    """Turns `count` scores (a multiple of 16, hidden ones -inf) into weights and rescales what the row summed before.

    largest, total float32 [rows]: the row's running maximum and sum of weights; its sums are `width` values from
    `first_sum` on.
    """
    peak = largest_of(scores, first, count)
    if peak > largest[row]:
        if total[row] > 0:
            shrink = np.exp(largest[row] - peak)
            total[row] *= shrink
            for i in range(first_sum, first_sum + width):
                sums[i] *= shrink
        largest[row] = peak
    # A row that has seen no key yet has no maximum to subtract: its weights are zeros.
    total[row] += exp_shifted(scores, first, count, largest[row] if largest[row] > NEG_INF else np.float32(0.0))


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def hide_outside(scores, first, begin, end, from_lane, to_lane):  # type: ignore[no-untyped-def]
    """The lanes before `begin` and from `end` on become -inf."""
    for key in range(from_lane, begin):
        scores[first + key] = NEG_INF
    for key in range(end, to_lane):
        scores[first + key] = NEG_INF


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def multiply(  # type: ignore[no-untyped-def]
    x, first_x, x_stride, source, first_source, source_stride, ahead, output, first_output, output_stride, steps, rows,
    columns,
):  # fmt: skip
    """`attention_ir.multiply_rows`, compiled once for all that call it."""
    multiply_rows(
        x, first_x, x_stride, source, first_source, source_stride, ahead, output, first_output, output_stride, steps,
        rows, columns,
    )  # fmt: skip


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def first_key_of(position, window):  # type: ignore[no-untyped-def]
    """The first key that a query sees; window 0: all before it."""
    return max(0, position + 1 - window) if window > 0 else 0


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def split_rows(positions, window):  # type: ignore[no-untyped-def]
    """int64 [T + 1], the first split of each row in the order of rows, and all splits' rows int64 [S]."""
    ends = np.zeros(positions.shape[0] + 1, np.int64)
    for row in range(positions.shape[0]):
        splits = positions[row] // SPLIT_TOKENS - first_key_of(positions[row], window) // SPLIT_TOKENS + 1
        ends[row + 1] = ends[row] + splits
    rows = np.empty(ends[-1], np.int64)
    for row in range(positions.shape[0]):
        rows[ends[row] : ends[row + 1]] = row
    return ends, rows


@njit(nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def keys_of_split(position, window, number):  # type: ignore[no-untyped-def]
    """The keys first..end - 1 that a query sees of its `number`th split, at least one."""
    first_key = first_key_of(position, window)
    begin = (first_key // SPLIT_TOKENS + number) * SPLIT_TOKENS
    return max(begin, first_key), min(begin + SPLIT_TOKENS, position + 1)


@njit(parallel=PRANGE_ONLY, nogil=True, error_model="numpy", cache=True)  # type: ignore[misc]
def merge_splits(firsts, sums, largest, total, sinks, head_dim, out):  # type: ignore[no-untyped-def]
    """out [T, H * D] from splits: sums float32 [S, H, W], largest and total float32 [S, H]; firsts of `split_rows`."""
    heads, width = sums.shape[1], sums.shape[2]
    for job in prange(out.shape[0] * heads):
        row, head = job // heads, job % heads
        begin, end = firsts[row], firsts[row + 1]
        peak = largest[begin:end, head].max()
        whole = np.float32(0.0)
        mixed = np.zeros(width, np.float32)
        for split in range(begin, end):
            share = np.exp(largest[split, head] - peak)
            whole += share * total[split, head]
            line = sums[split, head]
            for i in range(width):
                mixed[i] += share * line[i]
        whole = with_sink(whole, sinks, head, peak)
        for i in range(head_dim):
            out[row, head * head_dim + i] = mixed[i] / whole
