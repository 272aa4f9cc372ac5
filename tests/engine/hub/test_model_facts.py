"""What a folder's config says of a model, believed only where it makes sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.hub.model_facts import ModelFacts, facts_of


def write(folder: Path, config: Any) -> Path:
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


def test_a_quantized_model(tmp_path: Path) -> None:
    section = {"quant_method": "exl3", "bits": 4.02, "head_bits": 6}
    folder = write(tmp_path, {"architectures": ["LlamaForCausalLM"], "quantization_config": section})
    assert facts_of(folder) == ModelFacts("LlamaForCausalLM", 4.02, 6, "exl3")


def test_a_plain_model(tmp_path: Path) -> None:
    assert facts_of(write(tmp_path, {"architectures": ["Qwen3ForCausalLM"]})) == ModelFacts("Qwen3ForCausalLM")


@pytest.mark.parametrize(
    "config",
    [
        "{", "[]", "\x00", {}, {"architectures": []}, {"architectures": [7]}, {"architectures": ["x\ny"]},
        {"quantization_config": []}, {"quantization_config": {"bits": True, "quant_method": 3}},
        {"quantization_config": {"bits": 1e9, "head_bits": -1}}, {"architectures": ["x" * 1000]},
    ],
)  # fmt: skip
def test_nonsense_says_nothing(tmp_path: Path, config: Any) -> None:
    assert facts_of(write(tmp_path, config)) == ModelFacts()


def test_no_config(tmp_path: Path) -> None:
    assert facts_of(tmp_path) == ModelFacts()
