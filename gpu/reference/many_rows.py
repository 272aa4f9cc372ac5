"""Products of many rows in plain torch: their order of inputs, and the oracles of `rotate_many` and `exl3_decode`."""

from __future__ import annotations

import torch

from gpu.reference import exl3
from gpu.reference.elementwise import gated_silu, rms_norm

BLOCK = exl3.BLOCK
PLACE_BITS = (4, 3, 1, 2, 6, 5, 0)  # which bit of an input's number stands where in its place, highest first


def ordered(x: torch.Tensor) -> torch.Tensor:
    """The last dimension, blocks of 128 inputs, in the order of products of many rows."""
    place = torch.arange(BLOCK, device=x.device)
    number = torch.zeros_like(place)
    for i, bit in enumerate(reversed(PLACE_BITS)):
        number += (place >> i & 1) << bit
    return x.reshape(*x.shape[:-1], -1, BLOCK)[..., number].flatten(-2)


def decode(words: torch.Tensor, codebook: str) -> torch.Tensor:
    """fp16 [columns, inputs] of a trellis int16 [inputs / 16, columns / 16, 16 * bits], inputs in order."""
    return ordered(exl3.decode(words, codebook).t())


def prepare(x: torch.Tensor, norm: torch.Tensor | None, eps: float, suh: torch.Tensor) -> torch.Tensor:
    """float64 [M, rows, padded]: x [rows, in] normed, times each of suh fp16 [M, padded], rotated, in order."""
    normed = x.double() if norm is None else rms_norm(x, norm, eps)
    return ordered(exl3.rotate_input(normed, suh))


def finish_gated(
    products: torch.Tensor, svh: torch.Tensor, bias: torch.Tensor, suh: torch.Tensor, columns: int
) -> torch.Tensor:
    """float64 [rows, width]: the input of the down projection, in order.

    Args:
        products: float32 [2, rows, width] of gate and up.  svh, bias: fp16 [2, width].  suh: fp16 [width].
        columns: of the width that exist.
    """
    gate, up = (exl3.rotate(products[i]) * svh[i].double() + bias[i].double() for i in (0, 1))
    inputs = gated_silu(gate, up)
    inputs[:, columns:] = 0
    return ordered(exl3.rotate(inputs * suh.double()))
