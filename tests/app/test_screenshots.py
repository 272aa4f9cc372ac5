"""Nothing is cut off, lies over something else or is too faint on any page; and the eye that looks for it can see."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.theme.theme import Theme
from app.views.chip import Chip
from tests.app.looks import faults_of


@pytest.mark.parametrize(
    ("scale", "language", "theme", "text"),
    [("1", "en", "light", "1"), ("1.5", "en", "dark", "2"), ("2", "de", "light", "1")],
)
def test_every_page_is_whole_and_readable(
    project_root: Path, tmp_path: Path, scale: str, language: str, theme: str, text: str
) -> None:
    command = [sys.executable, "-m", "tests.app.screenshots", str(tmp_path), "--scale", scale, "--language", language]
    more = ["--theme", theme, "--text", text]
    done = subprocess.run([*command, *more], cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert len(list(tmp_path.rglob("*.png"))) > 40


@pytest.fixture
def page(qapp: QApplication) -> Iterator[QWidget]:
    Theme(qapp, "light")
    page = QWidget()
    page.resize(300, 200)
    QVBoxLayout(page)
    yield page
    page.close()


def show(page: QWidget, *parts: QWidget) -> list[str]:
    layout = page.layout()
    assert layout is not None
    for each in parts:
        layout.addWidget(each)
    page.show()
    QApplication.processEvents()
    return faults_of(page)


def test_what_is_whole_has_no_fault(page: QWidget) -> None:
    field = QLineEdit()
    field.setPlaceholderText("Search")
    assert show(page, QLabel("Words"), field, Chip("A sentence that needs more than the one line that there is")) == []


def test_words_without_room_are_found(page: QWidget) -> None:
    words = QLabel("Words that are longer than their place")
    words.setFixedWidth(60)
    assert any("px of width" in fault for fault in show(page, words))


def test_faint_words_are_found(page: QWidget) -> None:
    words = QLabel("Words")
    words.setStyleSheet("color: #888C88; background: #F5F7F4")
    assert any("contrast" in fault for fault in show(page, words))


def test_parts_over_each_other_are_found(page: QWidget) -> None:
    first, second = QLabel("One", page), QLabel("Two", page)
    first.setGeometry(10, 10, 80, 20)
    second.setGeometry(50, 15, 80, 20)
    page.show()
    assert any("lies over" in fault for fault in faults_of(page))


def test_what_reaches_over_the_edge_is_found(page: QWidget) -> None:
    words = QLabel("Words", page)
    words.setGeometry(270, 10, 80, 20)
    page.show()
    assert any("over the side" in fault for fault in faults_of(page))


def test_a_chip_grows_down_where_it_is_narrow(page: QWidget) -> None:
    chip = Chip("Write a Python function that finds the longest word in a text")
    page.resize(600, 300)
    show(page, chip, QLabel("\n" * 12))
    one_line = chip.heightForWidth(chip.width())
    page.resize(220, 300)
    QApplication.processEvents()
    assert chip.height() >= chip.heightForWidth(chip.width()) > 1.4 * one_line
    assert chip.width() <= 220
