"""Numbers that the sampler's kernels and their launcher share; imports nothing, so that a start needs no compiler."""

from __future__ import annotations

THREADS = 512  # of a block of a kernel that spreads over a row
SPREAD = 32  # such blocks a row; each leaves one partial result a row
WHOLE = 512  # threads of a block that looks after a whole row; more would have too few registers
BINS = 2048  # of the histogram, 1/64 of a logit wide
OWN_BINS = BINS // WHOLE  # those that a thread sums
FINISH = 32  # threads of the last kernel, one for each partial result
assert FINISH == SPREAD

# A row of settings, float64 [8].
TEMPERATURE, TOP_K, TOP_P, MIN_P, REPETITION, PRESENCE, FREQUENCY, NUM_SETTINGS = 0, 1, 2, 3, 4, 5, 6, 8

# A row of the search's state, uint64 [8]: bins from LOW to before END are searched; in them the RANK-th token is the
# last that top-k keeps (0: all are kept); MASS_BEFORE lies in earlier bins, MASS in all; LENGTH tokens are listed; CUT
# is the last token kept.
LOW, END, RANK, MASS_BEFORE, MASS, LENGTH, CUT, NUM_STATES = 0, 1, 2, 3, 4, 5, 6, 8

# What a row's problem says.
FINE, NOTHING_POSSIBLE, NOT_A_NUMBER = 0, 1, 2
