"""Tiles with which the trellis search is tried."""

from __future__ import annotations

from collections.abc import Iterator

from gpu.kernels.trellis_search_layout import PLANS
from gpu.launchers.trellis_search import SearchCase


def search_cases() -> Iterator[SearchCase]:
    """Every K with every codebook at about the best deviation for it; a few with a target beyond all values."""
    for bits in PLANS:
        for number, (codebook, size) in enumerate((("mul1", 1.0), ("mcg", 1.24), ("3inst", 1.24))):
            outlier = 30.0 if (bits + number) % 4 == 0 else 0.0
            yield SearchCase(bits, codebook, 1 + (bits + 2 * number) % 5, size * (1.0 - 0.025 * bits), outlier)
