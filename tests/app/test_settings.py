"""The settings file: typed, atomic, patient with damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.storage.settings import Settings, load_settings, save_settings, saved_settings
from engine.hub.settings import HubSettings
from tests.app.driver import Window


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    settings = Settings(theme="light", text_scale=1.3, last_model="/модель", window=(1, 2, 900, 700), list_open=False)
    save_settings(path, settings)
    assert load_settings(path).settings == settings
    assert [each.name for each in tmp_path.iterdir()] == ["settings.json"]  # no part file stays


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    save_settings(path, Settings(theme="dark"))

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        save_settings(path, Settings(theme="light"))
    assert load_settings(path).settings.theme == "dark"


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    loaded = load_settings(path)
    assert loaded.settings == Settings()
    assert loaded.damaged is not None
    assert loaded.damaged.read_text() == text


def test_unknown_and_wrong_values_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    raw = {"theme": "pink", "text_scale": "big", "window": [1, "x"], "last_model": "kept", "new_in_version_9": 1}
    path.write_text(json.dumps(raw))
    assert load_settings(path).settings == Settings(last_model="kept")


@pytest.mark.parametrize("wrong", [True, -1, 1.5, "4096", 10**12])
def test_a_context_that_is_no_number_of_tokens_is_left_out(tmp_path: Path, wrong: object) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"cache_tokens": wrong, "device": "GPU-1"}))
    assert load_settings(path).settings == Settings(device="GPU-1")
    path.write_text(json.dumps({"cache_tokens": 4096, "device": 7}))
    assert load_settings(path).settings == Settings(cache_tokens=4096)


@pytest.mark.parametrize("wrong", [True, 5, 0, 8.0, "8"])
def test_a_width_of_the_cache_that_is_not_offered_is_left_out(tmp_path: Path, wrong: object) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"cache_bits": wrong, "device": "cpu"}))
    assert load_settings(path).settings == Settings(device="cpu")
    path.write_text(json.dumps({"cache_bits": 6}))
    assert load_settings(path).settings == Settings(cache_bits=6)


def test_the_window_remembers_its_look(open_window: Callable[..., Window]) -> None:
    first = open_window(width=1100)
    first.app.settings_page.rows["theme"].buttons["light"].click()
    first.app.window.toggle_inspector()
    first.app.window.close()
    second = open_window(width=1100)
    assert second.app.theme.choice == "light"
    assert not second.app.inspector.isVisible()
    assert second.app.settings_page.rows["theme"].buttons["light"].isChecked()


def test_a_damaged_file_is_reported_in_the_window(open_window: Callable[..., Window], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "settings.json").write_text("{")
    (tmp_path / "data" / "conversations.sqlite3").write_bytes(b"no database" * 1000)
    window = open_window()
    notice = window.app.window.notice
    assert notice.isVisible()
    assert "conversations.sqlite3.damaged-" in notice._text.text()
    assert "settings.json.damaged-" in notice._text.text()


@pytest.mark.parametrize("wrong", [True, 0, 5, 1.5, "2"])
def test_a_number_of_downloads_that_is_not_offered_is_left_out(tmp_path: Path, wrong: object) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"parallel_downloads": wrong, "hub_address": "mirror.example"}))
    assert load_settings(path).settings == Settings(hub_address="mirror.example")


def test_a_command_reads_the_windows_settings_and_leaves_a_damaged_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    save_settings(path, Settings(hub_address="own.example", hub_proxy="p:1", offline=True, hub_is_own=True))
    assert saved_settings(path).hub == HubSettings("own.example", "p:1", offline=True, is_own=True)
    for text in ("{", "[]"):
        path.write_text(text)
        assert saved_settings(path) == Settings()
        assert path.read_text() == text
    assert saved_settings(tmp_path / "none.json") == Settings()


def test_a_folder_whose_name_is_no_text_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    settings = Settings(models_folders=("/data/\udcff", "/модели"))  # as Linux hands on bytes that are no UTF-8
    save_settings(path, settings)
    assert load_settings(path).settings == settings
