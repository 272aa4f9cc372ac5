"""The seeded draw: noise that belongs to (seed, position, token id) and to nothing else.

Adding independent Gumbel noise to log-probabilities and taking the best is a draw from the distribution. As a token's
noise does not depend on which others are candidates, a seed gives the same token alone or in a batch, whatever the
order of equal filters. Knows nothing of settings.

Source: Philox-4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.sampling.steps import Row

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_ROUNDS = 10
_CHUNK = 4096  # blocks at a time: their arrays stay in the processor's nearest caches

_HIGHEST_NOISE = 22.9  # no word gives more than -ln(-ln(1 - 2**-33)) = 22.87
_LIKELY = -2.0  # a logit this near to the best one


def philox_4x32(counter: tuple[NDArray[np.uint64], ...], key: tuple[int, int]) -> tuple[NDArray[np.uint64], ...]:
    """Four 32-bit words, held in uint64, for each 4x32-bit counter under a 2x32-bit key."""
    c0, c1, c2, c3 = counter
    for number in range(_ROUNDS):
        k0, k1 = (np.uint64((word + number * step) & 0xFFFFFFFF) for word, step in zip(key, _KEY_STEPS, strict=True))
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
    return c0, c1, c2, c3


def random_words(seed: int, position: int, ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One uniform 32-bit word for each token id at a position.

    Args:
        seed: 64 bits.
        position: of the token that is drawn, counted from the start of the prompt.
        ids: int64 [n], at least one, each below 2**34.
    """
    blocks = ids >> 2  # one block of four words serves four ids
    if 4 * len(ids) > int(blocks.max()):
        needed, index = np.arange(int(blocks.max()) + 1), ids
    else:
        needed, where = np.unique(blocks, return_inverse=True)
        index = 4 * where + (ids & 3)
    chunks = [_words_of_blocks(seed, position, needed[i : i + _CHUNK]) for i in range(0, len(needed), _CHUNK)]
    return np.concatenate(chunks).reshape(-1)[index]


def _words_of_blocks(seed: int, position: int, blocks: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Words [n, 4] of blocks [n]."""
    low, high = (np.full(len(blocks), word, np.uint64) for word in _words(position))
    counter = (blocks.astype(np.uint64), low, high, np.zeros(len(blocks), np.uint64))
    return np.stack(philox_4x32(counter, _words(seed)), axis=1)


def gumbel_noise(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard Gumbel noise from uniform 32-bit words; a higher word gives more."""
    return np.asarray(-np.log(-np.log((words.astype(np.float64) + 0.5) * 2.0**-32)))


def draw_candidate(ids: NDArray[np.int64], logits: Row, seed: int, position: int) -> tuple[int, float]:
    """The winner of a draw and its noisy logit; the lowest id wins a tie.

    Args:
        ids: int64 [n].
        logits: float32 [n], log-probabilities up to a constant; -inf never wins against a finite one.
    """
    noisy = logits.astype(np.float64) + gumbel_noise(random_words(seed, position, ids))
    best = noisy.max()
    return int(ids[noisy == best].min()), float(best)


def draw_from_row(row: Row, seed: int, position: int) -> int:
    """Draws from a whole row [V] with its best logit at 0: the same token as `draw_candidate` on all ids, found faster.

    Once the likely tokens have their noise, another can win only with a logit within the largest noise of the best,
    and only with a word that is high enough: few are left for the logarithms.
    """
    likely = np.flatnonzero(row >= _LIKELY)
    winner, best = draw_candidate(likely, row[likely], seed, position)
    others = np.flatnonzero((row < _LIKELY) & (row >= best - _HIGHEST_NOISE))
    if len(others) == 0:
        return winner
    words = random_words(seed, position, others)
    enough = words >= _lowest_word(best - _LIKELY)
    finalists = np.concatenate((others[enough], [winner]))
    return draw_candidate(finalists, row[finalists], seed, position)[0]


def _lowest_word(noise: float) -> np.uint64:
    """A word such that no lower one gives that much noise; a little low, so that rounding loses nobody."""
    uniform = float(np.exp(-np.exp(-noise)))
    return np.uint64(max(0.0, np.floor(uniform * 2.0**32) - 16.0))


def _words(value: int) -> tuple[int, int]:
    return value & 0xFFFFFFFF, (value >> 32) & 0xFFFFFFFF
