"""The thread that owns the engine: takes commands, runs steps, emits events. The one crossing point to the engine.

Knows nothing of conversations or widgets. torch and numba are imported here, in the worker's thread, by the session
factory, after the window is up. Text does not travel by signal: it is collected in a `TextBuffer` that the GUI drains.
"""

from __future__ import annotations

import gc
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QThread, Signal, Slot

from app.preload import preload_torch_libraries
from engine.errors import Cancelled, EngineError
from engine.events import (
    EngineStatus,
    GenerationEvent,
    GenerationFinished,
    LoadFailed,
    LoadProgress,
    ModelInfo,
    ModelLoaded,
    ModelUnloaded,
    PromptCounted,
    RequestFailed,
    TextDelta,
)
from engine.requests import GenerateRequest, LoadRequest

STATUS_PERIOD_S = 0.3
IDLE_STATUS_PERIOD_S = 2.0
PROGRESS_PERIOD_S = 0.033
STOP_LIMIT_S = 10.0
RARELY = 1000  # middle collections before one of the old objects


class SessionLike(Protocol):
    """What the worker asks of a loaded model."""

    info: ModelInfo

    def submit(self, request: GenerateRequest) -> None: ...
    def count(self, request: GenerateRequest) -> PromptCounted: ...
    def cancel(self, request_id: int) -> None: ...
    @property
    def has_work(self) -> bool: ...
    def step(self) -> list[GenerationEvent]: ...
    def status(self) -> EngineStatus: ...
    def unload(self) -> int: ...


SessionFactory = Callable[[LoadRequest, Callable[[LoadProgress], None], Callable[[], bool]], SessionLike]


def open_engine_session(
    request: LoadRequest, on_progress: Callable[[LoadProgress], None], is_cancelled: Callable[[], bool]
) -> SessionLike:
    """Opens a real session; the import is here because it pulls in torch, which takes seconds.

    The modules are a million objects that stay, and compiling kernels makes many more: searching them all for garbage
    stops every thread for 0.1 to 0.5 s. So the modules are left out of the search for good, and from here on the old
    objects are searched rarely; young ones as ever, and all of them when a model is unloaded.
    """
    preload_torch_libraries()
    gc.disable()
    try:
        from engine.session import open_session
    finally:
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], RARELY)
        gc.enable()
    return open_session(request, on_progress, is_cancelled)


class TextBuffer:
    """Text of running replies on its way to the GUI thread, behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: dict[int, list[str]] = {}

    def append(self, request_id: int, text: str) -> None:
        """Adds text; called by the worker."""
        with self._lock:
            self._texts.setdefault(request_id, []).append(text)

    def drain(self) -> dict[int, str]:
        """Takes everything that has arrived, by request; called by the GUI."""
        with self._lock:
            texts, self._texts = self._texts, {}
        return {request_id: "".join(pieces) for request_id, pieces in texts.items()}


@dataclass(frozen=True)
class _Load:
    request: LoadRequest
    cancelled: threading.Event


@dataclass(frozen=True)
class _Cancel:
    request_id: int


@dataclass(frozen=True)
class _Unload:
    pass


@dataclass(frozen=True)
class _Quit:
    pass


_Command = _Load | _Cancel | _Unload | _Quit | GenerateRequest


class EngineWorker(QObject):
    """Lives in its own thread; the methods without an underscore may be called from any thread and return at once.

    Signals:
        happened: an `engine.events.Event` other than text; its text is already in `texts`.
        first_text: the first text of a request is in `texts`.
        crashed: a bug, as a traceback; the model has been dropped.
    """

    happened = Signal(object)
    first_text = Signal(int)
    crashed = Signal(str)

    def __init__(self, open_session: SessionFactory) -> None:
        super().__init__()
        self.texts = TextBuffer()
        self._open_session = open_session
        self._commands: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._session: SessionLike | None = None
        self._active: dict[int, bool] = {}  # request -> its first text has been announced
        self._current_load: threading.Event | None = None
        self._quitting = threading.Event()
        self._last_status_s = 0.0

    @property
    def session(self) -> SessionLike | None:
        """The loaded model; other threads may only `count` with it, and it may be gone the next moment."""
        return self._session

    def load(self, request: LoadRequest) -> None:
        """Loads a model in place of the present one; a load that still runs is cancelled."""
        self.cancel_load()
        self._current_load = threading.Event()
        self._commands.put(_Load(request, self._current_load))

    def cancel_load(self) -> None:
        """Stops the running load at its next check."""
        if self._current_load is not None:
            self._current_load.set()

    def submit(self, request: GenerateRequest) -> None:
        """Starts a reply; the outcome comes as events."""
        self._commands.put(request)

    def cancel(self, request_id: int) -> None:
        """Stops a reply after at most one more engine step."""
        self._commands.put(_Cancel(request_id))

    def unload(self) -> None:
        """Drops the model and gives its memory back."""
        self._commands.put(_Unload())

    def quit(self) -> None:
        """Stops whatever runs, drops the model and ends the thread."""
        self.cancel_load()
        self._quitting.set()
        self._commands.put(_Quit())

    @Slot()
    def run(self) -> None:
        """The thread's loop: commands between steps, steps while there is work."""
        while not self._quitting.is_set():
            try:
                self._turn()
            except Exception:  # a bug must end the model, not the window
                self._drop_after_bug(traceback.format_exc())
        self._drop_session()
        QThread.currentThread().quit()

    def _turn(self) -> None:
        session = self._session
        if session is None:
            self._execute(self._commands.get())
        elif session.has_work:
            self._execute_waiting()
            if self._session is session and session.has_work and not self._quitting.is_set():
                self._deliver(session.step())
                self._emit_status(STATUS_PERIOD_S)
        else:
            self._emit_status(0.0)  # the last figures of the reply, then a slow pulse while idle
            self._wait_for_command()

    def _wait_for_command(self) -> None:
        try:
            self._execute(self._commands.get(timeout=IDLE_STATUS_PERIOD_S))
        except queue.Empty:
            return

    def _execute_waiting(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except queue.Empty:
                return
            self._execute(command)

    def _execute(self, command: _Command) -> None:
        match command:
            case _Load():
                self._load(command)
            case GenerateRequest():
                self._submit(command)
            case _Cancel():
                if self._session is not None and command.request_id in self._active:
                    self._session.cancel(command.request_id)
            case _Unload():
                self._drop_session()
            case _Quit():
                self._quitting.set()

    def _load(self, command: _Load) -> None:
        self._drop_session()
        try:
            if command.cancelled.is_set():
                raise Cancelled("The load was cancelled.")
            session = self._open_session(command.request, self._progress_reporter(), command.cancelled.is_set)
        except EngineError as error:
            self.happened.emit(LoadFailed(command.request.path, error))
        except Exception as error:  # the window must leave its loading state whatever happens
            self.happened.emit(LoadFailed(command.request.path, _bug_as_error(command.request.path, error)))
            self.crashed.emit(traceback.format_exc())
        else:
            self._session = session
            self.happened.emit(ModelLoaded(session.info))

    def _progress_reporter(self) -> Callable[[LoadProgress], None]:
        last_s = 0.0
        last_phase = ""

        def report(progress: LoadProgress) -> None:
            nonlocal last_s, last_phase
            now = time.monotonic()
            due = now - last_s >= PROGRESS_PERIOD_S or progress.phase != last_phase or progress.done >= progress.total
            if due:
                last_s, last_phase = now, progress.phase
                self.happened.emit(progress)

        return report

    def _submit(self, request: GenerateRequest) -> None:
        try:
            if self._session is None:
                raise EngineError("No model is loaded.", "Open a model folder, then try again.")
            self._active[request.request_id] = False
            self._session.submit(request)
        except EngineError as error:
            self._active.pop(request.request_id, None)
            self.happened.emit(RequestFailed(request.request_id, error))

    def _deliver(self, events: list[GenerationEvent]) -> None:
        for event in events:
            if event.text:
                self.texts.append(event.request_id, event.text)
                if not self._active.get(event.request_id, True):
                    self._active[event.request_id] = True
                    self.first_text.emit(event.request_id)
            if isinstance(event, TextDelta):
                continue
            if isinstance(event, (GenerationFinished, RequestFailed)):
                self._active.pop(event.request_id, None)
            self.happened.emit(event)

    def _emit_status(self, period_s: float) -> None:
        now = time.monotonic()
        if self._session is not None and now - self._last_status_s >= period_s:
            self._last_status_s = now
            self.happened.emit(self._session.status())

    def _drop_session(self) -> None:
        """Stops the running replies, unloads and says how much was freed."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            self._stop_replies(session)
        finally:
            self.happened.emit(ModelUnloaded(session.unload()))

    def _stop_replies(self, session: SessionLike) -> None:
        for request_id in list(self._active):
            session.cancel(request_id)
        limit_s = time.monotonic() + STOP_LIMIT_S
        while session.has_work and time.monotonic() < limit_s:
            self._deliver(session.step())
        for request_id in list(self._active):
            self._fail(request_id, EngineError("The reply was cut off when the model was unloaded.", "Try it again."))

    def _drop_after_bug(self, report: str) -> None:
        error = EngineError("The engine hit an internal error and dropped the model.", "Load it again, then retry.")
        for request_id in list(self._active):
            self._fail(request_id, error)
        session, self._session = self._session, None
        freed_bytes = 0
        if session is not None:
            try:
                freed_bytes = session.unload()
            except Exception:  # it is broken already: the first report is the one that matters
                report += "\nUnloading failed as well:\n" + traceback.format_exc()
        self.crashed.emit(report)
        self.happened.emit(ModelUnloaded(freed_bytes))

    def _fail(self, request_id: int, error: EngineError) -> None:
        self._active.pop(request_id, None)
        self.happened.emit(RequestFailed(request_id, error))


def _bug_as_error(path: Path, error: Exception) -> EngineError:
    return EngineError(
        f"Loading {path.name} stopped with an internal error: {type(error).__name__}: {error}.",
        "Try another model; the crash report says more.",
    )
