"""Tokens per second over the last moments, for the status strip."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from engine.events import GenerationEvent, TextDelta

WINDOW_S = 2.0


class SpeedMeter:
    """Counts the tokens of the last `WINDOW_S` seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, events: Sequence[GenerationEvent]) -> None:
        """Takes the events of one step."""
        count = sum(len(event.token_ids) for event in events if isinstance(event, TextDelta))
        if count:
            self._seen.append((time.perf_counter(), count))

    @property
    def tokens_per_s(self) -> float:
        """Tokens over time between the first and the last step of the window; 0 with fewer than two steps."""
        oldest = time.perf_counter() - WINDOW_S
        while self._seen and self._seen[0][0] < oldest:
            self._seen.popleft()
        if len(self._seen) < 2:
            return 0.0
        span = self._seen[-1][0] - self._seen[0][0]
        return sum(count for _, count in list(self._seen)[1:]) / span if span > 0 else 0.0
