"""Reads the computer's memory now and then. Knows nothing of cards, of models or of widgets."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal, Slot

POLL_MS = 2000


@dataclass(frozen=True)
class MachineMemory:
    """Main memory: used and there in all, and what this program holds of it, in bytes."""

    used_bytes: int
    total_bytes: int
    own_bytes: int


class MachineWatch(QObject):
    """Signals:
    read: a `MachineMemory`, every two seconds after `start`.
    """

    read = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)

    def start(self) -> None:
        self._timer.start()

    def shut_down(self) -> None:
        self._timer.stop()

    @Slot()
    def _poll(self) -> None:
        """Takes well under a millisecond: the kernel keeps these figures ready."""
        import psutil  # here: the first window need not wait for it

        memory = psutil.virtual_memory()
        own = psutil.Process().memory_info().rss
        self.read.emit(MachineMemory(memory.total - memory.available, memory.total, own))
