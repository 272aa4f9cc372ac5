"""The order of a row's tokens, which all of the sampler's kernels share: gaps to the best, places, bins and masses.

A gap is (best - logit) / temperature, never negative. A place is the bits of a gap, then the id. Tokens of gap 32 and
more are beyond the histogram: noise cannot make up for a gap of 26.1, and their probability is lost in rounding. A
mass is a probability as an integer, up to a constant, so that no sum depends on the order of threads. Knows no kernel.
"""

from __future__ import annotations

import math

from numba import cuda
from numba.core import types

from gpu.kernels.sampling_ir import (
    bits_of_float,
    float_of_bits,
    load_double,
)
from gpu.kernels.sampling_layout import (
    BINS,
    NUM_SETTINGS,
    NUM_STATES,
    SPREAD,
)
from gpu.ptx import (
    load_long,
)

U, U32, F, D = types.uint64, types.uint32, types.float32, types.float64

ALL = 0xFFFFFFFFFFFFFFFF
LOW_WORD = 0xFFFFFFFF
SIGN = 0x80000000

ID_BITS = 24  # a token's place in the order is the bits of its gap, then its id
BINS_PER_GAP = 64.0
WIDEST_BINNED = 32.0
MASS_SCALE = 2.0**44  # so that the masses of 2**19 tokens still fit
LOWEST_TEMPERATURE = 1e-30


@cuda.jit(device=True, inline=True)
def setting(settings, row, which):  # type: ignore[no-untyped-def]
    """One setting of a row, float64."""
    return load_double(settings + U(8) * (U(row) * U(NUM_SETTINGS) + U(which)))


@cuda.jit(device=True, inline=True)
def state_at(states, row, which):  # type: ignore[no-untyped-def]
    """The address of one state of a row."""
    return states + U(8) * (U(row) * U(NUM_STATES) + U(which))


@cuda.jit(device=True, inline=True)
def ordered(value):  # type: ignore[no-untyped-def]
    """32 bits that are in the order of floats, -0 just below 0."""
    bits = U(bits_of_float(value))
    if bits & U(SIGN) != U(0):
        return bits ^ U(LOW_WORD)
    return bits | U(SIGN)


@cuda.jit(device=True, inline=True)
def best_key(partials, row, staged):  # type: ignore[no-untyped-def]
    """The best of a row's partial results in every thread; staged is shared uint64 [SPREAD]."""
    if cuda.threadIdx.x < SPREAD:
        staged[cuda.threadIdx.x] = load_long(partials + U(8) * (U(row) * U(SPREAD) + U(cuda.threadIdx.x)))
    cuda.syncthreads()
    best = staged[0]
    for i in range(1, SPREAD):
        best = max(best, staged[i])
    return best


@cuda.jit(device=True, inline=True)
def score_of(key):  # type: ignore[no-untyped-def]
    """The logit that a key of `start` holds."""
    bits = key >> U(32)
    if bits & U(SIGN) != U(0):
        bits = bits ^ U(SIGN)
    else:
        bits = bits ^ U(LOW_WORD)
    return float_of_bits(U32(bits))


@cuda.jit(device=True, inline=True)
def gap_of(score, highest, temperature):  # type: ignore[no-untyped-def]
    """How far a logit is below the best, after temperature; NaN or inf for an impossible token."""
    gap = highest - score
    if temperature != F(1.0):
        gap = gap / temperature
    return gap


@cuda.jit(device=True, inline=True)
def divisor(temperature):  # type: ignore[no-untyped-def]
    """A temperature as float32 that logits can be divided by."""
    return F(max(temperature, D(LOWEST_TEMPERATURE)))


@cuda.jit(device=True, inline=True)
def bin_of(gap):  # type: ignore[no-untyped-def]
    """The histogram's bin of a gap, BINS for gaps that are beyond it."""
    if gap < F(WIDEST_BINNED):
        return types.int32(gap * F(BINS_PER_GAP))
    return types.int32(BINS)


@cuda.jit(device=True, inline=True)
def place_of(gap, token):  # type: ignore[no-untyped-def]
    """A token's place in the order."""
    return (U(bits_of_float(gap)) << U(ID_BITS)) | U(token)


@cuda.jit(device=True, inline=True)
def mass_of(gap):  # type: ignore[no-untyped-def]
    """A token's probability up to a constant, as an integer."""
    return U(math.exp(-gap) * F(MASS_SCALE))


@cuda.jit(device=True, inline=True)
def share_of(share, mass):  # type: ignore[no-untyped-def]
    """The mass that makes up a share of another: at least 1, at most all."""
    wanted = U(math.ceil(share * D(mass)))
    return max(min(wanted, mass), U(1))
