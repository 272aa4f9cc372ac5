"""Configurations that no model has: each ends in a text that names the key and says what to do, before much is read."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, Qwen2Config, Qwen3Config

from engine import load_model
from engine.errors import EngineError, UnsupportedModelError
from tests.oracles.tiny_models import make_plain

SIZES: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0, "original_max_position_embeddings": 256}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("hostile")
    return {
        "llama": make_plain(root / "llama", LlamaConfig(**SIZES)).folder,
        "qwen2": make_plain(root / "qwen2", Qwen2Config(**SIZES)).folder,
        "qwen3": make_plain(root / "qwen3", Qwen3Config(**SIZES)).folder,
    }


def refusal(folder: Path, copy: Path, changes: dict[str, Any]) -> EngineError:
    shutil.copytree(folder, copy)
    path = copy / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not MISSING}))
    with pytest.raises(EngineError) as caught:
        load_model(copy, device="cpu")
    assert caught.value.way_out
    return caught.value


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["MadeUpForCausalLM"]},
        {"architectures": ["../../etc/passwd"]},
        {"architectures": ["os:system"]},
        {"architectures": [], "model_type": "made_up"},
        {"architectures": MISSING, "model_type": MISSING},
        {"architectures": 5, "model_type": ""},
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}},
        {"rope_parameters": {"rope_type": "unheard of"}},
    ],
    ids=str,
)
def test_unsupported(folders: dict[str, Path], tmp_path: Path, changes: dict[str, Any]) -> None:
    assert isinstance(refusal(folders["llama"], tmp_path / "model", changes), UnsupportedModelError)


SIZE_KEYS = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"]


@pytest.mark.parametrize("key", [*SIZE_KEYS, "num_key_value_heads", "head_dim", "max_position_embeddings"])
@pytest.mark.parametrize("value", [-1, 0, 1.5, "32", True, [32], 2**40, 1e300, float("nan"), float("inf")], ids=str)
def test_bad_sizes(folders: dict[str, Path], tmp_path: Path, key: str, value: object) -> None:
    assert f"{key}" in refusal(folders["llama"], tmp_path / "model", {key: value}).message


@pytest.mark.parametrize("key", SIZE_KEYS)
def test_missing_sizes(folders: dict[str, Path], tmp_path: Path, key: str) -> None:
    assert key in refusal(folders["llama"], tmp_path / "model", {key: MISSING}).message


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 1 << 20}, {"intermediate_size": 1 << 22}, {"vocab_size": 1 << 22}, {"num_hidden_layers": 1000},
        {"num_attention_heads": 65536, "num_key_value_heads": 65536}, {"head_dim": 1024},
        {"vocab_size": 63}, {"vocab_size": 65}, {"intermediate_size": 47}, {"num_hidden_layers": 3},
        {"num_attention_heads": 8, "head_dim": 8}, {"attention_bias": True}, {"mlp_bias": True},
    ],
    ids=str,
)  # fmt: skip
def test_sizes_that_the_tensors_do_not_have(folders: dict[str, Path], tmp_path: Path, changes: dict[str, Any]) -> None:
    refusal(folders["llama"], tmp_path / "model", changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_key_value_heads": 3}, "num_key_value_heads"),
        ({"num_attention_heads": 5, "head_dim": None, "num_key_value_heads": 5}, "hidden_size"),
        ({"head_dim": 7}, "head_dim"),
        ({"rms_norm_eps": -1}, "rms_norm_eps"),
        ({"rms_norm_eps": "small"}, "rms_norm_eps"),
        ({"attention_bias": "yes"}, "attention_bias"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings"),
        ({"hidden_act": 3}, "hidden_act"),
        ({"rope_parameters": 5}, "rope_parameters"),
        ({"rope_parameters": {"rope_type": "linear"}}, "factor"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 0}}, "factor"),
        ({"rope_parameters": {"rope_type": "linear", "factor": float("nan")}}, "factor"),
        ({"rope_parameters": {"rope_type": ["linear"]}}, "rope_type"),
        ({"rope_parameters": {"rope_theta": 0}}, "rope_theta"),
        ({"rope_parameters": {"rope_theta": -5.0}}, "rope_theta"),
        ({"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.01}}, "partial_rotary_factor"),
        ({"rope_parameters": YARN | {"factor": -2.0}}, "factor"),
        ({"rope_parameters": YARN | {"factor": 1e308}}, "factor"),
        ({"rope_parameters": YARN | {"mscale": 1.0, "mscale_all_dim": -10 / math.log(2)}}, "mscale_all_dim"),
        ({"rope_parameters": YARN | {"beta_fast": 0.0}}, "beta_fast"),
        ({"rope_parameters": YARN | {"attention_factor": "big"}}, "attention_factor"),
        ({"rope_parameters": YARN | {"original_max_position_embeddings": 0}}, "original_max_position_embeddings"),
        ({"rope_parameters": {key: LLAMA3[key] for key in LLAMA3 if key != "low_freq_factor"}}, "low_freq_factor"),
        ({"rope_parameters": LLAMA3 | {"high_freq_factor": 0}}, "high_freq_factor"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_values_are_named(folders: dict[str, Path], tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    assert named in refusal(folders["llama"], tmp_path / "model", changes).message


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
@pytest.mark.parametrize(
    "changes",
    [
        {"layer_types": ["full_attention"]},
        {"layer_types": "full_attention"},
        {"layer_types": ["full_attention", "linear_attention"]},
        {"layer_types": ["full_attention", 5]},
        {"layer_types": ["full_attention", ["full_attention"]]},
        {"use_sliding_window": True, "sliding_window": -4, "layer_types": None},
        {"use_sliding_window": "no"},
        {"max_window_layers": -1, "layer_types": None},
    ],
    ids=str,
)
def test_layer_types(folders: dict[str, Path], tmp_path: Path, family: str, changes: dict[str, Any]) -> None:
    refusal(folders[family], tmp_path / "model", changes)


@pytest.mark.parametrize(
    "rope",
    [
        LLAMA3 | {"low_freq_factor": 4.0, "high_freq_factor": 4.0}, LLAMA3 | {"low_freq_factor": 8.0},
        YARN | {"beta_fast": 1e30, "beta_slow": 1e-5}, YARN | {"rope_theta": 1e300}, {"rope_theta": 1e300},
        {"rope_type": "linear", "factor": 1e300},
    ],
    ids=str,
)  # fmt: skip
def test_odd_ropes_are_refused_or_give_numbers(folders: dict[str, Path], tmp_path: Path, rope: dict[str, Any]) -> None:
    shutil.copytree(folders["llama"], tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rope_parameters": rope}))
    try:
        session = load_model(tmp_path / "model", device="cpu")
    except EngineError:
        return
    assert session.logits(list(range(40))).isfinite().all()
