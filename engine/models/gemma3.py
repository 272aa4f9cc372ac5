"""Gemma 3, with or without eyes: four norms a block, most layers with a sliding window and a rotary base of their own.

Weights of norms are stored less 1, embeddings are scaled by the root of their size, and head norms precede the
rotation. As in the published program, a cap of attention's scores in the config is not applied, and one of the logits
only by the model without eyes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from engine.errors import UnsupportedModelError
from engine.models.decoder_spec import FamilyTraits, decoder_spec, num_layers
from engine.models.rope_config import read_rope, rope_section
from engine.models.spec import ModelSpec, RopeSpec
from engine.models.tensor_names import PLAIN_NAMES, TextNames, find_text
from engine.models.text_config import text_config
from engine.vision.towers.spec import read_gemma3
from engine.weights.config_reader import ConfigReader

FULL, SLIDING = "full_attention", "sliding_attention"
THETAS = {FULL: 1_000_000.0, SLIDING: 10_000.0}
DEFAULTS: dict[str, Any] = {  # what published files leave out
    "vocab_size": 262_208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
    "max_position_embeddings": 131_072, "rms_norm_eps": 1e-6, "query_pre_attn_scalar": 256,
}  # fmt: skip


def build_spec(config: ConfigReader) -> ModelSpec:
    """A model without eyes."""
    text = text_config(config, DEFAULTS, tied=True)
    spec = _decoder(text, "Gemma3ForCausalLM", PLAIN_NAMES)
    return replace(spec, logit_softcap=text.optional_float("final_logit_softcapping", low=1e-3))


def build_seeing_spec(config: ConfigReader, names: Collection[str]) -> ModelSpec:
    """A model with a vision tower."""
    spec = _decoder(text_config(config, DEFAULTS, tied=True), "Gemma3ForConditionalGeneration", find_text(names))
    return replace(spec, vision=read_gemma3(config, spec.hidden_size, names), sees_both_ways=True)


def _decoder(text: ConfigReader, architecture: str, names: TextNames) -> ModelSpec:
    _refuse_others(text, architecture)
    kinds = _layer_kinds(text)
    window = text.int("sliding_window", 4096)
    ropes = {kind: _rope(text, kind) for kind in (FULL, SLIDING)}
    bias = text.bool("attention_bias", False)
    traits = FamilyTraits(
        qkv_bias=bias,
        o_bias=bias,
        head_norms=True,
        windows=tuple(window if kind == SLIDING else None for kind in kinds),
        ropes=tuple(ropes[kind] for kind in kinds),
        scale=text.float("query_pre_attn_scalar", low=1e-6) ** -0.5,
        activation="gelu_tanh",
        norm_offset=1.0,
        post_norms=True,
        embedding_scale=float(text.int("hidden_size")) ** 0.5,
        names=names,
    )
    return decoder_spec(text, architecture, traits)


def _refuse_others(text: ConfigReader, architecture: str) -> None:
    activation = text.str("hidden_activation")
    if activation != "gelu_pytorch_tanh":
        raise UnsupportedModelError(
            f"{text.path}: hidden_activation “{activation}” is not supported for {architecture}.",
            "Choose a model whose activation is gelu_pytorch_tanh.",
        )
    if text.bool("use_bidirectional_attention", False):
        raise UnsupportedModelError(
            f"{text.path}: the model reads text in both directions, so it cannot write.", "Choose a model for chats."
        )


def _layer_kinds(text: ConfigReader) -> tuple[str, ...]:
    """By `layer_types`, or by the older rule that every n-th layer sees everything."""
    count = num_layers(text)
    kinds = text.raw("layer_types")
    if kinds is None:
        every = text.int("sliding_window_pattern", 6)
        return tuple(SLIDING if (i + 1) % every else FULL for i in range(count))
    found = text.str_list("layer_types")
    if len(found) != count or not set(found) <= {FULL, SLIDING}:
        text.fail("layer_types", f"not a list of {count} layers, each {FULL} or {SLIDING}")
    return found


def _rope(text: ConfigReader, kind: str) -> RopeSpec:
    """In the new spelling each kind of layer has a section; in the old one the full layers have all but a base."""
    longest, head_dim = text.int("max_position_embeddings"), text.int("head_dim", high=1024)
    section = rope_section(text).section(kind) if "rope_parameters" in text else None
    if section is None:
        bases = {FULL: "rope_theta", SLIDING: "rope_local_base_freq"}
        theta = text.float(bases[kind], THETAS[kind], low=1.0001)
        scaling = text.raw("rope_scaling") if kind == FULL else None
        return read_rope(text.with_values({"rope_theta": theta, "rope_scaling": scaling}), head_dim, longest)
    section = section.with_defaults({"rope_theta": THETAS[kind]})
    values = {key: section.raw(key) for key in section}
    return read_rope(text.with_values({"rope_scaling": values}), head_dim, longest)
