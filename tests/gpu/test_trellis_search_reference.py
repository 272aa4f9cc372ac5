"""The torch reference of the trellis search: closed paths, nothing cheaper, paths of its own found again."""

from __future__ import annotations

import pytest
import torch

from gpu.reference import exl3
from gpu.reference.trellis_search import search, trace, walk

VALUES = exl3.values_of(torch.arange(65536), "mul1").half().float()


def stream_states(bits: int, seed: int) -> torch.Tensor:
    """States [1, 256] of a random stream of symbols."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(-32768, 32768, (1, 1, 16 * bits), generator=generator).to(torch.int16)
    return exl3.states(words).view(1, 256)


@pytest.mark.parametrize("bits", [3, 7])
def test_the_targets_of_a_closed_path_are_found_without_error(bits: int) -> None:
    states = stream_states(bits, bits)
    found = search(VALUES[states], VALUES, bits, 16)
    assert torch.equal(VALUES[found], VALUES[states])


@pytest.mark.parametrize("bits", [4, 8])
def test_paths_are_closed(bits: int) -> None:
    targets = torch.randn(1, 256, generator=torch.Generator().manual_seed(bits))
    states = search(targets, VALUES, bits, 8)
    assert torch.equal(states >> bits, states.roll(1, 1) & ((1 << (16 - bits)) - 1))


def test_a_short_walk_is_as_cheap_as_the_cheapest_of_all_paths() -> None:
    """Three steps at K = 8 from a given node to a given node, tried one by one: the middle symbol alone is free."""
    bits, entry, last = 8, 0x5A, 0xC3
    targets = torch.tensor([[0.7, -1.1, 0.3]])
    costs, choices = walk(targets, VALUES, bits, torch.tensor([entry]))
    first, second = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    states = torch.stack([(entry << 8) | first, (first << 8) | second, (second << 8) | last])
    errors = (VALUES[states].double() - targets[0, :, None, None].double()).square().sum(0)
    assert float(costs[0, last]) == pytest.approx(float(errors.min()), rel=1e-12)
    path = trace(choices, torch.tensor([last]), bits)[0]
    best = int(errors.argmin())
    assert path.tolist() == states.flatten(1)[:, best].tolist()


def test_a_longer_approach_costs_no_more_on_average() -> None:
    targets = 0.8 * torch.randn(6, 256, generator=torch.Generator().manual_seed(3))
    errors = [float((VALUES[search(targets, VALUES, 8, h)] - targets).square().mean()) for h in (1, 32)]
    assert errors[1] < errors[0]
