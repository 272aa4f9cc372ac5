"""The header parser on its own: what it accepts, and what only it can refuse."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelFormatError
from engine.weights.safetensors_header import DTYPE_BITS, MAX_HEADER_BYTES, TensorEntry, quoted, read_header


def write(folder: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path = folder / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype: str, shape: list[Any], begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_entries_carry_absolute_offsets(tmp_path: Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "a": entry("U8", [3], 0, 3), "b": entry("F16", [2, 1], 3, 7)}
    path = write(tmp_path, header, b"1234567")
    start = path.stat().st_size - 7
    parsed = read_header(path)
    assert parsed.entries == (
        TensorEntry("a", "U8", (3,), path, start, 3),
        TensorEntry("b", "F16", (2, 1), path, start + 3, 4),
    )
    assert parsed.stamp.size_bytes == path.stat().st_size


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"a": entry("F32", [], 0, 4)},  # one scalar
        {"a": entry("F32", [0, 7], 4, 4), "b": entry("F32", [1], 0, 4)},  # nothing, at the end
        {"a": entry("F32", [0], 2, 2), "b": entry("F32", [1], 0, 4)},  # nothing, inside another
        {"a": entry("F16", [1], 1, 3)},  # gaps before and after
        {"__metadata__": {"a": "b"}, "a": entry("F4", [8], 0, 4)},
        {"a": entry("U8", [1], 0, 1) | {"comment": "kept by some writer"}},
    ],
)
def test_unusual_but_sound_headers_are_accepted(tmp_path: Path, header: dict[str, Any]) -> None:
    assert len(read_header(write(tmp_path, header, b"1234")).entries) == len(header.keys() - {"__metadata__"})


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_every_dtype_is_sized(tmp_path: Path, dtype: str) -> None:
    size = DTYPE_BITS[dtype]  # bytes of eight elements
    assert read_header(write(tmp_path, {"a": entry(dtype, [8], 0, size)}, bytes(size))).entries[0].num_bytes == size
    with pytest.raises(ModelFormatError, match="needs"):
        read_header(write(tmp_path, {"a": entry(dtype, [8], 0, size - 1)}, bytes(size)))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (entry("U8", [True, 4], 0, 4), "shape"),
        (entry("U8", [4.0], 0, 4), "shape"),
        (entry("U8", [1], False, True), "data_offsets"),
        (entry("U8", [1], 0.0, 1.0), "data_offsets"),
        (entry("U8", [0, 2**40, 2**40], 0, 0), "needs"),
        (entry("U8", [2**63, 0], 0, 0), "shape"),
        (entry("U8", [1] * 33, 0, 1), "shape"),
        (entry("U8", [-2, -2], 0, 4), "shape"),
        (entry("F4", [1], 0, 0), "needs 0.5 bytes"),
        (entry("U8", [4], 1, 5), "only 4 bytes"),
        (entry("U8", [2], 3, 1), "before it begins"),
    ],
)
def test_numbers_that_cannot_be_are_refused_here(tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    path = write(tmp_path, {"layer.weight": bad}, b"1234")
    with pytest.raises(ModelFormatError, match=said) as caught:
        read_header(path)
    assert "'layer.weight'" in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.way_out


def test_one_shared_byte_is_an_overlap(tmp_path: Path) -> None:
    header = {"a": entry("U8", [2], 2, 4), "b": entry("U8", [3], 0, 3)}
    with pytest.raises(ModelFormatError, match="'b' and 'a' over the same bytes"):
        read_header(write(tmp_path, header, b"1234"))


def test_a_long_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", MAX_HEADER_BYTES + 1))
        file.truncate(MAX_HEADER_BYTES + 100)  # sparse: takes no disk
    with pytest.raises(ModelFormatError, match="at most"):
        read_header(path)


def test_names_are_quoted_safely() -> None:
    assert quoted("слой.weight") == "'слой.weight'"
    assert quoted("a\nb\x1b[31m") == "'a\\nb\\x1b[31m'"
    assert len(quoted("x" * 1000)) < 200
