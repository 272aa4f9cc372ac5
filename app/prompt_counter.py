"""The thread that counts prompts beside the engine's, so that a count never waits for a reply nor a reply for a count.

Only the last question is answered: who types asks faster than long chats are counted. Knows nothing of conversations.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal

from engine.errors import EngineError
from engine.events import PromptCounted
from engine.requests import GenerateRequest

SHUTDOWN_LIMIT_S = 5.0


class CountsPrompts(Protocol):
    """What is asked of a loaded model."""

    def count(self, request: GenerateRequest) -> PromptCounted: ...


class PromptCounter(QObject):
    """Signals:
    counted: a `PromptCounted`, in the window's thread.
    """

    counted = Signal(object)
    _arrived = Signal(object)

    def __init__(self, session: Callable[[], CountsPrompts | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._changed = threading.Condition()
        self._wanted: GenerateRequest | None = None
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._arrived.connect(self.counted, Qt.ConnectionType.QueuedConnection)

    def ask(self, request: GenerateRequest) -> None:
        """Counts the prompt of a request, in place of one that was asked before and waits."""
        with self._changed:
            if self._is_closed:
                return
            self._wanted = request
            self._changed.notify()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="prompt counter", daemon=True)
            self._thread.start()

    def shut_down(self) -> bool:
        """Answers nothing more; False when a count does not end in time."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is None:
            return True
        self._thread.join(SHUTDOWN_LIMIT_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._wanted is not None)
                request, self._wanted = self._wanted, None
                if self._is_closed or request is None:
                    return
            answer = self._answer(request)  # a bug ends the thread and is reported; the next question starts another
            if answer is not None:
                self._tell(answer)

    def _answer(self, request: GenerateRequest) -> PromptCounted | None:
        session = self._session()
        if session is None:
            return None
        try:
            return session.count(request)
        except EngineError as error:
            return PromptCounted(request.request_id, 0, 0, error=error)

    def _tell(self, answer: PromptCounted) -> None:
        with self._changed:  # not while the window is being taken down
            if not self._is_closed:
                self._arrived.emit(answer)
