"""Questions that take their time, asked beside the window: of one lane, only the newest question's answers count.

A question is a generator: each value that it yields reaches the window at once, and between two of them it ends when
something newer was asked. One that hangs in a request does not keep the next one waiting. Knows nothing of what it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from engine.errors import EngineError

SHUTDOWN_LIMIT_S = 3.0


@dataclass(frozen=True)
class Question:
    """What is asked and who is told.

    Attributes:
        work: run in a thread of its own; yields answers, and raises `EngineError` where there is none.
        take: gets each answer, in the window's thread.
        failed: gets the error.
        ended: called when all is said, not after an error.
    """

    work: Callable[[], Iterator[Any]]
    take: Callable[[Any], object]
    failed: Callable[[EngineError], object] | None = None
    ended: Callable[[], object] | None = None


class Lane(QObject):
    """Asks one thing at a time."""

    _arrived = Signal(int, object)  # the question's number, what to do with it

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._number = 0
        self._is_closed = False
        self._question: Question | None = None
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # the object must not go while a thread tells it something
        self._arrived.connect(self._hand_on, Qt.ConnectionType.QueuedConnection)

    @property
    def is_busy(self) -> bool:
        """Whether answers may still come."""
        return self._question is not None

    def ask(self, question: Question) -> None:
        """Asks, in place of whatever was asked before."""
        self.drop()
        if self._is_closed:
            return
        self._question = question
        thread = threading.Thread(target=self._run, args=(self._number, question), name=self._name, daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def drop(self) -> None:
        """Wants no more answers."""
        self._number += 1
        self._question = None

    def shut_down(self, limit_s: float = SHUTDOWN_LIMIT_S) -> bool:
        """Waits for what is under way; False when that takes longer than the limit."""
        self.drop()
        with self._lock:
            self._is_closed = True
        end_s = time.monotonic() + limit_s
        for thread in self._threads:
            thread.join(max(end_s - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, number: int, question: Question) -> None:
        try:
            for answer in question.work():
                if number != self._number:
                    return
                self._tell(number, partial(question.take, answer))
        except EngineError as error:
            self._tell(number, partial(self._fail, question, error))
            return
        self._tell(number, partial(self._end, question))

    def _tell(self, number: int, call: Callable[[], object]) -> None:
        with self._lock:
            if not self._is_closed:
                self._arrived.emit(number, call)

    def _fail(self, question: Question, error: EngineError) -> None:
        self._question = None
        if question.failed is not None:
            question.failed(error)

    def _end(self, question: Question) -> None:
        self._question = None
        if question.ended is not None:
            question.ended()

    @Slot(int, object)
    def _hand_on(self, number: int, call: Callable[[], object]) -> None:
        if number == self._number:  # not an answer that was on its way when something newer was asked
            call()
