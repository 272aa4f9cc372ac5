"""The sampling settings that a model's files recommend. Knows nothing of how they are used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import InvalidRequestError
from engine.requests import SamplingSettings

RECOMMENDABLE = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")  # of generation_config.json


def recommended_sampling(folder: Path) -> SamplingSettings:
    """The defaults with what the model's `generation_config.json` recommends; values out of range are left out."""
    try:
        config: Any = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return SamplingSettings()
    settings = SamplingSettings()
    if not isinstance(config, dict):
        return settings
    if config.get("do_sample") is False:
        settings = replace(settings, temperature=0.0)
    for name in RECOMMENDABLE:
        value = config.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                settings = replace(settings, **{name: type(getattr(settings, name))(value)})
            except (InvalidRequestError, ValueError, OverflowError):
                continue
    return settings
