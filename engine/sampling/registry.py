"""Every sampling step, in the order in which the chain runs: row steps on the whole vocabulary, then filters.

The chain is the one that `SamplingSettings` documents; its last link, the draw, is in `engine.sampling.draw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from engine.requests import SamplingSettings
from engine.sampling.steps import Filter, RowStep

ROW_STEPS: Mapping[str, str] = {
    "repetition penalty": "engine.sampling.repetition_penalty:RepetitionPenalty",
    "presence and frequency penalty": "engine.sampling.presence_frequency_penalty:PresenceFrequencyPenalty",
    "temperature": "engine.sampling.temperature:Temperature",
}
FILTERS: Mapping[str, str] = {
    "top-k": "engine.sampling.top_k:TopK",
    "top-p": "engine.sampling.top_p:TopP",
    "min-p": "engine.sampling.min_p:MinP",
}


def row_steps(settings: SamplingSettings) -> tuple[RowStep, ...]:
    """The row steps that these settings ask for, in order."""
    classes: list[type[RowStep]] = [_load(target) for target in ROW_STEPS.values()]
    steps = [each.from_settings(settings) for each in classes]
    return tuple(step for step in steps if step is not None)


def filters(settings: SamplingSettings) -> tuple[Filter, ...]:
    """The filters that these settings ask for, in order."""
    classes: list[type[Filter]] = [_load(target) for target in FILTERS.values()]
    steps = [each.from_settings(settings) for each in classes]
    return tuple(step for step in steps if step is not None)


def _load(target: str) -> type:
    module, name = target.split(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type), target
    return found
