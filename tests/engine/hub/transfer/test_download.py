"""Whole downloads over loopback, through everything that may go wrong on the way."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.hub.endpoint import Endpoint
from engine.hub.errors import AccessDeniedError, NotFoundError, OfflineError
from engine.hub.transfer.download import Download, Outcome
from engine.hub.transfer.errors import BusyFolderError, DamagedFileError, NotEnoughSpaceError
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.manifest import locked_folder, read_manifest
from engine.hub.transfer.pace import BackOff
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
from tests.fakes.file_hub import FileHub, serving
from tests.fakes.sending import Fault

SHARD = "model-00001-of-00002.safetensors"
SECOND = "model-00002-of-00002.safetensors"
QUICK = TransferSettings(
    connect_s=2, read_s=0.4, silence_s=0.2, margin_bytes=0, report_s=0.02, back_off=BackOff(0.01, 0.05)
)
TOKEN = "hf_secret"


@pytest.fixture
def hub() -> Iterator[FileHub]:
    lot = random.Random(5)
    files = {
        "config.json": b'{"model_type": "llama"}',
        "sub/tokenizer.json": lot.randbytes(3_000),
        "empty.txt": b"",
        SHARD: lot.randbytes(5_000_003),
        SECOND: lot.randbytes(3_000_001),
        "README.md": b"not needed",
    }
    with serving(FileHub(files, frozenset({SHARD, SECOND}))) as running:
        yield running


class Run(NamedTuple):
    outcome: Outcome
    download: Download
    events: list[DownloadProgress]

    @property
    def last(self) -> DownloadProgress:
        return self.events[-1]


def make(hub: FileHub, folder: Path, settings: TransferSettings = QUICK, token: str = "") -> Run:
    events: list[DownloadProgress] = []
    plan = plan_download(hub.variant, folder)
    return Run("failed", Download(plan, Access(hub.endpoint, token), events.append, settings, "7"), events)


def run(hub: FileHub, folder: Path, settings: TransferSettings = QUICK, token: str = "") -> Run:
    made = make(hub, folder, settings, token)
    return made._replace(outcome=made.download.run())


def model_folder(folder: Path) -> Path:
    return folder / "org" / "model-4.0bpw"


def assert_whole(hub: FileHub, folder: Path) -> None:
    for path, data in hub.files.items():
        if path != "README.md":
            assert (model_folder(folder) / path).read_bytes() == data
    manifest = read_manifest(model_folder(folder))
    assert manifest is not None
    assert manifest.is_complete
    assert not list(folder.rglob("*.part*"))
    assert not (model_folder(folder) / "README.md").exists()


def wait_for_bytes(made: Run, count: int) -> None:
    deadline = time.monotonic() + 10
    while not made.events or made.last.done_bytes < count:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.005)


def test_a_download_on_a_good_day(hub: FileHub, tmp_path: Path) -> None:
    done = run(hub, tmp_path)
    assert done.outcome == "done"
    assert_whole(hub, tmp_path)
    assert done.last.phase == "done"
    assert done.last.done_bytes == done.last.total_bytes == hub.variant.download_bytes
    assert {file.phase for file in done.last.files} == {"done"}
    assert done.last.download_id == "7"
    # Another run asks nobody for anything.
    requests = len(hub.log)
    assert run(hub, tmp_path).outcome == "done"
    assert len(hub.log) == requests


def test_ten_drops_and_no_byte_twice(hub: FileHub, tmp_path: Path) -> None:
    lot = random.Random(11)
    hub.fail(SHARD, *(Fault(after=lot.randrange(1, 400_000)) for _ in range(10)))
    hub.fail(SECOND, *(Fault(after=lot.randrange(1, 250_000)) for _ in range(10)))
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)
    for path in (SHARD, SECOND):
        assert sum(1 for request in hub.log if request.path == path and request.place == "storage") == 11
        assert hub.sent_for(path) == len(hub.files[path])


def test_servers_that_fail_for_a_while(hub: FileHub, tmp_path: Path) -> None:
    hub.hub_faults.extend(Fault(status=status) for status in (500, 502, 408))
    hub.fail(SHARD, Fault(status=503), Fault(after=1000), Fault(status=504), Fault(after=0))
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)
    assert hub.sent_for(SHARD) == len(hub.files[SHARD])


def test_retry_after_is_heeded_and_told(hub: FileHub, tmp_path: Path) -> None:
    hub.faults.clear()
    hub.fail(SHARD, Fault(status=429, headers=(("Retry-After", "1"),)))
    started = time.monotonic()
    done = run(hub, tmp_path)
    assert done.outcome == "done"
    assert time.monotonic() - started >= 1
    stalled = [event for event in done.events if event.phase == "stalled"]
    assert stalled
    assert stalled[0].message.startswith("stalled, retrying in 1 s: 127.0.0.1 asks to wait")
    assert stalled[0].retry_s == pytest.approx(1, abs=0.3)
    assert not [event for event in done.events if event.phase == "downloading" and event.message]


def test_an_expired_address_is_asked_for_again(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=100_000), Fault(status=403), Fault(status=401), Fault(after=50_000))
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)
    asked = [request for request in hub.log if request.path == SHARD]
    assert [request.place for request in asked] == ["hub", "storage"] * 5
    assert hub.sent_for(SHARD) == len(hub.files[SHARD])


def test_the_token_stays_at_the_hub(hub: FileHub, tmp_path: Path) -> None:
    hub.token = TOKEN
    hub.fail(SHARD, Fault(status=403), Fault(after=10))
    assert run(hub, tmp_path, token=TOKEN).outcome == "done"
    for request in hub.log:
        expected = f"Bearer {TOKEN}" if request.place == "hub" else None
        assert request.headers.get("authorization") == expected
        if request.place == "storage":
            assert TOKEN not in str(request.headers)
    assert any(request.place == "storage" for request in hub.log)
    assert TOKEN not in repr(Access(hub.endpoint, TOKEN))


def test_a_mirror_gets_no_token(hub: FileHub, tmp_path: Path) -> None:
    hub.token = TOKEN
    plan = plan_download(hub.variant, tmp_path)
    download = Download(plan, Access(Endpoint(hub.url), TOKEN), lambda _: None, QUICK)
    assert download.run() == "failed"
    assert isinstance(download.error, AccessDeniedError)
    assert "mirror" in download.error.message
    assert not [request for request in hub.log if "authorization" in request.headers]


@pytest.mark.parametrize(("status", "kind"), [(401, AccessDeniedError), (403, AccessDeniedError), (404, NotFoundError)])
def test_refusals_of_the_hub_end_it(hub: FileHub, tmp_path: Path, status: int, kind: type[Exception]) -> None:
    hub.hub_faults.extend([Fault(status=status)] * 3)
    done = run(hub, tmp_path, token=TOKEN)
    assert done.outcome == "failed"
    assert isinstance(done.download.error, kind)
    assert done.last.phase == "failed"
    assert "org/model@4.0bpw" in done.last.message
    assert done.last.way_out
    hub.hub_faults.clear()
    assert run(hub, tmp_path).outcome == "done"


def test_a_wrong_hash_is_fetched_once_more(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(flip=True))
    hub.fail("config.json", Fault(flip=True))
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)
    assert hub.sent_for(SHARD) == 2 * len(hub.files[SHARD])


@pytest.mark.parametrize("path", [SHARD, "config.json"])
def test_a_hash_that_is_wrong_twice_ends_it(hub: FileHub, tmp_path: Path, path: str) -> None:
    hub.fail(path, Fault(flip=True), Fault(flip=True))
    done = run(hub, tmp_path)
    assert isinstance(done.download.error, DamagedFileError)
    assert path in done.last.message
    assert not (model_folder(tmp_path) / path).exists()
    manifest = read_manifest(model_folder(tmp_path))
    assert manifest is not None
    assert not manifest.is_complete
    assert run(hub, tmp_path).outcome == "done"


def test_a_changed_etag_starts_the_file_again(hub: FileHub, tmp_path: Path) -> None:
    hub.etags[SHARD] = '"old"'
    hub.fail(SHARD, Fault(after=2_000_000), Fault(stall_s=0.1, after=0))
    made = make(hub, tmp_path)
    thread = threading.Thread(target=made.download.run)
    thread.start()
    while sum(1 for request in hub.log if request.path == SHARD and request.place == "storage") < 2:
        time.sleep(0.005)
    hub.etags[SHARD] = '"new"'
    thread.join()
    assert_whole(hub, tmp_path)
    assert hub.sent_for(SHARD) == 2_000_000 + len(hub.files[SHARD])


def test_a_server_without_ranges(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=1_000_001), Fault(ignore_range=True, after=2_000_000), Fault(ignore_range=True))
    done = run(hub, tmp_path)
    assert done.outcome == "done"
    assert_whole(hub, tmp_path)
    reached = [event.done_bytes for event in done.events]
    assert reached == sorted(reached)


def test_wrong_lengths(hub: FileHub, tmp_path: Path) -> None:
    size = len(hub.files[SHARD])
    hub.fail(SHARD, Fault(claim=size + 5), Fault(claim=12, after=12), Fault(after=500_000))
    hub.fail("config.json", Fault(claim=3, after=3))
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)


def test_silence_is_told_and_ends(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=300_000, stall_s=1.5))
    done = run(hub, tmp_path)
    assert done.outcome == "done"
    assert hub.sent_for(SHARD) == len(hub.files[SHARD])
    assert [event for event in done.events if event.phase == "stalled" and event.message.startswith("nothing came for")]


def test_a_drip_is_given_up(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(drip_s=0.02))
    started = time.monotonic()
    assert run(hub, tmp_path).outcome == "done"
    assert time.monotonic() - started < 5
    assert hub.sent_for(SHARD) <= len(hub.files[SHARD]) + 10


def test_pause_keeps_and_resume_goes_on(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=2_500_000, stall_s=10))
    made = make(hub, tmp_path, TransferSettings(margin_bytes=0, report_s=0.02))
    thread = threading.Thread(target=made.download.run)
    thread.start()
    wait_for_bytes(made, 2_500_000 + len(hub.files[SECOND]))
    started = time.monotonic()
    made.download.pause()
    thread.join()
    assert time.monotonic() - started < 0.3
    assert made.last.phase == "paused"
    assert made.last.bytes_per_s == 0
    part = model_folder(tmp_path) / f"{SHARD}.part"
    assert part.stat().st_size == 2_500_000
    again = run(hub, tmp_path)
    assert again.outcome == "done"
    assert_whole(hub, tmp_path)
    assert hub.sent_for(SHARD) == len(hub.files[SHARD])
    assert hub.sent_for(SECOND) == len(hub.files[SECOND])


def test_cancel_leaves_nothing_but_what_is_the_users(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=2_500_000, stall_s=10))
    made = make(hub, tmp_path, TransferSettings(margin_bytes=0, report_s=0.02))
    own = tmp_path / "org" / "notes.txt"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    thread = threading.Thread(target=made.download.run)
    thread.start()
    wait_for_bytes(made, 2_500_000 + len(hub.files[SECOND]))
    started = time.monotonic()
    made.download.cancel()
    thread.join()
    assert time.monotonic() - started < 0.3
    assert made.last.phase == "cancelled"
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "org", own]


def test_cancel_while_nobody_answers(hub: FileHub, tmp_path: Path) -> None:
    hub.always = Fault(status=503, headers=(("Retry-After", "100"),))
    hub.hub_faults.extend([Fault(status=503, headers=(("Retry-After", "100"),))] * 9)
    made = make(hub, tmp_path)
    thread = threading.Thread(target=made.download.run)
    thread.start()
    while not made.events or made.last.phase != "stalled":
        time.sleep(0.01)
    assert made.last.retry_s > 90
    hub.always = None
    hub.hub_faults.clear()
    made.download.reconnect()  # "try now"
    thread.join(5)
    assert made.last.phase == "done"


def test_too_little_space_is_said_before_the_first_byte(
    hub: FileHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=8_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    done = run(hub, tmp_path)
    assert isinstance(done.download.error, NotEnoughSpaceError)
    assert "0.0 GB free" in done.last.message
    assert hub.log == []
    assert read_manifest(model_folder(tmp_path)) is not None


def test_a_drive_that_fills_up(hub: FileHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.write, [4_000_000]

    def write(handle: int, data: memoryview) -> int:
        if len(data) < 1000:
            return real(handle, data)
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        written = real(handle, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write)
    done = run(hub, tmp_path)
    assert isinstance(done.download.error, NotEnoughSpaceError)
    assert "drive is full" in done.last.message
    room[0] = 10**9
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)


def test_two_downloads_into_one_folder(hub: FileHub, tmp_path: Path) -> None:
    folder = plan_download(hub.variant, tmp_path).folder
    with locked_folder(folder):
        done = run(hub, tmp_path)
        assert isinstance(done.download.error, BusyFolderError)
    assert run(hub, tmp_path).outcome == "done"


def test_files_that_vanish_meanwhile_are_not_taken_for_a_model(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=1_000_000), Fault(after=0, stall_s=0.2))
    made = make(hub, tmp_path)
    thread = threading.Thread(target=made.download.run)
    thread.start()
    config = model_folder(tmp_path) / "config.json"
    wait_for_bytes(made, 1_000_000 + len(hub.files[SECOND]))
    config.unlink()
    thread.join()
    assert made.last.phase == "failed"
    assert "vanished" in made.last.message
    assert run(hub, tmp_path).outcome == "done"
    assert_whole(hub, tmp_path)


def test_the_offline_switch_opens_no_connection(hub: FileHub, tmp_path: Path) -> None:
    download = Download(
        plan_download(hub.variant, tmp_path), Access(Endpoint(hub.url, offline=True)), lambda _: None, QUICK
    )
    assert download.run() == "failed"
    assert isinstance(download.error, OfflineError)
    assert hub.log == []


def test_old_bytes_are_verified_visibly_and_damaged_ones_fetched_again(hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=4_000_000, stall_s=5))
    made = make(hub, tmp_path, TransferSettings(margin_bytes=0, report_s=0.02))
    thread = threading.Thread(target=made.download.run)
    thread.start()
    wait_for_bytes(made, 4_000_000 + len(hub.files[SECOND]))
    made.download.pause()
    thread.join()
    part = model_folder(tmp_path) / f"{SHARD}.part"
    with part.open("r+b") as file:
        file.write(b"damage")
    again = make(hub, tmp_path, TransferSettings(margin_bytes=0, report_s=0.0001))
    assert again.download.run() == "done"
    verifying = [event for event in again.events if event.phase == "verifying"]
    assert verifying
    assert max(event.verify_total_bytes for event in verifying) >= 4_000_000
    assert_whole(hub, tmp_path)


def test_a_finished_file_that_no_manifest_knows(hub: FileHub, tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    assert run(hub, tmp_path).outcome == "done"
    shutil.rmtree(folder / ".espalier")
    made = Download(
        replace(plan_download(hub.variant, tmp_path), folder=folder), Access(hub.endpoint), lambda _: None, QUICK
    )
    sent = hub.sent_for(SHARD)
    assert made.run() == "done"
    assert hub.sent_for(SHARD) == sent
    assert_whole(hub, tmp_path)
