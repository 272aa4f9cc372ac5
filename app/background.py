"""A thread for work that the window must not wait for: one thing after another, results come back to the window.

Knows nothing of what the work is.
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from engine.errors import EngineError

T = TypeVar("T")
SHUTDOWN_LIMIT_S = 5.0


@dataclass(frozen=True)
class _Order:
    work: Callable[[], Any]
    then: Callable[[Any], object] | None
    failed: Callable[[EngineError], object] | None


class Background(QObject):
    """The thread starts with the first order and ends with `shut_down`.

    Signals:
        crashed: a bug in a piece of work, as a traceback; the next piece goes on.
    """

    crashed = Signal(str)
    _ended = Signal(object, object)  # what to call, and with what

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._ended.connect(self._hand_on, Qt.ConnectionType.QueuedConnection)

    def do(
        self, work: Callable[[], T], then: Callable[[T], object] | None = None,
        failed: Callable[[EngineError], object] | None = None,
    ) -> None:  # fmt: skip
        """Does `work` after all that was ordered before; after `shut_down` nothing.

        Args:
            then: called in the window's thread with what `work` returned.
            failed: likewise, with the error that it raised.
        """
        if self._is_closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._orders.put(_Order(work, then, failed))

    def shut_down(self, limit_s: float = SHUTDOWN_LIMIT_S) -> bool:
        """Does what was ordered, then ends the thread; False when that takes longer than the limit."""
        self._is_closed = True
        if self._thread is None:
            return True
        self._orders.put(None)
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                result = order.work()
                if order.then is not None:
                    self._ended.emit(order.then, result)
            except EngineError as error:
                if order.failed is not None:
                    self._ended.emit(order.failed, error)
            except Exception:
                self.crashed.emit(traceback.format_exc())

    @Slot(object, object)
    def _hand_on(self, call: Callable[[Any], object], value: object) -> None:
        if not self._is_closed:
            call(value)
