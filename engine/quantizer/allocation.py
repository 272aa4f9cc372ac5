"""Shares out a fractional bitrate: whole bits for each linear so that their mean stays at or below the target.

Source of the rule: section 6.9 of the format description. Linears of one group always get the same bits, which is what
lets a program run them in one go. Knows nothing of weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import InvalidRequestError
from engine.models.spec import BlockSpec, LinearSpec, ModelSpec
from engine.quant.linear_request import padded
from engine.quantizer.streams import block_linears

LOWEST_BITS, HIGHEST_BITS = 1, 8
UNQUANTIZED_BITS = 16  # of a head
_ATTENTION, _MLP = 2, 0  # priority


@dataclass(frozen=True)
class Group:
    """Linears that get the same bits.

    Attributes:
        linears: of one block.
        priority: who gets a spare bit first, the higher the sooner.
        layer: index of the block.
    """

    linears: tuple[LinearSpec, ...]
    priority: int
    layer: int

    @property
    def weights(self) -> int:
        return sum(num_weights(each) for each in self.linears)


def num_weights(linear: LinearSpec) -> int:
    """Weights as stored, with padding."""
    return padded(linear.in_features) * padded(linear.out_features)


def check_bits(bits: float, head_bits: int) -> None:
    """Raises `InvalidRequestError` for a bitrate that the format does not have."""
    if not (math.isfinite(bits) and LOWEST_BITS <= bits <= HIGHEST_BITS):
        raise InvalidRequestError(
            f"{bits:g} bits per weight is outside {LOWEST_BITS} to {HIGHEST_BITS}.",
            "Choose a number such as 4 or 3.75.",
        )
    if head_bits != UNQUANTIZED_BITS and not LOWEST_BITS <= head_bits <= HIGHEST_BITS:
        raise InvalidRequestError(
            f"A head of {head_bits} bits is not possible.",
            f"Choose {LOWEST_BITS} to {HIGHEST_BITS}, or {UNQUANTIZED_BITS} to leave the head as it is.",
        )


def groups_of(spec: ModelSpec) -> list[Group]:
    """All groups in the order of the blocks."""
    return [group for layer, block in enumerate(spec.blocks) for group in _block_groups(block, layer)]


def _block_groups(block: BlockSpec, layer: int) -> list[Group]:
    attention, mlp = block.attention, block.mlp
    return [
        Group((attention.q_proj, attention.k_proj, attention.v_proj), _ATTENTION, layer),
        Group((attention.o_proj,), _ATTENTION, layer),
        Group((mlp.gate_proj, mlp.up_proj), _MLP, layer),
        Group((mlp.down_proj,), _MLP, layer),
    ]


def allocate(spec: ModelSpec, target: float) -> dict[str, int]:
    """Bits of every linear of the blocks, by key.

    Everything begins at the whole part of the target. What is left over goes round: attention before MLPs, blocks near
    either end of the stack before those in the middle, one bit at a time to whatever still fits.
    """
    groups = groups_of(spec)
    base = math.floor(target)
    bits = [base] * len(groups)
    total = sum(group.weights for group in groups)
    left = math.floor(target * total) - base * total
    last = len(spec.blocks) - 1
    order = sorted(
        range(len(groups)),
        key=lambda i: (-groups[i].priority, min(groups[i].layer, last - groups[i].layer), groups[i].layer, i),
    )
    is_raised = True
    while is_raised:
        is_raised = False
        for i in order:
            if bits[i] < HIGHEST_BITS and groups[i].weights <= left:
                bits[i] += 1
                left -= groups[i].weights
                is_raised = True
    return {linear.key: bits[i] for i, group in enumerate(groups) for linear in group.linears}


def mean_bits(spec: ModelSpec, bits: Mapping[str, int]) -> float:
    """Bits per weight of the blocks' linears, without scales."""
    linears = [linear for block in spec.blocks for linear in block_linears(block)]
    total = sum(num_weights(each) for each in linears)
    return sum(bits[each.key] * num_weights(each) for each in linears) / total
