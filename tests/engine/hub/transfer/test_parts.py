"""The pieces of a transfer by themselves: waits, speed, records, hashes, and parts after a power cut."""

from __future__ import annotations

import hashlib
import os
import random
from dataclasses import replace
from email.message import Message
from http.client import HTTPMessage
from pathlib import Path

import pytest

from engine.hub.transfer import part_file
from engine.hub.transfer.atomic_json import read_json, write_json
from engine.hub.transfer.digest import FileDigest, digest_file
from engine.hub.transfer.errors import NotEnoughSpaceError, TransferError, disk_error
from engine.hub.transfer.pace import BackOff, RetryClock, SpeedMeter
from engine.hub.transfer.part_file import BUFFER_BYTES, PartFile
from engine.hub.transfer.plan import DownloadPlan, plan_from_json
from engine.hub.transfer.sidecar import read_sidecar, sidecar_path, write_sidecar
from engine.hub.transfer.source import retry_after_s
from engine.hub.types import RepoFile, RepoId

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def quiet(_: int) -> None:
    pass


def test_waits_grow_to_a_limit_and_begin_anew_after_progress() -> None:
    clock = RetryClock(BackOff(1, 60), random.Random(1))
    waits = [clock.next_wait_s() for _ in range(60)]
    for number, wait in enumerate(waits):
        top = min(60, 2**number)
        assert top / 2 <= wait <= top
    assert len({round(wait, 6) for wait in waits[10:]}) > 40  # drawn by lot
    clock.progressed()
    assert clock.next_wait_s() <= 1
    assert clock.next_wait_s(asked_s=500) == 500
    assert clock.next_wait_s(asked_s=10**9) == 3600
    clock.progressed()
    assert clock.next_wait_s(at_once=True) == 0
    assert clock.next_wait_s(at_once=True) > 0


def test_speed_is_that_of_the_last_five_seconds() -> None:
    meter = SpeedMeter(100.0)
    for tenth in range(100):
        meter.add(1_000, 100 + tenth / 10)
    assert meter.bytes_per_s(110.0) == pytest.approx(10_000, rel=0.06)
    assert meter.bytes_per_s(112.5) == pytest.approx(5_000, rel=0.1)
    assert meter.bytes_per_s(115.1) == 0
    meter = SpeedMeter(0.0)
    meter.add(1_000, 1.0)
    assert meter.bytes_per_s(1.0) == 1_000  # of a second that has passed, not of five


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"}, 20),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"RateLimit": '"resolvers";r=0;t=42'}, 42),
        ({"RateLimit": '"resolvers";r=12;t=42'}, None),
        ({}, None),
    ],
)
def test_what_servers_ask_for(headers: dict[str, str], expected: float | None) -> None:
    message = HTTPMessage(Message().policy)
    for name, value in headers.items():
        message[name] = value
    assert retry_after_s(message, now=100) == expected


def test_records_are_the_old_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"a": 1})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))
        with pytest.raises(OSError, match="I/O"):
            write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    path.write_text("[1]")
    assert read_json(path) is None


def test_hashes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"hello\n")
    # `printf 'hello\n' | git hash-object --stdin`
    small = RepoFile("x", 6, None, "ce013625030ba8dba906f756967f9e9ca394464a")
    assert digest_file(path, small, quiet).is_right
    assert not FileDigest(small).is_right
    large = RepoFile("x", 6, hashlib.sha256(b"hello\n").hexdigest().upper(), "0" * 40, is_lfs=True)
    assert digest_file(path, large, quiet).is_right
    pointer = RepoFile("x", 6, None, "0" * 40, is_lfs=True)  # the blob is the pointer's: nothing to go by
    assert digest_file(path, pointer, quiet).expected is None


def write_part(part: Path, file: RepoFile, data: bytes) -> None:
    with PartFile(part, file, quiet) as growing:
        growing.begin('"x"')
        for at in range(growing.num_bytes, len(data), BUFFER_BYTES):
            buffer = growing.buffer()
            piece = data[at : at + BUFFER_BYTES]
            buffer[: len(piece)] = piece
            growing.put(buffer, len(piece))
        growing.flush()
        growing._collect_checkpoint(wait=True)


def test_after_a_power_cut_only_flushed_bytes_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_file, "CHECKPOINT_BYTES", 2 * BUFFER_BYTES)
    data = os.urandom(5 * BUFFER_BYTES + 123)
    file = RepoFile("m", len(data) + 1, "0" * 64, is_lfs=True)
    part = tmp_path / "m.part"
    write_part(part, file, data)
    sidecar = read_sidecar(part)
    assert sidecar is not None
    assert 2 * BUFFER_BYTES <= sidecar.safe_bytes <= len(data)
    with PartFile(part, file, quiet) as growing:  # killed, and started again: everything counts
        assert (growing.num_bytes, growing.etag) == (len(data), '"x"')
    with part.open("r+b") as damaged:  # what a power cut may leave
        damaged.seek(sidecar.safe_bytes)
        damaged.write(bytes(len(data) - sidecar.safe_bytes))
    write_sidecar(part, replace(sidecar, boot="another"))
    with PartFile(part, file, quiet) as growing:
        assert growing.num_bytes == sidecar.safe_bytes
        assert growing.digest.hexdigest() == hashlib.sha256(data[: sidecar.safe_bytes]).hexdigest()
    assert part.stat().st_size == sidecar.safe_bytes
    with part.open("r+b") as damaged:  # and what a bad disk may do
        damaged.seek(sidecar.checkpoints[0].num_bytes - 1)
        damaged.write(bytes([data[sidecar.checkpoints[0].num_bytes - 1] ^ 1]))
    with PartFile(part, file, quiet) as growing:
        assert growing.num_bytes == 0


def test_parts_of_another_file_are_thrown_away(tmp_path: Path) -> None:
    part = tmp_path / "m.part"
    file = RepoFile("m", 100, "0" * 64, is_lfs=True)
    write_part(part, file, b"x" * 50)
    for other in (replace(file, size=101), replace(file, sha256="1" * 64)):
        with PartFile(part, other, quiet) as growing:
            assert growing.num_bytes == 0
        write_part(part, file, b"x" * 50)
    sidecar_path(part).write_text("{}")
    with PartFile(part, file, quiet) as growing:
        assert growing.num_bytes == 0


def test_plans_are_checked(tmp_path: Path) -> None:
    repo = RepoId("org", "model")
    plan = DownloadPlan(repo, "main", COMMIT, (RepoFile("a/b.json", 3, None, "0" * 40),), tmp_path)
    assert plan_from_json(plan.as_json(), tmp_path) == plan
    for key, value in {"repo": "x", "branch": "..", "commit": "main", "files": [{"path": "../x"}]}.items():
        assert plan_from_json(plan.as_json() | {key: value}, tmp_path) is None
    for names in (("A.json", "a.json"), ("m.part",), ("m.part.json",), (".espalier/manifest.json",), ()):
        with pytest.raises(TransferError):
            DownloadPlan(repo, "main", COMMIT, tuple(RepoFile(name, 1) for name in names), tmp_path)


def test_words_about_disks(tmp_path: Path) -> None:
    assert isinstance(disk_error(OSError(28, "No space"), tmp_path), NotEnoughSpaceError)
    assert "file system" in disk_error(OSError(27, "File too large"), tmp_path).message
    assert "Permission denied" in disk_error(PermissionError(13, "Permission denied"), tmp_path).message
