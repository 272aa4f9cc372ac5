"""Qwen2.5-VL: the text model of Qwen2.5 whose tokens have positions in time, height and width."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from engine.models.decoder_spec import FamilyTraits, decoder_spec, layer_windows, num_layers
from engine.models.spec import ModelSpec
from engine.models.tensor_names import find_text
from engine.models.text_config import read_mrope, text_config
from engine.vision.towers.spec import read_qwen2_5_vl
from engine.weights.config_reader import ConfigReader

SECTIONS = (16, 24, 24)


def build_seeing_spec(config: ConfigReader, names: Collection[str]) -> ModelSpec:
    text = text_config(config, {"rope_theta": 1_000_000.0, "rms_norm_eps": 1e-5}, tied=False)
    head_dim = text.int("hidden_size") // text.int("num_attention_heads")
    traits = FamilyTraits(
        qkv_bias=True,
        windows=layer_windows(text),
        ropes=(read_mrope(text, head_dim, SECTIONS, interleaved=False),) * num_layers(text),
        names=find_text(names),
    )
    spec = decoder_spec(text, "Qwen2_5_VLForConditionalGeneration", traits)
    return replace(spec, vision=read_qwen2_5_vl(config, spec.hidden_size, names))
