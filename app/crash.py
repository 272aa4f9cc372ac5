"""Crash reports: what a bug leaves behind, kept in the user's folder and sent nowhere. Knows nothing of the window."""

from __future__ import annotations

import faulthandler
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

MAX_REPORTS = 20


@dataclass(frozen=True)
class KeptReport:
    """A report and the file it was written to; None when the disk refused it."""

    text: str
    path: Path | None


def keep_report(folder: Path, details: str) -> KeptReport:
    """Writes a report with the versions that matter, and drops the oldest ones."""
    import platform  # here: it is slow to import, and most runs end without a report

    head = f"Espalier crash report\nPython {sys.version.split()[0]}, {platform.platform()}\n\n"
    text = head + details
    path = folder / f"crash-{datetime.now():%Y%m%d-%H%M%S-%f}.txt"  # names in the order of time: the oldest go first
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for old in sorted(folder.glob("crash-*.txt"))[:-MAX_REPORTS]:
            old.unlink()
    except OSError:
        return KeptReport(text, None)
    return KeptReport(text, path)


class FaultLog:
    """Where the interpreter writes its stacks when the process dies of a native fault, which no hook can catch."""

    def __init__(self, folder: Path) -> None:
        """Opens the log; `left_behind` is what the last run wrote into it while dying.

        Raises:
            OSError: the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "fault.log"
        self.left_behind = self._path.read_text(encoding="utf-8", errors="replace") if self._path.is_file() else ""
        self._file = self._path.open("w", encoding="utf-8")
        faulthandler.enable(self._file)

    def close(self) -> None:
        """Ends the watch; an orderly end leaves nothing behind."""
        faulthandler.disable()
        self._file.close()
        self._path.unlink(missing_ok=True)


def install_hooks(report: Callable[[str], object]) -> Callable[[], None]:
    """Sends every exception that nobody caught, in any thread, to `report`; returns what puts the old hooks back."""
    old_hook, old_thread_hook = sys.excepthook, threading.excepthook

    def hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            old_hook(kind, error, where)
        else:
            report("".join(traceback.format_exception(kind, error, where)))

    def thread_hook(arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value or arguments.exc_type()
        hook(arguments.exc_type, error, arguments.exc_traceback)

    def put_back() -> None:
        sys.excepthook, threading.excepthook = old_hook, old_thread_hook

    sys.excepthook, threading.excepthook = hook, thread_hook
    return put_back
