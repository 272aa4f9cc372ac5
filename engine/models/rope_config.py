"""Rotary embedding out of a `config.json`, in the old spelling (`rope_theta`, `rope_scaling`) and the new one
(`rope_parameters`), with the meaning that Hugging Face's configurations give to missing keys.

Formulas: section B.8 of the engine notes. Dynamic NTK equals the default rope up to the trained length, which is how
far such a model is allowed to run here.
"""

from __future__ import annotations

import math

import torch

from engine.errors import UnsupportedModelError
from engine.models.spec import RopeSpec
from engine.weights.config_reader import ConfigReader

DEFAULT_THETA = 10_000.0
MIN_THETA = 1.0001  # yarn divides by its logarithm
SMALLEST = 1e-6  # of factors that something is divided by
LARGEST_FACTOR = 1e6  # by which a context may be stretched


def read_rope(config: ConfigReader, head_dim: int, max_position_embeddings: int) -> RopeSpec:
    """Raises `ModelFormatError` for bad values and `UnsupportedModelError` for kinds this program does not have."""
    section = _rope_section(config)
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


def _rope_section(config: ConfigReader) -> ConfigReader:
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


def rope_tables(spec: RopeSpec, num_positions: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, float32 [num_positions, rotary_dim / 2]; angles are fp32 products as in Hugging Face."""
    angles = torch.outer(torch.arange(num_positions, dtype=torch.float32), _inverse_frequencies(spec))
    return angles.cos() * spec.attention_factor, angles.sin() * spec.attention_factor


def _inverse_frequencies(spec: RopeSpec) -> torch.Tensor:
    exponents = torch.arange(0, spec.rotary_dim, 2, dtype=torch.int64).float() / spec.rotary_dim
    frequencies = 1.0 / (spec.theta**exponents)
    if spec.kind == "linear":
        return frequencies / spec.factor
    if spec.kind == "llama3":
        return _llama3(spec, frequencies)
    if spec.kind == "yarn":
        return _yarn(spec, frequencies)
    return frequencies


def _llama3(spec: RopeSpec, frequencies: torch.Tensor) -> torch.Tensor:
    original = spec.original_max_position_embeddings
    wavelengths = 2 * math.pi / frequencies
    smooth = (original / wavelengths - spec.low_freq_factor) / (spec.high_freq_factor - spec.low_freq_factor)
    blended = (1 - smooth) * frequencies / spec.factor + smooth * frequencies
    long = wavelengths > original / spec.low_freq_factor
    short = wavelengths < original / spec.high_freq_factor
    return torch.where(long, frequencies / spec.factor, torch.where(short, frequencies, blended))


def _yarn(spec: RopeSpec, frequencies: torch.Tensor) -> torch.Tensor:
    dim = spec.rotary_dim

    def correction(rotations: float) -> float:
        length = spec.original_max_position_embeddings / (rotations * 2 * math.pi)
        return dim * math.log(length) / (2 * math.log(spec.theta))

    low, high = correction(spec.beta_fast), correction(spec.beta_slow)
    if spec.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001  # as the reference formula does, to keep the ramp defined
    ramp = ((torch.arange(dim // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    return frequencies / spec.factor * ramp + frequencies * (1 - ramp)
