"""Qwen2 and Qwen2.5: biases on the query, key and value projections."""

from __future__ import annotations

from engine.models.decoder_spec import FamilyTraits, decoder_spec, layer_windows
from engine.models.spec import ModelSpec
from engine.weights.config_reader import ConfigReader


def build_spec(config: ConfigReader) -> ModelSpec:
    return decoder_spec(config, "Qwen2ForCausalLM", FamilyTraits(qkv_bias=True, windows=layer_windows(config)))
