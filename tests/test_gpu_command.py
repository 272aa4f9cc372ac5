"""README's command for the GPU tests works where only the kernels' packages and pytest are installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

MISSING = (
    "PySide6", "shiboken6", "pytestqt", "pytest_timeout", "hypothesis", "transformers", "safetensors", "tokenizers",
    "jinja2", "markdown_it", "platformdirs", "psutil", "pynvml",
)  # fmt: skip
RUNNER = f"""
import importlib.machinery, sys

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {MISSING!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Finder
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_the_command_needs_neither_the_window_nor_the_test_plugins(project_root: Path) -> None:
    command = re.search(r"-m pytest (tests/gpu -m gpu)`", (project_root / "README.md").read_text(encoding="utf-8"))
    assert command is not None
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *command[1].split(), "-q", "--collect-only", "-p", "no:cacheprovider"],
        cwd=project_root, env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    collected = re.search(r"(\d+)/\d+ tests collected", done.stdout)
    assert collected is not None
    assert int(collected[1]) > 300
    assert "without jinja2 no model can be loaded" in done.stdout  # skipped with a reason, not an error
