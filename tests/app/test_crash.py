"""Crash reports: kept in the user's folder, for exceptions and for native faults."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.crash import MAX_REPORTS, FaultLog, install_hooks, keep_report


def test_reports_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    for number in range(MAX_REPORTS + 5):
        kept = keep_report(tmp_path, f"fault {number}")
    assert kept.path is not None
    assert "fault 24" in kept.path.read_text(encoding="utf-8")
    assert len(list(tmp_path.iterdir())) <= MAX_REPORTS


def test_a_folder_that_cannot_be_written_still_gives_the_text(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    kept = keep_report(blocked, "details")
    assert kept.path is None
    assert "details" in kept.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_exceptions_of_any_thread_are_reported() -> None:
    reports: list[str] = []
    before = sys.excepthook
    put_back = install_hooks(reports.append)

    def fail() -> None:
        raise ValueError("in a thread")

    try:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        sys.excepthook(KeyError, KeyError("in the window"), None)
    finally:
        put_back()
    assert "in a thread" in reports[0]
    assert "in the window" in reports[1]
    assert sys.excepthook is before


def test_a_native_fault_is_found_at_the_next_start(tmp_path: Path, project_root: Path) -> None:
    code = "import sys, faulthandler, pathlib; from app.crash import FaultLog; "
    code += "log = FaultLog(pathlib.Path(sys.argv[1])); faulthandler._sigsegv()"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=project_root, check=False)
    assert done.returncode != 0
    log = FaultLog(tmp_path)
    try:
        assert "Segmentation fault" in log.left_behind
    finally:
        log.close()
        faulthandler.enable(sys.__stderr__)  # as the test runner had it
    assert not (tmp_path / "fault.log").exists()


RUN = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app import application, entry
original = application.Application.start
def start(self):
    original(self)
    QTimer.singleShot(50, self.window.close)
application.Application.start = start
sys.exit(entry.run(data_folder=Path(sys.argv[1]) / "data"))
"""


def test_run_opens_and_closes_in_order(tmp_path: Path, project_root: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-W", "error", "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, cwd=project_root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "data" / "settings.json").is_file()
    assert not (tmp_path / "data" / "crash_reports" / "fault.log").exists()


REFUSED = """
import sys
from pathlib import Path
from app import entry
entry.QMessageBox.critical = lambda parent, title, text: print(text)
sys.exit(entry.run(data_folder=Path(sys.argv[1])))
"""


def test_an_unusable_data_folder_is_said_in_words(tmp_path: Path, project_root: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", REFUSED, str(blocked)]
    done = subprocess.run(command, cwd=project_root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Espalier cannot use its data folder." in done.stdout
    assert "Traceback" not in done.stderr
