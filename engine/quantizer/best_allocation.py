"""The allocation with the least expected loss, of all that are no larger than the rule's.

What a group loses goes with the square error of its weights, which the bits alone decide: one measurement at any bits
gives the loss at all. Losses of groups add up as long as they are small. What is left is a knapsack, solved exactly.
Knows nothing of how losses are measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.models.spec import ModelSpec
from engine.quantizer.allocation import HIGHEST_BITS, LOWEST_BITS, allocate, groups_of
from engine.quantizer.noise_search import ERRORS

MOST_UNITS = 100_000  # of the budget; a model whose sizes share no large divisor is counted in coarser units


@dataclass(frozen=True)
class Loss:
    """What the predictions lose, as KL divergence in nats, when one group alone has so many bits."""

    value: float
    bits: int

    def at(self, bits: int) -> float:
        return self.value * ERRORS[bits] / ERRORS[self.bits]


def best_allocation(spec: ModelSpec, losses: Sequence[Loss], target: float) -> dict[str, int]:
    """Bits of every linear of the blocks, by key.

    Args:
        losses: of each group, in the order of `groups_of`.
        target: mean bits; the result takes no more than the rule makes of it.
    """
    groups = groups_of(spec)
    rule = allocate(spec, target)
    sizes = [group.weights for group in groups]
    budget = sum(size * rule[group.linears[0].key] for size, group in zip(sizes, groups))
    costs = [[loss.at(bits) for bits in range(LOWEST_BITS, HIGHEST_BITS + 1)] for loss in losses]
    chosen = _least_cost(sizes, costs, budget)
    if chosen is None:
        return rule
    best = {linear.key: bits for group, bits in zip(groups, chosen) for linear in group.linears}
    return min(best, rule, key=lambda each: expected_loss(spec, losses, each))  # the rule's: only by coarse units


def expected_loss(spec: ModelSpec, losses: Sequence[Loss], bits: dict[str, int]) -> float:
    """The sum over all groups."""
    return sum(loss.at(bits[group.linears[0].key]) for group, loss in zip(groups_of(spec), losses))


def _least_cost(sizes: Sequence[int], costs: Sequence[Sequence[float]], budget: int) -> list[int] | None:
    """Bits of each group so that the costs' sum is least and size times bits stays within the budget.

    None where coarse units, which round every size up, leave no room even for the lowest bits.
    """
    unit = max(math.gcd(*sizes), -(-budget // MOST_UNITS))
    room = budget // unit
    least = np.zeros(room + 1)  # with so much room for the groups up to here
    choices = []
    for size, cost in zip(sizes, costs):
        options = np.full((HIGHEST_BITS, room + 1), np.inf)
        for i in range(HIGHEST_BITS):
            taken = -(-size // unit) * (LOWEST_BITS + i)
            if taken <= room:
                options[i, taken:] = least[: room + 1 - taken] + cost[i]
        choices.append(options.argmin(0).astype(np.int8))
        least = options.min(0)
    if not math.isfinite(least[room]):
        return None
    bits = []
    for size, choice in zip(reversed(sizes), reversed(choices)):
        bits.append(LOWEST_BITS + int(choice[room]))
        room -= -(-size // unit) * bits[-1]
    return bits[::-1]
