"""What depends on positions alone: cosines and sines of a rotary embedding, and factors of growing queries.

Formulas: section B.8 of the engine notes. Knows nothing of where the numbers came from.
"""

from __future__ import annotations

import math

import torch

from engine.models.spec import QueryScaling, RopeSpec
from engine.vision.mrope import chunked_streams, interleaved_streams


def rope_tables(spec: RopeSpec, num_positions: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, float32 [num_positions, rotary_dim / 2]; angles are fp32 products as in Hugging Face."""
    angles = torch.outer(torch.arange(num_positions, dtype=torch.float32), _inverse_frequencies(spec))
    return angles.cos() * spec.attention_factor, angles.sin() * spec.attention_factor


def rope_streams(spec: RopeSpec) -> torch.Tensor | None:
    """Which of three positions turns each frequency, int64 [rotary_dim / 2]; None where tokens have one position."""
    if not spec.sections:
        return None
    return interleaved_streams(spec.sections) if spec.interleaved else chunked_streams(spec.sections)


def query_factors(scaling: QueryScaling, length: int, start: int = 0) -> torch.Tensor:
    """By what queries at the positions from `start` on are multiplied before they are rotated, float32 [length]."""
    passed = torch.arange(start, start + length) // scaling.original_max_position_embeddings
    return 1 + scaling.beta * torch.log1p(passed.float())


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
