"""Decodes EXL3 linears to full matrices in plain torch: the oracle of the kernels and a tool for inspection.

Clear before fast: no backend runs on it. `decode_inner` is exact to the bit. Source of the rules: the format page of
the reference implementation, ExLlamaV3 1.4.1 (tile stream, codebooks, rotation).
"""

from __future__ import annotations

import torch

from engine.quant.exl3 import MCG_MULTIPLIER, MUL1_MULTIPLIER, TILE
from engine.quant.tensors import Codebook, Exl3Linear

HADAMARD_SIZE = 128
HADAMARD_SCALE = 0.088388347648  # 1/sqrt(128), as a float32 constant

_WEIGHTS_PER_TILE = TILE * TILE
_STATE_BITS = 16
_U32 = 0xFFFFFFFF
_ROWS_PER_PIECE = 8  # tile rows decoded at once, so that a large head needs little more memory than its result


def decode_inner(linear: Exl3Linear) -> torch.Tensor:
    """The matrix in the rotated basis, float16 [padded_in, padded_out], bit for bit as the reference decodes it."""
    table = codebook_table(linear.codebook)
    inner = torch.empty(linear.padded_in, linear.padded_out, dtype=torch.float16)
    order = _stream_position()
    for start in range(0, linear.trellis.shape[0], _ROWS_PER_PIECE):
        piece = linear.trellis[start : start + _ROWS_PER_PIECE]
        tiles = table[tile_states(piece)][..., order]  # [kt, nt, 256], row-major inside a tile
        tiles = tiles.view(*piece.shape[:2], TILE, TILE).transpose(1, 2)
        first = start * TILE
        inner[first : first + piece.shape[0] * TILE] = tiles.reshape(-1, linear.padded_out)
    return inner


def dequantize(linear: Exl3Linear) -> torch.Tensor:
    """The matrix in the original basis, float32 [in_features, out_features], so that y = x @ W + bias."""
    weight = hadamard_rotate(decode_inner(linear).float())  # output side
    weight = hadamard_rotate(weight.T.contiguous()).T  # input side
    weight = weight * linear.suh.float()[:, None] * linear.svh.float()
    return weight[: linear.in_features, : linear.out_features].contiguous()


def hadamard_rotate(values: torch.Tensor) -> torch.Tensor:
    """Rotates each run of 128 of the last dimension by H_128/sqrt(128), float32 to float32.

    The stages go by ascending stride; float32 results then equal the reference's bit for bit.
    """
    rows = values.reshape(-1, HADAMARD_SIZE)
    stride = 1
    while stride < HADAMARD_SIZE:
        pairs = rows.view(-1, HADAMARD_SIZE // (2 * stride), 2, stride)
        rows = torch.stack((pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]), dim=2)
        rows = rows.view(-1, HADAMARD_SIZE)
        stride *= 2
    return (rows * torch.tensor(HADAMARD_SCALE, dtype=torch.float32)).reshape(values.shape)


def tile_states(trellis: torch.Tensor) -> torch.Tensor:
    """The 16-bit state of each weight, in stream order.

    Args:
        trellis: int16 [kt, nt, 16*K].

    Returns:
        int64 [kt, nt, 256], values 0 to 65535.
    """
    bits = trellis.shape[-1] // TILE
    halves = trellis.to(torch.int64) & 0xFFFF
    words = halves[..., 0::2] | (halves[..., 1::2] << 16)
    end = (torch.arange(_WEIGHTS_PER_TILE) + 1) * bits + _WEIGHTS_PER_TILE * bits
    low, high = (end - 1) // 32, (end - _STATE_BITS) // 32
    shift = 32 * (low + 1) - end
    joined = ((words[..., high % (8 * bits)] & 0xFFFF) << 32) | words[..., low % (8 * bits)]
    return (joined >> shift) & 0xFFFF


def codebook_table(codebook: Codebook) -> torch.Tensor:
    """The value of every state, float16 [65536]."""
    states = torch.arange(1 << _STATE_BITS, dtype=torch.int64)
    if codebook == "mul1":
        return _byte_sum_values((states * MUL1_MULTIPLIER) & _U32)
    product = states * 89226354 + 64248484 if codebook == "3inst" else states * MCG_MULTIPLIER
    bits = (product & 0x8FFF8FFF) ^ 0x3B603B60
    return _as_half(bits & 0xFFFF) + _as_half(bits >> 16)


def _byte_sum_values(products: torch.Tensor) -> torch.Tensor:
    total = sum(((products >> shift) & 0xFF for shift in (0, 8, 16, 24)), torch.zeros_like(products))
    # Every term is a multiple of 2^-18 below 2^5: float32 holds the sum exactly, so only the last step rounds.
    scale, offset = 0.00676727294921875, -10.3828125
    return ((total + 1024).float() * scale + offset).to(torch.float16)


def _as_half(bits: torch.Tensor) -> torch.Tensor:
    return bits.to(torch.int32).to(torch.int16).view(torch.float16)


def _stream_position() -> torch.Tensor:
    """For each weight of a tile in row-major order, its index in the stream."""
    row = torch.arange(TILE)[:, None]
    column = torch.arange(TILE)[None, :]
    lane = 4 * (column % 8) + (row % 8) // 2
    in_lane = 4 * (column // 8) + 2 * (row // 8) + row % 2
    return (8 * lane + in_lane).flatten()
