"""A new language offers a restart, and the program really starts again with the same data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt

from app.restart import restart_command
from app.views.confirm import ConfirmDialog
from app.views.pages import Page
from tests.app.driver import Window
from tests.pace import slowness

Open = Callable[..., Window]

PROGRAM = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app import application, entry

def look():
    app = window[0]
    if app.language.name == "de":
        seen = [app.chat.empty.title.text(), app.window.width(), app.window.height(), sys.argv[2:]]
        answer.with_suffix(".new").write_text(json.dumps(seen))
        answer.with_suffix(".new").replace(answer)
        app.window.close()
        return
    row = app.settings_page.rows["language"]
    row.buttons["de"].click()
    app.window.resize(901, 613)
    row.note_button.click()

def start(self):
    original(self)
    window.append(self)
    QTimer.singleShot(200, look)

window, answer, original = [], Path(sys.argv[1]) / "answer.json", application.Application.start
application.Application.start = start
application.Application._first_model = lambda self: None
sys.exit(entry.run(data_folder=Path(sys.argv[1]) / "data"))
"""


def test_the_program_ends_and_starts_again_with_the_same_data(project_root: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    settings = {"schema_version": 2, "settings": {"language": "en"}}
    (data / "settings.json").write_text(json.dumps(settings))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(
        command, cwd=project_root, env=environment, capture_output=True, text=True, timeout=60 * slowness(), check=False
    )
    assert done.returncode == 0, done.stderr
    answer = tmp_path / "answer.json"
    end = time.monotonic() + 60 * slowness()
    while not answer.exists() and time.monotonic() < end:
        time.sleep(0.1)
    title, width, height, _ = json.loads(answer.read_text())
    assert (title, width, height) == ("Kein Modell ist geladen", 901, 613)


def test_the_note_comes_with_another_language_and_goes_with_the_same(open_window: Open) -> None:
    window = open_window()
    window.app.window.show_page(Page.SETTINGS)
    row = window.app.settings_page.rows["language"]
    assert not row.note_button.isVisible()
    row.buttons["de"].click()
    assert row.note_button.isVisible()
    row.buttons["en"].click()
    assert not row.note_button.isVisible()


def test_a_message_that_was_begun_is_there_after_the_restart(open_window: Open) -> None:
    window = open_window()
    window.app.chat.composer.set_text("half a thought")
    window.app.settings_page.restart_requested.emit()
    assert window.app.restart.is_wanted
    again = open_window()
    again.until(lambda: again.app.chat.composer.input.toPlainText() == "half a thought")


def test_a_restart_takes_the_model_along(open_window: Open) -> None:
    window = open_window()
    window.app.settings_page.restart_requested.emit()
    assert window.app.restart.is_wanted
    assert window.app.restart.model == window.model
    assert not window.app.window.isVisible()


def test_a_reply_is_asked_about(open_window: Open) -> None:
    window = open_window()
    window.script.tokens_per_s = 10.0
    window.say("Hello", wait=False)
    window.until(lambda: window.app.chats.busy)
    window.app.settings_page.restart_requested.emit()
    dialog = window.app.window.findChild(ConfirmDialog)
    assert "what there is of it is kept" in dialog.text
    window.qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not window.app.restart.is_wanted
    window.app.settings_page.restart_requested.emit()
    dialog = window.app.window.findChildren(ConfirmDialog)[-1]
    dialog.act_button.click()
    assert window.app.restart.is_wanted


def test_the_command_line_is_kept() -> None:
    python = "/usr/bin/python3"
    assert restart_command(python, ["python", "-X", "utf8", "main.py"], None) == [python, "-X", "utf8", "main.py"]
    command = restart_command(python, ["python", "main.py", "--open", "/a"], Path("/b c"))
    assert command == [python, "main.py", "--open", "/a", "--open", str(Path("/b c"))]
