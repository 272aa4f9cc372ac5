"""Mistral, Qwen2 and Qwen3 against transformers on random weights: windows, layer types, biases and head norms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import MistralConfig, PreTrainedConfig, Qwen2Config, Qwen3Config

from engine import load_model
from tests.oracles.tiny_models import TinyModel, make_plain, random_ids, relative_error

PLAIN_TOLERANCE = 5e-4
VOCAB = 320
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048, "head_dim": 16,
}  # fmt: skip


def error_of(model: TinyModel, num_tokens: int) -> float:
    ids = random_ids(num_tokens, VOCAB)
    got = load_model(model.folder, device="cpu", cache_tokens=1024).logits(ids)
    return relative_error(got, model.truth(ids))


def window_matters(folder: Path, model: TinyModel, full: PreTrainedConfig, num_tokens: int) -> bool:
    ids = random_ids(num_tokens, VOCAB)
    return relative_error(make_plain(folder / "full", full).truth(ids), model.truth(ids)) > 20 * PLAIN_TOLERANCE


@pytest.mark.parametrize("window", [1, 16, 65, 300])
@pytest.mark.parametrize("num_tokens", [70, 600])
def test_mistral_window(tmp_path: Path, window: int, num_tokens: int) -> None:
    model = make_plain(tmp_path, MistralConfig(**SIZES, sliding_window=window))
    assert error_of(model, num_tokens) <= PLAIN_TOLERANCE
    if window < num_tokens:
        assert window_matters(tmp_path, model, MistralConfig(**SIZES, sliding_window=None), num_tokens)


def test_mistral_null_window_is_full_attention(tmp_path: Path) -> None:
    model = make_plain(tmp_path, MistralConfig(**SIZES, sliding_window=None))
    assert '"sliding_window": null' in (tmp_path / "config.json").read_text()
    assert error_of(model, 600) <= PLAIN_TOLERANCE


def test_mistral_missing_window_is_4096(tmp_path: Path) -> None:
    sizes = SIZES | {"max_position_embeddings": 8192, "num_hidden_layers": 1}
    model = make_plain(tmp_path, MistralConfig(**sizes), change=lambda values: values.pop("sliding_window"))
    assert model.oracle.config.sliding_window == 4096
    ids = random_ids(4200, VOCAB)
    got = load_model(tmp_path, device="cpu", cache_tokens=4352).logits(ids)[4090:]
    # The mask is quadratic: the truth of the last rows comes from a model whose window is as long, without the rest.
    truth = model.truth(ids)[4090:]
    assert relative_error(got, truth) <= PLAIN_TOLERANCE
    unlimited = make_plain(tmp_path / "full", MistralConfig(**sizes, sliding_window=None))
    assert relative_error(got[50:], unlimited.truth(ids)[4140:]) > 2 * PLAIN_TOLERANCE


@pytest.mark.parametrize(
    ("changes", "windowed"),
    [
        ({}, False),
        ({"use_sliding_window": False, "sliding_window": 16, "max_window_layers": 0}, False),
        ({"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}, True),
        ({"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 3}, False),
        (
            {
                "use_sliding_window": True, "sliding_window": 16,
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            },
            True,
        ),
    ],
    ids=["default", "off", "from layer 1", "from layer 3", "layer types"],
)  # fmt: skip
@pytest.mark.parametrize("family", [Qwen2Config, Qwen3Config])
@pytest.mark.parametrize("keep_layer_types", [True, False])
def test_qwen_windows(
    tmp_path: Path, family: type[PreTrainedConfig], changes: dict[str, Any], windowed: bool, keep_layer_types: bool
) -> None:
    sizes = {name: value for name, value in SIZES.items() if family is Qwen3Config or name != "head_dim"}

    def change(values: dict[str, Any]) -> None:
        if not keep_layer_types and "layer_types" not in changes:  # as older files have it
            del values["layer_types"]

    model = make_plain(tmp_path, family(**sizes, **changes), change=change)
    assert error_of(model, 70) <= PLAIN_TOLERANCE
    if windowed:
        assert window_matters(tmp_path, model, family(**sizes), 70)


def test_qwen2_has_biases(tmp_path: Path) -> None:
    sizes = {name: value for name, value in SIZES.items() if name != "head_dim"}
    model = make_plain(tmp_path, Qwen2Config(**sizes))
    assert "model.layers.0.self_attn.q_proj.bias" in model.tensors
    assert "model.layers.0.self_attn.o_proj.bias" not in model.tensors
    assert error_of(model, 300) <= PLAIN_TOLERANCE


@pytest.mark.parametrize("changes", [{}, {"attention_bias": True}, {"head_dim": 128}, {"head_dim": 24}], ids=str)
def test_qwen3_head_norms(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = make_plain(tmp_path, Qwen3Config(**(SIZES | changes)))
    assert "model.layers.0.self_attn.q_norm.weight" in model.tensors
    assert error_of(model, 300) <= PLAIN_TOLERANCE


def test_qwen3_missing_head_dim_is_128(tmp_path: Path) -> None:
    sizes = {name: value for name, value in SIZES.items() if name != "head_dim"}
    model = make_plain(tmp_path, Qwen3Config(**sizes), change=lambda values: values.pop("head_dim"))
    assert model.oracle.config.head_dim == 128
    assert error_of(model, 70) <= PLAIN_TOLERANCE
