"""The window's start, as the user starts it: up within a second, without torch, and within 200 MB without a model.

The clock runs from before the process exists. What it says is that of a quiet machine: the time in which the window's
thread stood ready while other programs had the cores is not its own, and the rest is divided by how slow they are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.storage.conversations import ConversationStore
from app.storage.paths import data_paths
from app.storage.settings import Settings, save_settings
from tests.app.model_folders import make_folder
from tests.pace import slowness

LIMIT_S = 0.7  # by the clock; what is promised is 1.0
LIMIT_CPU_S = 0.7  # of the processor's time
LIMIT_TURN_S = 0.04  # of the window's thread, from the first paint on; nearly all are below 16 ms
LIMIT_MB = 200
ATTEMPTS = 6

# The program's own entry, watched from Qt's event loop: nothing of the program is imported before it does that itself.
STARTED = """
import json, os, runpy, sys, time
from pathlib import Path
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

def waited_s():  # for a core, where the system tells
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and not found:
            clock_s = time.monotonic() - begun_s
            found.update(clock_s=clock_s - waited_s(), cpu_s=time.process_time(), torch="torch" in sys.modules)
            turns.append(time.thread_time())
            ticks.start()
            QTimer.singleShot(1500, end)
        return False

def end():
    import psutil
    longest = max(after - before for before, after in zip(turns, turns[1:]))
    found.update(mb=psutil.Process().memory_info().rss / 1e6, torch_later="torch" in sys.modules, turn_s=longest)
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)

def watched_loop(application):
    next(each for each in QApplication.topLevelWidgets() if isinstance(each, QMainWindow)).installEventFilter(watch)
    ticks.timeout.connect(lambda: turns.append(time.thread_time()))
    return loop()

begun_s = float(sys.argv.pop())
found, turns, watch, ticks, loop = {}, [], Watch(), QTimer(interval=0), QApplication.exec
QApplication.exec = watched_loop
sys.argv[:] = ["main.py"]
runpy.run_path("main.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Started:
    """What one start took, in s, and what it left.

    Attributes:
        clock_s: from before the process to the first paint, less what other programs' turns took of it.
        cpu_s: of the processor's time until then.
        turn_s: the longest turn of the window's thread from then on.
        mb: memory in the end.
        torch, torch_later: whether torch was there at the first paint, and in the end.
    """

    clock_s: float
    cpu_s: float
    turn_s: float
    mb: float
    torch: bool
    torch_later: bool


def start(project_root: Path, home: Path) -> Started:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    environment |= {name: str(home) for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME")}
    environment |= {"PYTHONPYCACHEPREFIX": str(home / "compiled")}  # as an earlier start leaves it
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", STARTED, str(time.monotonic())],
        cwd=project_root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Started(**json.loads(done.stdout))


def live_in(data: Path, models: Path) -> Settings:
    """Leaves what a year of use does: chats, models, another theme."""
    store = ConversationStore(data_paths(data).conversations)
    for number in range(300):
        store.create_conversation(f"Chat {number} about the garden")
    store.close()
    for number in range(12):
        make_folder(models / f"Llama-{number}B-exl3")
    return Settings(theme="light", models_folders=(str(models),))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "lived_in"])
def test_the_window_is_up_within_a_second_and_without_torch(tmp_path: Path, project_root: Path, is_new: bool) -> None:
    home = tmp_path / "Данные 🌳"
    data = home / "Espalier"
    data.mkdir(parents=True)
    settings = Settings() if is_new else live_in(data, tmp_path / "models")
    save_settings(data_paths(data).settings, replace(settings, last_model="gone", load_last_model=False))
    start(project_root, home)  # compiles the modules, as the first start of all does
    limits = {"clock_s": LIMIT_S, "cpu_s": LIMIT_CPU_S, "turn_s": LIMIT_TURN_S}
    best = dict.fromkeys(limits, float("inf"))
    for _ in range(ATTEMPTS):
        found = start(project_root, home)
        assert not found.torch
        assert not found.torch_later  # nothing was asked of the engine
        assert found.mb < LIMIT_MB
        slow = slowness()
        best = {name: min(before, getattr(found, name) / slow) for name, before in best.items()}
        if all(best[name] < limit for name, limit in limits.items()):
            return
    pytest.fail(f"the best of {ATTEMPTS} starts: {best}")
