"""Mistral: Llama's shape with a sliding window in every layer, 4096 where `config.json` does not say."""

from __future__ import annotations

from engine.models.decoder_spec import FamilyTraits, decoder_spec, num_layers
from engine.models.spec import ModelSpec
from engine.weights.config_reader import ConfigReader


def build_spec(config: ConfigReader) -> ModelSpec:
    # A null switches the window off; only a missing key means the default.
    window = config.optional_int("sliding_window") if "sliding_window" in config else 4096
    return decoder_spec(config, "MistralForCausalLM", FamilyTraits(windows=(window,) * num_layers(config)))
