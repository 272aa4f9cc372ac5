"""A model with a quantized cache stays near itself with an fp16 one: how near, by width."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine import load_model
from engine.budget import PAGE_TOKENS

TEXT = "A bicycle is a vehicle with two wheels. " * 9
# Kullback-Leibler divergence of the next token from that with an fp16 cache, in nats, at most; about three times what
# was measured.
LIMITS = {(8, 8): 1e-4, (6, 6): 1e-3, (4, 4): 0.02, (8, 4): 0.01}


def logits(folder: Path, bits: tuple[int, int], ids: list[int]) -> torch.Tensor:
    model = load_model(folder, device="cpu", cache_tokens=512, cache_bits=bits)
    try:
        return model.logits(ids).double()
    finally:
        model.unload()


def divergence(found: torch.Tensor, wanted: torch.Tensor) -> float:
    p = wanted.log_softmax(-1)
    return float((p.exp() * (p - found.log_softmax(-1))).sum(-1).mean())


@pytest.fixture(scope="module")
def ids(demo_model: Path) -> list[int]:
    model = load_model(demo_model, device="cpu", cache_tokens=256)
    try:
        return model.tokenizer.encode(TEXT)[:300]
    finally:
        model.unload()


def test_divergence_is_small_and_falls_with_the_width(demo_model: Path, ids: list[int]) -> None:
    wanted = logits(demo_model, (16, 16), ids)
    found = {bits: divergence(logits(demo_model, bits, ids), wanted) for bits in LIMITS}
    assert {bits: found[bits] < limit for bits, limit in LIMITS.items()} == dict.fromkeys(LIMITS, True), found
    assert found[8, 8] < found[6, 6] < found[4, 4]


def test_the_plan_knows_the_width(demo_model: Path) -> None:
    sizes = {}
    for bits in ((16, 16), (8, 8), (4, 4), (3, 5)):
        model = load_model(demo_model, device="cpu", cache_tokens=512, cache_bits=bits)
        sizes[bits] = model.memory.plan.cache_bytes
        assert model.memory.cache_bytes == sizes[bits]
        assert model.info.cache_bytes == sizes[bits] - model.memory.plan.bytes_per_token * PAGE_TOKENS
        model.unload()
    assert sizes[8, 8] == sizes[16, 16] * 17 // 32
    assert sizes[4, 4] == sizes[3, 5] == sizes[16, 16] * 9 // 32
