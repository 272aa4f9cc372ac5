"""Parses the header of a safetensors file and believes none of it until checked.

Every number in the header comes from a download, so it is compared with the file before anything is allocated or read
with it. Knows nothing of torch, of folders or of what the tensors mean.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from engine.errors import ModelFormatError

MAX_HEADER_BYTES = 100 * 1024 * 1024
MAX_DIMENSIONS = 32
MAX_ELEMENTS = 2**48  # far above any tensor, far below what overflows a 64-bit byte count

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip

DOWNLOAD_AGAIN = "The file is damaged or incomplete; download it again."

LENGTH_BYTES = 8  # of the header, before it
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies.

    Attributes:
        dtype: in safetensors spelling: "F16", "BF16", "F32", "I16", "I32", "I64", "U8" ...
        path: the file that holds it.
        offset: of its first byte from the start of the file; need not be aligned to anything.
        num_bytes: exactly the size that shape and dtype ask for.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    offset: int
    num_bytes: int


@dataclass(frozen=True)
class FileStamp:
    """Size and time of last change of a file, to notice that it was replaced after its header was read."""

    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> FileStamp:
        """Raises `OSError` when the file cannot be looked at."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class SafetensorsHeader:
    """The checked header of one file: its tensors in the order in which the header names them."""

    path: Path
    stamp: FileStamp
    entries: tuple[TensorEntry, ...]


def quoted(text: object) -> str:
    """A name out of a file, safe to print: escaped, in quotes and cut to a readable length."""
    shown = ascii(text) if not str(text).isprintable() else f"'{text}'"
    return shown if len(shown) <= 160 else shown[:150] + "...'"


def read_header(path: Path) -> SafetensorsHeader:
    """Reads and checks the header of one safetensors file.

    Args:
        path: the file; only its header is read.

    Raises:
        ModelFormatError: the file cannot be read, or anything in its header does not hold.
    """
    try:
        if path.is_dir():
            raise ModelFormatError(f"{path} is a folder, not a safetensors file.", "Remove it, or download the file.")
        stamp = FileStamp.of(path)
        with path.open("rb") as file:
            text = _header_bytes(path, file, stamp.size_bytes)
    except OSError as error:
        raise ModelFormatError(
            f"{path} cannot be read: {error.strerror or error}.", "Check that the file exists and may be read."
        ) from error
    return SafetensorsHeader(path, stamp, parse_header(path, text, stamp.size_bytes))


def parse_header(path: Path, text: bytes, file_bytes: int) -> tuple[TensorEntry, ...]:
    """Checks the JSON of a header, wherever it was read from.

    Args:
        path: of the file, for messages and for the entries.
        file_bytes: the size of the whole file.

    Raises:
        ModelFormatError: anything in it does not hold.
    """
    data_start = LENGTH_BYTES + len(text)
    section = _Section(path, data_start, file_bytes - data_start)
    records = _parse_json(path, text)
    entries = tuple(_check_entry(section, name, record) for name, record in records.items() if name != "__metadata__")
    _check_overlaps(path, entries)
    return entries


def header_length(path: Path, start: bytes, file_bytes: int) -> int:
    """The length of the header's JSON by a file's first `LENGTH_BYTES` bytes. Raises `ModelFormatError`."""
    if len(start) < LENGTH_BYTES:
        _fail(path, f"is {file_bytes} bytes long, too short for a safetensors file")
    length = int(struct.unpack("<Q", start[:LENGTH_BYTES])[0])
    if length > MAX_HEADER_BYTES:
        _fail(path, f"claims a header of {length} bytes; at most {MAX_HEADER_BYTES} are allowed")
    if length > file_bytes - LENGTH_BYTES:
        _fail(path, f"claims a header of {length} bytes but is only {file_bytes} bytes long")
    return length


def _header_bytes(path: Path, file: BinaryIO, file_bytes: int) -> bytes:
    start = file.read(len(_LFS_POINTER))
    if start == _LFS_POINTER:
        raise ModelFormatError(
            f"{path} is a Git LFS pointer, a note of where the weights are and not the weights.",
            "Run `git lfs pull` in the folder, or download the file itself.",
        )
    length = header_length(path, start, file_bytes)
    file.seek(LENGTH_BYTES)
    text = file.read(length)
    if len(text) != length:
        _fail(path, f"ends inside its header, after {len(text)} of {length} bytes")
    return text


def _parse_json(path: Path, text: bytes) -> dict[str, Any]:
    try:
        records = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ModelFormatError(f"{path}: the header is nested far too deeply.", DOWNLOAD_AGAIN) from error
    except ValueError as error:  # bad UTF-8, bad JSON, NaN, a repeated key, a number of thousands of digits
        raise ModelFormatError(f"{path}: the header is not valid JSON: {error}.", DOWNLOAD_AGAIN) from error
    if not isinstance(records, dict):
        _fail(path, f"has a header that is a {type(records).__name__}, not a JSON object")
    return records


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {quoted(key)} occurs twice")
        found[key] = value
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


@dataclass(frozen=True)
class _Section:
    """The data section of a file: where it starts and how long it is."""

    path: Path
    start: int
    num_bytes: int


def _check_entry(section: _Section, name: str, record: Any) -> TensorEntry:
    def fail(what: str) -> NoReturn:
        raise ModelFormatError(f"{section.path}: tensor {quoted(name)} {what}.", DOWNLOAD_AGAIN)

    if not name or any("\ud800" <= letter <= "\udfff" for letter in name):
        fail("has a name that is not text")
    if not isinstance(record, dict):
        fail(f"is described by a {type(record).__name__}, not by an object")
    dtype = record.get("dtype")
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        fail(f"has the unknown dtype {quoted(dtype)}")
    shape = record.get("shape")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(_is_size(size) for size in shape):
        fail(f"has the impossible shape {quoted(shape)}")
    offsets = record.get("data_offsets")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(offset) for offset in offsets):
        fail(f"has the impossible data_offsets {quoted(offsets)}")
    begin, end = offsets
    if begin > end:
        fail(f"ends at byte {end} before it begins at byte {begin}")
    if end > section.num_bytes:
        fail(f"ends at byte {end} of a data section of only {section.num_bytes} bytes")
    bits = _bounded_product(shape) * DTYPE_BITS[dtype]
    if bits != (end - begin) * 8:
        fail(f"of dtype {dtype} and shape {quoted(shape)} needs {bits / 8:g} bytes but is given {end - begin}")
    return TensorEntry(name, dtype, tuple(shape), section.path, section.start + begin, end - begin)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ELEMENTS * 8


def _bounded_product(shape: Iterable[int]) -> int:
    """Elements of a shape; a shape that passes `MAX_ELEMENTS`, zeros left aside, counts as more than any file holds."""
    elements, without_zeros = 1, 1
    for size in shape:
        elements *= size
        without_zeros *= max(size, 1)
        if without_zeros > MAX_ELEMENTS:
            return without_zeros
    return elements


def _check_overlaps(path: Path, entries: tuple[TensorEntry, ...]) -> None:
    filled = sorted((entry for entry in entries if entry.num_bytes), key=lambda entry: entry.offset)
    for before, after in pairwise(filled):
        if before.offset + before.num_bytes > after.offset:
            _fail(path, f"has the tensors {quoted(before.name)} and {quoted(after.name)} over the same bytes")


def _fail(path: Path, what: str) -> NoReturn:
    raise ModelFormatError(f"{path} {what}.", DOWNLOAD_AGAIN)
