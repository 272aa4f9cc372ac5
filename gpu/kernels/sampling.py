"""Choosing the next token of every row on the GPU: penalties, temperature, top-k, top-p, min-p and one seeded draw.

Gives the token that the sampling chain on the CPU gives. Nothing is sorted: by ascending gap to the best token, then by
ascending id, tokens form an order; every filter keeps a first part of it, so one cut describes all that is kept. The
order is in `sampling_order`, the search for the cut in `sampling_search`; here are what comes before and after.

Launch, in this order: `start`, `count_bins`: grid (SPREAD, rows), THREADS; `pick_bins`: grid (rows), WHOLE;
    `list_tokens`: like start; `find_cut`: like pick_bins; `draw`: like start; `finish`: grid (rows), FINISH;
    `count_token`: grid (1), 32 threads, at most 32 rows.
Layout: settings, states: see `sampling_layout`. scores: float32 [rows, score_stride], 16-byte aligned rows, -inf from
    vocab_size on. histogram: uint64 [rows, 2, BINS], numbers of tokens, then masses. partials: uint64 [rows, SPREAD].
    listed: uint64 [rows, score_stride]. winners: [rows, SPREAD] pairs of float64 noisy logit and int64 token.
    windows: int32 [rows], 0 for none. recent: int32 [rows, recent_stride], the token at a position of the last
    `window` is in slot position % window: 2 * id, + 1 for one of the reply; -1 where no token counts.
Source: Philox-4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

import math

from numba import cuda
from numba.core import types

from gpu.kernels.sampling_ir import (
    load_double,
    store_double,
    store_long,
)
from gpu.kernels.sampling_layout import (
    BINS,
    CUT,
    FINE,
    FINISH,
    FREQUENCY,
    MIN_P,
    NOT_A_NUMBER,
    NOTHING_POSSIBLE,
    PRESENCE,
    REPETITION,
    SPREAD,
    TEMPERATURE,
    THREADS,
)
from gpu.kernels.sampling_order import (
    ALL,
    LOW_WORD,
    SIGN,
    U32,
    D,
    F,
    U,
    best_key,
    divisor,
    gap_of,
    ordered,
    place_of,
    score_of,
    setting,
    state_at,
)
from gpu.ptx import (
    load_float,
    load_floats,
    load_int,
    load_long,
    store_float,
    store_word,
)

INFINITY = float("inf")
IMPOSSIBLE = 0x007FFFFF  # -inf as `ordered` gives it
HOPELESS_GAP = 26.1  # the best token's noise is above -3.14, and no noise is above 22.88
WORST_WINNER = -4.0
DOUBT = 1e-3  # far more than float32 noise is wrong by

PHILOX_0, PHILOX_1 = 0xD2511F53, 0xCD9E8D57
KEY_0, KEY_1 = 0x9E3779B9, 0xBB67AE85


@cuda.jit
def start(  # type: ignore[no-untyped-def]
    logits, stride, vocab_size, settings, seen, replied, count_stride, scores, score_stride, histogram, partials
):
    """scores = logits with penalties; partials: the best score and its lowest id, or all ones; empties histogram."""
    staged = cuda.shared.array(THREADS, types.uint64)
    row, thread = U(cuda.blockIdx.y), cuda.threadIdx.x
    for i in range(cuda.grid(1), 2 * BINS, SPREAD * THREADS):
        store_long(histogram + U(8) * (row * U(2 * BINS) + U(i)), U(0))
    repetition = F(setting(settings, row, REPETITION))
    presence, frequency = setting(settings, row, PRESENCE), setting(settings, row, FREQUENCY)
    best = U(0)
    for i in range(cuda.grid(1), vocab_size, SPREAD * THREADS):
        value = load_float(logits + U(4) * (row * U(stride) + U(i)))
        bad = not (value < F(INFINITY))
        at = U(4) * (row * U(count_stride) + U(i))
        if repetition != F(1.0) and load_int(seen + at) != 0:
            if value > F(0.0):
                value = value / repetition
            else:
                value = value * repetition
        if presence != D(0.0) or frequency != D(0.0):
            uses = load_int(replied + at)
            if uses != 0:
                value = value - F(presence + frequency * D(uses))
        if value == F(0.0):
            value = F(0.0)  # of both signs, so that they tie
        store_float(scores + U(4) * (row * U(score_stride) + U(i)), value)
        key = U(ALL) if bad else (ordered(value) << U(32)) | (U(LOW_WORD) - U(i))
        best = max(best, key)
    staged[thread] = best
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            staged[thread] = max(staged[thread], staged[thread + half])
        half //= 2
    if thread == 0:
        store_long(partials + U(8) * (row * U(SPREAD) + U(cuda.blockIdx.x)), staged[0])


@cuda.jit(device=True, inline=True)
def philox(block, position, seed):  # type: ignore[no-untyped-def]
    """Four 32-bit words in uint64 for one counter (block, position, 0) under a seed."""
    c0, c1, c2, c3 = U(block), position & U(LOW_WORD), position >> U(32), U(0)
    k0, k1 = seed & U(LOW_WORD), seed >> U(32)
    for _ in range(10):
        p0, p1 = c0 * U(PHILOX_0), c2 * U(PHILOX_1)
        c0, c2 = (p1 >> U(32)) ^ c1 ^ k0, (p0 >> U(32)) ^ c3 ^ k1
        c1, c3 = p1 & U(LOW_WORD), p0 & U(LOW_WORD)
        k0, k1 = (k0 + U(KEY_0)) & U(LOW_WORD), (k1 + U(KEY_1)) & U(LOW_WORD)
    return c0, c1, c2, c3


@cuda.jit(device=True, inline=True)
def rough_noise(word):  # type: ignore[no-untyped-def]
    """Gumbel noise of a word in float32, within DOUBT of the true one."""
    if word < U(SIGN):
        rate = -math.log((F(word) + F(0.5)) * F(2.0**-32))
    else:
        rate = -math.log1p(-(F(U(LOW_WORD) - word) + F(0.5)) * F(2.0**-32))  # keeps what is left of 1
    return -math.log(rate)


@cuda.jit(device=True, inline=True)
def is_kept(gap, token, cut, widest):  # type: ignore[no-untyped-def]
    """Whether a token is within all filters and can win."""
    return gap < F(HOPELESS_GAP) and D(gap) <= widest and place_of(gap, token) <= cut


@cuda.jit(device=True, inline=True)
def compete(gap, token, word, cut, widest, best, winner):  # type: ignore[no-untyped-def]
    """The better of a thread's best noisy logit with its token and a new token; tokens come in ascending order."""
    if is_kept(gap, token, cut, widest) and D(rough_noise(word) - gap) > best - D(DOUBT):
        noisy = -math.log(-math.log((D(word) + D(0.5)) * D(2.0**-32))) - D(gap)
        if noisy > best:
            return noisy, types.int32(token)
    return best, winner


@cuda.jit
def draw(scores, score_stride, vocab_size, settings, seeds, positions, partials, states, winners):  # type: ignore[no-untyped-def]
    """winners: the best noisy logit of each block's kept tokens and its lowest id; nothing for greedy rows."""
    staged = cuda.shared.array(SPREAD, types.uint64)
    noises = cuda.shared.array(THREADS, types.float64)
    tokens = cuda.shared.array(THREADS, types.int32)
    row, thread = U(cuda.blockIdx.y), cuda.threadIdx.x
    temperature, min_p = setting(settings, row, TEMPERATURE), setting(settings, row, MIN_P)
    if not (temperature > D(0.0)):
        return
    widest = D(INFINITY)
    if min_p > D(0.0):
        widest = -math.log(min_p)
    highest, scale = score_of(best_key(partials, row, staged)), divisor(temperature)
    cut = load_long(state_at(states, row, CUT))
    seed, position = load_long(seeds + U(8) * row), U(load_int(positions + U(4) * row))
    best, winner = D(WORST_WINNER), types.int32(0x7FFFFFFF)
    for i in range(cuda.grid(1), (vocab_size + 3) // 4, SPREAD * THREADS):
        s0, s1, s2, s3 = load_floats(scores + U(4) * (row * U(score_stride) + U(4 * i)))
        g0, g1 = gap_of(s0, highest, scale), gap_of(s1, highest, scale)
        g2, g3 = gap_of(s2, highest, scale), gap_of(s3, highest, scale)
        some = is_kept(g0, 4 * i, cut, widest) or is_kept(g1, 4 * i + 1, cut, widest)
        if some or is_kept(g2, 4 * i + 2, cut, widest) or is_kept(g3, 4 * i + 3, cut, widest):
            w0, w1, w2, w3 = philox(i, position, seed)
            best, winner = compete(g0, 4 * i, w0, cut, widest, best, winner)
            best, winner = compete(g1, 4 * i + 1, w1, cut, widest, best, winner)
            best, winner = compete(g2, 4 * i + 2, w2, cut, widest, best, winner)
            best, winner = compete(g3, 4 * i + 3, w3, cut, widest, best, winner)
    noises[thread] = best
    tokens[thread] = winner
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            other, token = noises[thread + half], tokens[thread + half]
            if other > noises[thread] or (other == noises[thread] and token < tokens[thread]):
                noises[thread] = other
                tokens[thread] = token
        half //= 2
    if thread == 0:
        at = winners + U(16) * (row * U(SPREAD) + U(cuda.blockIdx.x))
        store_double(at, noises[0])
        store_long(at + U(8), U(tokens[0]))


@cuda.jit
def finish(  # type: ignore[no-untyped-def]
    settings, partials, winners, tokens, problems, places, results, results_stride, next_tokens, positions, limit
):
    """Int64 tokens and int32 problems of rows; a row with a problem gets token 0, so that the graph runs on safely.

    Unless their addresses are 0, both also go to results (int64 [2, 2, results_stride], the first index is the lowest
    bit of the token's place, int32), the token to next_tokens (int64), and positions (int32) move on by one, up to
    limit - 1.
    """
    staged = cuda.shared.array(SPREAD, types.uint64)
    noises = cuda.shared.array(FINISH, types.float64)
    names = cuda.shared.array(FINISH, types.int64)
    row, thread = U(cuda.blockIdx.x), cuda.threadIdx.x
    drawn = setting(settings, row, TEMPERATURE) > D(0.0)
    if drawn:
        at = winners + U(16) * (row * U(SPREAD) + U(thread))
        noises[thread] = load_double(at)
        names[thread] = types.int64(load_long(at + U(8)))
    key = best_key(partials, row, staged)
    if thread != 0:
        return
    problem = FINE
    if key == U(ALL):
        problem = NOT_A_NUMBER
    elif key >> U(32) <= U(IMPOSSIBLE):
        problem = NOTHING_POSSIBLE
    token = types.int64(U(LOW_WORD) - (key & U(LOW_WORD)))
    if drawn:
        noise, token = noises[0], names[0]
        for i in range(1, FINISH):
            if noises[i] > noise or (noises[i] == noise and names[i] < token):
                noise, token = noises[i], names[i]
    if problem != FINE:
        token = types.int64(0)
    store_long(tokens + U(8) * row, U(token))
    store_word(problems + U(4) * row, U32(problem))
    if results != U(0):
        turn = U(load_int(places + U(4) * row) & 1)
        at = results + U(8) * (U(2) * turn * U(results_stride) + row)
        store_long(at, U(token))
        store_long(at + U(8) * U(results_stride), U(problem))
    if next_tokens != U(0):
        store_long(next_tokens + U(8) * row, U(token))
    if positions != U(0):
        at = positions + U(4) * row
        store_word(at, U32(min(load_int(at) + 1, limit - 1)))


@cuda.jit
def count_token(  # type: ignore[no-untyped-def]
    tokens, active, rows, seen, replied, count_stride, positions, step, windows, recent, recent_stride
):
    """Adds each active row's token to its counts, takes out the one that leaves its window, moves its position on."""
    row = types.int32(cuda.grid(1))
    if row >= rows or load_int(active + U(4) * U(row)) == 0:
        return
    counts, token = U(4) * U(row) * U(count_stride), load_long(tokens + U(8) * U(row))
    position, window = load_int(positions + U(4) * U(row)), load_int(windows + U(4) * U(row))
    at = counts + U(4) * token
    store_word(seen + at, U32(load_int(seen + at) + 1))
    store_word(replied + at, U32(load_int(replied + at) + 1))
    if window > 0:
        slot = recent + U(4) * (U(row) * U(recent_stride) + U(position % window))
        leaving = load_int(slot)
        store_word(slot, U32(2 * token + U(1)))
        if leaving >= 0:
            at = counts + U(4) * U(leaving >> 1)
            store_word(seen + at, U32(load_int(seen + at) - 1))
            store_word(replied + at, U32(load_int(replied + at) - (leaving & 1)))
    store_word(positions + U(4) * U(row), U32(position + step))
