"""Tiles of 16 x 16 weights: their order in the stream, and states to the packed words of a file.

The inverse of what `engine.quant.exl3_decode` reads. Source: sections 2.1 to 2.5 of the format description. Knows
nothing of how the states were found.
"""

from __future__ import annotations

import numpy as np
import torch

TILE = 16
TILE_WEIGHTS = TILE * TILE


def _stream_places() -> torch.Tensor:
    """For each weight in stream order, its place row * 16 + column inside the tile."""
    t = torch.arange(TILE_WEIGHTS)
    lane, j = t // 8, t % 8
    row = 2 * (lane % 4) + j % 2 + 8 * ((j // 2) % 2)
    return row * TILE + lane // 4 + 8 * (j // 4)


def to_stream(rows: torch.Tensor) -> torch.Tensor:
    """Sixteen rows [16, out] as tiles [out/16, 256] in stream order."""
    tiles = rows.reshape(TILE, -1, TILE).transpose(0, 1).reshape(-1, TILE_WEIGHTS)
    return tiles[:, _stream_places()]


def from_stream(tiles: torch.Tensor) -> torch.Tensor:
    """The inverse of `to_stream`."""
    plain = torch.empty_like(tiles)
    plain[:, _stream_places()] = tiles
    return plain.reshape(-1, TILE, TILE).transpose(0, 1).reshape(TILE, -1)


def pack_states(states: torch.Tensor, bits: int) -> torch.Tensor:
    """Packs paths: states [..., 256] to int16 [..., 16*K]. Only the low K bits of each state are stored."""
    closing = torch.roll(states, 1, -1)
    assert bool(((((closing << bits) | (states & ((1 << bits) - 1))) & 0xFFFF) == states).all()), "a path is not closed"
    symbols = (states & ((1 << bits) - 1)).cpu().numpy().astype(np.uint8)
    stream = np.unpackbits(symbols[..., None], axis=-1)[..., 8 - bits :]
    packed = np.packbits(stream.reshape(*states.shape[:-1], -1), axis=-1)
    return torch.from_numpy(packed.view(">u4").astype("<u4").view("<i2").copy())
