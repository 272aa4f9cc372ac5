"""What a prompt does to the steps started ahead and to the sampler's rows, with a model that computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.backend import Batch
from engine.cache.page_table import PageSequence, PageTable
from engine.errors import NotEnoughMemoryError, NumericalError
from engine.generation.graph_executor import CapturedStep, GraphExecutor
from engine.requests import SamplingSettings
from engine.sampling.pipeline import SamplerState
from engine.vision.towers.placed import PlacedImages

VOCAB = 50


class FakeSampler:
    """Chooses one more than the position of a row's token, and notes what it is told."""

    def __init__(self) -> None:
        self.results = torch.zeros(2, 2, 16, dtype=torch.int64)
        self.positions = [0] * 16
        self.told: list[str] = []

    def set_row(self, row: int, settings: Any, seed: int, position: int, prompt_ids: Any, reply_ids: Any) -> None:
        self.told.append(f"row {row}")
        self.positions[row] = position

    def set_idle(self, row: int) -> None:
        self.told.append(f"idle {row}")

    def launch(self, logits: torch.Tensor, token_ids: torch.Tensor) -> None:
        self.told.append("launch")
        for row in range(len(token_ids)):
            self.results[self.positions[row] & 1, 0, row] = token_ids[row] = self.positions[row] + 1
            self.positions[row] += 1


class World:
    """An executor, and the jobs' pages."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("zeros", "tensor"):
            monkeypatch.setattr(torch, name, _unpinned(getattr(torch, name)))
        event = SimpleNamespace(record=lambda: None, synchronize=lambda: None)
        monkeypatch.setattr(torch.cuda, "Event", lambda: event)
        self.sampler, self.chunks, self.has_three_positions = FakeSampler(), list[Batch](), False
        backend = SimpleNamespace(device=torch.device("cpu"), make_sampler=lambda *sizes: self.sampler)
        model: Any = SimpleNamespace(
            backend=backend, num_pages=4, num_positions=1024, max_rows=256, forward=self._forward,
            logits=lambda residual, rows: residual[rows],
        )  # fmt: skip
        self.executor = GraphExecutor(model, 16, VOCAB)
        monkeypatch.setattr(self.executor, "_capture", self._capture)
        self.pages = PageTable(4)

    def _forward(self, batch: Batch) -> torch.Tensor:
        self.chunks.append(batch)
        return torch.ones(batch.num_rows, VOCAB)

    def _capture(self, size: int) -> CapturedStep:
        def ints(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=torch.int32)

        offsets = ints(size) if self.has_three_positions else None
        batch = Batch(ints(size).long(), ints(size), ints(size), ints(size, 4), False, turn_offsets=offsets)
        replay = partial(self.sampler.launch, torch.ones(size, VOCAB), batch.token_ids)
        graph: Any = SimpleNamespace(replay=replay)
        return CapturedStep(graph, batch)

    def job(self, prompt: Sequence[int]) -> tuple[PageSequence, SamplerState]:
        sequence = self.pages.allocate(prompt, 100)
        assert sequence is not None
        return sequence, SamplerState(SamplingSettings(temperature=0.0), VOCAB, prompt)


def _unpinned(make: Any) -> Any:
    def made(*values: Any, pin_memory: bool = False, **options: Any) -> torch.Tensor:
        tensor: torch.Tensor = make(*values, **options)
        return tensor

    return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_the_last_chunk_takes_the_token_after_it(world: World) -> None:
    sequence, state = world.job([7] * 20)
    assert world.executor.prefill([7] * 12, 0, sequence, None) is None
    assert not world.sampler.told, "only the end of a prompt needs the sampler"
    assert world.executor.prefill([7] * 8, 12, sequence, state) == 21
    assert world.sampler.told == ["row 0", "launch"]
    last = world.chunks[-1]
    assert (last.first_position, last.positions.tolist()) == (12, list(range(12, 20)))
    assert last.page_table.tolist() == [[page.index for page in sequence.pages]]


def test_only_the_end_of_a_prompt_drops_the_step_ahead(world: World) -> None:
    (first, state), (second, other) = world.job([1] * 5), world.job([2] * 300)
    token = world.executor.prefill([1] * 5, 0, first, state)
    assert token == 6
    state.accept(token)
    step = partial(world.executor.decode, sequences=[first], samplers=[state])
    assert step([6], [5]) == [7]
    state.accept(7)
    world.executor.prefill([2] * 256, 0, second, None)
    world.sampler.told.clear()
    assert step([7], [6]) == [8]
    assert world.sampler.told == ["launch"], "it had been started ahead, and starts the next"
    state.accept(8)
    world.executor.prefill([2] * 44, 256, second, other)
    world.sampler.told.clear()
    assert step([8], [7]) == [9]
    assert world.sampler.told == ["row 0", "launch", "launch"]


def test_scores_that_are_no_numbers_end_the_prompt(world: World) -> None:
    sequence, state = world.job([7] * 20)
    world.sampler.results[:, 1, 0] = 2
    with pytest.raises(NumericalError):
        world.executor.prefill([7] * 20, 0, sequence, state)
    world.sampler.results[:, 1, 0] = 0
    world.sampler.results[:, 1, 1] = 2  # of a row that no one has
    assert world.executor.prefill([7] * 20, 0, sequence, state) == 21


def test_what_is_added_to_positions_goes_with_its_row(world: World) -> None:
    world.has_three_positions = True
    jobs = [world.job([number] * 5) for number in (1, 2, 3)]
    sequences, states = [job[0] for job in jobs], [job[1] for job in jobs]
    world.executor.decode([6, 6, 6], [5, 5, 5], sequences, states, [0, -3, -1])
    offsets = world.executor._steps[4].batch.turn_offsets
    assert offsets is not None
    assert offsets.tolist() == [0, -3, -1, 0]
    world.executor.decode([6, 6], [6, 6], sequences[1:], states[1:], [-3, -1])
    pair = world.executor._steps[2].batch.turn_offsets
    assert pair is not None
    assert pair.tolist() == [-3, -1]
    world.executor.decode([6, 6, 6], [7, 7, 7], sequences, states)
    assert offsets.tolist() == [0, 0, 0, 0]


def test_models_with_one_position_have_nothing_to_add(world: World) -> None:
    sequence, state = world.job([1] * 5)
    world.executor.decode([6], [5], [sequence], [state], [0])
    with pytest.raises(AssertionError, match="one position"):
        world.executor.decode([9], [9], [sequence], [state], [-2])


def test_a_full_card_while_images_are_read_is_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence, state = world.job([7] * 20)
    images = PlacedImages((), ())

    def full(_: Batch) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(world.executor._model, "forward", full)
        with pytest.raises(NotEnoughMemoryError, match="prompt with images") as caught:
            world.executor.prefill([7] * 20, 0, sequence, state, images)
        assert "fewer pixels" in caught.value.way_out
        assert caught.value.__context__ is None, "nothing of the chunk is kept"
    assert world.executor.prefill([7] * 20, 0, sequence, state, images) == 21
