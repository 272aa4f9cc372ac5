"""Llama against transformers on random weights: ropes, biases, head sizes, grouped heads, page and chunk borders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from engine import load_model
from tests.oracles.tiny_models import TinyModel, make_plain, old_rope_keys, random_ids, relative_error

PLAIN_TOLERANCE = 5e-4  # K and V are fp16 in the cache
VOCAB = 320

ROPES: dict[str, dict[str, Any]] = {
    "default": {"rope_type": "default", "rope_theta": 500_000.0},
    "linear": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0},
    "dynamic": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 4.0},
    "llama3": {
        "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 256,
    },
    "yarn": {
        "rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 512,
    },
    "yarn with all keys": {
        "rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 512,
        "beta_fast": 16.0, "beta_slow": 2.0, "attention_factor": 1.3, "truncate": False,
    },
    "yarn with mscale": {
        "rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 512,
        "mscale": 0.8, "mscale_all_dim": 0.5,
    },
}  # fmt: skip


def llama(**changes: Any) -> LlamaConfig:
    values: dict[str, Any] = {
        "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
    }  # fmt: skip
    return LlamaConfig(**(values | changes))


def engine_logits(folder: Path, ids: list[int]) -> torch.Tensor:
    return load_model(folder, device="cpu", cache_tokens=1024).logits(ids)


def check(model: TinyModel, num_tokens: int = 70, tolerance: float = PLAIN_TOLERANCE) -> float:
    ids = random_ids(num_tokens, VOCAB)
    error = relative_error(engine_logits(model.folder, ids), model.truth(ids))
    assert error <= tolerance, error
    return error


@pytest.mark.parametrize("name", ROPES)
@pytest.mark.parametrize("old_keys", [False, True], ids=["rope_parameters", "rope_scaling"])
def test_ropes(tmp_path: Path, name: str, old_keys: bool) -> None:
    config = llama(rope_parameters=dict(ROPES[name]))
    model = make_plain(tmp_path, config, change=old_rope_keys if old_keys else None)
    check(model, 300)
    if name not in ("default", "dynamic"):  # the rope matters to the logits, or this test would show nothing
        plain = make_plain(tmp_path / "plain", llama(rope_parameters={"rope_type": "default", "rope_theta": 1e4}))
        ids = random_ids(300, VOCAB)
        assert relative_error(plain.truth(ids), model.truth(ids)) > 20 * PLAIN_TOLERANCE


def test_the_older_name_of_the_rope_type(tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        old_rope_keys(values)
        values["rope_scaling"]["type"] = values["rope_scaling"].pop("rope_type")

    check(make_plain(tmp_path, llama(rope_parameters=dict(ROPES["linear"])), change=change), 300)


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_bias": True},
        {"mlp_bias": True},
        {"attention_bias": True, "mlp_bias": True},
        {"head_dim": 32},
        {"head_dim": 80, "num_attention_heads": 2, "num_key_value_heads": 1},
        {"tie_word_embeddings": True},
        {"rms_norm_eps": 0.1},
        {"num_hidden_layers": 1, "hidden_size": 40, "num_attention_heads": 5, "num_key_value_heads": 5},
    ],
    ids=str,
)
def test_shapes(tmp_path: Path, changes: dict[str, Any]) -> None:
    check(make_plain(tmp_path, llama(**changes)))


@pytest.mark.parametrize("group", [1, 2, 4, 8])
def test_grouped_heads(tmp_path: Path, group: int) -> None:
    check(make_plain(tmp_path, llama(num_attention_heads=8, num_key_value_heads=8 // group, head_dim=16)))


def test_kv_heads_default_to_all_heads(tmp_path: Path) -> None:
    def change(values: dict[str, Any]) -> None:
        del values["num_key_value_heads"], values["head_dim"]

    check(make_plain(tmp_path, llama(num_key_value_heads=4), change=change))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("num_tokens", [1, 5, 40])  # rows one by one, and many
def test_stored_types(tmp_path: Path, dtype: torch.dtype, num_tokens: int) -> None:
    check(make_plain(tmp_path, llama(attention_bias=True), dtype=dtype), num_tokens)


@pytest.mark.parametrize("num_tokens", [1, 2, 255, 256, 257, 512, 513, 700])
def test_lengths_around_pages_and_chunks(tmp_path: Path, num_tokens: int) -> None:
    check(make_plain(tmp_path, llama()), num_tokens)
