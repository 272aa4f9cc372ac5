"""What lies between the products of a step of few rows, in plain torch: the oracles of `fused`.

Written from the rules and composed of the other references: finish a product, norm, embed positions, merge, prepare.
Works on any device; sums are float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from gpu.reference import attention, exl3, rope
from gpu.reference.elementwise import gated_silu

BLOCK = exl3.BLOCK


@dataclass(frozen=True)
class Unfinished:
    """A product before its output rotation: partial [splits, rows, width], svh and bias [width]."""

    partial: torch.Tensor
    svh: torch.Tensor
    bias: torch.Tensor

    def finished(self, factors: torch.Tensor | None = None) -> torch.Tensor:
        """float64 [rows, width]; factors [rows]: what the norm before the product has left undone."""
        partial = self.partial.double()
        if factors is not None:
            partial = partial * factors.double()[:, None]
        return exl3.finish_output(partial, self.svh, self.bias)


def norm_factors(squares: torch.Tensor, features: int, eps: float) -> torch.Tensor:
    """float64 [rows]: 1 / sqrt(mean of squares + eps), from sums of squares [rows, blocks] of `features` values."""
    return torch.rsqrt(squares.double().sum(-1) / features + eps)


def square_sums(x: torch.Tensor) -> torch.Tensor:
    """float64 [rows, blocks]: the sum of squares of each 128 values of x [rows, E]."""
    padded = torch.nn.functional.pad(x.double(), (0, -x.shape[1] % BLOCK))
    return padded.square().view(x.shape[0], -1, BLOCK).sum(-1)


def absorb(
    product: Unfinished | None, residual: torch.Tensor, norm: torch.Tensor, suh: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The residual stream with a product added, its sums of squares, and its inputs of the next products.

    Args:
        residual: [rows, E].  norm: [E], weight of the next RMS norm, whose factor of each row is left to others.
        suh: fp16 [M, padded].

    Returns:
        float64 [rows, E], [rows, blocks] and [M, rows, padded].
    """
    stream = residual.double()
    if product is not None:
        stream = stream + product.finished()[:, : residual.shape[1]]
    return stream, square_sums(stream), exl3.rotate_input(stream * norm.double(), suh)


def pieces_of(positions: Sequence[int], splits: int, window: int, pool: int) -> list[list[int]]:
    """For each row which of attention's partial outputs are its own; a row of one piece is in the output already."""
    rows = len(positions)
    if not pool:
        return [[split * rows + row for split in range(splits)] for row in range(rows)]
    counts = attention.deal(list(positions), window, pool)
    return [list(range(sum(counts[:row]), sum(counts[: row + 1]))) for row in range(rows)]


def merged(pieces: torch.Tensor, head_dim: int, sinks: torch.Tensor | None = None) -> torch.Tensor:
    """float64 [H, D]: one softmax of pieces [n, H, Dp + 2]: weighted values, sum of weights, maximum in powers of two.

    A piece without keys has a sum of 0, and whatever values.  sinks: [H], one more logit of each head, natural.
    """
    total, maximum = pieces[..., -2].double(), pieces[..., -1].double()
    weight = torch.exp2(maximum - maximum.amax(0))
    values = torch.where(total[..., None] > 0, pieces[..., :head_dim].double(), 0.0)
    whole = (weight * total).sum(0)
    if sinks is not None:
        whole = whole + torch.exp2(sinks.double() / math.log(2.0) - maximum.amax(0))
    return (weight[..., None] * values).sum(0) / whole[..., None]


def merge_heads(
    partial: torch.Tensor,
    own: Sequence[Sequence[int]],
    done: torch.Tensor,
    head_dim: int,
    suh: torch.Tensor,
    sinks: torch.Tensor | None = None,
) -> torch.Tensor:
    """float64 [1, rows, padded]: attention's output, prepared as an input.

    Args:
        partial: [slots, H, Dp + 2].  own: of `pieces_of`.
        done: [rows, H * D], the rows that have one piece.
        suh: fp16 [1, padded].
        sinks: [H], which `done` has already.
    """
    rows = [merged(partial[slots], head_dim, sinks).flatten() if len(slots) > 1 else done[row].double()
            for row, slots in enumerate(own)]  # fmt: skip
    return exl3.rotate_input(torch.stack(rows), suh)


def finish_gated(
    gate: Unfinished, up: Unfinished, factors: torch.Tensor | None, columns: int, suh: torch.Tensor
) -> torch.Tensor:
    """float64 [1, rows, padded]: silu(gate) * up, prepared as an input; of the widths `columns` exist."""
    inputs = gated_silu(gate.finished(factors), up.finished(factors))
    return exl3.rotate_input(inputs[:, :columns], suh)


@dataclass(frozen=True)
class Rotary:
    """How heads become queries and keys: head norms [2, D] or None, their epsilon, cosines and sines [positions, R].

    offsets [T] are added to positions where they name rows of the tables; factors [positions] multiply queries.
    """

    weights: torch.Tensor | None
    eps: float
    cosines: torch.Tensor
    sines: torch.Tensor
    offsets: torch.Tensor | None = None
    factors: torch.Tensor | None = None


@dataclass(frozen=True)
class Places:
    """Where tokens stand and go: positions, sequences [T], table [B, pages], caches as in `rope`."""

    positions: torch.Tensor
    sequences: torch.Tensor
    table: torch.Tensor
    k_cache: torch.Tensor
    v_cache: torch.Tensor


def finish_heads(
    products: Sequence[Unfinished], factors: torch.Tensor | None, head_dim: int, rotary: Rotary, places: Places
) -> torch.Tensor:
    """The rotated query, float64 [T, H * D], of unfinished q, k and v; writes the rotated k, and v, into the caches."""
    rows = places.positions.shape[0]
    q, k, v = (each.finished(factors).view(rows, -1, head_dim) for each in products)
    weights = None if rotary.weights is None else (rotary.weights[0], rotary.weights[1])
    turned = rope.rotate_and_append(
        q, k, v, weights, rotary.eps, rotary.cosines, rotary.sines,
        places.positions, places.sequences, places.table, places.k_cache, places.v_cache,
        rotary.offsets,
    ).flatten(1)  # fmt: skip
    return turned if rotary.factors is None else turned * rotary.factors[places.positions.long()][:, None].double()
