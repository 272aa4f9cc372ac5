"""How the trellis search is spread over threads, as numbers: every state once, every node read and written once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from gpu.kernels.trellis_search_layout import LIMIT, PLANS, REGISTERS, THREADS, Plan
from gpu.launchers.trellis_search import search_tables

LARGEST_VALUE = 3.97265625  # of all codebooks
SMALL_CARD_SHARED = 99 * 1024
ALL_PLANS = pytest.mark.parametrize("plan", PLANS.values(), ids=lambda plan: f"k{plan.bits}")
THREAD = torch.arange(THREADS)


def states_of(plan: Plan) -> torch.Tensor:
    """[registers, 2, threads]."""
    return torch.stack([torch.stack([plan.state(THREAD, r, h) for h in (0, 1)]) for r in range(REGISTERS)])


def writes_of(plan: Plan) -> Iterator[tuple[torch.Tensor, int, int]]:
    """Places in a row [threads], the output and the half that goes there; halves are symbols from K = 5 on."""
    if plan.pairs_mids:
        for base, offset, words in plan.stores(THREAD):
            for i, (output, half) in enumerate(words):
                yield 2 * (base + offset + i), output, half
                yield 2 * (base + offset + i) + 1, output + 1, half
    elif plan.shares == 1:
        for output, (base, offset) in enumerate(plan.half_stores(THREAD)):
            yield base + offset, output, 0


@ALL_PLANS
def test_places_of_nodes_are_all_places(plan: Plan) -> None:
    places = plan.place(torch.arange(1 << plan.node_bits))
    assert torch.equal(places.sort().values, torch.arange(1 << plan.node_bits))


@ALL_PLANS
def test_every_state_is_in_one_register(plan: Plan) -> None:
    assert torch.equal(states_of(plan).flatten().sort().values, torch.arange(65536))


@ALL_PLANS
def test_terms_begin_with_the_costs_of_the_nodes_before(plan: Plan) -> None:
    base, offsets, width = plan.cost_words(THREAD)
    words = [base + offset + i for offset in offsets for i in range(width)]
    assert len(words) == plan.num_costs
    states = states_of(plan)
    for output in range(plan.num_outputs):
        for term in range(plan.num_terms):
            for half in (0, 1):
                before = states[output * plan.num_terms + term, half] >> plan.bits
                assert torch.equal(plan.place(before), 2 * words[plan.cost_of(output, term)] + half)


@ALL_PLANS
def test_all_terms_of_an_output_end_in_its_node(plan: Plan) -> None:
    """And those that share the costs of a node among threads are neighbours."""
    states = states_of(plan) & ((1 << plan.node_bits) - 1)
    for output in range(plan.num_outputs):
        own = states[output * plan.num_terms : (output + 1) * plan.num_terms]
        for half in (0, 1):
            wanted = (plan.middle(THREAD, output, half) << plan.bits) | plan.symbol(THREAD, output)
            assert bool((own[:, half] == wanted).all())
        shared = own.view(plan.num_terms, 2, THREADS // plan.shares, plan.shares)
        assert bool((shared == shared[:1, :, :, :1]).all())


@ALL_PLANS
def test_outputs_are_written_to_the_places_of_their_nodes(plan: Plan) -> None:
    written = []
    for places, output, half in writes_of(plan):
        node = (plan.middle(THREAD, output, half) << plan.bits) | plan.symbol(THREAD, output)
        assert torch.equal(plan.place(node), places)
        written.append(places)
    if plan.bits == 7:
        share = THREAD & 1
        node = (plan.middle(THREAD, 0, 0) << 7) | torch.where(
            share == 1, plan.symbol(THREAD, 1), plan.symbol(THREAD, 0)
        )
        assert torch.equal(plan.place(node), plan.shared_store(THREAD))
        written.append(plan.shared_store(THREAD))
    if plan.bits == 8:
        for output in (0, 1):
            assert torch.equal(plan.place(plan.symbol(THREAD, output)), plan.shared_store(THREAD) + output)
            written.append((plan.shared_store(THREAD) + output)[::4])
    assert torch.equal(torch.cat(written).sort().values, torch.arange(1 << plan.node_bits))


@ALL_PLANS
def test_wide_accesses_are_aligned(plan: Plan) -> None:
    base, offsets, width = plan.cost_words(THREAD)
    assert all(bool(((base + offset) % width == 0).all()) for offset in offsets)
    if plan.pairs_mids:
        for first, offset, words in plan.stores(THREAD):
            assert bool(((first + offset) % len(words) == 0).all())


@ALL_PLANS
def test_rows_fit_small_cards_and_paths_the_warps(plan: Plan) -> None:
    assert plan.shared_bytes <= SMALL_CARD_SHARED
    assert 256 % plan.kept_every == 0
    assert 32 <= 1 << plan.span <= 256
    assert plan.span <= plan.node_bits


@ALL_PLANS
def test_costs_cannot_overflow(plan: Plan) -> None:
    """A minimum is at most five steps old, and from its node every node can be reached in few steps."""
    steps = 5 + -(-plan.node_bits // plan.bits)
    assert steps * ((LIMIT + LARGEST_VALUE) * plan.scale) ** 2 < 65504


@ALL_PLANS
def test_tables_hold_the_values_of_the_threads_states(plan: Plan) -> None:
    values = (torch.arange(65536) % 2048).float() / 1024
    tables = search_tables(values, plan.bits)
    halves = tables.by_thread.transpose(1, 2).contiguous().view(torch.float16).view(REGISTERS, THREADS, 2)
    assert torch.equal(halves.float(), values[states_of(plan)].transpose(1, 2) * plan.scale)
    assert torch.equal(tables.by_state.float(), values * plan.scale)
