"""The sampling chain against plain float64 references, its draw against the distribution, and its promises."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import NumericalError
from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState, choose, choose_batch
from engine.sampling.registry import filters, row_steps
from engine.sampling.steps import best_candidates, mass_of
from tests.pace import slowness

PLAIN: dict[str, Any] = {"temperature": 1.0, "min_p": 0.0}


def state_of(vocab_size: int, prompt: Sequence[int] = (), reply: Sequence[int] = (), **chosen: Any) -> SamplerState:
    state = SamplerState(SamplingSettings(**{**PLAIN, "seed": 1, **chosen}), vocab_size, prompt)
    for token in reply:
        state.accept(token)
    return state


def kept_ids(logits: NDArray[Any], **chosen: Any) -> set[int]:
    """What the chain leaves to draw from, seen in full."""
    sampling = SamplingSettings(**{**PLAIN, **chosen})
    row = logits.astype(np.float32)
    state = SamplerState(sampling, len(row), ())
    for step in row_steps(sampling):
        step.apply(row, state.history)
    kept = best_candidates(row, len(row), mass_of(row))
    for each in filters(sampling):
        narrowed = each.apply(kept)
        assert narrowed is not None
        kept = narrowed
    return set(kept.ids.tolist())


def expected_ids(logits: NDArray[Any], temperature: float, top_k: int, top_p: float, min_p: float) -> set[int]:
    """The chain by its definition: sort all, renormalise after each cut."""
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    scaled = {i: float(logits[i]) / temperature for i in order}

    def chances() -> list[float]:
        weights = [math.exp(scaled[i] - scaled[order[0]]) for i in order]
        return [weight / math.fsum(weights) for weight in weights]

    order = order[:top_k] if top_k else order
    if top_p < 1:
        found = chances()
        order = [i for rank, i in enumerate(order) if rank == 0 or math.fsum(found[:rank]) < top_p]
    found = chances()
    return {i for i, chance in zip(order, found, strict=True) if chance >= min_p * found[0]}


@pytest.mark.parametrize("number", range(40))
def test_filters_keep_what_the_definition_keeps(number: int) -> None:
    generator = np.random.default_rng(number)
    logits = (generator.normal(size=int(generator.integers(1, 300))) * 3).astype(np.float32)
    chosen: dict[str, Any] = {
        "temperature": float(generator.choice([0.3, 1.0, 1.7])),
        "top_k": int(generator.choice([0, 1, 7, 50, 1000])),
        "top_p": float(generator.choice([1.0, 0.0, 0.31, 0.87, 0.999])),
        "min_p": float(generator.choice([0.0, 0.013, 0.21, 1.0])),
    }
    assert kept_ids(logits, **chosen) == expected_ids(logits, **chosen)


def test_top_p_keeps_the_token_that_crosses() -> None:
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    assert kept_ids(logits, top_p=0.6) == {0, 1}
    assert kept_ids(logits, top_p=0.85) == {0, 1, 2}
    assert kept_ids(logits, top_p=0.0) == {0}


def test_top_k_prefers_low_ids_among_equals() -> None:
    assert kept_ids(np.zeros(10), top_k=3) == {0, 1, 2}


def test_min_p_at_its_edge() -> None:
    assert kept_ids(np.array([0.0, math.log(0.5) + 1e-6, math.log(0.5) - 1e-6]), min_p=0.5) == {0, 1}
    assert kept_ids(np.array([0.0, -1.0, 0.0]), min_p=1.0) == {0, 2}


def penalised(logits: Sequence[float], **chosen: Any) -> list[float]:
    state = state_of(len(logits), **chosen)
    row = np.array(logits, np.float32)
    for step in row_steps(SamplingSettings(**{**state.settings.__dict__, "temperature": 0.0})):
        step.apply(row, state.history)
    return [float(value) for value in row]


def test_repetition_penalty_counts_prompt_and_reply_once() -> None:
    found = penalised([2, -2, 2, 2, 0], prompt=[0, 1, 0], reply=[3, 3], repetition_penalty=2.0)
    assert found == [1, -4, 2, 1, 0]


def test_presence_and_frequency_count_the_reply_only() -> None:
    found = penalised([1, 1, 1, 1], prompt=[0, 0], reply=[1, 2, 2], presence_penalty=0.5, frequency_penalty=0.25)
    assert found == [1, 0.25, 0, 1]


def test_negative_penalties_encourage() -> None:
    assert penalised([0, 0], reply=[1, 1], presence_penalty=-1.0) == [0, 1]
    assert penalised([0, 0], reply=[1, 1], frequency_penalty=-1.0) == [0, 2]


@given(st.lists(st.integers(0, 6), max_size=12), st.lists(st.integers(0, 6), max_size=12), st.integers(0, 8))
def test_penalty_window(prompt: list[int], reply: list[int], window: int) -> None:
    """Ids 5 and 6 are beyond the vocabulary."""
    chosen = {"prompt": prompt, "reply": reply, "penalty_window": window}
    places = list(enumerate([*prompt, *reply]))
    seen = places[-window:] if window else places
    counts = [sum(token == i and at >= len(prompt) for at, token in seen) for i in range(5)]
    assert penalised([0] * 5, frequency_penalty=1.0, **chosen) == [-count for count in counts]
    repeated = [2.0 if any(token == i for _, token in seen) else 4.0 for i in range(5)]
    assert penalised([4] * 5, repetition_penalty=2.0, **chosen) == repeated


def test_temperature_zero_takes_the_best_after_penalties() -> None:
    logits = torch.tensor([1.0, 3.0, 3.0, 2.9])
    assert choose(logits, state_of(4, temperature=0.0)) == 1
    assert choose(logits, state_of(4, temperature=0.0, reply=[1], presence_penalty=0.05)) == 2
    assert choose(logits, state_of(4, temperature=0.0, reply=[1, 2], presence_penalty=0.5)) == 3


@pytest.mark.parametrize(
    "chosen", [{}, {"top_k": 4}, {"top_p": 0.9}, {"min_p": 0.05}, {"temperature": 1e-40}, {"temperature": 0.0}]
)
def test_padding_is_never_chosen(chosen: dict[str, Any]) -> None:
    logits = torch.cat([torch.zeros(5), torch.full((3,), 50.0)])
    logits[-1] = float("nan")
    state = state_of(5, **chosen)
    for _ in range(50):
        token = choose(logits, state)
        assert token < 5
        state.accept(token)


def test_logits_are_left_as_they_are() -> None:
    logits = torch.randn(50)
    before = logits.clone()
    choose(logits, state_of(50, [1, 2], [3], repetition_penalty=1.3, temperature=0.7, top_k=5))
    assert torch.equal(logits, before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("chosen", [{}, {"temperature": 0.0}, {"top_k": 3}])
def test_numbers_that_are_none(bad: float, chosen: dict[str, Any]) -> None:
    logits = torch.zeros(9)
    logits[4] = bad
    with pytest.raises(NumericalError) as caught:
        choose(logits, state_of(9, **chosen))
    assert caught.value.way_out


def test_no_possible_token() -> None:
    with pytest.raises(NumericalError, match="zero"):
        choose(torch.full((9,), -math.inf), state_of(9))


@pytest.mark.parametrize("chosen", [{}, {"top_k": 8}, {"top_p": 0.99}, {"temperature": 5.0}])
def test_forbidden_tokens_stay_forbidden(chosen: dict[str, Any]) -> None:
    logits = torch.full((3000,), -math.inf)
    logits[[7, 2000]] = torch.tensor([0.0, -1.0])
    assert {choose(logits, state_of(3000, seed=seed, **chosen)) for seed in range(60)} == {7, 2000}


@pytest.mark.parametrize("chosen", [{}, {"top_k": 6}, {"top_p": 0.9}, {"min_p": 0.1}, {"temperature": 0.5}])
def test_draws_follow_the_distribution(chosen: dict[str, Any]) -> None:
    """Chi-square at a fixed seed; 60 is beyond the 0.999999 quantile of 11 degrees of freedom (about 49)."""
    logits = np.random.default_rng(5).normal(size=12).astype(np.float32) * 1.5
    kept = sorted(kept_ids(logits, **chosen))
    weights = np.exp(logits[kept].astype(np.float64) / chosen.get("temperature", 1.0))
    expected = weights / weights.sum() * 20_000
    state = state_of(12, seed=77, **chosen)
    counts = dict.fromkeys(range(12), 0)
    for _ in range(20_000):
        token = choose(torch.from_numpy(logits), state)
        counts[token] += 1
        state.accept(token)
    found = np.array([counts[token] for token in kept])
    assert found.sum() == 20_000
    assert float(((found - expected) ** 2 / expected).sum()) < 60


def test_the_seed_decides() -> None:
    logits = torch.zeros(1000)
    tokens = [choose(logits, state_of(1000, seed=seed)) for seed in (3, 3, 4, 3 + 2**40)]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3


def test_a_drawn_seed_is_known_and_reproduces() -> None:
    logits = torch.randn(1000)
    first = state_of(1000, seed=None)
    assert first.seed != state_of(1000, seed=None).seed
    assert choose(logits, first) == choose(logits, state_of(1000, seed=first.seed))


def test_the_position_decides() -> None:
    logits = torch.zeros(1000)
    assert len({choose(logits, state_of(1000, prompt=[0] * length)) for length in range(8)}) > 4
    assert choose(logits, state_of(1000, prompt=[0, 1], reply=[2])) == choose(logits, state_of(1000, prompt=[0, 1, 2]))


def test_equal_filters_draw_the_same_token() -> None:
    """A filter that drops nobody likely does not disturb the draw, nor does company in a batch."""
    logits = torch.randn(5000, generator=torch.Generator().manual_seed(1)) * 4
    best = set(torch.topk(logits, 40).indices.tolist())
    for seed in range(40):
        token = choose(logits, state_of(5000, seed=seed))
        if token in best:
            assert choose(logits, state_of(5000, seed=seed, top_k=40)) == token
        batch = torch.stack([torch.zeros(5000), logits])
        states = [state_of(5000, seed=9), state_of(5000, seed=seed)]
        assert choose_batch(batch, states)[1] == token


@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0, 12.0])
def test_the_fast_draw_equals_noise_on_everything(spread: float) -> None:
    logits = torch.randn(20_000, generator=torch.Generator().manual_seed(2)) * spread
    for seed in range(25):  # top-k of everything goes the slow way
        assert choose(logits, state_of(20_000, seed=seed)) == choose(logits, state_of(20_000, seed=seed, top_k=20_000))


@pytest.mark.parametrize("chosen", [{"top_p": 0.95}, {"min_p": 1e-6}, {"top_k": 30_000, "top_p": 0.999}])
@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0])
def test_flat_rows_need_more_candidates_and_get_them(chosen: dict[str, Any], spread: float) -> None:
    logits = np.random.default_rng(3).normal(size=40_000).astype(np.float32) * spread
    kept = kept_ids(logits, **chosen)
    assert len(kept) > 16_384
    assert {choose(torch.from_numpy(logits), state_of(40_000, seed=seed, **chosen)) for seed in range(6)} <= kept


@settings(max_examples=150, deadline=None)
@given(
    logits=st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=40),
    temperature=st.floats(0.01, 5),
    top_k=st.integers(0, 50),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1),
    seed=st.integers(0, 2**63 - 1),
)
def test_the_best_is_always_kept_and_the_choice_is_kept(
    logits: list[float], temperature: float, top_k: int, top_p: float, min_p: float, seed: int
) -> None:
    chosen: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    row = np.array(logits, np.float32)
    kept = kept_ids(row, **chosen)
    assert int(np.argmax(row)) in kept
    assert top_k == 0 or len(kept) <= top_k
    assert choose(torch.from_numpy(row), state_of(len(row), seed=seed, **chosen)) in kept
    if top_k == 1:
        assert kept == {int(np.argmax(row))}


@pytest.mark.parametrize("chosen", [{"min_p": 0.05}, {"top_k": 40, "top_p": 0.95}, {"top_p": 0.9}])
def test_typical_settings_are_fast(chosen: dict[str, Any]) -> None:
    """About 0.4 ms of one core; processor time, as on a quiet machine."""
    logits = torch.randn(128_256, generator=torch.Generator().manual_seed(4)) * 3
    state = state_of(128_256, temperature=0.8, **chosen)
    times = []
    for _ in range(10):
        start = time.thread_time()
        choose(logits, state)
        times.append(time.thread_time() - start)
    assert min(times) / slowness() < 0.002
