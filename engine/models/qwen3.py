"""Qwen3, dense: RMS norms on every query and key head, heads of 128 whatever the hidden size."""

from __future__ import annotations

from engine.models.decoder_spec import FamilyTraits, decoder_spec, layer_windows
from engine.models.spec import ModelSpec
from engine.weights.config_reader import ConfigReader


def build_spec(config: ConfigReader) -> ModelSpec:
    bias = config.bool("attention_bias", False)
    traits = FamilyTraits(qkv_bias=bias, o_bias=bias, head_norms=True, windows=layer_windows(config), head_dim=128)
    return decoder_spec(config, "Qwen3ForCausalLM", traits)
