"""Loading: progress, cancellation, sizes, devices, and every bad folder or request ending in a text with a way out."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from engine import load_model
from engine.backend import CacheShape
from engine.budget import CPU_BUDGET, PAGE_TOKENS
from engine.cpu.backend import CpuBackend
from engine.cuda import upload
from engine.cuda.upload import Upload, UploadBuffer
from engine.errors import (
    Cancelled,
    DeviceError,
    EngineError,
    InvalidRequestError,
    ModelFormatError,
    NotEnoughMemoryError,
)
from engine.events import LoadProgress
from engine.loading import rehearse
from engine.models.registry import build_spec
from engine.models.reservation import Reservation
from engine.models.transformer import Transformer
from engine.requests import DEFAULT_CACHE_TOKENS, LoadRequest, SamplingSettings
from engine.sampling.recommended import recommended_sampling
from engine.session import open_session
from engine.weights import read_ahead, shards
from engine.weights.config_reader import ConfigReader
from engine.weights.safetensors_header import FileStamp, TensorEntry
from engine.weights.shards import ShardIndex
from engine.weights.tensor_file import read_piece
from tests.oracles.tiny_models import make_exl3, make_plain, random_ids


def llama(**changes: Any) -> LlamaConfig:
    values: dict[str, Any] = {
        "vocab_size": 128, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024,
    }  # fmt: skip
    return LlamaConfig(**(values | changes))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_exl3(tmp_path_factory.mktemp("tiny"), llama(), kinds=[(4, "mcg"), (5, "mul1")]).folder


def refused(folder: Path | str, **arguments: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        load_model(folder, **arguments)
    assert caught.value.message
    assert caught.value.way_out
    return caught.value


def test_progress(tiny: Path) -> None:
    seen: list[LoadProgress] = []
    open_session(LoadRequest(tiny), seen.append)
    reading = [each for each in seen if each.phase == "reading"]
    preparing = [each for each in seen if each.phase == "preparing"]
    assert seen == reading + preparing
    total = reading[0].total
    assert 0 < total <= (tiny / "model.safetensors").stat().st_size
    assert [each.done for each in reading] == sorted(each.done for each in reading)
    assert reading[0].done == 0
    assert reading[-1].done == total
    assert preparing[-1].done == preparing[-1].total == 7  # two kinds, three kernels each, and the rest
    assert all(each.unit == "kernels" for each in preparing)


@pytest.mark.parametrize("after", [0, 3, 30])
def test_cancel(tiny: Path, after: int) -> None:
    calls = 0

    def is_cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > after

    with pytest.raises(Cancelled):
        open_session(LoadRequest(tiny), is_cancelled=is_cancelled)
    assert calls == after + 1


def test_info(tiny: Path) -> None:
    info = load_model(tiny, cache_tokens=300).info
    assert info.architecture == "LlamaForCausalLM"
    assert info.path == tiny
    assert info.name == tiny.name
    assert info.format.startswith("EXL3 ")
    assert info.device == "cpu"
    assert info.context_tokens == 2 * PAGE_TOKENS
    assert info.cache_bytes == 2 * PAGE_TOKENS * 2 * 2 * 2 * 16 * 2  # tokens, layers, K and V, heads, head dim, fp16
    assert info.load_s > 0
    assert info.memory is not None
    assert info.memory.planned_bytes > info.memory.weights_bytes > 0
    assert info.memory.cache_bytes >= info.cache_bytes  # with the spare page
    assert info.num_parameters == 2 * 128 * 64 + 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96) + 5 * 64


@pytest.mark.parametrize(("wanted", "context"), [(None, 1024), (1, 256), (257, 512), (5000, 1024)])
def test_context(tiny: Path, wanted: int | None, context: int) -> None:
    assert load_model(tiny, cache_tokens=wanted).info.context_tokens == context


def test_the_default_cache_is_bounded(tmp_path: Path) -> None:
    make_plain(tmp_path, llama(max_position_embeddings=131072))
    assert load_model(tmp_path).info.context_tokens == DEFAULT_CACHE_TOKENS


@pytest.mark.parametrize("cache_tokens", [0, -1])
def test_bad_cache_sizes(tiny: Path, cache_tokens: int) -> None:
    assert isinstance(refused(tiny, cache_tokens=cache_tokens), InvalidRequestError)


@pytest.mark.parametrize("bits", [(9, 8), (4, 16), (8, 1), (0, 0)])
def test_bad_cache_bits(tiny: Path, bits: tuple[int, int]) -> None:
    assert isinstance(refused(tiny, cache_bits=bits), InvalidRequestError)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:x", "gpu", "", "CPU", "mps"])
def test_bad_devices(tiny: Path, device: str) -> None:
    error = refused(tiny, device=device)
    assert isinstance(error, DeviceError if device.startswith("cuda") else InvalidRequestError)


def test_too_little_memory(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = (tiny / "model.safetensors").stat().st_size
    per_page = PAGE_TOKENS * 2 * 2 * 2 * 16 * 2
    monkeypatch.setattr(CpuBackend, "free_bytes", lambda self: CPU_BUDGET.least_bytes + weights + 3 * per_page)
    error = refused(tiny, cache_tokens=1024)
    assert isinstance(error, NotEnoughMemoryError)
    assert "512 tokens" in error.way_out
    load_model(tiny, cache_tokens=512)
    monkeypatch.setattr(CpuBackend, "free_bytes", lambda self: 1000)
    error = refused(tiny, cache_tokens=256)
    assert isinstance(error, NotEnoughMemoryError)
    assert "tokens" not in error.way_out
    monkeypatch.undo()
    assert isinstance(refused(tiny, cache_tokens=10**15), NotEnoughMemoryError)


def prepares_until(
    monkeypatch: pytest.MonkeyPatch, count: int, kind: type[Exception], *texts: str
) -> list[weakref.ref[Any]]:
    """Makes loading fail after `count` linears; gives references to what it had allocated by then."""
    made: list[weakref.ref[Any]] = []
    prepare, allocate = CpuBackend.prepare_linear, CpuBackend.allocate_cache

    def note_cache(self: CpuBackend, shape: CacheShape) -> Any:
        cache = allocate(self, shape)
        made.append(weakref.ref(cache))
        return cache

    def fail_later(self: CpuBackend, weights: Any) -> Any:
        if len(made) == count + 2:
            raise kind(*texts)
        linear = prepare(self, weights)
        made.append(weakref.ref(linear))
        return linear

    monkeypatch.setattr(CpuBackend, "allocate_cache", note_cache)
    monkeypatch.setattr(CpuBackend, "prepare_linear", fail_later)
    return made


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory."),
        (MemoryError, ""),
        (RuntimeError, "CUDA error: out of memory"),
        (RuntimeError, "cuBLAS failed with CUBLAS_STATUS_ALLOC_FAILED"),
    ],
)
def test_memory_that_runs_out_half_way(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], text: str
) -> None:
    made = prepares_until(monkeypatch, 5, kind, text)
    caught = refused(tiny, cache_tokens=1024)
    assert isinstance(caught, NotEnoughMemoryError)
    assert "missing" in caught.message
    assert len(made) == 2 + 5
    assert [reference() for reference in made] == [None] * 7, "an error that is shown keeps half a model"


def test_an_error_half_way_keeps_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepares_until(monkeypatch, 9, ModelFormatError, "It is damaged.", "Download it again.")
    error = refused(tiny)
    assert error.message == "It is damaged."
    assert len(made) == 2 + 9
    assert [reference() for reference in made] == [None] * 11


def test_a_bug_is_no_lack_of_memory(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepares_until(monkeypatch, 3, RuntimeError, "shapes do not match")
    with pytest.raises(RuntimeError, match="shapes"):
        load_model(tiny)


def upload_to_memory(monkeypatch: pytest.MonkeyPatch) -> list[Upload]:
    """Sends every tensor of 300 bytes and more the way that weights take to a card, in pieces of 1000 bytes."""
    opened: list[Upload] = []

    def open_upload(self: CpuBackend, plan: Sequence[TensorEntry], stamps: Mapping[Path, FileStamp]) -> Upload:
        opened.append(Upload(self.device, plan, stamps, partial(UploadBuffer, 1000, None)))
        return opened[-1]

    monkeypatch.setattr(CpuBackend, "open_upload", open_upload)
    monkeypatch.setattr(shards, "BULK_BYTES", 300)
    monkeypatch.setattr(upload, "BULK_BYTES", 300)
    return opened


def test_a_model_that_came_by_the_way_to_a_card(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = random_ids(20, 128)
    truth = load_model(tiny).logits(ids)
    read_by: list[str] = []

    def note(entry: TensorEntry, file: FileIO, target: memoryview, done: int) -> int:
        read_by.append(threading.current_thread().name)
        return read_piece(entry, file, target, done)

    monkeypatch.setattr(read_ahead, "read_piece", note)
    opened, seen = upload_to_memory(monkeypatch), list[LoadProgress]()
    session = open_session(LoadRequest(tiny), seen.append)
    assert len(opened) == 1
    assert torch.equal(session.logits(ids), truth)
    assert set(read_by) == {"weights reader"}, "the plan is not the order in which the loader asks"
    reading = [each for each in seen if each.phase == "reading"]
    assert reading[-1].done == reading[-1].total
    assert len(reading) > 50


@pytest.fixture
def frozen_heap() -> Iterator[None]:
    """Leaves what the tests before have made out of a collection: going through all of it takes seconds."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("after", [0, 1, 40])
@pytest.mark.usefixtures("frozen_heap")
def test_cancelling_on_the_way_to_a_card(tiny: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    upload_to_memory(monkeypatch)
    asked = 0

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    began = time.perf_counter()
    with pytest.raises(Cancelled):
        open_session(LoadRequest(tiny), is_cancelled=is_cancelled)
    assert time.perf_counter() - began < 5
    assert "weights reader" not in {thread.name for thread in threading.enumerate()}


def test_a_rehearsal_touches_no_page_of_a_sequence(tiny: Path) -> None:
    spec, index, backend = build_spec(ConfigReader.open(tiny)), ShardIndex.open(tiny), CpuBackend()
    reservation = Reservation(spec, backend, 3, 3 * PAGE_TOKENS)
    model = Transformer(spec, index, backend, reservation)
    for cache in model.caches:
        cache.k[:3] = cache.v[:3] = 12345
    rehearse(model)
    for cache in model.caches:
        assert (cache.k[:3] == 12345).all()
        assert (cache.v[:3] == 12345).all()
        assert cache.k[3].any()


def test_times_and_memory_are_told(tiny: Path) -> None:
    session = load_model(tiny, cache_tokens=512)
    times, memory = session.load_times, session.memory
    assert session.info.load_s == times.total_s
    assert min(times.opening_s, times.reserving_s, times.reading_s, times.kernels_s, times.first_step_s) > 0
    assert memory.plan.weights_bytes == ShardIndex.open(tiny).total_bytes
    assert memory.weights_bytes >= memory.plan.weights_bytes - 100  # the markers of the codebook are not kept
    assert memory.cache_bytes == memory.plan.cache_bytes


@pytest.mark.parametrize("name", ["with spaces", "модель", "🚀 model", "per%20cent #1", "a.b.c"])
def test_names_of_folders(tiny: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(tiny, tmp_path / name)
    session = load_model(str(tmp_path / name))
    assert session.info.name == name
    assert session.logits(random_ids(3, 128)).isfinite().all()


def test_wrong_places(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "missing", tmp_path / "empty", tiny / "config.json", tmp_path / ("x" * 300), ""):
        refused(place)
    refused(tmp_path / "nul\0nul")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "zeros", "noise", "folder"])
def test_damaged_files(tiny: Path, tmp_path: Path, file: str, damage: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    path = folder / file
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        noise = bytes(range(256)) * 9
        contents = {"empty": b"", "cut": data[: len(data) // 2], "zeros": bytes(len(data)), "noise": noise}
        path.write_bytes(contents[damage])
    refused(folder)


@pytest.mark.parametrize("key", ["model.norm.weight", "model.layers.1.mlp.up_proj.trellis", "lm_head.svh"])
def test_a_missing_tensor_is_named(tmp_path: Path, key: str) -> None:
    made = make_exl3(tmp_path, llama(), kinds=[(4, "mcg")])
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data.replace(key.encode(), key[:-1].encode() + b"_", 1))
    assert key in made.tensors
    error = refused(tmp_path)
    assert isinstance(error, ModelFormatError)
    assert key.rpartition(".")[0] in error.message


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, SamplingSettings()),
        ({"temperature": 0.3, "top_p": 0.9, "top_k": 20}, SamplingSettings(temperature=0.3, top_p=0.9, top_k=20)),
        ({"do_sample": False, "top_p": 0.9}, SamplingSettings(temperature=0.0, top_p=0.9)),
        ({"temperature": -1, "top_p": "high", "top_k": True, "min_p": 1e999}, SamplingSettings()),
        ({"top_k": float("nan"), "repetition_penalty": 1.1}, SamplingSettings(repetition_penalty=1.1)),
        ([1], SamplingSettings()),
    ],
)  # fmt: skip
def test_recommended_sampling(tmp_path: Path, config: Any, expected: SamplingSettings) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(config))
    assert recommended_sampling(tmp_path) == expected


def test_recommended_sampling_without_a_readable_file(tmp_path: Path) -> None:
    assert recommended_sampling(tmp_path) == SamplingSettings()
    (tmp_path / "generation_config.json").write_bytes(b"\xff\xfe[")
    assert recommended_sampling(tmp_path) == SamplingSettings()
