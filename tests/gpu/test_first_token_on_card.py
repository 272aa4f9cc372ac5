"""The token after a prompt, chosen on the card while other replies go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine import SamplingSettings, load_model
from engine.events import TextDelta

if TYPE_CHECKING:
    from engine.session import Session

for _package in ("jinja2", "platformdirs", "tokenizers"):
    pytest.importorskip(_package, reason=f"without {_package} no model can be loaded")

pytestmark = pytest.mark.gpu

LONG = SamplingSettings(temperature=0.0, max_new_tokens=60, ignore_eos=True)
SHORT = SamplingSettings(temperature=0.0, max_new_tokens=2, ignore_eos=True)


def _run(session: Session, prompts: dict[int, list[int]], joins: dict[int, int]) -> dict[int, list[int]]:
    """The replies of prompts that join at a step; odd ids are short."""
    found: dict[int, list[int]] = {i: [] for i in prompts}
    step = 0
    while session.has_work or step <= max(joins.values()):
        for i in [i for i, when in joins.items() if when == step]:
            session.submit_tokens(i, prompts[i], SHORT if i % 2 else LONG)
        for event in session.step():
            if isinstance(event, TextDelta):
                found[event.request_id] += event.token_ids
        step += 1
    return found


def test_the_first_token_is_the_likeliest(demo_model: Path) -> None:
    session = load_model(demo_model, device="cuda:0", exact=True)
    text = "Once upon a time there was a ship that sailed at noon, and nobody knew where it went. " * 8
    ids = session.tokenizer.encode(text)
    for count in (1, 5, 40, len(ids)):
        chosen = _run(session, {1: ids[:count]}, {1: 0})[1][0]
        logits = session.logits(ids[:count])[-1, : session.vocab_size]
        assert float(logits.max() - logits[chosen]) < 2e-2, count
    session.unload()


def test_a_reply_goes_on_while_prompts_join(demo_model: Path) -> None:
    session = load_model(demo_model, device="cuda:0", exact=True)
    ids = session.tokenizer.encode("Once upon a time there was a cat")
    alone = _run(session, {2: ids}, {2: 0})[2]
    prompts = {2: ids, 3: ids[:4], 5: ids[:6], 7: ids[:3]}
    among = _run(session, prompts, {2: 0, 3: 5, 5: 20, 7: 21})
    same = next((i for i, (a, b) in enumerate(zip(alone, among[2], strict=True)) if a != b), len(alone))
    assert same >= 20, "no prompt may change what the sampler knows of a reply that runs"
    assert all(among[i][0] == _run(session, {1: prompts[i]}, {1: 0})[1][0] for i in (3, 5, 7))
    session.unload()
