"""The models that the program knows without asking anybody: a short list with sizes, for a first look and offline.

The sizes are computed from each model's shape, and are replaced by the hub's as soon as it answers. Knows nothing of
the window.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelFormatError
from engine.fit.estimate import FitModel
from engine.fit.offers import Offer
from engine.hub.errors import BadNameError
from engine.hub.types import RepoId

SCHEMA = 1
REINSTALL = "Install Espalier again."


@dataclass(frozen=True)
class StarterModel:
    """One entry.

    Attributes:
        about: what it is good for, in a sentence.
        vram_gib: the smallest card on which a good variant of it runs.
        offers: without a `Variant`: what is fetched is asked when it is fetched.
    """

    repo: RepoId
    title: str
    about: str
    vram_gib: int
    offers: tuple[Offer, ...]


def read_starters(path: Path) -> tuple[StarterModel, ...]:
    """Reads the list, smallest cards first.

    Raises:
        ModelFormatError: it is missing or damaged.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["schema"] != SCHEMA:
            raise ValueError(f"schema {record['schema']}")
        models = [_model(each) for each in record["models"]]
    except (OSError, ValueError, KeyError, TypeError, BadNameError) as error:
        raise ModelFormatError(f"{path} cannot be read: {type(error).__name__}: {error}.", REINSTALL) from error
    return tuple(sorted(models, key=lambda model: model.vram_gib))


def _model(record: dict[str, Any]) -> StarterModel:
    config = record["config"]
    offers = tuple(
        Offer(
            str(each["branch"]), float(each["bits"]), int(each["head_bits"]), int(each["weights_bytes"]),
            FitModel.of(config, {}, int(each["weights_bytes"])),
        )
        for each in record["variants"]
    )  # fmt: skip
    repo = RepoId.parse(record["repo"])
    return StarterModel(repo, str(record["title"]), str(record["about"]), int(record["vram_gib"]), offers)
