"""The oracle of the GPU sampler equals the sampling chain that every backend is measured by."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from engine.requests import SamplingSettings
from engine.sampling.history import TokenHistory
from engine.sampling.pipeline import SamplerState, choose
from gpu.launch import KernelSource
from gpu.launchers.draw import Draw
from gpu.ops import OPS, worst_error
from gpu.reference.sampling import RowSettings, choose_token, gumbel_noise, kept_tokens, window_counts
from gpu.sampler import COUNT_TOKEN

COUNT_OP = next(op for op in OPS if op.name == "count_token")
TEMPERATURES = (0.0, 0.3, 1.0, 1.7)
FILTERS = ((0, 1.0, 0.0), (40, 1.0, 0.0), (0, 0.9, 0.0), (0, 1.0, 0.1), (25, 0.95, 0.02), (1, 0.01, 1.0))
PENALTIES = ((1.0, 0.0, 0.0), (1.3, 0.0, 0.0), (0.8, 0.7, 0.3), (1.0, -1.0, 0.25))


def chain(settings: RowSettings) -> SamplingSettings:
    return SamplingSettings(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        repetition_penalty=settings.repetition,
        presence_penalty=settings.presence,
        frequency_penalty=settings.frequency,
        seed=settings.seed,
    )


@pytest.mark.parametrize(("temperature", "penalties"), list(product(TEMPERATURES, PENALTIES)))
def test_chooses_what_the_chain_chooses(temperature: float, penalties: tuple[float, float, float]) -> None:
    random = np.random.default_rng(3)
    for number, (top_k, top_p, min_p) in enumerate(FILTERS * 4):
        vocab = (97, 3000)[number // len(FILTERS) % 2]
        logits = random.normal(0, 3, vocab).astype(np.float32)
        logits[random.integers(0, vocab, vocab // 5)] = -np.inf
        prompt, reply = random.integers(0, vocab, 20).tolist(), random.integers(0, 30, 40).tolist()
        settings = RowSettings(temperature, top_k, top_p, min_p, *penalties, seed=2**62 + number)
        state = SamplerState(chain(settings), vocab, prompt)
        for token in reply:
            state.accept(token)
        token = choose_token(logits, settings, len(prompt) + len(reply), window_counts(prompt, reply, 0, vocab))
        assert token == choose(torch.from_numpy(logits), state)


def test_tied_logits_are_kept_by_id() -> None:
    scores = np.zeros(10, np.float32)
    scores[3] = -1.0
    assert kept_tokens(scores, RowSettings(top_k=4)).tolist() == [0, 1, 2, 4]
    assert kept_tokens(np.zeros(8, np.float32), RowSettings(top_p=0.5)).tolist() == [0, 1, 2, 3]
    assert kept_tokens(scores, RowSettings(min_p=1.0)).tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_noise_is_that_of_the_known_answer() -> None:
    """Philox-4x32-10 of counter 0 and key 0, published with the algorithm, gives 6627e8d5 first."""
    expected = -np.log(-np.log((0x6627E8D5 + 0.5) / 2**32))
    assert gumbel_noise(0, 0, np.array([0]))[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("window", [0, 1, 5, 29, 30, 31, 500])
def test_counts_in_a_window_are_those_of_the_history(window: int) -> None:
    random = np.random.default_rng(window)
    prompt, reply = random.integers(-2, 12, 20).tolist(), random.integers(0, 10, 40).tolist()
    history = TokenHistory(prompt, 10, window)
    for said in range(len(reply) + 1):
        counts = window_counts(prompt, reply[:said], window, 10)
        assert np.flatnonzero(counts.seen).tolist() == history.seen_ids().tolist()
        ids, uses = history.reply_counts()
        assert np.flatnonzero(counts.replied).tolist() == ids.tolist()
        assert counts.replied[ids].tolist() == uses.tolist()
        if said < len(reply):
            history.append(reply[said])


class CountingKernels:
    """Stands in for the card's kernels: `count_token` in plain Python, on tensors found by their addresses."""

    def __init__(self) -> None:
        self.tensors: dict[int, torch.Tensor] = {}

    def get(self, source: KernelSource) -> Any:
        return self._count if source is COUNT_TOKEN else None

    def _count(self, grid: tuple[int, int, int], threads: int, *arguments: int) -> None:
        tokens, active, rows, seen, replied, vocab, positions, step, windows, recent, stride = arguments
        for row in range(rows):
            find = self.tensors.__getitem__
            if find(active)[row] == 0:
                continue
            token, position, window = (int(find(each)[row]) for each in (tokens, positions, windows))
            assert find(seen).shape[1] == vocab
            assert find(recent).shape[1] == stride
            changes = [(token, 1, 1)]
            if window:
                leaving = int(find(recent)[row, position % window])
                find(recent)[row, position % window] = 2 * token + 1
                changes += [(leaving >> 1, -1, -(leaving & 1))] if leaving >= 0 else []
            for token_id, uses, replies in changes:
                find(seen)[row, token_id] += uses
                find(replied)[row, token_id] += replies
            find(positions)[row] += step


@pytest.mark.parametrize("number", range(len(COUNT_OP.cases)))
def test_what_the_host_prepares_serves_the_counting_of_windows(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ring, counts and windows as the host fills them, with the kernel's rule: the counts of the reference."""
    kernels: Any = CountingKernels()

    def address(tensor: torch.Tensor) -> int:
        kernels.tensors[tensor.data_ptr()] = tensor
        return tensor.data_ptr()

    monkeypatch.setattr("gpu.sampler._address", address)
    inputs = COUNT_OP.inputs(COUNT_OP.cases[number], Draw(number, torch.device("cpu")))
    assert worst_error(COUNT_OP.launch(kernels, inputs), COUNT_OP.reference(inputs)) == 0
