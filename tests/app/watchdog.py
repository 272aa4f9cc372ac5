"""Measures how long single turns of the window's event loop keep its thread busy."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Slot

from tests.app.gui_pace import probe, slowness

_PROBE_EVERY = 25  # turns


class Watchdog(QObject):
    """Counts this thread's own work, as on a quiet machine: one that is busy elsewhere is not our stall."""

    def __init__(self) -> None:
        super().__init__()
        self._busy_s: list[float] = []
        self._probes: list[float] = []
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._tick)
        self._last_s = 0.0

    def start(self) -> None:
        self._last_s = time.thread_time()
        self._timer.start()

    def stop(self) -> list[float]:
        """Every turn in s, longest first."""
        self._timer.stop()
        slow = slowness(self._probes)
        return [turn_s / slow for turn_s in sorted(self._busy_s, reverse=True)]

    @Slot()
    def _tick(self) -> None:
        self._busy_s.append(time.thread_time() - self._last_s)
        if len(self._busy_s) % _PROBE_EVERY == 0:
            self._probes.append(probe())
        self._last_s = time.thread_time()
