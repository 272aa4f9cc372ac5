"""The sampler's search for the last token that top-k and top-p keep, without sorting.

A histogram of gaps finds the bins in which the cuts of both lie; only the tokens of those bins are listed and searched
digit by digit. Knows nothing of penalties, min-p and the draw. Launch and layout: see `gpu.kernels.sampling`.
"""

from __future__ import annotations

from numba import cuda
from numba.core import types

from gpu.kernels.sampling_ir import (
    add_long,
    float_of_bits,
    store_long,
)
from gpu.kernels.sampling_layout import (
    BINS,
    CUT,
    END,
    LENGTH,
    LOW,
    MASS,
    MASS_BEFORE,
    OWN_BINS,
    RANK,
    SPREAD,
    TEMPERATURE,
    THREADS,
    TOP_K,
    TOP_P,
    WHOLE,
)
from gpu.kernels.sampling_order import (
    ALL,
    BINS_PER_GAP,
    ID_BITS,
    LOW_WORD,
    U32,
    D,
    F,
    U,
    best_key,
    bin_of,
    divisor,
    gap_of,
    mass_of,
    place_of,
    score_of,
    setting,
    share_of,
    state_at,
)
from gpu.ptx import (
    load_floats,
    load_long,
)

DIGIT_BITS = 11  # of a place that the search decides at a time


@cuda.jit(device=True, inline=True)
def count_in_bin(gap, counts, masses):  # type: ignore[no-untyped-def]
    """Adds one token to a histogram in shared memory."""
    place = bin_of(gap)
    if place < BINS:
        cuda.atomic.add(counts, place, U(1))
        cuda.atomic.add(masses, place, mass_of(gap))


@cuda.jit
def count_bins(scores, score_stride, vocab_size, settings, partials, histogram):  # type: ignore[no-untyped-def]
    """histogram += the numbers and masses of a row's tokens by gap; nothing for rows without top-k and top-p."""
    counts = cuda.shared.array(BINS, types.uint64)
    masses = cuda.shared.array(BINS, types.uint64)
    staged = cuda.shared.array(SPREAD, types.uint64)
    row, thread = U(cuda.blockIdx.y), cuda.threadIdx.x
    temperature = setting(settings, row, TEMPERATURE)
    top_k, top_p = setting(settings, row, TOP_K), setting(settings, row, TOP_P)
    if not (temperature > D(0.0) and (top_k > D(0.0) or top_p < D(1.0))):
        return
    for i in range(thread, BINS, THREADS):
        counts[i] = U(0)
        masses[i] = U(0)
    highest, scale = score_of(best_key(partials, row, staged)), divisor(temperature)
    for i in range(cuda.grid(1), (vocab_size + 3) // 4, SPREAD * THREADS):
        s0, s1, s2, s3 = load_floats(scores + U(4) * (row * U(score_stride) + U(4 * i)))
        count_in_bin(gap_of(s0, highest, scale), counts, masses)
        count_in_bin(gap_of(s1, highest, scale), counts, masses)
        count_in_bin(gap_of(s2, highest, scale), counts, masses)
        count_in_bin(gap_of(s3, highest, scale), counts, masses)
    cuda.syncthreads()
    for i in range(thread, BINS, THREADS):
        if counts[i] != U(0):
            at = histogram + U(8) * (row * U(2 * BINS) + U(i))
            add_long(at, counts[i])
            add_long(at + U(8 * BINS), masses[i])


@cuda.jit(device=True, inline=True)
def scan_bins(values, totals):  # type: ignore[no-untyped-def]
    """Shared uint64 [BINS] becomes its running sums; a block of WHOLE threads; totals is shared uint64 [32]."""
    thread = cuda.threadIdx.x
    lane, warp = thread & 31, thread >> 5
    own = U(0)
    for place in range(OWN_BINS * thread, OWN_BINS * thread + OWN_BINS):
        own += values[place]
    total = own
    step = 1
    while step < 32:
        earlier = U(cuda.shfl_up_sync(LOW_WORD, types.int64(total), step))
        if lane >= step:
            total += earlier
        step *= 2
    if lane == 31:
        totals[warp] = total
    cuda.syncthreads()
    running = total - own
    for i in range(warp):
        running += totals[i]
    for place in range(OWN_BINS * thread, OWN_BINS * thread + OWN_BINS):
        running += values[place]
        values[place] = running
    cuda.syncthreads()


@cuda.jit(device=True, inline=True)
def sum_before(sums, place):  # type: ignore[no-untyped-def]
    """What lies before a bin, by running sums."""
    if place > 0:
        return sums[place - 1]
    return U(0)


@cuda.jit(device=True, inline=True)
def find_bin(sums, target, found):  # type: ignore[no-untyped-def]
    """The bin in which running sums reach a target of at least 1, in every thread; found is shared int32 [1]."""
    for place in range(OWN_BINS * cuda.threadIdx.x, OWN_BINS * cuda.threadIdx.x + OWN_BINS):
        if sum_before(sums, place) < target and target <= sums[place]:
            found[0] = place
    cuda.syncthreads()
    place = found[0]
    cuda.syncthreads()
    return place


@cuda.jit
def pick_bins(settings, histogram, states):  # type: ignore[no-untyped-def]
    """states of a row: the bins in which the cuts of top-k and top-p lie, or none, and then a cut that keeps all."""
    counts = cuda.shared.array(BINS, types.uint64)
    masses = cuda.shared.array(BINS, types.uint64)
    totals = cuda.shared.array(32, types.uint64)
    found = cuda.shared.array(1, types.int32)
    row, thread = U(cuda.blockIdx.x), cuda.threadIdx.x
    top_k, top_p = U(setting(settings, row, TOP_K)), setting(settings, row, TOP_P)
    for i in range(thread, BINS, WHOLE):
        at = histogram + U(8) * (row * U(2 * BINS) + U(i))
        counts[i] = load_long(at)
        masses[i] = load_long(at + U(8 * BINS))
    cuda.syncthreads()
    scan_bins(counts, totals)
    scan_bins(masses, totals)
    total, mass = counts[BINS - 1], masses[BINS - 1]
    low, end, rank = types.int32(0), types.int32(0), U(0)
    if top_k > U(0) and top_k < total:
        last = find_bin(counts, top_k, found)
        low, end = last, last + 1
        if top_p < D(1.0) and last > 0:
            # Top-p's share is of what top-k keeps, which is this much at least.
            low = find_bin(masses, share_of(top_p, masses[last - 1]), found)
        rank = top_k - sum_before(counts, low)
    elif top_p < D(1.0) and total > U(0):
        low = find_bin(masses, share_of(top_p, mass), found)
        end = low + 1
    if thread == 0:
        store_long(state_at(states, row, LOW), U(low))
        store_long(state_at(states, row, END), U(end))
        store_long(state_at(states, row, RANK), rank)
        store_long(state_at(states, row, MASS_BEFORE), sum_before(masses, low))
        store_long(state_at(states, row, MASS), mass)
        store_long(state_at(states, row, LENGTH), U(0))
        store_long(state_at(states, row, CUT), U(ALL))


@cuda.jit(device=True, inline=True)
def is_between(gap, low, end):  # type: ignore[no-untyped-def]
    """1 if a gap's bin is from low to before end, else 0."""
    place = bin_of(gap)
    if low <= place and place < end:
        return types.int32(1)
    return types.int32(0)


@cuda.jit(device=True, inline=True)
def list_token(gap, token, low, end, listed, position):  # type: ignore[no-untyped-def]
    """Lists a token at a position if its bin is searched; gives the next position."""
    if is_between(gap, low, end) != 0:
        store_long(listed + U(8) * position, place_of(gap, token))
        return position + U(1)
    return position


@cuda.jit
def list_tokens(scores, score_stride, vocab_size, settings, partials, states, listed):  # type: ignore[no-untyped-def]
    """listed = the places of the tokens in the bins that are searched, in any order; states: how many."""
    staged = cuda.shared.array(SPREAD, types.uint64)
    taken = cuda.shared.array(1, types.int32)
    base = cuda.shared.array(1, types.uint64)
    row, thread = U(cuda.blockIdx.y), cuda.threadIdx.x
    low = types.int32(load_long(state_at(states, row, LOW)))
    end = types.int32(load_long(state_at(states, row, END)))
    if low >= end:
        return
    if thread == 0:
        taken[0] = 0
    highest = score_of(best_key(partials, row, staged))
    scale = divisor(setting(settings, row, TEMPERATURE))
    count = types.int32(0)
    for i in range(cuda.grid(1), (vocab_size + 3) // 4, SPREAD * THREADS):
        s0, s1, s2, s3 = load_floats(scores + U(4) * (row * U(score_stride) + U(4 * i)))
        count += is_between(gap_of(s0, highest, scale), low, end)
        count += is_between(gap_of(s1, highest, scale), low, end)
        count += is_between(gap_of(s2, highest, scale), low, end)
        count += is_between(gap_of(s3, highest, scale), low, end)
    mine = types.int32(0)
    if count > 0:
        mine = cuda.atomic.add(taken, 0, count)
    cuda.syncthreads()
    if thread == 0 and taken[0] > 0:
        base[0] = add_long(state_at(states, row, LENGTH), U(taken[0]))
    cuda.syncthreads()
    if count == 0:
        return
    mine_from = listed + U(8) * (row * U(score_stride) + base[0] + U(mine))
    position = U(0)
    for i in range(cuda.grid(1), (vocab_size + 3) // 4, SPREAD * THREADS):
        s0, s1, s2, s3 = load_floats(scores + U(4) * (row * U(score_stride) + U(4 * i)))
        position = list_token(gap_of(s0, highest, scale), 4 * i, low, end, mine_from, position)
        position = list_token(gap_of(s1, highest, scale), 4 * i + 1, low, end, mine_from, position)
        position = list_token(gap_of(s2, highest, scale), 4 * i + 2, low, end, mine_from, position)
        position = list_token(gap_of(s3, highest, scale), 4 * i + 3, low, end, mine_from, position)


@cuda.jit(device=True, inline=True)
def listed_mass(place):  # type: ignore[no-untyped-def]
    """The mass of a token by its place."""
    return mass_of(float_of_bits(U32(place >> U(ID_BITS))))


@cuda.jit(device=True, inline=True)
def search(listed, length, base, top, limit, target, by_mass, sums, counts, totals, found):  # type: ignore[no-untyped-def]
    """A cut, relative to base: the place at which the numbers or the masses of tokens up to it reach the target.

    Looks at tokens up to the limit, whose places have `top` bits when base is taken away. Decides on digits, the
    highest first, until one token is left or no digit. sums, counts, totals and found are shared arrays.
    """
    prefix = U(0)
    while True:
        shift = max(top - DIGIT_BITS, 0)
        cuda.syncthreads()
        for i in range(cuda.threadIdx.x, BINS, WHOLE):
            sums[i] = U(0)
            counts[i] = U(0)
        cuda.syncthreads()
        for i in range(cuda.threadIdx.x, length, WHOLE):
            place = load_long(listed + U(8) * U(i))
            offset = place - base
            if offset <= limit and (offset >> U(top)) == prefix:
                digit = types.int32((offset >> U(shift)) - (prefix << U(top - shift)))
                cuda.atomic.add(counts, digit, U(1))
                weight = U(1)
                if by_mass:
                    weight = listed_mass(place)
                cuda.atomic.add(sums, digit, weight)
        cuda.syncthreads()
        scan_bins(sums, totals)
        digit = find_bin(sums, target, found)
        target -= sum_before(sums, digit)
        prefix = (prefix << U(top - shift)) + U(digit)
        if shift == 0 or counts[digit] == U(1):
            # One token is left, or one place: all up to there, but nothing beyond the limit that was not looked at.
            return min(((prefix + U(1)) << U(shift)) - U(1), limit)
        top = shift


@cuda.jit(device=True, inline=True)
def mass_up_to(listed, length, base, cut, kept):  # type: ignore[no-untyped-def]
    """The mass of the listed tokens up to a cut, in every thread; kept is shared uint64 [1]."""
    if cuda.threadIdx.x == 0:
        kept[0] = U(0)
    cuda.syncthreads()
    for i in range(cuda.threadIdx.x, length, WHOLE):
        place = load_long(listed + U(8) * U(i))
        if place - base <= cut:
            cuda.atomic.add(kept, 0, listed_mass(place))
    cuda.syncthreads()
    return kept[0]


@cuda.jit
def find_cut(settings, states, listed, score_stride):  # type: ignore[no-untyped-def]
    """states: the exact cut of top-k and then top-p, from the listed tokens; nothing for rows without a list."""
    sums = cuda.shared.array(BINS, types.uint64)
    counts = cuda.shared.array(BINS, types.uint64)
    totals = cuda.shared.array(32, types.uint64)
    found = cuda.shared.array(1, types.int32)
    kept = cuda.shared.array(1, types.uint64)
    row, thread = U(cuda.blockIdx.x), cuda.threadIdx.x
    low = types.int32(load_long(state_at(states, row, LOW)))
    end = types.int32(load_long(state_at(states, row, END)))
    if low >= end:
        return
    length = types.int32(load_long(state_at(states, row, LENGTH)))
    rank, before = load_long(state_at(states, row, RANK)), load_long(state_at(states, row, MASS_BEFORE))
    top_p = setting(settings, row, TOP_P)
    first = listed + U(8) * row * U(score_stride)
    base = place_of(F(low) / F(BINS_PER_GAP), 0)
    top = types.int32(64 - cuda.clz(types.int64(place_of(F(end) / F(BINS_PER_GAP), 0) - base)))
    cut, mass = U(ALL) >> U(1), load_long(state_at(states, row, MASS))
    for by_mass in range(2):  # top-k, then top-p; a loop, so that the search is compiled into this kernel once
        target = rank
        if by_mass != 0:
            target = share_of(top_p, mass) - before if top_p < D(1.0) else U(0)
        if target > U(0):
            cut = search(first, length, base, top, cut, target, by_mass != 0, sums, counts, totals, found)
            mass = before + mass_up_to(first, length, base, cut, kept)
    if thread == 0:
        store_long(state_at(states, row, CUT), base + cut)
