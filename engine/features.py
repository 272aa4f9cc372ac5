"""What some models need of a device and not every backend has, as names. Knows nothing of models or devices."""

from __future__ import annotations

from enum import Enum


class Feature(Enum):
    """What some models need and a backend may lack; the values stand in sentences."""

    POST_NORMS = "norms behind attention and MLP"
    GELU = "the activation gelu"
    QUERY_SCALING = "queries that grow with their position"


MISSING_ON_CARDS: frozenset[Feature] = frozenset()
