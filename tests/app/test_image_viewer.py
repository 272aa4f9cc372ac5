"""An image over the whole window, and large ones that keep nobody waiting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog

from tests.app.driver import Window
from tests.app.watchdog import Watchdog

Open = Callable[..., Window]
PATIENCE_MS = 60_000
STALL_S = 0.016


@pytest.fixture
def seeing(open_window: Open, script: Any) -> Window:
    script.why_blind = ""
    return open_window()


def add(window: Window, *paths: Path) -> None:
    tray = window.app.chat.composer.tray
    before = len(tray.pictures)
    window.app.chat.composer.add_files(paths)
    window.until(lambda: len(tray.pictures) == before + len(paths), PATIENCE_MS)


def image(path: Path, size: tuple[int, int], colour: str) -> Path:
    PIL.Image.new("RGB", size, colour).save(path)
    return path


def test_images_are_looked_at_large_with_keys(seeing: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [
        image(tmp_path / "a.png", (3000, 2000), "red"),
        image(tmp_path / "b.png", (40, 30), "blue"),
        image(tmp_path / "c.png", (50, 3000), "lime"),
    ]
    add(seeing, *paths)
    seeing.say("Look")
    app, viewer, qtbot = seeing.app, seeing.app.pictures.viewer, seeing.qtbot
    (row,) = (each.pictures for each in app.chat.transcript.message_widgets if getattr(each, "pictures", None))
    row.tiles[0].setFocus()
    qtbot.keyClick(row.tiles[0], Qt.Key.Key_Return)
    assert viewer.isVisible()
    assert viewer.geometry() == app.window.rect()
    seeing.until(lambda: viewer.canvas.small is not None, PATIENCE_MS)
    assert viewer.canvas.small is not None
    assert viewer.canvas.small.width() < 3000
    shot = viewer.grab().toImage()
    assert shot.pixelColor(shot.rect().center()).name() == "#ff0000"
    assert viewer.size_button.isEnabled()
    qtbot.keyClick(viewer, Qt.Key.Key_1)
    assert viewer.canvas.is_full
    assert viewer.size_button.text() == "Fit the window"
    qtbot.keyClick(viewer, Qt.Key.Key_Right)
    seeing.until(lambda: viewer.canvas.small is not None, PATIENCE_MS)
    assert "b.png (2 of 3)" in viewer.accessibleName()
    assert viewer.canvas.small.width() == 40
    assert not viewer.size_button.isEnabled()
    qtbot.keyClick(viewer, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is viewer.back
    qtbot.keyClick(viewer.back, Qt.Key.Key_Right)
    assert "c.png" in viewer.title.accessibleName()
    seeing.until(lambda: viewer.canvas.small is not None, PATIENCE_MS)
    target = tmp_path / "saved.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    viewer.save_button.click()
    seeing.until(target.is_file)
    assert target.read_bytes() == paths[2].read_bytes()
    viewer.copy_button.click()
    data = QGuiApplication.clipboard().mimeData()
    assert data.hasImage()
    assert Path(data.urls()[0].toLocalFile()).read_bytes() == paths[2].read_bytes()
    app.window.resize(900, 700)
    QApplication.processEvents()
    assert viewer.geometry() == app.window.rect()
    qtbot.keyClick(viewer.back, Qt.Key.Key_Home)
    seeing.until(lambda: viewer.canvas.small is not None, PATIENCE_MS)
    app.window.resize(1200, 500)
    shot = viewer.canvas.grab().toImage()  # before it is made to measure
    assert shot.pixelColor(shot.width() // 2, 1).name() == "#ff0000"
    assert shot.pixelColor(2, shot.height() // 2).name() != "#ff0000"
    small = viewer.canvas.small
    seeing.until(lambda: viewer.canvas.small is not small, PATIENCE_MS)
    assert viewer.canvas.small.size() == viewer.canvas.fitted_size()
    qtbot.keyClick(viewer.back, Qt.Key.Key_Escape)
    assert not viewer.isVisible()
    assert QApplication.focusWidget() is row.tiles[0]


def test_an_image_that_is_gone_is_told(seeing: Window, tmp_path: Path) -> None:
    add(seeing, image(tmp_path / "a.png", (30, 20), "red"))
    (picture,) = seeing.app.chat.composer.tray.pictures
    seeing.app.desk.folder.path(picture.name).unlink()
    seeing.app.chat.composer.tray.row.tiles[0].click()
    viewer = seeing.app.pictures.viewer
    seeing.until(lambda: "no longer in the folder" in viewer.canvas.words)
    viewer.close_viewer()


def test_the_window_goes_on_while_a_large_image_is_read_and_shown(seeing: Window, tmp_path: Path) -> None:
    noise = PIL.Image.effect_noise((5200, 3900), 60).convert("RGB")
    path = tmp_path / "large.webp"
    noise.save(path, quality=60, method=0)
    add(seeing, image(tmp_path / "small.png", (30, 20), "red"))  # what is imported with the first one is another matter
    app, tray = seeing.app, seeing.app.chat.composer.tray
    watchdog = Watchdog()
    watchdog.start()
    app.chat.composer.add_files([path])
    seeing.until(lambda: len(tray.pictures) == 2, PATIENCE_MS)
    tray.row.tiles[1].click()
    viewer = app.pictures.viewer
    seeing.until(lambda: viewer.canvas.small is not None, PATIENCE_MS)
    seeing.qtbot.keyClick(viewer, Qt.Key.Key_1)
    seeing.qtbot.keyClick(viewer, Qt.Key.Key_Down)
    seeing.qtbot.wait(50)
    turns = watchdog.stop()
    viewer.close_viewer()
    assert turns[0] < STALL_S, turns[:5]
