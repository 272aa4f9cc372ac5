"""One run of the program with its window: one at a time in a data folder, crash reports kept, started anew if wanted.

What the window is made of is `app.application`'s.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QApplication, QMessageBox

from app.application import Application
from app.crash import FaultLog, install_hooks
from app.launch import Launch
from app.restart import start_again
from app.single_instance import SingleInstance
from app.storage.paths import data_paths
from engine.errors import EngineError

SWITCH_INTERVAL_S = 0.001  # a busy engine thread hands the interpreter over soon enough for smooth painting


def bring_forward(application: Application, model: Path | None) -> None:
    """What a second start of the program leads to: the window is seen, with the model that it was given."""
    window = application.window
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()
    if model is not None:
        application.load(model)


def run(model: Path | None = None, *, data_folder: Path | None = None, qt_arguments: Sequence[str] = ()) -> int:
    """Opens the window and returns its exit status when it is closed.

    Args:
        model: a model folder to load at once; None loads the last one, or the demo at the first start.
        data_folder: where conversations and settings are kept; None is the user's data folder.
        qt_arguments: further command line arguments for Qt.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    qt = QApplication(["espalier", *qt_arguments])
    qt.setApplicationName("Espalier")
    qt.setDesktopFileName("espalier")
    try:
        paths = data_paths(data_folder)
        instance = SingleInstance(paths.folder)
        if not instance.claim():
            return _hand_over(instance, model)
        faults = FaultLog(paths.crash_reports)
        application = Application(qt, Launch(paths, model))
    except (EngineError, OSError, sqlite3.Error) as error:  # no window can stand on a data folder that is not there
        words = QCoreApplication.translate("Application", "Espalier cannot use its data folder.")
        QMessageBox.critical(None, "Espalier", f"{words}\n\n{error}")
        return 1
    application.late.built.connect(_collect_garbage_again)
    instance.started_again.connect(partial(bring_forward, application))
    put_hooks_back = install_hooks(application.crash_reported.emit)
    try:
        application.start()
        if faults.left_behind:
            application.report_crash("The last run ended with this fault:\n\n" + faults.left_behind, of_last_run=True)
        status = qt.exec()
        application.close()
    finally:
        put_hooks_back()
        faults.close()
        instance.release()
    if application.restart.is_wanted and not start_again(application.restart.model):
        QMessageBox.critical(None, "Espalier", application.restart.refusal)
    if not application.threads_stopped:  # one still inside the engine or the driver would abort the process
        os._exit(status)
    return status


def _collect_garbage_again() -> None:
    """Ends the pause that the program's entry begins; what stands now is never looked through for garbage.

    One pass through all that the imports and the window made holds the interpreter for 25 ms, at any moment of a chat.
    """
    gc.freeze()
    gc.enable()


def _hand_over(instance: SingleInstance, model: Path | None) -> int:
    if instance.hand_over(model):
        return 0
    words = QCoreApplication.translate(
        "Application",
        "Espalier is already running with this data folder, but it does not answer. End it in the system's list of "
        "programs, then start it again.",
    )
    QMessageBox.critical(None, "Espalier", words)
    return 1
