"""Whole EXL3 models: random ones of every layout against their dequantized weights, and the reference's own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, MistralConfig, PreTrainedConfig, Qwen2Config, Qwen3Config

from engine import SamplingSettings, load_model
from engine.events import GenerationStarted
from tests.oracles.tiny_models import Layout, TinyModel, make_exl3, random_ids, relative_error

EXL3_TOLERANCE = 3e-3
SIZES: dict[str, Any] = {  # hidden, intermediate and vocabulary are padded to 256, 384 and 1024 in the files
    "vocab_size": 1000, "hidden_size": 192, "intermediate_size": 320, "num_hidden_layers": 2,
    "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 1024,
}  # fmt: skip
FAMILIES: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SIZES),
    "llama with biases": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
    "mistral": MistralConfig(**SIZES, sliding_window=16),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=64),
}


def error_of(model: TinyModel, num_tokens: int) -> float:
    ids = random_ids(num_tokens, SIZES["vocab_size"])
    logits = load_model(model.folder, device="cpu", cache_tokens=1024).logits(ids)
    assert logits.shape == (num_tokens, SIZES["vocab_size"])
    return relative_error(logits, model.truth(ids))


@pytest.mark.parametrize("family", FAMILIES)
def test_families(tmp_path: Path, family: str) -> None:
    model = make_exl3(tmp_path, FAMILIES[family])
    for num_tokens in (1, 3, 70):  # one row, a group of four, many rows
        assert error_of(model, num_tokens) <= EXL3_TOLERANCE


@pytest.mark.parametrize(
    "layout",
    [
        Layout(odd_offsets=True),
        Layout(shards=3, index=True),
        Layout(shards=3, index=False),
        Layout(shards=2, index=True, odd_offsets=True),
        Layout(shards=1, index=True),
    ],
    ids=str,
)
def test_files(tmp_path: Path, layout: Layout) -> None:
    assert error_of(make_exl3(tmp_path, FAMILIES["llama"], layout=layout), 20) <= EXL3_TOLERANCE


def test_legacy_signs(tmp_path: Path) -> None:
    model = make_exl3(tmp_path, FAMILIES["llama"], legacy_signs=True)
    assert "model.layers.0.self_attn.q_proj.su" in model.tensors
    assert "model.layers.0.self_attn.q_proj.suh" not in model.tensors
    assert error_of(model, 70) <= EXL3_TOLERANCE


def test_a_quantized_head_wins_over_tying(tmp_path: Path) -> None:
    model = make_exl3(tmp_path, LlamaConfig(**SIZES, tie_word_embeddings=True))
    assert json.loads((tmp_path / "config.json").read_text())["tie_word_embeddings"] is True
    assert error_of(model, 70) <= EXL3_TOLERANCE


def test_across_pages_and_chunks(tmp_path: Path) -> None:
    assert error_of(make_exl3(tmp_path, FAMILIES["llama"]), 700) <= EXL3_TOLERANCE


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "qwen3"])
def test_golden_conversions(shared: Path, name: str) -> None:
    folder = shared / "golden" / f"{name}-exl3"
    golden = load_file(folder / "golden.safetensors")
    truth = golden["truth_logits"].reshape(-1, golden["truth_logits"].shape[-1])
    logits = load_model(folder, device="cpu").logits(golden["input_ids"].flatten().tolist())
    assert relative_error(logits, truth) <= EXL3_TOLERANCE


def test_stories_by_heart(shared: Path) -> None:
    folder = shared / "data" / "models" / "stories260K" / "hf"
    if not folder.is_dir():
        pytest.skip("stories260K is not here")
    expected = json.loads((folder / "expected_greedy.json").read_text())
    prompt, greedy = expected["prompt_ids"], expected["greedy_ids"]
    session = load_model(folder, device="cpu")
    new_tokens = len(greedy) - len(prompt)
    session.submit_tokens(1, prompt, SamplingSettings(temperature=0.0, max_new_tokens=new_tokens, ignore_eos=True))
    ids = list(prompt)
    started = False
    while session.has_work:
        for event in session.step():
            started |= isinstance(event, GenerationStarted)
            ids += getattr(event, "token_ids", ())
    assert started
    assert ids == greedy[:-1]  # the last token comes with the final event, which names none
    all_logits = session.logits(greedy[:-1])
    assert torch.equal(all_logits[len(prompt) - 1 :].argmax(-1), torch.tensor(greedy[len(prompt) :]))
