"""How many weights a model has, as its name tells: a guess that spares a request. Knows nothing of files."""

from __future__ import annotations

import re

_COUNT = re.compile(
    r"(?:^|[-_. ])(?:(?P<experts>\d{1,3})x)?(?P<size>\d{1,4}(?:\.\d{1,3})?)(?P<unit>[bBmM])(?=$|[-_. ])"
)
_UNITS = {"b": 1.0, "m": 0.001}
_SHARED = 0.82  # of a mixture written as 8x7B: its experts share attention and embeddings


def billions_of_weights(name: str) -> float | None:
    """Reads "Qwen3-8B", "Llama-3.2-1B", "Qwen3-30B-A3B" (30), "Mixtral-8x7B" (about 46), "SmolLM-360M".

    Returns:
        Billions; None when the name tells no size.
    """
    found = _COUNT.search(name)
    if found is None:
        return None
    size = float(found["size"]) * _UNITS[found["unit"].lower()]
    return size * int(found["experts"]) * _SHARED if found["experts"] else size
