"""What a model needs that not every backend has, and the refusal where it is missing. Knows no particular backend."""

from __future__ import annotations

from typing import Protocol

from engine.errors import UnsupportedModelError
from engine.features import MISSING_ON_CARDS, Feature
from engine.models.spec import BlockSpec, ModelSpec


class Runner(Protocol):
    """As much of a backend as is asked here."""

    device_name: str
    missing: frozenset[Feature]


def features_of(spec: ModelSpec) -> frozenset[Feature]:
    """What a model needs besides the operations that every backend has."""
    return frozenset(feature for block in spec.blocks for feature in _features_of_block(block))


def check_runs(spec: ModelSpec, backend: Runner) -> None:
    """Raises `UnsupportedModelError` for a model that the backend cannot run."""
    missing = features_of(spec) & backend.missing
    if missing:
        listed = ", ".join(sorted(feature.value for feature in missing))
        raise UnsupportedModelError(
            f"{backend.device_name} cannot run {spec.architecture} yet; it lacks {listed}.",
            "Load the model on the CPU (device cpu).",
        )


def check_runs_on_cards(spec: ModelSpec) -> None:
    """Raises `UnsupportedModelError` for a model that no card runs."""
    if features_of(spec) & MISSING_ON_CARDS:
        raise UnsupportedModelError(
            f"{spec.architecture} does not run on a card yet.", "Load the model on the CPU (device cpu)."
        )


def _features_of_block(block: BlockSpec) -> set[Feature]:
    found = set()
    if block.attention_post_norm is not None or block.mlp_post_norm is not None:
        found.add(Feature.POST_NORMS)
    if block.mlp.activation != "silu":
        found.add(Feature.GELU)
    if block.attention.query_scaling is not None:
        found.add(Feature.QUERY_SCALING)
    return found
