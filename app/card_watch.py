"""The thread beside the window that asks the NVIDIA driver: once which cards there are, then one card again and again.

A question usually takes microseconds, but a card that has to wake up or a driver that hangs takes seconds, and the
window must not notice. Knows nothing of models or widgets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from app.preload import preload_driver_library
from engine.fit.cards import CardReading, CardReport

POLL_MS = 1000
SHUTDOWN_LIMIT_MS = 3000


class MonitorLike(Protocol):
    """What is asked of an `engine.fit.cards.CardMonitor`."""

    def read(self) -> CardReading | None: ...
    def close(self) -> None: ...


CardFinder = Callable[[], CardReport]
MonitorFactory = Callable[[str], MonitorLike]


class _Watcher(QObject):
    """Lives in the thread.

    Signals:
        found: a `CardReport`.
        read: uuid of the watched card and its `CardReading`, or None.
    """

    found = Signal(object)
    read = Signal(str, object)

    def __init__(self, find_cards: CardFinder, open_monitor: MonitorFactory) -> None:
        super().__init__()
        self._find_cards = find_cards
        self._open_monitor = open_monitor
        self._uuid = ""
        self._monitor: MonitorLike | None = None
        self._timer: QTimer | None = None

    @Slot()
    def start(self) -> None:
        preload_driver_library()
        self.found.emit(self._find_cards())
        self._timer = QTimer(self, interval=POLL_MS)  # here: a timer belongs to the thread that makes it
        self._timer.timeout.connect(self._poll)

    @Slot(str)
    def watch(self, uuid: str) -> None:
        if uuid == self._uuid or self._timer is None:
            return
        self._close_monitor()
        self._uuid = uuid
        if uuid:
            self._monitor = self._open_monitor(uuid)
            self._timer.start()
            self._poll()

    @Slot()
    def stop(self) -> None:
        self._close_monitor()
        QThread.currentThread().quit()

    @Slot()
    def _poll(self) -> None:
        if self._monitor is not None:
            self.read.emit(self._uuid, self._monitor.read())

    def _close_monitor(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None


class CardWatch(QObject):
    """The window's end of the thread.

    Signals:
        found: the `CardReport`, once after `start`.
        read: uuid of a card and its `CardReading`, about once a second; None while the driver does not answer.
    """

    found = Signal(object)
    read = Signal(str, object)
    _watch_wanted = Signal(str)
    _stop_wanted = Signal()

    def __init__(self, find_cards: CardFinder, open_monitor: MonitorFactory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watched = ""
        self._thread = QThread()
        self._thread.setObjectName("cards")
        self._watcher = _Watcher(find_cards, open_monitor)
        self._watcher.moveToThread(self._thread)
        self._thread.started.connect(self._watcher.start)
        self._watcher.found.connect(self.found)
        self._watcher.read.connect(self._on_read)
        self._watch_wanted.connect(self._watcher.watch)
        self._stop_wanted.connect(self._watcher.stop)

    def start(self) -> None:
        """Begins with looking for cards."""
        self._thread.start()

    def watch(self, uuid: str) -> None:
        """Reads this card from now on; '' reads none."""
        if uuid != self._watched:
            self._watched = uuid
            self._watch_wanted.emit(uuid)

    def shut_down(self) -> bool:
        """Ends the thread and waits for it; False when the driver kept it."""
        if not self._thread.isRunning():
            return True
        self._stop_wanted.emit()
        return self._thread.wait(SHUTDOWN_LIMIT_MS)

    @Slot(str, object)
    def _on_read(self, uuid: str, reading: CardReading | None) -> None:
        if uuid == self._watched:  # not one that was on its way when another card was chosen
            self.read.emit(uuid, reading)
