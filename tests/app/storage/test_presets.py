"""Presets as files: out and in again, and what a file from somewhere else may not do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.storage.model_chats import ModelChat, model_chats_of, with_chat
from app.storage.presets import Preset, PresetError, PresetStore, clean_name, load_preset, parse_preset, preset_as_json
from app.storage.settings import Settings, load_settings, save_settings
from engine.requests import SamplingSettings

FULL = Preset(
    "Поэт 🌳 / \"a\\b\"", "Answer in rhymes.\n\nAlways.",
    SamplingSettings(temperature=1.3, seed=2**62 + 1, stop_strings=("\nUser:", "END"), stop_token_ids=(2, 7)),
)  # fmt: skip


def as_data(**changes: Any) -> dict[str, Any]:
    return json.loads(preset_as_json(FULL)) | changes


def test_out_and_in_again(tmp_path: Path) -> None:
    assert parse_preset(preset_as_json(FULL), "x.json") == FULL
    (tmp_path / "windows.json").write_text(preset_as_json(Preset("Plain")), encoding="utf-8-sig")
    assert load_preset(tmp_path / "windows.json") == Preset("Plain")


def test_what_a_file_leaves_out_has_its_default_and_what_we_do_not_know_is_left_out() -> None:
    text = json.dumps(as_data(sampling={"temperature": 1, "mirostat": 2}, colour="blue"))
    assert parse_preset(text, "x.json").sampling == SamplingSettings(temperature=1.0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("not json", "x.json is not JSON"),
        ("[" * 100_000, "x.json is not JSON"),
        ([], "not a preset of Espalier"),
        ({"format": "espalier-chat", "version": 1}, "not a preset of Espalier"),
        (as_data(version=2), "newer version"),
        (as_data(version=True), "“version” is True"),
        (as_data(name="  \n "), "“name”"),
        (as_data(name=7), "“name” is 7"),
        (as_data(system_prompt=["x"]), "“system_prompt”"),
        (as_data(sampling=[1]), "“sampling”"),
        (as_data(sampling={"temperature": "hot"}), "“temperature” is 'hot'"),
        (as_data(sampling={"temperature": 9.5}), "temperature is 9.5. Choose a value from 0.0 to 5.0"),
        (as_data(sampling={"temperature": float("nan")}), "temperature is nan"),
        (as_data(sampling={"top_k": 1.5}), "“top_k” is 1.5"),
        (as_data(sampling={"top_k": True}), "“top_k” is True"),
        (as_data(sampling={"seed": -1}), "seed is -1"),
        (as_data(sampling={"ignore_eos": 1}), "“ignore_eos” is 1"),
        (as_data(sampling={"stop_strings": "END"}), "“stop_strings” is 'END'"),
        (as_data(sampling={"stop_strings": [1]}), "“stop_strings”"),
        (as_data(sampling={"stop_token_ids": ["a"]}), "“stop_token_ids”"),
    ],
)
def test_bad_files_are_refused_in_clear_words(data: Any, said: str) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    with pytest.raises(PresetError) as caught:
        parse_preset(text, "x.json")
    assert said in caught.value.message
    assert caught.value.way_out


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary, huge = tmp_path / "binary.json", tmp_path / "huge.json"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    huge.write_text(" " * (1024**2 + 1))
    for path, said in ((binary, "not a text file"), (huge, "larger than"), (tmp_path / "none.json", "cannot be read")):
        with pytest.raises(PresetError, match=said):
            load_preset(path)


def test_every_setting_goes_through_a_file() -> None:
    given = parse_preset(preset_as_json(FULL), "x.json").sampling
    assert set(json.loads(preset_as_json(FULL))["sampling"]) == set(asdict(given))


def test_the_folder_keeps_one_file_for_each_name(tmp_path: Path) -> None:
    store = PresetStore(tmp_path / "Папка 🌳" / "presets")
    assert store.presets() == []
    names = ["a/b", "a_b", "CON", "..", "b", "B", "é" * 80, FULL.name]
    for name in names:
        store.save(Preset(name))
    store.save(Preset("b", "changed"))
    assert {each.name for each in store.presets()} == set(names)
    assert next(each for each in store.presets() if each.name == "b").system_prompt == "changed"
    assert len(list((tmp_path / "Папка 🌳" / "presets").iterdir())) == len(names)
    store.delete("a/b")
    store.delete("never there")
    assert {each.name for each in store.presets()} == set(names) - {"a/b"}


def test_a_file_that_somebody_copied_there_is_a_preset_too(tmp_path: Path) -> None:
    (tmp_path / "from a friend.json").write_text(preset_as_json(FULL), encoding="utf-8")
    (tmp_path / "notes.json").write_text("{}")
    store = PresetStore(tmp_path)
    assert store.presets() == [FULL]
    store.save(Preset(FULL.name, "mine"))
    assert store.presets() == [Preset(FULL.name, "mine")]
    store.delete(FULL.name)
    assert store.presets() == []
    assert (tmp_path / "notes.json").exists()


def test_names() -> None:
    assert clean_name("  a \n b\t ") == "a b"
    assert clean_name("\n") == ""
    assert len(clean_name("x" * 500)) == 80
    assert clean_name("\ud800") == "?"


def test_how_chats_with_a_model_begin_goes_through_the_settings(tmp_path: Path) -> None:
    chats = (ModelChat("/m/a", FULL.sampling, "Be short.", False), ModelChat("/m/b", thinking=True))
    save_settings(tmp_path / "settings.json", Settings(model_chats=chats, when_full="drop_oldest"))
    loaded = load_settings(tmp_path / "settings.json").settings
    assert loaded.model_chats == chats
    assert loaded.when_full == "drop_oldest"


def test_records_that_make_no_sense_are_left_out() -> None:
    good = {"path": "/m", "sampling": None, "system_prompt": "", "thinking": True}
    bad = [1, {}, {"path": 1}, good | {"system_prompt": 2}]
    assert model_chats_of([*bad, good]) == (ModelChat("/m", thinking=True),)
    assert model_chats_of([good | {"sampling": {"temperature": 99}}]) == (ModelChat("/m", thinking=True),)
    assert model_chats_of("x") is None
    assert with_chat((ModelChat("/m", thinking=True),), ModelChat("/m")) == ()
