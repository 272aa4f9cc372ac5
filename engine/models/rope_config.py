"""Rotary embedding out of a `config.json`, in the old spelling (`rope_theta`, `rope_scaling`) and the new one
(`rope_parameters`), with the meaning that Hugging Face's configurations give to missing keys.

Formulas: section B.8 of the engine notes. Dynamic NTK equals the default rope up to the trained length, which is how
far such a model is allowed to run here.
"""

from __future__ import annotations

import math

from engine.errors import UnsupportedModelError
from engine.models.spec import RopeSpec
from engine.weights.config_reader import ConfigReader

DEFAULT_THETA = 10_000.0
MIN_THETA = 1.0001  # yarn divides by its logarithm
SMALLEST = 1e-6  # of factors that something is divided by
LARGEST_FACTOR = 1e6  # by which a context may be stretched


def read_rope(config: ConfigReader, head_dim: int, max_position_embeddings: int) -> RopeSpec:
    """Raises `ModelFormatError` for bad values and `UnsupportedModelError` for kinds this program does not have."""
    section = rope_section(config)
    theta = section.float("rope_theta", config.float("rope_theta", DEFAULT_THETA, low=MIN_THETA), low=MIN_THETA)
    kind = section.str("rope_type", section.str("type", "default"))
    partial = section.float(
        "partial_rotary_factor", config.float("partial_rotary_factor", 1.0, low=0.0, high=1.0), low=0.0, high=1.0
    )
    rotary_dim = int(head_dim * partial)
    if rotary_dim < 2 or rotary_dim % 2 or rotary_dim > head_dim:
        config.fail("partial_rotary_factor" if partial != 1 else "head_dim", f"giving {rotary_dim} rotary values")
    if kind in ("default", "dynamic"):
        return RopeSpec("default", theta, rotary_dim)
    if kind == "linear":
        return RopeSpec("linear", theta, rotary_dim, factor=section.float("factor", low=SMALLEST))
    original = config.optional_int("original_max_position_embeddings", low=1) or section.int(
        "original_max_position_embeddings", max_position_embeddings, low=1
    )
    if kind == "llama3":
        return RopeSpec(
            "llama3",
            theta,
            rotary_dim,
            factor=section.float("factor", low=SMALLEST),
            low_freq_factor=section.float("low_freq_factor", low=SMALLEST),
            high_freq_factor=section.float("high_freq_factor", low=SMALLEST),
            original_max_position_embeddings=original,
        )
    if kind == "yarn":
        return _read_yarn(section, theta, rotary_dim, original, max_position_embeddings)
    raise UnsupportedModelError(
        f"{config.path}: the rotary embedding “{kind}” is not supported.",
        "Supported are default, linear, llama3 and yarn; choose another model.",
    )


def rope_section(config: ConfigReader) -> ConfigReader:
    """What the config says of its rotary embedding, under the old key or the new one; empty if nothing."""
    for key in ("rope_scaling", "rope_parameters"):
        section = config.section(key)
        if section is not None and any(True for _ in section):
            return section
    return ConfigReader(config.path, {})


def _read_yarn(section: ConfigReader, theta: float, rotary_dim: int, original: int, longest: int) -> RopeSpec:
    factor = section.optional_float("factor", low=SMALLEST, high=LARGEST_FACTOR) or longest / original
    attention_factor = section.optional_float("attention_factor", low=SMALLEST)
    if attention_factor is None:
        mscale = section.optional_float("mscale", low=0.0)
        mscale_all_dim = section.optional_float("mscale_all_dim", low=0.0)
        attention_factor = _yarn_magnitude(factor, 1.0)
        if mscale and mscale_all_dim:
            attention_factor = _yarn_magnitude(factor, mscale) / _yarn_magnitude(factor, mscale_all_dim)
    return RopeSpec(
        "yarn",
        theta,
        rotary_dim,
        factor=factor,
        original_max_position_embeddings=original,
        beta_fast=section.optional_float("beta_fast", low=SMALLEST) or 32.0,
        beta_slow=section.optional_float("beta_slow", low=SMALLEST) or 1.0,
        truncate=section.bool("truncate", True),
        attention_factor=attention_factor,
    )


def _yarn_magnitude(factor: float, mscale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0
