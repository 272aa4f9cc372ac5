"""Mistral Small 3.x and Ministral 3, with or without eyes: Mistral's shape, full attention, long rotary bases.

Ministral 3 besides lets its queries grow with their position.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from engine.errors import UnsupportedModelError
from engine.models.decoder_spec import FamilyTraits, decoder_spec, num_layers
from engine.models.rope_config import rope_section
from engine.models.spec import ModelSpec, QueryScaling
from engine.models.tensor_names import PLAIN_NAMES, TextNames, find_text
from engine.models.text_config import text_config
from engine.vision.towers.spec import read_mistral3
from engine.weights.config_reader import ConfigReader

DEFAULTS: dict[str, Any] = {"rms_norm_eps": 1e-5, "head_dim": 128}
TEXT_TYPES = ("mistral", "ministral3")


def build_spec(config: ConfigReader) -> ModelSpec:
    """Ministral 3 without eyes."""
    return _decoder(text_config(config, DEFAULTS, tied=False), "Ministral3ForCausalLM", PLAIN_NAMES)


def build_seeing_spec(config: ConfigReader, names: Collection[str]) -> ModelSpec:
    """A model with a vision tower."""
    text = text_config(config, DEFAULTS, tied=True)
    kind = text.str("model_type", TEXT_TYPES[0])
    if kind not in TEXT_TYPES:
        raise UnsupportedModelError(
            f"{config.path}: the text model “{kind}” is not supported.", "Choose a model of another family."
        )
    spec = _decoder(text, "Mistral3ForConditionalGeneration", find_text(names))
    return replace(spec, vision=read_mistral3(config, spec.hidden_size, spec.final_norm.eps, names))


def _decoder(text: ConfigReader, architecture: str, names: TextNames) -> ModelSpec:
    traits = FamilyTraits(
        windows=(text.optional_int("sliding_window"),) * num_layers(text),
        query_scaling=_query_scaling(text),
        names=names,
    )
    return decoder_spec(text, architecture, traits)


def _query_scaling(text: ConfigReader) -> QueryScaling | None:
    section = rope_section(text)
    beta = section.optional_float("llama_4_scaling_beta", low=0.0, high=100.0)
    if not beta:
        return None
    return QueryScaling(beta, section.int("original_max_position_embeddings"))
