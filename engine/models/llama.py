"""Llama 2 and 3.x, and the many models that share their architecture."""

from __future__ import annotations

from engine.models.decoder_spec import FamilyTraits, decoder_spec
from engine.models.spec import ModelSpec
from engine.weights.config_reader import ConfigReader


def build_spec(config: ConfigReader) -> ModelSpec:
    bias = config.bool("attention_bias", False)
    traits = FamilyTraits(qkv_bias=bias, o_bias=bias, mlp_bias=config.bool("mlp_bias", False))
    return decoder_spec(config, "LlamaForCausalLM", traits)
