"""Builds many widgets a few at a time, so that the window paints in between. Knows nothing of what is built."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Slot

SLICE_S = 0.006


class Slices(QObject):
    """Does pieces of work in their order, as many at a time as fit into a part of a frame."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._work)

    def start(self, pieces: Iterable[Callable[[], object]]) -> None:
        """Begins at once, in place of what was not done of earlier pieces."""
        self._waiting = deque(pieces)
        self._timer.start()
        self._work()

    @Slot()
    def _work(self) -> None:
        end_s = time.perf_counter() + SLICE_S
        while self._waiting:
            self._waiting.popleft()()
            if time.perf_counter() > end_s:
                return
        self._timer.stop()
