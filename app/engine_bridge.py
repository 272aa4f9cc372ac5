"""The GUI's end of the engine thread: starts and ends it, drains text at most 30 times a second, hands events on.

Knows nothing of conversations or widgets.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from app.engine_worker import EngineWorker, SessionFactory
from app.prompt_counter import PromptCounter
from engine.events import (
    EncodingImages,
    EngineStatus,
    GenerationFinished,
    GenerationStarted,
    LoadFailed,
    LoadProgress,
    ModelLoaded,
    ModelUnloaded,
    PrefillProgress,
    RequestFailed,
)
from engine.requests import GenerateRequest, LoadRequest

DRAIN_PERIOD_MS = 33
SHUTDOWN_LIMIT_MS = 15_000


class EngineBridge(QObject):
    """Commands go down at once, events come up in the GUI thread; a reply's text always comes before its end.

    Signals:
        load_progress, model_loaded, load_failed, model_unloaded, status_changed: the engine's events.
        encoding, started, prefill_progress, finished, failed: events of one request.
        text: request id and the text that arrived since the last time.
        counted: a `PromptCounted` of the last `count`; earlier ones may get none.
        crashed: a traceback out of the engine's thread.
    """

    load_progress = Signal(object)
    model_loaded = Signal(object)
    load_failed = Signal(object)
    model_unloaded = Signal(object)
    status_changed = Signal(object)
    encoding = Signal(object)
    started = Signal(object)
    prefill_progress = Signal(object)
    text = Signal(int, str)
    counted = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    crashed = Signal(str)

    def __init__(self, open_session: SessionFactory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._routes = {
            LoadProgress: self.load_progress,
            ModelLoaded: self.model_loaded,
            LoadFailed: self.load_failed,
            ModelUnloaded: self.model_unloaded,
            EngineStatus: self.status_changed,
            EncodingImages: self.encoding,
            GenerationStarted: self.started,
            PrefillProgress: self.prefill_progress,
            GenerationFinished: self.finished,
            RequestFailed: self.failed,
        }
        self._running: set[int] = set()
        self._timer = QTimer(self, interval=DRAIN_PERIOD_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.drain)
        self._thread = QThread()
        self._thread.setObjectName("engine")
        self._worker = EngineWorker(open_session)
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.run)
        self._worker.happened.connect(self._on_event)
        self._worker.first_text.connect(self._on_first_text)
        self._worker.crashed.connect(self._on_crash)
        self._counter = PromptCounter(lambda: self._worker.session, self)
        self._counter.counted.connect(self.counted)

    def start(self) -> None:
        """Starts the engine's thread; nothing is loaded yet."""
        self._thread.start()

    def load(self, request: LoadRequest) -> None:
        self._worker.load(request)

    def cancel_load(self) -> None:
        self._worker.cancel_load()

    def unload(self) -> None:
        self._worker.unload()

    def submit(self, request: GenerateRequest) -> None:
        self._running.add(request.request_id)
        self._worker.submit(request)

    def count(self, request: GenerateRequest) -> None:
        """Asks how long a request's prompt would be; nothing that runs waits for it. `counted` answers."""
        self._counter.ask(request)

    def cancel(self, request_id: int) -> None:
        self._worker.cancel(request_id)

    def shut_down(self) -> bool:
        """Stops generation, drops the model, ends the thread and waits for it; False when it did not end in time."""
        self._timer.stop()
        counter_ended = self._counter.shut_down()
        if not self._thread.isRunning():
            return counter_ended
        self._worker.quit()
        return self._thread.wait(SHUTDOWN_LIMIT_MS) and counter_ended

    @Slot()
    def drain(self) -> None:
        """Hands on the text that has arrived."""
        for request_id, text in self._worker.texts.drain().items():
            self.text.emit(request_id, text)

    @Slot(int)
    def _on_first_text(self, _request_id: int) -> None:
        self.drain()
        self._timer.start()

    @Slot(object)
    def _on_event(self, event: object) -> None:
        if isinstance(event, (GenerationFinished, RequestFailed)):
            self.drain()
            self._running.discard(event.request_id)
            if not self._running:
                self._timer.stop()
        self._routes[type(event)].emit(event)

    @Slot(str)
    def _on_crash(self, report: str) -> None:
        self.crashed.emit(report)
