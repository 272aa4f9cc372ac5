"""The window is up before torch: importing and even starting the app must not import torch or numba."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STARTED = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.application import Application
from app.entry import run
from app.launch import Launch
from app.storage.paths import data_paths
qt = QApplication(["test"])
app = Application(qt, Launch(data_paths(Path(sys.argv[1])), demo_folder=Path(sys.argv[1]) / "none"))
app.start()
qt.processEvents()
heavy = sorted(name for name in ("torch", "numba", "transformers", "numpy") if name in sys.modules)
app.close()
print("heavy:", heavy)
"""


def test_importing_and_opening_the_window_imports_nothing_heavy(tmp_path: Path, project_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED, str(tmp_path)],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout


def test_preloading_maps_the_libraries_but_imports_nothing(project_root: Path) -> None:
    code = (
        "import sys; from app.preload import preload_torch_libraries; done = preload_torch_libraries();"
        "assert 'torch' not in sys.modules; assert done or sys.platform != 'linux'; import torch; torch.ones(2)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
