"""The way of the weights to a card, tried with the CPU as the card: bytes, blocks, progress, cancelling, errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.cuda import upload
from engine.cuda.upload import ALIGNMENT, Arena, Upload, UploadBuffer
from engine.errors import Cancelled, ModelFormatError
from engine.weights import shards
from engine.weights.safetensors_header import TensorEntry
from engine.weights.shards import ShardIndex
from tests.oracles.exl3_numpy import write_safetensors

CPU = torch.device("cpu")
PIECE_BYTES = 1000


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShardIndex:
    monkeypatch.setattr(shards, "BULK_BYTES", 100)
    monkeypatch.setattr(upload, "BULK_BYTES", 100)
    generator = np.random.default_rng(0)
    tensors = {
        "odd": np.array([1, 2, 3], dtype=np.uint8),
        "p.trellis": generator.integers(-32768, 32767, (7, 11, 16), dtype=np.int16),
        "p.suh": np.ones(8, dtype=np.float16),
        "q.weight": generator.normal(size=(33, 5)).astype(np.float16),
        "r.weight": generator.normal(size=(40, 50)).astype(np.float32),
        "last.weight": generator.normal(size=(50,)).astype(np.float16),
    }
    write_safetensors(tmp_path / "model.safetensors", tensors)
    return ShardIndex.open(tmp_path)


def opened(index: ShardIndex, names: list[str] | None = None) -> Upload:
    plan = [index.entry(name) for name in names or index.entries]
    return Upload(CPU, plan, index.stamps, partial(UploadBuffer, PIECE_BYTES, None))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("names", [None, ["r.weight"], ["last.weight", "p.trellis"]])
def test_the_same_tensors_as_without_it(index: ShardIndex, order: int, names: list[str] | None) -> None:
    reader = opened(index, names)
    through = index.through(reader)
    for name in list(index.entries)[::order]:
        found, truth = through.read(name), index.read(name)
        assert found.dtype == truth.dtype
        assert torch.equal(found, truth)
        assert found.is_contiguous()
    reader.close()
    assert "weights reader" not in {thread.name for thread in threading.enumerate()}


def test_what_was_read_stays_after_closing_and_is_nobody_elses(index: ShardIndex) -> None:
    reader = opened(index)
    through = index.through(reader)
    first, second = through.read("p.trellis"), through.read("p.trellis")
    other = through.read("q.weight")
    reader.close()
    first.zero_()
    assert torch.equal(second, index.read("p.trellis"))
    assert torch.equal(other, index.read("q.weight"))


def test_progress_counts_every_byte_of_every_tensor(index: ShardIndex) -> None:
    seen: list[int] = []
    reader = opened(index)
    through = index.through(reader).reporting_to(seen.append)
    for name in index.entries:
        through.read(name)
    reader.close()
    assert sum(seen) == index.total_bytes
    assert max(seen) == PIECE_BYTES


def read_twice(index: ShardIndex) -> None:
    for name in [*index.entries, *index.entries]:
        index.read(name)


@pytest.mark.parametrize("after", [0, 1, 3, 9])
def test_cancelling_leaves_no_thread(index: ShardIndex, after: int) -> None:
    calls = 0

    def stop(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Cancelled("stopped")

    reader = opened(index)
    through = index.through(reader).reporting_to(stop)
    with pytest.raises(Cancelled):
        read_twice(through)
    reader.close()
    assert "weights reader" not in {thread.name for thread in threading.enumerate()}


def test_a_changed_file_is_named(index: ShardIndex) -> None:
    (index.folder / "model.safetensors").write_bytes(b"short")
    reader = opened(index)
    with pytest.raises(ModelFormatError, match=r"model\.safetensors"):
        index.through(reader).read("p.trellis")
    reader.close()


def entry(name: str, num_bytes: int) -> TensorEntry:
    return TensorEntry(name, "I16", (num_bytes // 2,), Path("x"), 0, num_bytes)


@pytest.mark.parametrize("block_bytes", [256, 1000, 5000, 1 << 20])
def test_blocks_are_packed(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    sizes: list[int] = []
    allocate: Callable[..., torch.Tensor] = torch.empty

    def counted(size: int, **kinds: object) -> torch.Tensor:
        sizes.append(size)
        return allocate(size, **kinds)

    monkeypatch.setattr(torch, "empty", counted)
    entries = [entry(str(i), 2 * (97 * i % 900)) for i in range(1, 60)]
    arena = Arena(entries, CPU, block_bytes)
    reserved = sum(sizes)
    spans = []
    for each in entries:
        memory = arena.take(each)
        assert memory.numel() == each.num_bytes
        memory.fill_(1)
        spans.append((memory.data_ptr(), memory.data_ptr() + each.num_bytes))
    assert sum(sizes) == reserved, "nothing is allocated after the plan"
    spans.sort()
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert reserved <= sum(each.num_bytes + ALIGNMENT for each in entries)
    arena.take(entries[0])
    assert sum(sizes) == reserved + entries[0].num_bytes, "a second copy has memory of its own"
