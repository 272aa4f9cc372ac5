"""Qwen3-VL, dense: the text model of Qwen3 whose tokens have positions in time, height and width, taking turns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from engine.models.decoder_spec import FamilyTraits, decoder_spec, num_layers
from engine.models.spec import ModelSpec
from engine.models.tensor_names import find_text
from engine.models.text_config import read_mrope, text_config
from engine.vision.towers.spec import read_qwen3_vl
from engine.weights.config_reader import ConfigReader

SECTIONS = (24, 20, 20)


def build_seeing_spec(config: ConfigReader, names: Collection[str]) -> ModelSpec:
    text = text_config(config, {"rope_theta": 500_000.0, "head_dim": 128}, tied=False)
    bias = text.bool("attention_bias", False)
    rope = read_mrope(text, text.int("head_dim", high=1024), SECTIONS, interleaved=True)
    traits = FamilyTraits(
        qkv_bias=bias,
        o_bias=bias,
        head_norms=True,
        ropes=(rope,) * num_layers(text),
        names=find_text(names),
    )
    spec = decoder_spec(text, "Qwen3VLForConditionalGeneration", traits)
    return replace(spec, vision=read_qwen3_vl(config, spec.hidden_size, names))
