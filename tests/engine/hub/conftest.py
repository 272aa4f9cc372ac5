from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.hub.answers_cache import AnswersCache
from engine.hub.client import HubClient
from engine.hub.endpoint import Endpoint
from engine.hub.guard import Clock
from tests.fakes.metadata_hub import FakeRepo, MetadataHub

MakeHub = Callable[..., MetadataHub]


class FakeTime:
    """Waits take no time and are noted."""

    def __init__(self) -> None:
        self.now, self.waits = 1000.0, list[float]()

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(self.wait, lambda: self.now, lambda: self.now)


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make_hub(no_proxy: None) -> Iterator[MakeHub]:
    running: list[MetadataHub] = []

    def make(*repos: FakeRepo) -> MetadataHub:
        running.append(MetadataHub(*repos))
        return running[-1].__enter__()

    yield make
    for hub in running:
        hub.__exit__(None, None, None)


@pytest.fixture
def make_client(fake_time: FakeTime, tmp_path: Path) -> Iterator[Callable[..., HubClient]]:
    clients: list[HubClient] = []

    def make(hub: MetadataHub, token: str | None = None, *, is_own: bool = True, cached: bool = True) -> HubClient:
        cache = AnswersCache(tmp_path / "answers") if cached else None
        clients.append(HubClient(Endpoint(hub.url, is_own=is_own), lambda: token, cache, fake_time.clock))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
