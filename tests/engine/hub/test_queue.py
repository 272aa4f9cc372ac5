"""The list of downloads: its order, its states, and that it is there again after any end of the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.hub.endpoint import Endpoint
from engine.hub.queue import DownloadQueue
from engine.hub.queue_store import QueueEntry, load_queue, save_queue
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.pace import BackOff
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
from tests.fakes.file_hub import FileHub, serving
from tests.fakes.sending import Fault

SHARD = "model.safetensors"
SETTINGS = TransferSettings(margin_bytes=0, report_s=0.02, back_off=BackOff(0.01, 0.05))


class Desk:
    """A queue, what it told, and a hub."""

    def __init__(self, hub: FileHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.events: list[DownloadProgress] = []
        self.queues: list[DownloadQueue] = []

    def open(self, is_started: bool = True, parallel: int = 1) -> DownloadQueue:
        queue = DownloadQueue(
            self.folder / "state" / "downloads.json", lambda: Access(self.hub.endpoint), self.events.append, SETTINGS,
            parallel, is_started,
        )  # fmt: skip
        self.queues.append(queue)
        return queue

    def plan(self, name: str = "models") -> DownloadPlan:
        return plan_download(self.hub.variant, self.folder / name)

    def last(self, download_id: str) -> DownloadProgress:
        return [event for event in self.events if event.download_id == download_id][-1]

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, self.events[-1:]
            time.sleep(0.005)

    def wait_for(self, download_id: str, phase: str, num_bytes: int = 0) -> None:
        def reached() -> bool:
            told = [event for event in self.events if event.download_id == download_id]
            return bool(told) and told[-1].phase == phase and told[-1].done_bytes >= num_bytes

        self.wait(reached)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    files = {"config.json": b"{}", SHARD: bytes(range(256)) * 8_000}
    with serving(FileHub(files, frozenset({SHARD}))) as hub:
        desk = Desk(hub, tmp_path)
        yield desk
        for queue in desk.queues:
            queue.close()


def halt(desk: Desk) -> None:
    """The next transfer of the shard stands still after a million bytes."""
    desk.hub.fail(SHARD, Fault(after=1_000_000, stall_s=3))


def test_one_after_the_other_in_the_order_given(desk: Desk) -> None:
    queue = desk.open(is_started=False)
    ids = [queue.add(desk.plan(name)) for name in ("a", "b", "c")]
    queue.move(ids[2], 0)
    assert [entry.download_id for entry in queue.entries()] == [ids[2], ids[0], ids[1]]
    queue.start()
    desk.wait(lambda: all(entry.state == "done" for entry in queue.entries()))
    done = [event.download_id for event in desk.events if event.phase == "done"]
    assert done == [ids[2], ids[0], ids[1]]


def test_pause_resume_and_the_next_one(desk: Desk) -> None:
    halt(desk)
    queue = desk.open()
    first = queue.add(desk.plan("a"))
    desk.wait_for(first, "downloading", 1_000_000)
    second = queue.add(desk.plan("b"))
    queue.pause(first)
    desk.wait_for(second, "done")
    assert desk.last(first).phase == "paused"
    assert queue.entries()[0].state == "paused"
    queue.resume(first)
    desk.wait_for(first, "done")
    assert desk.hub.sent_for(SHARD) == 2 * len(desk.hub.files[SHARD])


def test_pause_and_resume_at_once(desk: Desk) -> None:
    halt(desk)
    queue = desk.open()
    first = queue.add(desk.plan())
    desk.wait_for(first, "downloading", 1_000_000)
    queue.pause(first)
    queue.resume(first)
    desk.wait_for(first, "done")


def test_adding_a_model_again_resumes_it(desk: Desk) -> None:
    queue = desk.open()
    first = queue.add(desk.plan())
    desk.wait(lambda: queue.entries()[0].state == "done")
    (desk.plan().folder / "config.json").unlink()
    assert queue.add(desk.plan()) == first
    desk.wait(lambda: (desk.plan().folder / "config.json").exists() and queue.entries()[0].state == "done")
    assert desk.hub.sent_for(SHARD) == len(desk.hub.files[SHARD])


def test_the_list_survives_the_end_of_the_program(desk: Desk) -> None:
    halt(desk)
    queue = desk.open()
    ids = [queue.add(desk.plan(name)) for name in ("a", "b")]
    queue.pause(ids[1])
    desk.wait_for(ids[0], "downloading", 1_000_000)
    queue.close()
    again = desk.open(is_started=False)
    assert [(entry.download_id, entry.state) for entry in again.entries()] == [(ids[0], "queued"), (ids[1], "paused")]
    again.start()
    desk.wait_for(ids[0], "done")
    assert desk.hub.sent_for(SHARD) == len(desk.hub.files[SHARD])
    assert desk.last(ids[1]).phase == "paused"


@pytest.mark.parametrize("phase", ["active", "paused", "queued"])
def test_cancel_deletes_what_came(desk: Desk, phase: str) -> None:
    halt(desk)
    queue = desk.open()
    first = queue.add(desk.plan("a"))
    second = queue.add(desk.plan("b"))
    desk.wait_for(first, "downloading", 1_000_000)
    if phase == "paused":
        queue.pause(first)
        desk.wait_for(first, "paused")
    gone = second if phase == "queued" else first
    queue.cancel(gone)
    desk.wait_for(gone, "cancelled")
    assert gone not in {entry.download_id for entry in queue.entries()}
    assert not list((desk.folder / ("b" if phase == "queued" else "a")).rglob("*.part*"))
    if phase != "queued":
        desk.wait_for(second, "done")


def test_a_failure_is_kept_with_its_reason_until_it_is_resumed(desk: Desk) -> None:
    desk.hub.hub_faults.extend([Fault(status=403)] * 2)
    queue = desk.open()
    first = queue.add(desk.plan())
    desk.wait(lambda: queue.entries()[0].state == "failed")
    queue.close()
    again = desk.open()
    assert "token" in again.entries()[0].message
    assert again.entries()[0].way_out
    desk.hub.hub_faults.clear()
    again.resume(first)
    assert again.entries()[0].message == ""
    desk.wait(lambda: again.entries()[0].state == "done")
    again.forget(first)
    assert load_queue(desk.folder / "state" / "downloads.json") == ()
    assert (desk.plan().folder / SHARD).is_file()


def test_an_address_that_is_none_fails_that_download(desk: Desk) -> None:
    queue = DownloadQueue(
        desk.folder / "q.json", lambda: Access(Endpoint("nonsense")), desk.events.append, SETTINGS
    )  # fmt: skip
    queue.add(desk.plan())
    assert queue.entries()[0].state == "failed"
    assert desk.events[-1].phase == "failed"


def test_two_at_a_time(desk: Desk) -> None:
    desk.hub.fail(SHARD, *[Fault(after=1_000_000, stall_s=0.3)] * 2)
    queue = desk.open(parallel=2)
    ids = [queue.add(desk.plan(name)) for name in ("a", "b", "c")]
    assert queue.active_ids() == {ids[0], ids[1]}
    desk.wait(lambda: all(entry.state == "done" for entry in queue.entries()))
    assert threading.active_count() < 30


def test_damaged_lists_lose_only_what_is_damaged(desk: Desk) -> None:
    path = desk.folder / "q.json"
    good = QueueEntry("1", desk.plan("a"))
    save_queue(path, [good, replace(good, download_id="2", state="paused")])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"paused"', '"lost"'), encoding="utf-8")
    assert load_queue(path) == (good,)
    path.write_text(text.replace('"path": "config.json"', '"path": "../config.json"', 1), encoding="utf-8")
    assert [entry.download_id for entry in load_queue(path)] == ["2"]
    for broken in ("", "[]", "{", '{"schema_version": 1}'):
        path.write_text(broken, encoding="utf-8")
        assert load_queue(path) == ()
