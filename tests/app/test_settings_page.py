"""The settings page is made of the table: every row sets, is found, is reset; the file keeps only what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.storage.paths import data_folder, is_portable
from app.storage.setting_spec import Control, Group, SettingSpec
from app.storage.settings import SCHEMA_VERSION, TABLE, Settings, load_settings, save_settings
from app.theme.theme import Theme
from app.views.check_box import BOX_PX, CheckBox
from app.views.pages import Page
from app.views.settings_page import SettingsPage
from tests.app.driver import Window
from tests.app.looks import drawn_contrast

Open = Callable[..., Window]


@pytest.fixture
def page(open_window: Open) -> SettingsPage:
    window = open_window(load=False)
    window.app.window.show_page(Page.SETTINGS)
    return window.app.settings_page


@pytest.mark.parametrize("spec", TABLE, ids=lambda spec: spec.key)
def test_every_row_takes_its_own_default_and_its_own_options(spec: SettingSpec) -> None:
    as_stored = list(spec.default) if isinstance(spec.default, tuple) else spec.default
    assert spec.check(as_stored) == spec.default
    assert spec.check(object()) is None
    if spec.about is not None:
        assert spec.about.help.endswith(".")
        assert spec.about.group is not Group.NONE
        assert all(spec.check(option.value) == option.value for option in spec.about.options)


def test_the_table_has_every_field_once() -> None:
    assert [spec.key for spec in TABLE] == [each.name for each in fields(Settings)]


def test_a_file_holds_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    save_settings(path, Settings(cache_bits=8))
    assert json.loads(path.read_text()) == {"schema_version": SCHEMA_VERSION, "settings": {"cache_bits": 8}}


def test_the_first_kind_of_file_is_read_and_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    old = {"schema_version": 1, "theme": "light", "text_scale": 1.2, "cache_bits": 8, "offline": True, "device": "cpu"}
    path.write_text(json.dumps(old))
    expected = Settings(theme="light", text_scale=1.2, cache_bits=8, offline=True, device="cpu")
    assert load_settings(path).settings == expected
    assert json.loads((tmp_path / "settings.json.v1").read_text()) == old
    save_settings(path, expected)
    assert load_settings(path).settings == expected


def test_a_newer_file_gives_what_is_known_and_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    newer = {"schema_version": 9, "settings": {"theme": "dark", "unheard_of": 1}}
    path.write_text(json.dumps(newer))
    assert load_settings(path).settings == Settings(theme="dark")
    assert json.loads((tmp_path / "settings.json.v9").read_text()) == newer


def test_every_row_that_can_be_set_is_on_the_page_with_name_and_sentence(page: SettingsPage) -> None:
    wanted = {spec.key for spec in TABLE if spec.control is not Control.OWN}
    assert set(page.rows) == wanted
    assert {"theme", "language", "unload_after_minutes", "cache_bits"} <= wanted
    for row in page.rows.values():
        assert row.isVisible()
        for editor in (*row.buttons.values(), row.combo, row.box, row.reset_button):
            interface = QAccessible.queryAccessibleInterface(editor) if editor is not None else None
            assert interface is None or interface.text(QAccessible.Text.Name)


def test_buttons_lists_and_switches_set_what_they_say(open_window: Open) -> None:
    app = open_window(load=False).app
    page = app.settings_page
    page.rows["theme"].buttons["dark"].click()
    assert app.theme.choice == "dark"
    combo = page.rows["cache_tokens"].combo
    assert combo is not None
    combo.setCurrentIndex(combo.findData(8192))
    combo.activated.emit(combo.currentIndex())
    assert app.load_settings.cache_tokens == 8192
    assert app.inspector.load_panel.context.currentData() == 8192
    box = page.rows["exact"].box
    assert box is not None
    box.click()
    assert not app.preferences.settings.exact


def test_what_is_set_elsewhere_shows_on_the_page(open_window: Open) -> None:
    window = open_window(load=False)
    app, rows = window.app, window.app.settings_page.rows
    app.load_settings.choose_cache_bits(6)
    assert rows["cache_bits"].buttons[6].isChecked()
    app.window_actions.step_text_size(1)
    assert rows["text_scale"].amount.text() == "110 %"
    app.preferences.update(cache_tokens=5000)  # by hand in the file
    combo = rows["cache_tokens"].combo
    assert combo is not None
    assert combo.currentText() == "5,000"


def test_each_row_is_reset_and_only_where_it_differs(open_window: Open) -> None:
    window = open_window(load=False)
    window.app.window.show_page(Page.SETTINGS)
    row = window.app.settings_page.rows["text_scale"]
    assert not row.reset_button.isVisible()
    window.app.window_actions.step_text_size(1)
    assert row.reset_button.isVisible()
    row.reset_button.click()
    assert window.app.theme.text_scale == 1.0
    assert window.app.preferences.settings.text_scale == 1.0
    assert not row.reset_button.isVisible()


def test_all_are_reset_and_taken_back(open_window: Open) -> None:
    window = open_window(load=False)
    app = window.app
    app.settings_page.rows["theme"].buttons["light"].click()
    app.load_settings.choose_cache_bits(4)
    app.hub_settings.set_offline(True)
    app.hub_settings.set_parallel_downloads(3)
    app.preferences.update(last_model="/models/a")
    before = app.preferences.settings
    app.settings_page.reset_all.click()
    assert app.preferences.settings == Settings(last_model="/models/a", window=before.window, splitter=before.splitter)
    assert app.theme.choice == "system"
    assert not app.settings_page.hub.offline.isChecked()
    app.window.notice.button.click()
    assert app.preferences.settings == before
    assert app.settings_page.hub.offline.isChecked()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("idle", {"unload_after_minutes"}),
        ("dark", {"theme"}),
        ("deutsch", {"language"}),
        ("CACHE bits", {"cache_bits"}),
    ],
)
def test_the_search_goes_by_names_sentences_and_options(page: SettingsPage, words: str, found: set[str]) -> None:
    page.show_matching(words)
    visible = {key for key, row in page.rows.items() if row.isVisible()}
    assert found <= visible
    assert len(visible) < len(page.rows)
    page.show_matching("")
    assert all(row.isVisible() for row in page.rows.values())


def test_the_search_finds_the_cards_of_the_hub_and_says_when_nothing_is_found(page: SettingsPage) -> None:
    page.show_matching("proxy address")
    assert page.hub.cards[0].isVisible()
    assert not page.hub.cards[2].isVisible()
    assert not any(row.isVisible() for row in page.rows.values())
    page.show_matching("zebra crossing")
    assert page._none.isVisible()
    assert not page.hub.isVisible()
    page.show_matching("")
    assert not page._none.isVisible()
    assert page.hub.isVisible()


def test_the_keyboard_reaches_every_row(open_window: Open) -> None:
    window = open_window(load=False)
    page = window.app.settings_page
    window.app.window.show_page(Page.SETTINGS)
    page.focus_search()
    seen = set()
    for _ in range(80):
        widget = window.app.window.focusWidget()
        seen.add(widget)
        window.qtbot.keyClick(widget, Qt.Key.Key_Tab)
    for key, row in page.rows.items():
        assert seen & {row.box, row.combo, *row.findChildren(type(page.reset_all))}, key


def test_a_marker_beside_the_program_makes_it_portable(tmp_path: Path) -> None:
    program = tmp_path / "Программа 🌳"
    program.mkdir()
    assert not is_portable(program)
    assert program not in data_folder(program).parents
    (program / "portable.txt").touch()
    assert is_portable(program)
    assert data_folder(program) == program / "data"


def test_a_tick_can_be_seen_in_both_themes_and_its_focus_too(qapp: QApplication, qtbot: QtBot) -> None:
    for choice in ("dark", "light"):
        theme = Theme(qapp, choice)
        box, other = CheckBox("Words"), QLineEdit()
        page = QWidget()
        column = QVBoxLayout(page)
        column.addWidget(box)
        column.addWidget(other)
        qtbot.addWidget(page)
        page.show()
        page.activateWindow()
        other.setFocus()
        qtbot.waitUntil(other.hasFocus)
        area = QRect(box.mapTo(page, box.rect().topLeft()), QSize(BOX_PX, BOX_PX))
        assert drawn_contrast(page.grab().toImage(), area) >= 3  # its edge on the page
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=box.rect().center())
        assert box.isChecked()
        other.setFocus()
        unfocused = page.grab(area).toImage()
        assert drawn_contrast(page.grab().toImage(), area) >= 4.5  # the tick on the accent
        box.setFocus()
        assert page.grab(area).toImage() != unfocused
        theme.deleteLater()
