"""Damaged and contradictory models: each is refused with an error that names the culprit and a way out.

Every case starts from the same small, valid model and spoils one thing. The last test spoils bytes at random.
"""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, ModelFormatError, UnsupportedModelError
from engine.quant.plain import read_tensor
from engine.quant.registry import read_linear
from engine.weights.config_reader import ConfigReader
from engine.weights.folder_scan import INDEX_NAME
from engine.weights.shards import ShardIndex
from tests.oracles.exl3_numpy import make_exl3_linear, with_prefix, write_safetensors

FILE = "model.safetensors"
Tensors = dict[str, Any]
Header = dict[str, Any]


def valid_tensors() -> Tensors:
    quantized = with_prefix("a", make_exl3_linear(128, 256, 2, "mul1", seed=1, bias=True))
    plain = {"b.weight": np.ones((100, 60), np.float16), "b.bias": np.ones(100, np.float16)}
    return quantized | plain | {"norm.weight": np.ones(60, np.float16)}


def make_model(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write_safetensors(folder / FILE, valid_tensors())
    (folder / "config.json").write_text('{"hidden_size": 128}')


def load(folder: Path) -> None:
    """Reads everything that a loader of this model would."""
    ConfigReader.open(folder).int("hidden_size")
    index = ShardIndex.open(folder)
    read_linear(index, "a", 128, 256, has_bias=True)
    read_linear(index, "b", 60, 100)
    read_tensor(index, "norm.weight", (60,))


# What can be spoiled: the bytes of the file, its parsed header, its tensors, or the folder.


def in_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        (folder / FILE).write_bytes(change((folder / FILE).read_bytes()))

    return spoil


def in_header(change: Callable[[Header], Any]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        whole = (folder / FILE).read_bytes()
        (length,) = struct.unpack("<Q", whole[:8])
        header = json.loads(whole[8 : 8 + length])
        replaced = change(header)
        text = replaced if isinstance(replaced, bytes) else json.dumps(header).encode()
        (folder / FILE).write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + length :])

    return spoil


def in_tensors(change: Callable[[Tensors], Any]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        tensors = valid_tensors()
        change(tensors)
        write_safetensors(folder / FILE, tensors)

    return spoil


def put(name: str, value: Any) -> Callable[[Path], object]:
    return in_tensors(lambda tensors: tensors.update({name: value}))


def drop(name: str) -> Callable[[Path], object]:
    return in_tensors(lambda tensors: tensors.pop(name))


def field(tensor: str, key: str, value: Any) -> Callable[[Path], object]:
    return in_header(lambda header: header[tensor].update({key: value}))


def config(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "config.json").write_bytes(content)


def weight_map(mapping: Any) -> Callable[[Path], object]:
    return lambda folder: (folder / INDEX_NAME).write_text(json.dumps({"weight_map": mapping}))


def trellis(rows: int, columns: int, depth: int) -> Callable[[Path], object]:
    return put("a.trellis", np.zeros((rows, columns, depth), np.int16))


def with_value(tensor: str, position: int, value: float) -> Callable[[Path], object]:
    return in_tensors(lambda tensors: tensors[tensor].__setitem__(position, value))


def marker(name: str, value: int) -> Callable[[Path], object]:
    return put(f"a.{name}", np.array(value, np.uint32).view(np.int32))


def second_shard(folder: Path) -> None:
    write_safetensors(folder / "more.safetensors", {"norm.weight": np.ones(60, np.float16)})


def folder_as_shard(folder: Path) -> None:
    (folder / "x.safetensors").mkdir()


def dangling_shard(folder: Path) -> None:
    (folder / "linked.safetensors").symlink_to(folder / "gone")


def swap_offsets(header: Header) -> None:
    header["b.weight"]["data_offsets"].reverse()


def share_offsets(header: Header) -> None:
    start = header["b.weight"]["data_offsets"][0]
    header["b.bias"]["data_offsets"] = [start + 2, start + 202]


def past_the_end(header: Header) -> None:
    header["norm.weight"]["data_offsets"] = [size + 10**6 for size in header["norm.weight"]["data_offsets"]]


def twice(header: Header) -> bytes:
    text = json.dumps(header).encode()
    return text[:-1] + b', "b.bias": ' + json.dumps(header["b.bias"]).encode() + b"}"


def huge_number(header: Header) -> bytes:
    return json.dumps(header).encode().replace(b"[100, 60]", b"[1" + b"0" * 5000 + b", 60]")


ODD = np.ones((16, 16), np.float16)
BAD_MULTIPLIER = 0xCBAC1FEF

# name: (what is spoiled, what the message must name). `FILE` or the tensor is the least.
CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty file": (in_bytes(lambda _: b""), FILE),
    "seven bytes": (in_bytes(lambda whole: whole[:7]), FILE),
    "cut in the header": (in_bytes(lambda whole: whole[:60]), FILE),
    "cut in the data": (in_bytes(lambda whole: whole[:-1]), "norm.weight"),
    "no data at all": (in_header(lambda header: json.dumps(header).encode()[:-1] + b"," * 9), FILE),
    "header length zero": (in_bytes(lambda whole: bytes(8) + whole[8:]), FILE),
    "header length huge": (in_bytes(lambda whole: b"\xff" * 8 + whole[8:]), FILE),
    "header length just past the file": (in_bytes(lambda w: struct.pack("<Q", len(w) - 7) + w[8:]), FILE),
    "header length one short": (in_bytes(lambda w: struct.pack("<Q", struct.unpack("<Q", w[:8])[0] - 1) + w[8:]), FILE),
    "all zero bytes": (in_bytes(lambda whole: bytes(len(whole))), FILE),
    "a web page": (in_bytes(lambda _: b"<!DOCTYPE html><html><body>Not found</body></html>"), FILE),
    "a git lfs pointer": (in_bytes(lambda _: b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "header not utf-8": (in_header(lambda _: b'{"\xff": 1}'), FILE),
    "header is a list": (in_header(lambda _: b"[]"), FILE),
    "header is a number": (in_header(lambda _: b"17"), FILE),
    "header nested deeply": (in_header(lambda _: b'{"a":' * 100_000), FILE),
    "header with NaN": (in_header(lambda _: b'{"a": NaN}'), FILE),
    "one tensor named twice": (in_header(twice), "b.bias"),
    "a number of thousands of digits": (in_header(huge_number), FILE),
    "entry is a list": (in_header(lambda header: header.update({"b.bias": []})), "b.bias"),
    "entry without dtype": (in_header(lambda header: header["b.bias"].pop("dtype")), "b.bias"),
    "entry without shape": (in_header(lambda header: header["b.bias"].pop("shape")), "b.bias"),
    "entry without offsets": (in_header(lambda header: header["b.bias"].pop("data_offsets")), "b.bias"),
    "name is half a character": (in_header(lambda header: header.update({"\ud800": header["b.bias"]})), FILE),
    "unknown dtype": (field("b.bias", "dtype", "F17"), "F17"),
    "dtype is a list": (field("b.bias", "dtype", ["F16"]), "b.bias"),
    "shape is a text": (field("b.bias", "shape", "100"), "b.bias"),
    "shape of texts": (field("b.bias", "shape", ["100"]), "b.bias"),
    "shape of floats": (field("b.bias", "shape", [100.0]), "b.bias"),
    "shape of bools": (field("b.bias", "shape", [True, 100]), "b.bias"),
    "negative shape": (field("b.weight", "shape", [-100, -60]), "b.weight"),
    "huge shape": (field("b.weight", "shape", [2**40, 2**40]), "b.weight"),
    "shape that wraps at 64 bits": (field("b.weight", "shape", [2**45, 2**45, 2**45]), "b.weight"),
    "zero hides a huge shape": (field("b.weight", "shape", [0, 2**40, 2**40]), "b.weight"),
    "a thousand dimensions": (field("b.weight", "shape", [1] * 1000), "b.weight"),
    "shape and bytes differ": (field("b.weight", "shape", [100, 61]), "b.weight"),
    "dtype and bytes differ": (field("b.weight", "dtype", "F32"), "b.weight"),
    "offsets reversed": (in_header(swap_offsets), "b.weight"),
    "offsets overlap": (in_header(share_offsets), "b.bias"),
    "offsets past the end": (in_header(past_the_end), "norm.weight"),
    "negative offsets": (field("b.bias", "data_offsets", [-200, 0]), "b.bias"),
    "one offset": (field("b.bias", "data_offsets", [200]), "b.bias"),
    "offsets are floats": (field("b.bias", "data_offsets", [0.0, 200.0]), "b.bias"),
    "offset of 2**70": (field("b.bias", "data_offsets", [2**70, 2**70 + 200]), "b.bias"),
    "folder named like a shard": (folder_as_shard, "x.safetensors"),
    "shard is a dangling link": (dangling_shard, "linked.safetensors"),
    "tensor in two shards": (second_shard, "norm.weight"),
    "index names a missing shard": (weight_map({"norm.weight": "model-00002-of-00002.safetensors"}), "00002-of-00002"),
    "index names a missing tensor": (weight_map({"z.weight": FILE}), "z.weight"),
    "index leads out of the folder": (weight_map({"b.bias": "../other/model.safetensors"}), INDEX_NAME),
    "index names a number": (weight_map({"b.bias": 3}), INDEX_NAME),
    "index map is a list": (weight_map(["b.bias"]), INDEX_NAME),
    "index without a map": (lambda folder: (folder / INDEX_NAME).write_text("{}"), INDEX_NAME),
    "index is not json": (lambda folder: (folder / INDEX_NAME).write_bytes(b"\x00"), INDEX_NAME),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "config is a list": (config(b"[1]"), "config.json"),
    "config cut": (config(b'{"hidden_size": 12'), "config.json"),
    "config empty": (config(b""), "config.json"),
    "config with a text for a number": (config(b'{"hidden_size": "128"}'), "hidden_size"),
    "config with a bool for a number": (config(b'{"hidden_size": true}'), "hidden_size"),
    "config with zero": (config(b'{"hidden_size": 0}'), "hidden_size"),
    "config lacks the key": (config(b"{}"), "hidden_size"),
    "no trellis": (drop("a.trellis"), "a.trellis"),
    "no suh": (drop("a.suh"), "a.suh"),
    "no svh": (drop("a.svh"), "a.svh"),
    "no bias": (drop("a.bias"), "a.bias"),
    "no weight": (drop("b.weight"), "b.weight"),
    "no norm": (drop("norm.weight"), "norm.weight"),
    "trellis of uint8": (put("a.trellis", np.zeros((8, 16, 32), np.uint8)), "a.trellis"),
    "trellis of int32": (put("a.trellis", np.zeros((8, 16, 32), np.int32)), "a.trellis"),
    "trellis of two dimensions": (put("a.trellis", np.zeros((128, 32), np.int16)), "a.trellis"),
    "trellis depth 24": (trellis(8, 16, 24), "a.trellis"),
    "trellis K = 0": (trellis(8, 16, 0), "a.trellis"),
    "trellis K = 9": (trellis(8, 16, 144), "a.trellis"),
    "trellis transposed": (trellis(16, 8, 32), "a.trellis"),
    "trellis without padding": (trellis(7, 16, 32), "a.trellis"),
    "both markers": (marker("mcg", 0xCBAC1FED), "a.mcg"),
    "wrong multiplier": (marker("mul1", BAD_MULTIPLIER), "CBAC1FEF"),
    "the other codebook's multiplier": (marker("mul1", 0xCBAC1FED), "a.mul1"),
    "marker of int64": (put("a.mul1", np.array(0x83DCD12D, np.int64)), "a.mul1"),
    "marker of two values": (put("a.mul1", np.zeros(2, np.int32)), "a.mul1"),
    "a scale of no release": (put("a.scale", np.ones(1, np.float16)), "a.scale"),
    "suh too short": (put("a.suh", np.ones(127, np.float16)), "a.suh"),
    "suh of float32": (put("a.suh", np.ones(128, np.float32)), "a.suh"),
    "svh of two dimensions": (put("a.svh", np.ones((256, 1), np.float16)), "a.svh"),
    "NaN in suh": (with_value("a.suh", 5, float("nan")), "a.suh"),
    "infinity in svh": (with_value("a.svh", 255, float("inf")), "a.svh"),
    "NaN in the bias": (with_value("a.bias", 0, float("nan")), "a.bias"),
    "bias too large for fp16": (put("a.bias", np.full(256, 1e6, np.float32)), "a.bias"),
    "bias of integers": (put("a.bias", np.zeros(256, np.int32)), "a.bias"),
    "bias without padding": (put("a.bias", np.ones(255, np.float16)), "a.bias"),
    "both sign forms": (put("a.su", np.zeros(8, np.int16)), "a.su"),
    "weight transposed": (put("b.weight", np.ones((60, 100), np.float16)), "b.weight"),
    "weight of int8": (put("b.weight", np.ones((100, 60), np.int8)), "b.weight"),
    "weight of one dimension": (put("b.weight", np.ones(6000, np.float16)), "b.weight"),
    "weight is a gptq one": (put("b.qweight", np.ones((8, 8), np.int32)), "GPTQ"),
    "NaN in a plain bias": (with_value("b.bias", 1, float("nan")), "b.bias"),
    "plain bias too long": (put("b.bias", np.ones(129, np.float16)), "b.bias"),
    "norm of another size": (put("norm.weight", np.ones(61, np.float16)), "norm.weight"),
    "NaN in a norm": (with_value("norm.weight", 1, float("nan")), "norm.weight"),
    "norm of integers": (put("norm.weight", np.ones(60, np.int64)), "norm.weight"),
}


def test_the_model_is_valid_before_it_is_spoiled(tmp_path: Path) -> None:
    make_model(tmp_path / "model")
    load(tmp_path / "model")


@pytest.mark.parametrize("case", CASES)
def test_a_spoiled_model_is_refused_by_name(tmp_path: Path, case: str) -> None:
    spoil, named = CASES[case]
    folder = tmp_path / "my model"
    make_model(folder)
    spoil(folder)
    with pytest.raises((ModelFormatError, UnsupportedModelError)) as caught:
        load(folder)
    assert named in caught.value.message
    assert str(folder) in caught.value.message
    assert caught.value.way_out
    assert len(str(caught.value)) < 2000
    str(caught.value).encode()  # printable on any terminal


def test_experimental_multipliers_are_unsupported_not_damaged(tmp_path: Path) -> None:
    make_model(tmp_path / "model")
    marker("mul1", BAD_MULTIPLIER)(tmp_path / "model")
    with pytest.raises(UnsupportedModelError, match="experimental"):
        load(tmp_path / "model")


@pytest.mark.parametrize("name", [FILE, "config.json"])
def test_files_without_permission_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    make_model(tmp_path / "model")
    really_open = Path.open

    def denied(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really_open(path, *args, **options)

    monkeypatch.setattr(Path, "open", denied)  # a mode of 0 would not stop root
    with pytest.raises(ModelFormatError, match=name):
        load(tmp_path / "model")


EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS, header_edits=EDITS, cut=st.none() | st.floats(0, 1), extra=st.binary(max_size=20))
def test_random_damage_never_raises_anything_else(
    tmp_path: Path,
    edits: list[tuple[float, int]],
    header_edits: list[tuple[float, int]],
    cut: float | None,
    extra: bytes,
) -> None:
    make_model(tmp_path / "model")
    path = tmp_path / "model" / FILE
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    for place, value in edits:
        content[int(place * len(content))] = value
    for place, value in header_edits:
        content[int(place * (8 + length))] = value
    if cut is not None:
        del content[int(cut * len(content)) :]
    path.write_bytes(bytes(content) + extra)
    refused = refusal(tmp_path / "model")
    assert refused is None or (refused.message and refused.way_out)


def refusal(folder: Path) -> EngineError | None:
    try:
        load(folder)
    except EngineError as error:
        return error
    return None
