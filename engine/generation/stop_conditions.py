"""Decides when a reply ends, and which text is certain to belong to it.

A stop string may arrive in parts, so text that could be its beginning is held back until the next token decides.
Knows nothing of how tokens are chosen or decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.events import FinishReason
from engine.requests import SamplingSettings


@dataclass(frozen=True)
class StopConditions:
    """What ends a reply.

    Attributes:
        eos_ids: the model's own end tokens; empty to go on past them.
        stop_token_ids: further end tokens of this request.
        stop_strings: texts that end the reply before them; empty ones count for nothing.
        max_new_tokens: the reply has at most this many tokens, an end token included.
    """

    eos_ids: frozenset[int]
    stop_token_ids: frozenset[int]
    stop_strings: tuple[str, ...]
    max_new_tokens: int

    @classmethod
    def from_settings(cls, settings: SamplingSettings, eos_ids: frozenset[int]) -> StopConditions:
        """The conditions of a request on a model with these end tokens."""
        return cls(
            eos_ids=frozenset() if settings.ignore_eos else eos_ids,
            stop_token_ids=frozenset(settings.stop_token_ids),
            stop_strings=settings.stop_strings,
            max_new_tokens=settings.max_new_tokens,
        )


@dataclass(frozen=True)
class StopStep:
    """What one token leads to: text to show now, and the reason if the reply ends here."""

    text: str
    reason: FinishReason | None = None


class StopMatcher:
    """Follows one reply. Keeps less text than the longest stop string.

    The stop string that is complete first ends the reply; of several complete at the same character, the longest.
    So the result does not depend on how the text is cut into tokens.
    """

    def __init__(self, conditions: StopConditions) -> None:
        self._stop_ids = conditions.eos_ids | conditions.stop_token_ids
        self._needles = tuple(needle for needle in dict.fromkeys(conditions.stop_strings) if needle)
        self._longest = max(map(len, self._needles), default=0)
        self._limit = conditions.max_new_tokens
        self._held = ""
        self._done = False
        self.new_tokens = 0

    def push(self, token_id: int, new_text: str) -> StopStep:
        """Takes the next token and the text it made certain.

        A stop token's own text is dropped and held text comes out. On the last allowed token everything comes out.
        """
        assert not self._done, "the reply has ended"
        self.new_tokens += 1
        if token_id in self._stop_ids:
            return self._finish(self.flush(), "stop_token")
        text = self._held + new_text
        cut = self._first_match(text)
        if cut is not None:
            self._held = ""
            return self._finish(text[:cut], "stop_string")
        if self.new_tokens >= self._limit:
            self._held = ""
            return self._finish(text, "length")
        keep = self._partial_length(text)
        self._held = text[len(text) - keep :]
        return StopStep(text[: len(text) - keep])

    def flush(self) -> str:
        """Hands out the held text: for the end of a cancelled reply."""
        held, self._held = self._held, ""
        return held

    def _finish(self, text: str, reason: FinishReason) -> StopStep:
        self._done = True
        return StopStep(text, reason)

    def _first_match(self, text: str) -> int | None:
        """Where the stop string begins that ends first in the text, or None."""
        starts = [(text.find(needle), len(needle)) for needle in self._needles]
        matches = [(start + length, start) for start, length in starts if start >= 0]
        return min(matches)[1] if matches else None

    def _partial_length(self, text: str) -> int:
        """Length of the longest end of the text that begins a stop string."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[len(text) - length :]
            if any(needle.startswith(tail) for needle in self._needles):
                return length
        return 0
