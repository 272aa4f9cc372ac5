"""The trellis search in plain torch: Viterbi in float64 with every choice kept, the oracle of the kernels.

Written from sections 2.2 and 6.8 of the format description. Works on any device; takes 2**(16 - K) bytes a weight.
"""

from __future__ import annotations

import torch

WEIGHTS = 256
NUM_STATES = 65536


def search(targets: torch.Tensor, values: torch.Tensor, bits: int, approach: int) -> torch.Tensor:
    """The states int64 [n, 256] of a closed path with nearly the least squared error.

    The node at the seam is that of the cheapest path over the last and the first `approach` weights; the path is the
    cheapest of those through that node.

    Args:
        targets: [n, 256] in stream order.
        values: [65536] by state.
    """
    near = targets[:, torch.arange(-approach, approach, device=targets.device) % WEIGHTS]
    costs, choices = walk(near, values, bits, None)
    seam = trace(choices[approach:], costs.argmin(1), bits)[:, 0] >> bits
    _, choices = walk(targets, values, bits, seam)
    return trace(choices, seam, bits)


def walk(
    targets: torch.Tensor, values: torch.Tensor, bits: int, entry: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Costs of the nodes after all steps, float64 [n, nodes], and the choices of each, uint8 [steps, n, nodes].

    Args:
        targets: [n, steps].
        entry: int64 [n], the node before the first step; None leaves it free.
    """
    count, steps = targets.shape
    nodes = NUM_STATES >> bits
    costs = torch.zeros(count, nodes, dtype=torch.float64, device=targets.device)
    if entry is not None:
        costs.fill_(float("inf"))
        costs.scatter_(1, entry[:, None], 0.0)
    before = torch.arange(NUM_STATES, device=targets.device) >> bits
    choices = torch.empty(steps, count, nodes, dtype=torch.uint8, device=targets.device)
    for step in range(steps):
        error = values.double() - targets[:, step, None].double()
        totals = (costs[:, before] + error * error).view(count, 1 << bits, nodes)
        costs, chosen = totals.min(1)
        choices[step] = chosen
    return costs, choices


def trace(choices: torch.Tensor, last: torch.Tensor, bits: int) -> torch.Tensor:
    """The states int64 [n, steps] of the paths that end in the nodes `last` [n]."""
    node_bits = 16 - bits
    node, found = last, []
    for chosen in choices.flip(0):
        state = (chosen.gather(1, node[:, None])[:, 0].long() << node_bits) | node
        found.append(state)
        node = state >> bits
    return torch.stack(found[::-1], 1)
