"""Replies of the embedded demo model: the same alone and in company, with and without reuse, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import SamplingSettings, load_model
from engine.budget import PAGE_TOKENS
from engine.errors import ContextTooLongError
from engine.events import GenerationFinished, GenerationStarted, TextDelta
from engine.generation.job import Job
from engine.session import Session

PROMPTS = [
    "Once upon a time", "Hello", "The capital of France is", "1 + 1 =", "A poem about the sea:\n",
    "Why is the sky blue?", "def add(a, b):",
    "Tell me a story about a dog and a cat who live together in a small house by the river.",
]  # fmt: skip


@pytest.fixture(scope="module")
def session(demo_model: Path) -> Iterator[Session]:
    session = load_model(demo_model, device="cpu", cache_tokens=8192)
    yield session
    session.unload()


def run(session: Session, requests: dict[int, tuple[list[int], SamplingSettings]]) -> dict[int, list[int]]:
    """Token ids of each reply, read from the jobs, for final events name none."""
    jobs: dict[int, Job] = {}
    for request_id, (ids, settings) in requests.items():
        session.submit_tokens(request_id, ids, settings)
        jobs[request_id] = session._generator._waiting[-1]
    while session.has_work:
        session.step()
    return {request_id: job.token_ids[job.num_prompt :] for request_id, job in jobs.items()}


def finished(session: Session, prompt: str, settings: SamplingSettings) -> tuple[str, GenerationFinished]:
    events = list(session.generate(prompt, settings))
    last = events[-1]
    assert isinstance(last, GenerationFinished)
    return "".join(event.text for event in events), last


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_the_same_alone_and_in_a_batch(session: Session, temperature: float) -> None:
    requests = {
        number: (
            session.tokenizer.encode(prompt),
            SamplingSettings(temperature=temperature, seed=number, max_new_tokens=20 + 5 * number, ignore_eos=True),
        )
        for number, prompt in enumerate(PROMPTS)
    }
    together = run(session, requests)
    assert [len(ids) for ids in together.values()] == [20 + 5 * number for number in range(8)]
    for number, request in requests.items():
        assert run(session, {number: request})[number] == together[number]
    if temperature:
        other_seed = SamplingSettings(temperature=temperature, seed=99, max_new_tokens=20, ignore_eos=True)
        assert run(session, {0: (requests[0][0], other_seed)})[0] != together[0]


def test_greedy_text_with_and_without_reuse(session: Session, demo_model: Path) -> None:
    settings = SamplingSettings(temperature=0.0, max_new_tokens=60, ignore_eos=True)
    prompt = PROMPTS[7] * 20
    first, _ = finished(session, prompt, settings)
    second, last = finished(session, prompt, settings)
    assert last.cached_tokens >= PAGE_TOKENS
    assert last.cached_tokens == last.prompt_tokens - 1
    assert second == first


def test_a_second_turn_finds_the_first_in_the_cache(session: Session) -> None:
    settings = SamplingSettings(temperature=0.0, max_new_tokens=30)
    messages = [{"role": "user", "content": "Hello, who are you?"}]
    reply = "".join(event.text for event in session.chat(messages, settings))
    messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": "And what can you do?"}]
    events = list(session.chat(messages, settings))
    started = events[0]
    assert isinstance(started, GenerationStarted)
    assert started.cached_tokens > 10
    assert isinstance(events[-1], GenerationFinished)
    assert events[-1].cached_tokens == started.cached_tokens


@pytest.mark.parametrize("limit", [1, 2, 33])
def test_exact_limits(session: Session, limit: int) -> None:
    settings = SamplingSettings(max_new_tokens=limit, seed=1, ignore_eos=True)
    _, last = finished(session, "Once upon a time", settings)
    assert (last.reason, last.new_tokens) == ("length", limit)


def test_stop_strings(session: Session) -> None:
    greedy = SamplingSettings(temperature=0.0, max_new_tokens=40, ignore_eos=True)
    text, _ = finished(session, "Once upon a time", greedy)
    stop = text[len(text) // 2 : len(text) // 2 + 6]
    assert len(stop) == 6
    settings = SamplingSettings(temperature=0.0, max_new_tokens=40, ignore_eos=True, stop_strings=(stop,))
    stopped, last = finished(session, "Once upon a time", settings)
    assert last.reason == "stop_string"
    assert stopped == text[: text.index(stop)]


def test_stop_tokens_and_the_models_own_end(session: Session) -> None:
    greedy = SamplingSettings(temperature=0.0, max_new_tokens=12, ignore_eos=True)
    ids = run(session, {1: (session.tokenizer.encode("Once upon a time"), greedy)})[1]
    place = next(i for i in range(4, 12) if ids[i] not in ids[:i])
    settings = SamplingSettings(temperature=0.0, max_new_tokens=12, stop_token_ids=(ids[place],), ignore_eos=True)
    _, last = finished(session, "Once upon a time", settings)
    assert (last.reason, last.new_tokens) == ("stop_token", place + 1)
    events = list(session.chat([{"role": "user", "content": "Hi"}], SamplingSettings(temperature=0.0)))
    final = events[-1]
    assert isinstance(final, GenerationFinished)
    assert final.reason == "stop_token"  # the demo model ends its turns


def test_the_end_of_the_context(demo_model: Path) -> None:
    small = load_model(demo_model, device="cpu", cache_tokens=PAGE_TOKENS)
    assert small.info.context_tokens == PAGE_TOKENS
    ids = small.tokenizer.encode("Hello") * 300
    prompt = ids[: PAGE_TOKENS - 10]
    settings = SamplingSettings(max_new_tokens=1000, seed=1, ignore_eos=True)
    assert len(run(small, {1: (prompt, settings)})[1]) == 10
    assert len(run(small, {1: (ids[: PAGE_TOKENS - 1], settings)})[1]) == 1
    with pytest.raises(ContextTooLongError):
        small.submit_tokens(1, ids[:PAGE_TOKENS], settings)


def test_a_long_reply_over_several_pages(session: Session) -> None:
    settings = SamplingSettings(temperature=0.0, max_new_tokens=500, ignore_eos=True)
    prompt = session.tokenizer.encode("Once upon a time")
    ids = run(session, {1: (prompt, settings)})[1]
    assert len(ids) == 500
    logits = session.logits(prompt + ids[:-1])[len(prompt) - 1 :, : session.vocab_size]
    best = logits.max(-1).values
    taken = logits[range(500), ids]
    # Prefill and decode sum in other orders, so near ties may go either way; a page read wrongly shows.
    assert float((best - taken).max()) < 0.05
    assert int((best > taken).sum()) <= 10


def test_deltas_are_the_text(session: Session) -> None:
    settings = SamplingSettings(temperature=0.0, max_new_tokens=30, ignore_eos=True)
    events = list(session.generate("Once upon a time", settings))
    ids = [each for event in events if isinstance(event, TextDelta) for each in event.token_ids]
    assert len(ids) == 29
    text = "".join(event.text for event in events)
    assert session.tokenizer.decode(ids).strip() in text
