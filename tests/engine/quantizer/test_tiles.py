"""Packed tiles read back as what was packed, by the reader's own decoder."""

from __future__ import annotations

import pytest
import torch

from engine.quant.exl3_decode import codebook_table, decode_inner, tile_states
from engine.quant.tensors import Exl3Linear
from engine.quantizer.tiles import from_stream, pack_states, to_stream


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_states_read_back(bits: int) -> None:
    words = torch.randint(-(1 << 15), 1 << 15, (3, 5, 16 * bits), generator=torch.Generator().manual_seed(bits))
    trellis = words.to(torch.int16)
    states = tile_states(trellis)
    assert torch.equal(pack_states(states.int(), bits), trellis)


def test_a_path_that_is_not_closed_is_our_bug() -> None:
    with pytest.raises(AssertionError, match="not closed"):
        pack_states(torch.arange(256, dtype=torch.int32)[None], 4)


def test_the_stream_order_is_the_readers() -> None:
    trellis = torch.randint(-(1 << 15), 1 << 15, (8, 8, 48)).to(torch.int16)
    ones = torch.ones(128, dtype=torch.float16)
    linear = Exl3Linear("a", 128, 128, 3, "mcg", trellis, ones, ones, None)
    matrix = decode_inner(linear).float()
    values = codebook_table("mcg").float()[tile_states(trellis)]
    for i in range(8):
        rows = matrix[16 * i : 16 * i + 16]
        assert torch.equal(to_stream(rows), values[i])
        assert torch.equal(from_stream(values[i]), rows)
