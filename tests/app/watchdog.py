"""Measures how long single turns of the window's event loop keep its thread busy."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Slot


class Watchdog(QObject):
    """Counts this thread's own work: a machine that is busy elsewhere is not our stall."""

    def __init__(self) -> None:
        super().__init__()
        self.busy_s: list[float] = []
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._tick)
        self._last_s = 0.0

    def start(self) -> None:
        self._last_s = time.thread_time()
        self._timer.start()

    def stop(self) -> list[float]:
        """The five longest turns, longest first."""
        self._timer.stop()
        return sorted(self.busy_s, reverse=True)[:5]

    @Slot()
    def _tick(self) -> None:
        now_s = time.thread_time()
        self.busy_s.append(now_s - self._last_s)
        self._last_s = now_s
