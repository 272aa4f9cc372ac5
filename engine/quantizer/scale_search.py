"""Finds the size at which a matrix is laid over the codebook.

The best size depends on the bits and on the codebook and hardly on the matrix, so the search is short: a few sizes
around the usual one over a sample of tiles, then a parabola. Knows nothing of error feedback.
"""

from __future__ import annotations

import torch

from engine.quantizer.ldlq import Rounding
from engine.quantizer.tiles import TILE, to_stream

LEAST_TILES, MOST_TILES = 16, 64
SAMPLE_SHARE = 8  # of so many tiles one is looked at
STEPS = (0.92, 1.0, 1.08)


def usual_scale(rounding: Rounding) -> float:
    """The best size for Gaussian values of unit variance: the finer the codebook, the more of its range is needed."""
    size = float(rounding.table.float().square().mean().sqrt())
    return size * {1: 1.1, 2: 0.99, 3: 0.95, 4: 0.92, 5: 0.88, 6: 0.84, 7: 0.82, 8: 0.80}[rounding.bits]


def find_scale(inner: torch.Tensor, rounding: Rounding, generator: torch.Generator) -> float:
    """The factor for `inner` [in, out], of about unit variance, with the least error after rounding."""
    tiles = _sample(inner, generator)
    usual = usual_scale(rounding)
    scale = [usual * step for step in STEPS]
    errors = []
    for each in scale:
        values = rounding.search.search(tiles * each, rounding.bits, rounding.table, quick=True)[1]
        errors.append(float((values / each - tiles).square().mean()))
    left, middle, right = errors
    curve = left - 2 * middle + right
    shift = 0.5 * (left - right) / curve if curve > 0 else 0.0
    return scale[1] + max(-1.0, min(1.0, shift)) * (scale[2] - scale[1])


def _sample(inner: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    rows, columns = inner.shape[0] // TILE, inner.shape[1] // TILE
    count = min(max(rows * columns // SAMPLE_SHARE, LEAST_TILES), MOST_TILES, rows * columns)
    picked = torch.randperm(rows * columns, generator=generator)[:count].tolist()
    tiles = []
    for place in picked:
        row, column = place // columns * TILE, place % columns * TILE
        tiles.append(to_stream(inner[row : row + TILE, column : column + TILE]))
    return torch.cat(tiles)
