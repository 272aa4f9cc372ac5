"""The shard index: which files count, what a read gives, and what progress and cancelling look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import Cancelled, EngineError, ModelFormatError, UnsupportedModelError
from engine.weights import shards
from engine.weights.folder_scan import INDEX_NAME
from engine.weights.shards import ShardIndex
from tests.oracles.exl3_numpy import Bf16, write_safetensors

F32 = np.arange(6, dtype=np.float32).reshape(2, 3)


def write_index(folder: Path, weight_map: dict[str, str]) -> None:
    (folder / INDEX_NAME).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def test_reads_every_dtype_at_odd_offsets(tmp_path: Path) -> None:
    tensors: dict[str, Any] = {
        "byte": np.array([7], dtype=np.uint8),  # makes every later offset odd
        "half": np.array([1.5, -2.0], dtype=np.float16),
        "single": F32,
        "words": np.array([[-1, 2], [3, -32768]], dtype=np.int16),
        "marker": np.array(-877912083, dtype=np.int32),
        "ids": np.array([2**40, -5], dtype=np.int64),
        "brain": Bf16.of(np.array([1.0, -0.5, 3.0], dtype=np.float32)),
        "empty": np.zeros((0, 5), dtype=np.float32),
        "flag": np.array([True, False]),
    }
    for pad in range(3):
        write_safetensors(tmp_path / "model.safetensors", tensors, pad_header=pad)
        index = ShardIndex.open(tmp_path)
        assert list(index.entries) == list(tensors)
        for name, value in tensors.items():
            read = index.read(name)
            if isinstance(value, Bf16):
                assert read.dtype == torch.bfloat16
                assert read.tolist() == [1.0, -0.5, 3.0]
            else:
                assert read.numpy().dtype == value.dtype
                np.testing.assert_array_equal(read.numpy(), value)
    assert index.total_bytes == sum(entry.num_bytes for entry in index.entries.values()) == 1 + 4 + 24 + 8 + 4 + 16 + 8


def test_a_read_owns_exactly_its_bytes(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"a": F32, "b": F32 + 1})
    index = ShardIndex.open(tmp_path)
    first, second = index.read("b"), index.read("b")
    assert first.untyped_storage().nbytes() == 24
    first.zero_()
    assert second.sum() == 21


def test_shards_without_an_index_are_joined(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model-00001-of-00002.safetensors", {"a": F32})
    write_safetensors(tmp_path / "model-00002-of-00002.safetensors", {"b": F32 + 1})
    index = ShardIndex.open(tmp_path)
    assert "a" in index
    assert "c" not in index
    assert index.read("b").sum() == 21
    with pytest.raises(ModelFormatError, match="'c'"):
        index.entry("c")


def test_the_index_decides_between_two_copies(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", {"x": F32})
    write_safetensors(tmp_path / "b.safetensors", {"x": F32 + 1, "y": F32})
    write_safetensors(tmp_path / "stray.safetensors", {"x": F32 + 2, "y": F32 + 2, "z": F32})
    write_index(tmp_path, {"x": "a.safetensors", "y": "b.safetensors"})
    index = ShardIndex.open(tmp_path)
    assert index.entry("x").path.name == "a.safetensors"
    assert index.entry("y").path.name == "b.safetensors"
    assert index.entry("z").path.name == "stray.safetensors"
    write_index(tmp_path, {"x": "b.safetensors", "y": "b.safetensors"})
    assert ShardIndex.open(tmp_path).entry("x").path.name == "b.safetensors"


def test_the_headers_are_right_when_the_index_has_a_tensor_in_the_wrong_shard(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors", {"x": F32})
    write_safetensors(tmp_path / "b.safetensors", {"y": F32})
    write_index(tmp_path, {"x": "b.safetensors", "y": "a.safetensors"})
    assert ShardIndex.open(tmp_path).entry("x").path.name == "a.safetensors"


@pytest.mark.parametrize("name", ["with space", "модель", "🌱 model", "a'b"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    write_safetensors(folder / "model.safetensors", {"x": F32})
    (folder / "._model.safetensors").write_bytes(b"left by another system")
    assert ShardIndex.open(folder).read("x").sum() == 15


def test_progress_counts_every_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PIECE_BYTES", 10)
    write_safetensors(tmp_path / "model.safetensors", {"x": F32})
    seen: list[int] = []
    index = ShardIndex.open(tmp_path).reporting_to(seen.append)
    assert index.read("x").sum() == 15
    assert seen == [10, 10, 4]
    other: list[int] = []
    index.read("x", other.append)
    assert (seen, sum(other)) == ([10, 10, 4], 24)


def test_the_callback_can_stop_a_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PIECE_BYTES", 10)
    write_safetensors(tmp_path / "model.safetensors", {"x": F32})
    calls: list[int] = []

    def stop(count: int) -> None:
        calls.append(count)
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        ShardIndex.open(tmp_path, on_bytes=stop).read("x")
    assert calls == [10]


@pytest.mark.parametrize("change", ["cut", "removed", "replaced"])
def test_a_file_that_changes_after_open_is_noticed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"x": F32})
    index = ShardIndex.open(tmp_path)
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-4])
    elif change == "removed":
        path.unlink()
    else:
        write_safetensors(path, {"a longer name": F32})
    with pytest.raises(ModelFormatError, match=r"model\.safetensors"):
        index.read("x")


def test_a_file_cut_while_it_is_read_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PIECE_BYTES", 8)
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"x": F32})
    whole = path.read_bytes()

    def cut(_: int) -> None:
        path.write_bytes(whole[:-20])

    index = ShardIndex.open(tmp_path, on_bytes=cut)
    with pytest.raises(ModelFormatError, match="ends after 8 of the 24 bytes"):
        index.read("x")


def test_a_dtype_without_a_counterpart_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    header = b'{"x":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    with pytest.raises(UnsupportedModelError, match="F8_E4M3"):
        ShardIndex.open(tmp_path).read("x")


def not_a_folder(path: Path) -> None:
    path.write_bytes(b"")


def nothing(path: Path) -> None:
    pass


def empty_folder(path: Path) -> None:
    path.mkdir()


def gguf_folder(path: Path) -> None:
    path.mkdir()
    (path / "model.Q4_K_M.gguf").write_bytes(b"GGUF")


def bin_folder(path: Path) -> None:
    path.mkdir()
    (path / "pytorch_model.bin").write_bytes(b"PK")
    (path / "config.json").write_bytes(b"{}")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (nothing, "cannot be read"),
        (not_a_folder, "is a file"),
        (empty_folder, "nothing at all"),
        (gguf_folder, "model.Q4_K_M.gguf"),
        (bin_folder, "pytorch_model.bin"),
    ],
)
def test_folders_without_weights_are_told_apart(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "thing")
    with pytest.raises(ModelFormatError, match=said) as caught:
        ShardIndex.open(tmp_path / "thing")
    assert str(tmp_path / "thing") in caught.value.message
    assert caught.value.way_out


def test_a_path_no_system_accepts_is_an_ordinary_error() -> None:
    with pytest.raises(EngineError):
        ShardIndex.open(Path("a\0b"))
