"""Progress on its way from working threads to the window: of each thing the latest, not more often than needed.

Knows nothing of what is told.
"""

from __future__ import annotations

import threading
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

PERIOD_MS = 100


class Latest(QObject):
    """`put` may be called from any thread.

    Signals:
        arrived: a value, in the window's thread; of one key at most every `PERIOD_MS`.
    """

    arrived = Signal(object)
    _something = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._values: dict[object, Any] = {}
        self._timer = QTimer(self, interval=PERIOD_MS, singleShot=True)
        self._timer.timeout.connect(self._tell)
        self._something.connect(self._expect, Qt.ConnectionType.QueuedConnection)

    def put(self, key: object, value: Any) -> None:
        """Tells a value soon, unless a later one of the same key comes first."""
        with self._lock:
            is_first = not self._values
            self._values[key] = value
        if is_first:
            self._something.emit()

    def stop(self) -> None:
        """Tells nothing more."""
        self._timer.stop()
        self._something.disconnect(self._expect)

    @Slot()
    def _expect(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _tell(self) -> None:
        with self._lock:
            values, self._values = self._values, {}
        for value in values.values():
            self.arrived.emit(value)
