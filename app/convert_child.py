"""The program's own command `convert` as a child process: what it tells line by line, how it is paused and ended.

A thread would not do: the search keeps all processors busy for hours and Python's lock with them, and a process can be
ended at any moment and may run out of memory without taking the window along. Knows nothing of what is converted.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal, Slot

from engine.quantizer.messages import PAUSE, Failure, Message, Paused, from_line
from engine.quantizer.progress import Finished

ENDED = "ended"  # the kind of a failure that the child could not tell of itself
KEPT_BYTES = 4000  # of what it wrote to its error output
END_LIMIT_MS = 3000


class ConvertChild(QObject):
    """One run after another.

    Signals:
        told: a `Message`; the last one of a run that was not ended from here is `Finished`, `Paused`, `Failure`, or
            whatever a dry run has to say.
        ended: the process is gone by itself.
    """

    told = Signal(object)
    ended = Signal()

    def __init__(self, command: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = tuple(command)
        self._process: QProcess | None = None
        self._errors = b""
        self._has_concluded = False

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, arguments: Sequence[str]) -> None:
        """Starts a run in place of one that may still go on."""
        self.kill()
        self._errors, self._has_concluded = b"", False
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        program, *first = self._command
        process.start(program, [*first, *arguments, "--progress-json"])

    def pause(self) -> None:
        """Lets it end after the block in hand."""
        if self._process is not None:
            self._process.write(f"{PAUSE}\n".encode())

    def kill(self) -> bool:
        """Ends it at once and says whether it is gone; nothing more is told."""
        process, self._process = self._process, None
        if process is None:
            return True
        process.kill()  # what it still signals is not heeded: it is no longer the one
        is_gone = process.waitForFinished(END_LIMIT_MS)
        process.deleteLater()
        return is_gone

    @Slot()
    def _read(self) -> None:
        while self._process is not None and self._process.canReadLine():
            line = bytes(self._process.readLine().data()).decode("utf-8", "replace")
            message = from_line(line)
            if message is not None:
                self._tell(message)

    @Slot()
    def _read_errors(self) -> None:
        if self._process is not None:
            self._errors = (self._errors + bytes(self._process.readAllStandardError().data()))[-KEPT_BYTES:]

    @Slot()
    def _on_finished(self) -> None:
        self._read()
        self._read_errors()
        process = self._process
        if process is None:  # what it told last led to its end
            return
        code, is_crash = process.exitCode(), process.exitStatus() is QProcess.ExitStatus.CrashExit
        self._leave(process)
        if (code or is_crash) and not self._has_concluded:
            self._tell(self._failure(is_crash))
        self.ended.emit()

    @Slot(QProcess.ProcessError)
    def _on_error(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if error is QProcess.ProcessError.FailedToStart and process is not None:
            words = self.tr("{0} cannot be started: {1}.").format(self._command[0], process.errorString())
            self._leave(process)
            self._tell(Failure(ENDED, words, self.tr("Install the program again.")))
            self.ended.emit()

    def _leave(self, process: QProcess) -> None:
        self._process = None
        process.deleteLater()

    def _tell(self, message: Message) -> None:
        self._has_concluded |= isinstance(message, Finished | Paused | Failure)
        self.told.emit(message)

    def _failure(self, is_crash: bool) -> Failure:
        lines = [line for line in self._errors.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines and not is_crash:
            words = self.tr("The conversion ended with a fault of the program: {0}.").format(lines[-1].strip(" ."))
            return Failure(ENDED, words, self.tr("What is finished is kept. Go on with it, or report the fault."))
        words = self.tr("The system ended the conversion, most likely because memory ran out.")
        return Failure(
            ENDED, words, self.tr("What is finished is kept. Close other programs or unload the model, then go on.")
        )
