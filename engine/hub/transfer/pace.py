"""Two clocks of a transfer: how long to wait before the next try, and how fast bytes came lately.

Knows nothing of sockets. Time is handed in, so that both can be tried without waiting.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from dataclasses import dataclass

SPEED_WINDOW_S = 5.0
_SLOT_S = 0.05  # bytes of one slot are counted together
_LEAST_S = 0.25  # over which a speed is told


@dataclass(frozen=True)
class BackOff:
    """How the waits between tries grow: doubled each time from `first_s` up to `longest_s`."""

    first_s: float = 1.0
    longest_s: float = 60.0
    longest_asked_s: float = 3600.0  # the most that a server's Retry-After is believed


class RetryClock:
    """Says how long to wait before the next try; belongs to one file's thread.

    Half of each wait is drawn by lot, so that files that failed together do not come back together.
    """

    def __init__(self, back_off: BackOff, lot: random.Random | None = None) -> None:
        self._back_off = back_off
        self._lot = lot or random.Random()
        self._failures = 0

    def progressed(self) -> None:
        """Bytes arrived: the next failure is a first one again."""
        self._failures = 0

    def next_wait_s(self, asked_s: float | None = None, at_once: bool = False) -> float:
        """Counts a failure and returns the wait after it, in seconds.

        Args:
            asked_s: the server's own wish, which counts when it is longer.
            at_once: whether a first failure needs no wait.
        """
        exponent = min(self._failures, 30)
        self._failures += 1
        if at_once and exponent == 0 and asked_s is None:
            return 0.0
        wait = min(self._back_off.longest_s, self._back_off.first_s * 2**exponent)
        wait *= 0.5 + 0.5 * self._lot.random()
        return max(wait, min(asked_s or 0.0, self._back_off.longest_asked_s))


class SpeedMeter:
    """Bytes per second over the last five seconds; may be fed from several threads."""

    def __init__(self, now: float) -> None:
        self._slots: deque[tuple[float, int]] = deque()
        self._started = now
        self._lock = threading.Lock()
        self.last_byte_at = now

    def add(self, num_bytes: int, now: float) -> None:
        """Counts bytes that have just been received."""
        with self._lock:
            self.last_byte_at = now
            if self._slots and now - self._slots[-1][0] < _SLOT_S:
                self._slots[-1] = (self._slots[-1][0], self._slots[-1][1] + num_bytes)
            else:
                self._slots.append((now, num_bytes))
            self._drop_old(now)

    def bytes_per_s(self, now: float) -> float:
        with self._lock:
            self._drop_old(now)
            span = min(SPEED_WINDOW_S, max(now - self._started, _LEAST_S))
            return sum(num_bytes for _, num_bytes in self._slots) / span

    def _drop_old(self, now: float) -> None:
        while self._slots and now - self._slots[0][0] >= SPEED_WINDOW_S:
            self._slots.popleft()
