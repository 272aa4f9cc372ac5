"""The oracle of the GPU sampler equals the sampling chain that every backend is measured by."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState, choose
from gpu.reference.sampling import RowSettings, TokenCounts, choose_token, gumbel_noise, kept_tokens

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
        seen, replied = (np.bincount(ids, minlength=vocab).astype(np.int32) for ids in (prompt + reply, reply))
        token = choose_token(logits, settings, len(prompt) + len(reply), TokenCounts(seen, replied))
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
