"""Measures how long single turns of the window's event loop keep its thread busy."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Slot

from tests import pace
from tests.app import gui_pace

_PROBE_EVERY = 25  # turns


class Watchdog(QObject):
    """Counts this thread's own work, as on a quiet machine: one that is busy elsewhere is not our stall."""

    def __init__(self) -> None:
        super().__init__()
        self._busy_s: list[float] = []
        self._probes: list[tuple[float, float]] = []
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._tick)
        self._last_s = 0.0

    def start(self) -> None:
        self._last_s = time.thread_time()
        self._timer.start()

    def stop(self) -> list[float]:
        """Every turn in s, longest first."""
        self._timer.stop()
        # Idle turns keep the toolkit's work in the caches, so its probe alone would say too little.
        drawing, counting = zip(*self._probes, strict=True) if self._probes else ((), ())
        slow = max(gui_pace.slowness(list(drawing)), pace.slowness(list(counting)))
        return [turn_s / slow for turn_s in sorted(self._busy_s, reverse=True)]

    @Slot()
    def _tick(self) -> None:
        self._busy_s.append(time.thread_time() - self._last_s)
        if len(self._busy_s) % _PROBE_EVERY == 0:
            self._probes.append((gui_pace.probe(), pace.probe()))
        self._last_s = time.thread_time()
