"""The generator's decisions with an executor that computes nothing: who runs when, in which chunks, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.budget import PAGE_TOKENS
from engine.cache.page_table import PageSequence, PageTable
from engine.errors import NumericalError
from engine.events import (
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    PrefillProgress,
    RequestFailed,
    TextDelta,
)
from engine.generation.generator import MAX_SKIPS, Generator
from engine.generation.job import Job
from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState
from engine.tokenizer.tokenizer import Tokenizer
from engine.vision.towers.placed import PlacedImages
from tests.oracles.tiny_models import write_tokenizer

VOCAB = 1000


class FakeExecutor:
    """The next token is always the last one plus one; token ids in `bad` fail their step."""

    def __init__(self, max_prefill: int = 100, max_batch: int = 4) -> None:
        self.max_prefill, self.max_batch = max_prefill, max_batch
        self.chunks: list[tuple[int, int]] = []  # (position, tokens)
        self.batches: list[list[int]] = []
        self.bad: set[int] = set()

    def prefill(
        self, token_ids: Sequence[int], position: int, sequence: PageSequence, sampler: SamplerState | None,
        images: PlacedImages | None = None,
    ) -> int | None:  # fmt: skip
        self.chunks.append((position, len(token_ids)))
        self._check(token_ids)
        return None if sampler is None else token_ids[-1] + 1

    def decode(
        self, token_ids: Sequence[int], positions: Sequence[int], sequences: Sequence[PageSequence],
        samplers: Sequence[SamplerState], offsets: Sequence[int] = (),
    ) -> list[int]:  # fmt: skip
        self.batches.append(list(token_ids))
        self._check(token_ids)
        return [each + 1 for each in token_ids]

    def _check(self, token_ids: Sequence[int]) -> None:
        if self.bad & set(token_ids):
            raise NumericalError("Not a number.", "Try another.")


class World:
    """A generator with everything around it."""

    def __init__(self, tokenizer: Tokenizer, num_pages: int = 8) -> None:
        self.tokenizer = tokenizer
        self.executor, self.pages = FakeExecutor(), PageTable(num_pages)
        self.copies: list[tuple[int, int]] = []
        self.generator = Generator(self.executor, self.pages, lambda *copy: self.copies.append(copy))

    def submit(self, request_id: int, prompt: list[int], max_new_tokens: int = 5) -> Job:
        settings = SamplingSettings(temperature=0.0, max_new_tokens=max_new_tokens)
        job = Job(request_id, prompt, settings, max_new_tokens, self.tokenizer, VOCAB, continues=True)
        self.generator.submit(job)
        return job

    def finish(self, limit: int = 1000) -> list[GenerationEvent]:
        events: list[GenerationEvent] = []
        for _ in range(limit):
            if not self.generator.has_work:
                return events
            events += self.generator.step()
        raise AssertionError("the generator does not come to an end")


@pytest.fixture
def world(tmp_path: Path) -> World:
    write_tokenizer(tmp_path, VOCAB)
    return World(Tokenizer.open(tmp_path))


def of(events: list[GenerationEvent], request_id: int) -> list[GenerationEvent]:
    return [event for event in events if event.request_id == request_id]


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_exact_limits(world: World, limit: int) -> None:
    job = world.submit(1, [10, 20], limit)
    events = world.finish()
    assert job.token_ids == [10, 20, *range(21, 21 + limit)]
    assert isinstance(events[0], GenerationStarted)
    last = events[-1]
    assert isinstance(last, GenerationFinished)
    assert (last.reason, last.new_tokens, last.prompt_tokens) == ("length", limit, 2)
    assert sum(isinstance(event, TextDelta) for event in events) == limit - 1
    assert "".join(event.text for event in events).split() == [f"t{i}" for i in range(21, 21 + limit)]


def test_prompts_are_read_in_chunks(world: World) -> None:
    world.submit(1, list(range(250)), 1)
    events = world.finish()
    assert world.executor.chunks == [(0, 100), (100, 100), (200, 50)]
    progress = [event.done_tokens for event in events if isinstance(event, PrefillProgress)]
    assert progress == [100, 200]


def test_replies_go_on_while_a_long_prompt_is_read(world: World) -> None:
    world.submit(1, [5], 20)
    world.generator.step()
    world.submit(2, list(range(400)), 1)
    for _ in range(3):
        events = world.generator.step()
        assert any(isinstance(event, TextDelta) for event in of(events, 1))
        assert any(isinstance(event, PrefillProgress) for event in of(events, 2))


def test_batches_are_no_larger_than_the_executor_takes(world: World) -> None:
    jobs = [world.submit(i, [100 * i], 4) for i in range(6)]
    world.finish()
    assert max(map(len, world.executor.batches)) == 4
    assert all(job.token_ids == [100 * i + k for k in range(5)] for i, job in enumerate(jobs))


def test_jobs_join_and_leave(world: World) -> None:
    world.submit(1, [10], 3)
    world.generator.step()
    world.submit(2, [500], 6)
    events = world.finish()
    assert [len(batch) for batch in world.executor.batches][-1] == 1
    assert isinstance(of(events, 2)[-1], GenerationFinished)
    assert [batch[-1] for batch in world.executor.batches if batch[-1] > 500] == [501, 502, 503, 504, 505]


def test_cancel(world: World) -> None:
    for request_id in (1, 2):
        world.submit(request_id, [100 * request_id], 50)
    for _ in range(3):
        world.generator.step()
    world.generator.cancel(1)
    events = world.generator.step()
    last = of(events, 1)[-1]
    assert isinstance(last, GenerationFinished)
    assert (last.reason, last.new_tokens) == ("cancelled", 4)
    rest = world.finish()
    assert of(rest, 1) == []
    final = of(rest, 2)[-1]
    assert isinstance(final, GenerationFinished)
    assert final.new_tokens == 50
    assert world.pages.num_free == world.pages.num_pages


def test_cancel_while_waiting_and_while_reading(world: World) -> None:
    world.submit(1, list(range(900)), 8 * PAGE_TOKENS - 900)
    world.submit(2, [1], 3)
    world.generator.step()
    world.generator.cancel(2)
    world.generator.cancel(1)
    world.generator.cancel(77)
    events = world.generator.step()
    assert {event.request_id for event in events if isinstance(event, GenerationFinished)} == {1, 2}
    assert all(event.new_tokens == 0 for event in events if isinstance(event, GenerationFinished))
    assert not world.generator.has_work


def test_a_failing_job_fails_alone(world: World) -> None:
    world.executor.bad = {203}
    jobs = [world.submit(i, [100 * i], 6) for i in (1, 2, 3)]
    events = world.finish()
    failed = of(events, 2)[-1]
    assert isinstance(failed, RequestFailed)
    assert isinstance(failed.error, NumericalError)
    assert [jobs[0].token_ids, jobs[2].token_ids] == [list(range(100, 107)), list(range(300, 307))]
    assert world.pages.num_free == world.pages.num_pages
    world.executor.bad = set()
    world.submit(4, [200, 201, 202], 2)
    assert not any(isinstance(event, GenerationStarted) and event.cached_tokens for event in world.finish())


def test_a_prompt_that_fails(world: World) -> None:
    world.executor.bad = {7}
    world.submit(1, [7], 6)
    world.submit(2, [50], 2)
    events = world.finish()
    assert isinstance(of(events, 1)[-1], RequestFailed)
    assert isinstance(of(events, 2)[-1], GenerationFinished)


def test_a_second_turn_reuses_the_first(world: World) -> None:
    job = world.submit(1, list(range(300)), 4)
    world.finish()
    world.executor.chunks.clear()
    world.submit(2, [*job.token_ids, 1, 2, 3], 1)
    started = next(event for event in world.finish() if isinstance(event, GenerationStarted))
    assert started.cached_tokens == 303  # all but the last reply token, which was never computed
    assert world.executor.chunks == [(303, 4)]
    assert len(world.copies) == 1


def test_small_jobs_overtake_a_large_one_only_so_often(world: World) -> None:
    world.submit(1, [1], 6 * PAGE_TOKENS - 10)  # leaves two pages
    world.generator.step()
    large = world.submit(2, [2], 4 * PAGE_TOKENS - 10)
    started: list[int] = []
    for number in range(MAX_SKIPS + 3):
        world.submit(10 + number, [500], 1)
        started += [event.request_id for event in world.generator.step() if isinstance(event, GenerationStarted)]
    assert large.sequence is None
    assert 0 < len(started) <= MAX_SKIPS
    world.generator.cancel(1)
    world.generator.step()
    assert large.sequence is not None


def test_waiting_jobs_start_in_order(world: World) -> None:
    for request_id in range(5):
        world.submit(request_id, [request_id * 10], 3 * PAGE_TOKENS)
    started = [event.request_id for event in world.finish(10_000) if isinstance(event, GenerationStarted)]
    assert started == [0, 1, 2, 3, 4]


def test_longest_context(world: World) -> None:
    world.submit(1, list(range(20)), 5)
    world.generator.step()
    assert world.generator.longest_context == 22  # the first step reads the prompt and takes two tokens
    world.finish()
    assert world.generator.longest_context == 25
