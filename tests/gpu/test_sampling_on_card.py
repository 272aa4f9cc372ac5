"""The sampler's kernels choose the tokens of the oracle, with the same noise, whatever the settings of other rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.cuda.sampler import CardSampler
from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState, choose
from gpu.kernels.sampling_layout import FINE, NOT_A_NUMBER, NOTHING_POSSIBLE
from gpu.launch import KernelCache
from gpu.reference.sampling import RowSettings, TokenCounts, choose_token
from gpu.sampler import Handover, SamplerBuffers

pytestmark = pytest.mark.gpu

Logits = NDArray[np.float32]
FILTERS = (
    (0, 1.0, 0.0),
    (40, 1.0, 0.0),
    (0, 0.9, 0.0),
    (0, 1.0, 0.1),
    (25, 0.95, 0.02),
    (1, 0.01, 1.0),
    (0, 0.3, 0.0),
    (0, 0.0, 0.0),
    (700, 0.999, 0.0),
    (5000, 0.5, 0.001),
)
PENALTIES = ((1.0, 0.0, 0.0), (1.3, 0.0, 0.0), (0.8, 0.7, 0.3), (1.0, -1.0, 0.25))
TEMPERATURES = (0.0, 0.01, 0.3, 1.0, 1.0, 1.7)


def normal(random: np.random.Generator, vocab: int) -> Logits:
    return random.normal(0, 3, vocab).astype(np.float32)


def rounded_to_half(random: np.random.Generator, vocab: int) -> Logits:
    return random.normal(0, 2, vocab).astype(np.float16).astype(np.float32)


def many_ties(random: np.random.Generator, vocab: int) -> Logits:
    return np.round(random.normal(0, 2, vocab)).astype(np.float32)


def all_equal(random: np.random.Generator, vocab: int) -> Logits:
    return np.where(random.random(vocab) < 0.5, -0.0, 0.0).astype(np.float32)


def mostly_impossible(random: np.random.Generator, vocab: int) -> Logits:
    logits = np.where(random.random(vocab) < 0.8, -np.inf, random.normal(0, 3, vocab)).astype(np.float32)
    logits[vocab // 2] = 1.0
    return logits


def far_from_zero(random: np.random.Generator, vocab: int) -> Logits:
    return (random.normal(0, 0.05, vocab) - 300).astype(np.float32)


def one_possible(random: np.random.Generator, vocab: int) -> Logits:
    logits = np.full(vocab, -np.inf, np.float32)
    logits[random.integers(vocab)] = -7.0
    return logits


KINDS = (normal, rounded_to_half, many_ties, all_equal, mostly_impossible, far_from_zero, one_possible)


@pytest.fixture(scope="module")
def card() -> torch.device:
    return torch.device("cuda")


@pytest.fixture(scope="module")
def kernels(card: torch.device) -> Any:
    return KernelCache(None, torch.cuda.get_device_capability(card))


def padded(rows: list[Logits], card: torch.device, padding: int = 3) -> torch.Tensor:
    """Logits [rows, V + padding]; the padding is NaN."""
    logits = torch.full((len(rows), len(rows[0]) + padding), torch.nan)
    logits[:, : len(rows[0])] = torch.from_numpy(np.stack(rows))
    return logits.to(card)


def random_settings(random: np.random.Generator) -> RowSettings:
    top_k, top_p, min_p = FILTERS[random.integers(len(FILTERS))]
    temperature = TEMPERATURES[random.integers(len(TEMPERATURES))]
    penalties = PENALTIES[random.integers(len(PENALTIES))]
    return RowSettings(temperature, top_k, top_p, min_p, *penalties, seed=int(random.integers(2**63)))


def score_margin(logits: Logits, settings: RowSettings, position: int, counts: TokenCounts, token: int) -> bool:
    """Whether a share a little lower or higher gives this token: masses are summed in another precision."""
    shares = [settings.top_p * (1 + change) for change in (-1e-6, 1e-6)]
    near = [replace(settings, top_p=min(share, 1.0)) for share in shares]
    return token in [choose_token(logits, each, position, counts) for each in near]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("vocab", "rows"), [(5, 3), (1000, 16), (1003, 5), (8192, 7), (128256, 16), (128256, 1)])
def test_chooses_what_the_oracle_chooses(
    vocab: int, rows: int, kind: Callable[[np.random.Generator, int], Logits], card: torch.device, kernels: Any
) -> None:
    random = np.random.default_rng(vocab + rows)
    sampler = SamplerBuffers(kernels, rows, vocab, 200, card)
    for _ in range(3):
        logits, expected, near = [], [], []
        for row in range(rows):
            settings, position = random_settings(random), int(random.integers(100_000))
            prompt, reply = random.integers(0, vocab, 50).tolist(), random.integers(0, min(vocab, 30), 40).tolist()
            seen, replied = (np.bincount(ids, minlength=vocab).astype(np.int32) for ids in (prompt + reply, reply))
            counts = TokenCounts(seen, replied)
            sampler.set_settings(row, settings)
            sampler.set_position(row, position, active=True)
            if settings.has_penalties:
                sampler.set_history(row, prompt, reply)
            logits.append(kind(random, vocab))
            expected.append(choose_token(logits[row], settings, position, counts))
            near.append((logits[row], settings, position, counts))
        sampler.launch(padded(logits, card), rows)
        assert sampler.problems.tolist() == [FINE] * rows
        for token, wanted, about in zip(sampler.tokens.tolist(), expected, near, strict=True):
            assert token == wanted or score_margin(*about, token), about[1]


def test_draws_follow_the_distribution(card: torch.device, kernels: Any) -> None:
    logits = np.array([1.0, 0.5, -1.0, 2.0, 0.0, -0.5, 1.5, -3.0], np.float32)
    sampler, rounds = SamplerBuffers(kernels, 16, 8, 200, card), 250
    for row in range(16):
        sampler.set_settings(row, RowSettings(temperature=0.8, top_k=6, seed=row + 1))
        sampler.set_position(row, 0, active=True)
    rows, drawn = padded([logits] * 16, card), []
    for _ in range(rounds):
        sampler.launch(rows, 16)
        sampler.count(16)
        drawn.append(sampler.tokens.clone())
    observed = np.bincount(torch.cat(drawn).cpu().numpy(), minlength=8)
    mass = np.exp(logits / 0.8)
    mass[[2, 7]] = 0.0  # beyond the best six
    expected = mass / mass.sum() * 16 * rounds
    assert observed[[2, 7]].tolist() == [0, 0]
    kept = mass > 0
    assert ((observed - expected)[kept] ** 2 / expected[kept]).sum() < 20.5  # 0.1 % of fair draws, 5 degrees of freedom
    assert sampler.positions.tolist() == [rounds] * 16


def test_a_row_does_not_depend_on_its_company_and_repeats_itself(card: torch.device, kernels: Any) -> None:
    random = np.random.default_rng(5)
    rows = [many_ties(random, 20_000) for _ in range(16)]
    settings = [random_settings(random) for _ in rows]
    together = SamplerBuffers(kernels, 16, 20_000, 200, card)
    for row, each in enumerate(settings):
        together.set_settings(row, each)
    logits, results = padded(rows, card), []
    for _ in range(20):
        together.launch(logits, 16)
        results.append(together.tokens.tolist())
    assert results == results[:1] * 20
    alone = SamplerBuffers(kernels, 1, 20_000, 200, card)
    for row, each in enumerate(settings):
        alone.set_settings(0, each)
        alone.launch(logits[row : row + 1], 1)
        assert alone.tokens.tolist() == [results[0][row]]


def test_the_host_is_told_in_turns(card: torch.device, kernels: Any) -> None:
    random = np.random.default_rng(6)
    sampler = SamplerBuffers(kernels, 3, 1000, 200, card)
    results = torch.full((2, 2, 4), -1, dtype=torch.int64, pin_memory=True)
    token_ids, positions = torch.zeros(3, dtype=torch.int64, device=card), torch.tensor([4, 7, 9], device=card).int()
    for row, place in enumerate((5, 8, 10)):
        sampler.set_position(row, place, active=True)
    told = []
    for step in range(3):
        logits = padded([many_ties(random, 1000) for _ in range(3)], card)
        sampler.launch(logits, 3, Handover(results, token_ids, positions, limit=10))
        sampler.count(3)
        torch.cuda.synchronize()
        told.append(sampler.tokens.tolist())
        assert [int(results[place + step & 1, 0, row]) for row, place in enumerate((5, 8, 10))] == told[-1]
        if step:
            before = [int(results[place + step - 1 & 1, 0, row]) for row, place in enumerate((5, 8, 10))]
            assert before == told[-2]
        assert token_ids.tolist() == told[-1]
    assert positions.tolist() == [7, 9, 9]
    assert (results[:, 1, :3] == 0).all()
    assert (results[..., 3] == -1).all()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_nonsense_is_reported_and_gives_a_safe_token(temperature: float, card: torch.device, kernels: Any) -> None:
    random = np.random.default_rng(6)
    rows = [normal(random, 500) for _ in range(4)]
    rows[0][77] = np.nan
    rows[1][499] = np.inf
    rows[2][:] = -np.inf
    sampler = SamplerBuffers(kernels, 4, 500, 200, card)
    settings = RowSettings(temperature, top_k=20, top_p=0.9, min_p=0.01, seed=4)
    for row in range(4):
        sampler.set_settings(row, settings)
    sampler.launch(padded(rows, card), 4)
    assert sampler.problems.tolist() == [NOT_A_NUMBER, NOT_A_NUMBER, NOTHING_POSSIBLE, FINE]
    assert sampler.tokens.tolist() == [0, 0, 0, choose_token(rows[3], settings, 0)]


def test_rows_without_penalties_do_not_look_at_counts(card: torch.device, kernels: Any) -> None:
    sampler = SamplerBuffers(kernels, 1, 100, 200, card)
    row = normal(np.random.default_rng(7), 100)
    best = int(row.argmax())
    sampler.set_history(0, [best] * 50, [best] * 50)
    sampler.launch(padded([row], card), 1)
    assert sampler.tokens.tolist() == [best]
    sampler.set_settings(0, RowSettings(temperature=0.0, frequency=5.0))
    sampler.launch(padded([row], card), 1)
    assert sampler.tokens.tolist() != [best]
    sampler.set_history(0, [], [best] * 50 + [int(row.argmin())], window=1)
    sampler.launch(padded([row], card), 1)
    assert sampler.tokens.tolist() == [best]


def test_only_active_rows_count_their_token(card: torch.device, kernels: Any) -> None:
    """With a heavy presence penalty a greedy row never says a token twice; an inactive one goes on saying it."""
    sampler = SamplerBuffers(kernels, 2, 50, 200, card)
    row = normal(np.random.default_rng(8), 50)
    for number in range(2):
        sampler.set_settings(number, RowSettings(temperature=0.0, presence=10.0))
        sampler.set_position(number, 9, active=number == 0)
    said = []
    for _ in range(4):
        sampler.launch(padded([row, row], card), 2)
        sampler.count(2)
        said.append(sampler.tokens.tolist())
    best = np.argsort(-row)[:4].tolist()
    assert [pair[0] for pair in said] == best
    assert [pair[1] for pair in said] == [best[0]] * 4
    assert sampler.positions.tolist() == [13, 9]


def test_windows_choose_what_the_engines_chain_chooses(card: torch.device, kernels: Any) -> None:
    """Rows with windows of their own, over captured steps that the host does not touch."""
    random, vocab, rows = np.random.default_rng(11), 500, []
    for number, window in enumerate((1, 5, 0, 64, 150, 1000, 5, 2)):
        kind = SamplingSettings(
            temperature=(0.0, 1.3)[number % 2], repetition_penalty=1.5, presence_penalty=(0.5, -0.5)[number // 2 % 2],
            frequency_penalty=0.7, penalty_window=window, seed=number,
        )  # fmt: skip
        rows.append(SamplerState(kind, vocab, random.integers(0, vocab, 3 + 9 * number).tolist()))
    sampler = CardSampler(kernels, 16, vocab, 200, card)
    for row, state in enumerate(rows):
        history = state.history
        sampler.set_row(row, state.settings, state.seed, state.position, history.prompt_ids, history.reply_ids)
    base = random.normal(0, 1, (8, 3 + vocab)).astype(np.float32)
    logits, token_ids = torch.from_numpy(base).to(card), torch.zeros(8, dtype=torch.int64, device=card)
    warm = torch.cuda.Stream()
    with torch.cuda.stream(warm):
        CardSampler(kernels, 16, vocab, 200, card).launch(logits, token_ids)  # loads the kernels
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        sampler.launch(logits, token_ids)
    for step in range(90):
        graph.replay()
        wanted = [choose(row, state) for row, state in zip(torch.from_numpy(base), rows, strict=True)]
        assert token_ids.tolist() == wanted, f"step {step}"
        for state, token_id in zip(rows, wanted, strict=True):
            state.accept(token_id)
        base = random.normal(0, 1, base.shape).astype(np.float32)
        base[:, :6] += 3  # few tokens that return again and again
        logits.copy_(torch.from_numpy(base))


def test_a_captured_graph_replays_with_new_values(card: torch.device, kernels: Any) -> None:
    random = np.random.default_rng(9)
    sampler = SamplerBuffers(kernels, 2, 3000, 200, card)
    logits = padded([normal(random, 3000)] * 2, card)
    sampler.launch(logits, 2)
    sampler.count(2)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        sampler.launch(logits, 2)
        sampler.count(2)
    for number in range(5):
        rows = [normal(random, 3000) for _ in range(2)]
        settings = [replace(random_settings(random), repetition=1.0, presence=0.0, frequency=0.0) for _ in rows]
        for row in range(2):
            sampler.set_settings(row, settings[row])
            sampler.set_position(row, number + row, active=True)
        logits.copy_(padded(rows, card))
        graph.replay()
        wanted = [choose_token(rows[row], settings[row], number + row) for row in range(2)]
        assert sampler.tokens.tolist() == wanted
        assert sampler.positions.tolist() == [number + 1, number + 2]
