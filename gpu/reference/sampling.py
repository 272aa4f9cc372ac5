"""The sampler's oracle: one row at a time, sorted, in numpy float64 where the chain on the CPU uses it.

Gives what `gpu.sampler` must give. Knows nothing of kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = 2**32 - 1
_LOWEST_TEMPERATURE = 1e-30


@dataclass(frozen=True)
class RowSettings:
    """How the tokens of one row are chosen.

    Attributes:
        temperature: 0 takes the likeliest token.
        top_k: 0 keeps all.
        seed: 64 bits.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition: float = 1.0
    presence: float = 0.0
    frequency: float = 0.0
    seed: int = 0

    @property
    def has_penalties(self) -> bool:
        return self.repetition != 1.0 or self.presence != 0.0 or self.frequency != 0.0


@dataclass(frozen=True)
class TokenCounts:
    """How often each token occurs within a row's penalty window, int32 [V]: in prompt and reply, and in the reply."""

    seen: NDArray[np.int32]
    replied: NDArray[np.int32]


def window_counts(prompt: Sequence[int], reply: Sequence[int], window: int, vocab_size: int) -> TokenCounts:
    """Counts over the last `window` tokens (0: all) of prompt and reply; ids beyond the vocabulary do not count."""
    ids, is_reply = np.array([*prompt, *reply], np.int64), np.arange(len(prompt) + len(reply)) >= len(prompt)
    counts = (ids >= 0) & (ids < vocab_size) & (np.arange(len(ids)) >= (len(ids) - window if window else 0))
    seen, replied = (np.bincount(ids[kept], minlength=vocab_size) for kept in (counts, counts & is_reply))
    return TokenCounts(seen.astype(np.int32), replied.astype(np.int32))


def choose_token(
    logits: NDArray[np.float32], settings: RowSettings, position: int, counts: TokenCounts | None = None
) -> int:
    """The next token of a row.

    Args:
        logits: float32 [V], finite or -inf, one at least finite.
        position: of this token, counted from the start of the prompt.
        counts: needed with penalties only.
    """
    scores = penalised(logits, settings, counts)
    if settings.temperature == 0.0:
        return int(np.argmax(scores))
    with np.errstate(over="ignore"):
        scores = (scores - scores.max()) / np.float32(max(settings.temperature, _LOWEST_TEMPERATURE))
    kept = kept_tokens(scores, settings)
    noisy = scores[kept].astype(np.float64) + gumbel_noise(settings.seed, position, kept)
    return int(kept[noisy == noisy.max()].min())


def penalised(logits: NDArray[np.float32], settings: RowSettings, counts: TokenCounts | None) -> NDArray[np.float32]:
    """Logits [V] after repetition, presence and frequency penalties."""
    if not settings.has_penalties:
        return logits
    assert counts is not None
    factor = np.float32(settings.repetition)
    repeated = np.where(logits > 0, logits / factor, logits * factor)
    scores = np.where(counts.seen != 0, repeated, logits)
    said = (settings.presence + settings.frequency * counts.replied).astype(np.float32)
    return np.where(counts.replied != 0, scores - said, scores)


def kept_tokens(scores: NDArray[np.float32], settings: RowSettings) -> NDArray[np.int64]:
    """The tokens that top-k, top-p and min-p keep of scores [V] whose best is 0; best first, equals by id."""
    order = np.argsort(-scores, kind="stable")
    if settings.top_k > 0:
        order = order[: settings.top_k]
    if settings.top_p < 1.0:
        reached = np.cumsum(np.exp(scores[order].astype(np.float64)))
        order = order[: 1 + int(np.searchsorted(reached, settings.top_p * reached[-1], side="left"))]
    if settings.min_p > 0.0:
        order = order[scores[order] >= np.log(settings.min_p)]
    return order


def gumbel_noise(seed: int, position: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standard Gumbel noise of token ids [n]: one word of Philox-4x32-10 each, four ids to a counter."""
    blocks = ids.astype(np.uint64) >> np.uint64(2)
    words = [blocks, *(np.full_like(blocks, word) for word in (position & _WORD, position >> 32, 0))]
    keys = [seed & _WORD, seed >> 32 & _WORD]
    low, shift = np.uint64(_WORD), np.uint64(32)
    for _ in range(10):
        even, odd = words[0] * np.uint64(0xD2511F53), words[2] * np.uint64(0xCD9E8D57)
        words[0] = odd >> shift ^ words[1] ^ np.uint64(keys[0])
        words[1] = odd & low
        words[2] = even >> shift ^ words[3] ^ np.uint64(keys[1])
        words[3] = even & low
        keys = [keys[0] + 0x9E3779B9 & _WORD, keys[1] + 0xBB67AE85 & _WORD]
    word = np.choose(ids & 3, words).astype(np.float64)
    return np.asarray(-np.log(-np.log((word + 0.5) * 2.0**-32)))
