"""Loading: progress, cancellation, sizes, devices, and every bad folder or request ending in a text with a way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from engine import load_model
from engine.backend import PAGE_TOKENS
from engine.cpu.backend import WORKING_BYTES, CpuBackend
from engine.errors import (
    Cancelled,
    DeviceError,
    EngineError,
    InvalidRequestError,
    ModelFormatError,
    NotEnoughMemoryError,
)
from engine.events import LoadProgress
from engine.loading import recommended_sampling
from engine.requests import DEFAULT_CACHE_TOKENS, LoadRequest, SamplingSettings
from engine.session import open_session
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


@pytest.mark.parametrize("bits", [(8, 8), (4, 16), (0, 0)])
def test_bad_cache_bits(tiny: Path, bits: tuple[int, int]) -> None:
    assert isinstance(refused(tiny, cache_bits=bits), InvalidRequestError)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:x", "gpu", "", "CPU", "mps"])
def test_bad_devices(tiny: Path, device: str) -> None:
    error = refused(tiny, device=device)
    assert isinstance(error, DeviceError if device.startswith("cuda") else InvalidRequestError)


def test_too_little_memory(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = (tiny / "model.safetensors").stat().st_size
    per_page = PAGE_TOKENS * 2 * 2 * 2 * 16 * 2
    monkeypatch.setattr(CpuBackend, "free_bytes", lambda self: WORKING_BYTES + weights + 2 * per_page)
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
