"""What a model's folder says of itself in its `config.json`: architecture and bits. Opens no weights.

Knows nothing of which architectures can be run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_CONFIG_BYTES = 4 * 1024 * 1024
MAX_BITS = 16.0
MAX_NAME = 80


@dataclass(frozen=True)
class ModelFacts:
    """Read from a folder; every field may be missing.

    Attributes:
        architecture: as the config names it, '' when it does not.
        bits: bits per weight.
        head_bits: of the output head.
        quant_method: "exl3" or another format's name, '' for plain weights.
    """

    architecture: str = ""
    bits: float | None = None
    head_bits: int | None = None
    quant_method: str = ""


def facts_of(folder: Path) -> ModelFacts:
    """What `config.json` says; nothing at all where it cannot be read."""
    try:
        path = folder / "config.json"
        if path.stat().st_size > MAX_CONFIG_BYTES:
            return ModelFacts()
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ModelFacts()
    if not isinstance(config, dict):
        return ModelFacts()
    names = config.get("architectures")
    section = config.get("quantization_config")
    section = section if isinstance(section, dict) else {}
    head = _bits(section.get("head_bits"))
    return ModelFacts(
        _name(names[0]) if isinstance(names, list) and names else "",
        _bits(section.get("bits")),
        int(head) if head is not None else None,
        _name(section.get("quant_method")),
    )


def _name(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_NAME and value.isprintable() else ""


def _bits(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value <= MAX_BITS else None
