"""Which tokens a job has seen, counted the way penalties ask.

Knows nothing of logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TokenHistory:
    """The tokens of one job, prompt and reply, with counts over the penalty window.

    Args:
        prompt_ids: the prompt.
        vocab_size: ids from here on (placeholders of other media) are positions without a count.
        window: counts look at the last so many tokens; 0: at all.
    """

    def __init__(self, prompt_ids: Sequence[int], vocab_size: int, window: int) -> None:
        self._tokens = list(prompt_ids)
        self._prompt_length = len(self._tokens)
        self._window = window
        self._reply_counts = np.zeros(vocab_size, np.int32)
        self._all_counts = np.zeros(vocab_size, np.int32)
        seen = np.asarray(self._tokens[-window:] if window else self._tokens, np.int64)
        np.add.at(self._all_counts, seen[(seen >= 0) & (seen < vocab_size)], 1)

    def __len__(self) -> int:
        return len(self._tokens)

    def append(self, token_id: int) -> None:
        """Adds a token of the reply."""
        self._tokens.append(token_id)
        self._count(token_id, 1, in_reply=True)
        leaving = len(self._tokens) - 1 - self._window
        if self._window and leaving >= 0:
            self._count(self._tokens[leaving], -1, in_reply=leaving >= self._prompt_length)

    @property
    def prompt_ids(self) -> list[int]:
        return self._tokens[: self._prompt_length]

    @property
    def reply_ids(self) -> list[int]:
        return self._tokens[self._prompt_length :]

    def seen_ids(self) -> NDArray[np.int64]:
        """Ids in the window, prompt and reply, each once, ascending."""
        return np.flatnonzero(self._all_counts)

    def reply_counts(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Ids of the reply in the window, ascending, and how often each occurs."""
        ids = np.flatnonzero(self._reply_counts)
        return ids, self._reply_counts[ids]

    def _count(self, token_id: int, change: int, *, in_reply: bool) -> None:
        if 0 <= token_id < len(self._all_counts):
            self._all_counts[token_id] += change
            if in_reply:
                self._reply_counts[token_id] += change
