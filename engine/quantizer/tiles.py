"""Tiles of 16 x 16 weights: their order in the stream, and states to the packed words of a file.

The inverse of what `engine.quant.exl3_decode` reads. Source: sections 2.1 to 2.5 of the format description. Knows
nothing of how the states were found.
"""

from __future__ import annotations

import torch

TILE = 16
TILE_WEIGHTS = TILE * TILE
_WORD = 32  # bits
_GROUP = 32  # symbols of K bits that fill K words
_PIECE = 1 << 24  # states that are packed at once: scratch for more would be larger than they are


def to_stream(rows: torch.Tensor) -> torch.Tensor:
    """Sixteen rows [16, out] as tiles [out/16, 256] in stream order.

    Stream order counts, from the slowest, column % 8, (row % 8) // 2, column // 8, row // 8 and row % 2.
    """
    parts = rows.reshape(2, 4, 2, -1, 2, 8)  # row // 8, (row % 8) // 2, row % 2, tile, column // 8, column % 8
    return parts.permute(3, 5, 1, 4, 0, 2).reshape(-1, TILE_WEIGHTS)


def from_stream(tiles: torch.Tensor) -> torch.Tensor:
    """The inverse of `to_stream`."""
    parts = tiles.reshape(-1, 8, 4, 2, 2, 2)
    return parts.permute(4, 2, 5, 0, 3, 1).reshape(TILE, -1)


def pack_states(states: torch.Tensor, bits: int) -> torch.Tensor:
    """Packs paths where they lie: states int32 [n, ..., 256] to int16 [n, ..., 16*K].

    Only the low K bits of each state are stored.
    """
    at_once = max(1, _PIECE // max(1, states[:1].numel()))
    return torch.cat([_packed(piece, bits) for piece in torch.split(states, at_once)])


def _packed(states: torch.Tensor, bits: int) -> torch.Tensor:
    mask = (1 << bits) - 1
    closing = torch.roll(states, 1, -1)
    assert bool(((((closing << bits) | (states & mask)) & 0xFFFF) == states).all()), "a path is not closed"
    symbols = (states & mask).reshape(*states.shape[:-1], TILE_WEIGHTS // _GROUP, _GROUP)
    words = [_word(symbols, bits, number) for number in range(bits)]
    joined = torch.stack(words, -1).flatten(-2)  # the first bit of the stream is the highest of the first word
    halves = torch.stack((joined & 0xFFFF, joined >> 16), -1).flatten(-2)
    return halves.to(torch.int16)


def _word(symbols: torch.Tensor, bits: int, number: int) -> torch.Tensor:
    """One of the K words of every group of 32 symbols, int64 [..., groups]; those cut by its ends give their part."""
    first, last = number * _WORD // bits, -(-(number + 1) * _WORD // bits)
    ends = (torch.arange(first, last, device=symbols.device) + 1) * bits
    # One word higher than they belong, so that what lies behind the word's end is cut off by the shift back.
    shifted = symbols[..., first:last].long() << (2 * _WORD + number * _WORD - ends)
    return (shifted.sum(-1) >> _WORD) & 0xFFFFFFFF
