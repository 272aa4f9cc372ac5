"""How long a reply thinks: a clock that hears its text and runs from the first thought to the end of thinking.

Knows how thinking is marked in a reply, through `app.markdown.thinking`; knows nothing of Qt or of the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from app.markdown.thinking import ThinkingSplitter


class ThinkingClock:
    """Feed it a reply as it arrives. A reply that is continued goes on from the time that it has."""

    def __init__(self, text: str = "", spent_s: float | None = None, now: Callable[[], float] = time.monotonic) -> None:
        """Begins with what stands there already.

        Args:
            text: of a reply that is continued, or the words that it was made to start with.
            spent_s: how long that part thought.
            now: the time in seconds.
        """
        self._now = now
        self._splitter = ThinkingSplitter()
        self._spent_s = spent_s
        self._since_s: float | None = None  # the thinking that is going on began then
        self._first_s: float | None = None  # the first text came then
        if text:
            self._splitter.feed(text)

    def feed(self, text: str) -> None:
        """Takes more text that has come just now."""
        now = self._now()
        if self._first_s is None:
            self._first_s = now
        parts = self._splitter.feed(text)
        if parts.restart:  # a template had opened the thinking: all until here was some
            self._spent_s = (self._spent_s or 0.0) + now - self._first_s
        elif self._splitter.is_thinking:
            self._since_s = now if self._since_s is None else self._since_s
        elif parts.thought or self._since_s is not None:
            begun_s = now if self._since_s is None else self._since_s
            self._spent_s = (self._spent_s or 0.0) + now - begun_s
            self._since_s = None

    def finish(self) -> None:
        """The reply is over, perhaps in the middle of a thought."""
        self._spent_s, self._since_s = self.thought_s, None

    @property
    def thought_s(self) -> float | None:
        """Seconds of thinking until now, None when there was none."""
        if self._since_s is None:
            return self._spent_s
        return (self._spent_s or 0.0) + self._now() - self._since_s
