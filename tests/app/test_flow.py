"""Rows of buttons that break into lines, and pages that are never wider than the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.views.flow import FlowLayout
from app.views.pages import Page
from tests.app.driver import Window
from tests.app.model_folders import make_folder


def boxes(count: int, parent: QWidget) -> list[QWidget]:
    made = [QWidget(parent) for _ in range(count)]
    for number, box in enumerate(made):
        box.setFixedSize(100, 20 + 10 * (number % 2))
    return made


@pytest.mark.parametrize(("width", "lines", "height"), [(500, 1, 30), (208, 2, 68), (100, 4, 20 + 30 + 20 + 30 + 24)])
def test_lines_break_where_there_is_no_room(qtbot: QtBot, width: int, lines: int, height: int) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    layout = FlowLayout(parent)
    made = boxes(5, parent)
    made[2].hide()  # takes no room
    made = [*made[:2], *made[3:]]
    for box in parent.findChildren(QWidget):
        layout.addWidget(box)
    parent.resize(width, 300)
    parent.show()
    layout.activate()
    assert layout.heightForWidth(width) == height
    middles = {box.geometry().center().y() // 10 for box in made}
    assert len(middles) == lines
    assert all(box.geometry().right() <= width for box in made)


@pytest.mark.parametrize("width", [480, 700, 1200])
def test_the_models_are_never_wider_than_their_page(
    open_window: Callable[..., Window], tmp_path: Path, width: int
) -> None:
    folder = make_folder(tmp_path / "models" / ("a model with quite a long name " * 4).strip())
    window = open_window(load=False, models_folder=tmp_path / "models", width=width)
    page = window.app.model_pages.my_models
    window.app.window.show_page(Page.MODELS)
    window.app.model_pages.models_page.show_tab(page)
    window.until(lambda: folder in page.cards)
    card = page.cards[folder]
    window.until(card.settings_button.isVisible)
    card.settings_button.click()
    window.until(card.editor.planner.isVisible)
    window.qtbot.wait(50)
    assert window.app.window.width() == width
    for each in (card, page.folders):
        assert each.mapTo(page, each.rect().topRight()).x() <= page.width()
