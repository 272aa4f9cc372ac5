"""The config reader: types, ranges, nested objects, and errors that name file, key and value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelFormatError
from engine.weights.config_reader import ConfigReader

VALUES: dict[str, Any] = {
    "hidden_size": 256, "width": 256.0, "eps": 1e-5, "one": 1, "flag": True, "name": "llama", "nothing": None,
    "eos": [1, 2], "single": 7, "text_number": "256", "half": 1.5, "huge": 10**30, "negative": -1, "texts": ["a", "b"],
    "floats": [1.0, 2], "rope_scaling": {"factor": 8.0, "deep": {"low": "x"}}, "mixed": [1, "a"],
}  # fmt: skip


@pytest.fixture
def reader(tmp_path: Path) -> ConfigReader:
    (tmp_path / "config.json").write_text(json.dumps(VALUES))
    return ConfigReader.open(tmp_path)


def test_values_of_the_right_type_come_through(reader: ConfigReader) -> None:
    assert reader.int("hidden_size") == 256
    width = reader.int("width")
    assert (width, type(width)) == (256, int)
    one = reader.float("one")
    assert (one, type(one)) == (1.0, float)
    assert reader.float("eps", low=0.0, high=1.0) == 1e-5
    assert reader.bool("flag") is True
    assert reader.str("name") == "llama"
    assert reader.int_list("eos") == (1, 2)
    assert reader.int_list("single", single_allowed=True) == (7,)
    assert reader.str_list("texts") == ("a", "b")
    assert reader.float_list("floats") == (1.0, 2.0)
    assert reader.raw("rope_scaling") == VALUES["rope_scaling"]
    assert ("flag" in reader, "absent" in reader) == (True, False)
    assert list(reader) == list(VALUES)


def test_defaults_stand_in_for_absent_and_null(reader: ConfigReader) -> None:
    for key in ("absent", "nothing"):
        assert reader.int(key, 5) == 5
        assert reader.float(key, 0.5) == 0.5
        assert reader.bool(key, False) is False
        assert reader.str(key, "x") == "x"
        assert reader.int_list(key, (3,)) == (3,)
        assert reader.str_list(key, ()) == ()
        assert reader.float_list(key, ()) == ()
        assert reader.optional_int(key) is None
        assert reader.optional_float(key) is None
        assert reader.optional_bool(key) is None
        assert reader.optional_str(key) is None
        assert reader.section(key) is None
        assert reader.raw(key) is None


@pytest.mark.parametrize(
    ("get", "said"),
    [
        (lambda r: r.int("absent"), "'absent' is missing"),
        (lambda r: r.int("nothing"), "'nothing' is null"),
        (lambda r: r.int("flag"), "'flag' is true, not a whole number"),
        (lambda r: r.int("text_number"), "'text_number' is \"256\""),
        (lambda r: r.int("half"), "'half' is 1.5"),
        (lambda r: r.int("huge"), "'huge' is 1000"),
        (lambda r: r.int("negative"), "'negative' is -1, not from 1 to"),
        (lambda r: r.int("hidden_size", high=128), "not from 1 to 128"),
        (lambda r: r.optional_int("name"), "'name' is \"llama\""),
        (lambda r: r.float("flag"), "'flag' is true"),
        (lambda r: r.float("text_number"), "'text_number' is"),
        (lambda r: r.float("eps", low=0.1), "'eps' is 1e-05"),
        (lambda r: r.bool("one"), "'one' is 1, not true or false"),
        (lambda r: r.str("one"), "'one' is 1, not a text"),
        (lambda r: r.int_list("single"), "'single' is 7, not a list"),
        (lambda r: r.int_list("mixed"), "'mixed' is"),
        (lambda r: r.int_list("name", single_allowed=True), "'name' is"),
        (lambda r: r.str_list("mixed"), "'mixed' is"),
        (lambda r: r.float_list("mixed"), "'mixed' is"),
        (lambda r: r.section("eos"), "'eos' is"),
        (lambda r: r.section("rope_scaling").int("factor", high=4), "'rope_scaling.factor' is 8.0"),
        (lambda r: r.section("rope_scaling").section("deep").int("low"), "'rope_scaling.deep.low' is"),
    ],
)
def test_wrong_values_name_file_key_and_value(
    reader: ConfigReader, get: Callable[[ConfigReader], object], said: str
) -> None:
    with pytest.raises(ModelFormatError) as caught:
        get(reader)
    assert said in caught.value.message
    assert str(reader.path) in caught.value.message
    assert caught.value.way_out


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_not_finite_are_refused_only_where_a_number_is_asked_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(f'{{"a": {text}, "b": 1}}')
    reader = ConfigReader.open(tmp_path)
    assert reader.int("b") == 1
    for get in (reader.float, reader.int):
        with pytest.raises(ModelFormatError, match="'a' is"):
            get("a")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[1, 2]", b"null", b'"x"', b"{", b"{'a': 1}", b'{"a": \xff}', b"[" * 200_000, b'{"a":' * 200_000,
        b'{"a": 1' + b"0" * 5000 + b"}", b"\x00" * 100, b"{}" + b" " * (16 * 1024 * 1024),
    ],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_files_that_are_no_config_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"config\.json") as caught:
        ConfigReader.open(tmp_path)
    assert caught.value.way_out


def test_a_missing_file_is_an_error_unless_optional(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"has no config\.json"):
        ConfigReader.open(tmp_path)
    assert ConfigReader.open_optional(tmp_path, "generation_config.json") is None
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ModelFormatError, match=r"config\.json"):
        ConfigReader.open(tmp_path)


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert ConfigReader.open_optional(tmp_path, "config.json").int("a") == 1  # type: ignore[union-attr]
