"""One window for each data folder; a second start hands its model over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app.entry import bring_forward
from app.single_instance import SingleInstance
from tests.app.driver import Window

SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.single_instance import SingleInstance
qt = QCoreApplication([])
mine = SingleInstance(Path(sys.argv[1]))
print("first" if mine.claim() else mine.hand_over(Path(sys.argv[2]) if len(sys.argv) > 2 else None))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Данные и 🌳 data"
    folder.mkdir()
    return folder


@pytest.fixture
def first(qtbot: QtBot, folder: Path) -> Iterator[SingleInstance]:
    first = SingleInstance(folder)
    assert first.claim()
    yield first
    first.release()


def second(project_root: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", SECOND, *arguments]
    return subprocess.Popen(command, cwd=project_root, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("model", ["Модель 🌳 1B", None])
def test_a_second_start_hands_its_model_over(
    first: SingleInstance, folder: Path, project_root: Path, qtbot: QtBot, model: str | None
) -> None:
    heard: list[Path | None] = []
    first.started_again.connect(heard.append)
    process = second(project_root, str(folder), *([str(folder / model)] if model else []))
    qtbot.waitUntil(lambda: bool(heard), timeout=30_000)
    assert process.communicate(timeout=30)[0].strip() == "True"
    assert heard == [folder / model if model else None]


def test_another_folder_has_a_window_of_its_own(first: SingleInstance, tmp_path: Path, project_root: Path) -> None:
    assert second(project_root, str(tmp_path)).communicate(timeout=30)[0].strip() == "first"


def test_after_the_first_ended_or_crashed_the_next_is_the_first(
    first: SingleInstance, folder: Path, project_root: Path
) -> None:
    first.release()
    crashed = second(project_root, str(folder))  # ends without a word: its lock stays
    assert crashed.communicate(timeout=30)[0].strip() == "first"
    assert first.claim()


def test_nonsense_is_not_taken_for_a_message(first: SingleInstance, qtbot: QtBot) -> None:
    heard: list[object] = []
    first.started_again.connect(heard.append)
    for nonsense in (b"{}\n", b"[1]\n", b"x" * 100_000):
        socket = QLocalSocket()
        socket.connectToServer(first._name)
        assert socket.waitForConnected(2000)
        socket.write(nonsense)
        qtbot.waitUntil(lambda socket=socket: socket.state() is QLocalSocket.LocalSocketState.UnconnectedState)
    assert heard == []
    assert first._heard == {}


def test_the_first_window_comes_forward(
    open_window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch, model_folder: Path
) -> None:
    window = open_window(load=False)
    main = window.app.window
    calls: list[str] = []
    monkeypatch.setattr(main, "raise_", lambda: calls.append("raised"))  # offscreen has no stack of windows
    monkeypatch.setattr(main, "activateWindow", lambda: calls.append("activated"))
    main.setWindowState(Qt.WindowState.WindowMinimized)
    bring_forward(window.app, model_folder)
    assert calls == ["raised", "activated"]
    assert not main.isMinimized()
    window.ready()
    assert window.app.models.info is not None
    assert window.app.models.info.path == model_folder
