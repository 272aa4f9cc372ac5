"""Every byte in its place, whichever way it is written and wherever the file began."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.hub.transfer.disk_writer import BLOCK_BYTES, BUFFER_BYTES, NUM_BUFFERS, DiskWriter

Write = Callable[[int, memoryview], int]


def write_all(path: Path, data: bytes, pieces: list[int], start: int = 0) -> list[OSError | None]:
    """Writes `data` from `start` on in pieces of these sizes; returns the writer's error."""
    with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
        file.seek(start)
        writer = DiskWriter(file.fileno(), start)
        at = 0
        for size in pieces:
            if writer.error is not None:
                break
            buffer = writer.buffer()
            piece = data[at : at + size]
            buffer[: len(piece)] = piece
            writer.put(buffer, len(piece))
            at += size
        writer.close()
        return [writer.error]


@pytest.mark.parametrize("start", [0, 1, BLOCK_BYTES, BLOCK_BYTES * 3 + 77])
def test_pieces_of_all_sizes(tmp_path: Path, start: int) -> None:
    path = tmp_path / "x"
    before = os.urandom(start)
    path.write_bytes(before)
    first = BUFFER_BYTES - start % BLOCK_BYTES
    pieces = [first, BUFFER_BYTES, 3, BUFFER_BYTES - 3, BUFFER_BYTES, 200_001, BLOCK_BYTES, BUFFER_BYTES, 0, 1]
    data = os.urandom(sum(pieces))
    assert write_all(path, data, pieces, start) == [None]
    assert path.read_bytes() == before + data


@pytest.mark.skipif(sys.platform != "linux", reason="writing past the cache is done on Linux alone")
@pytest.mark.parametrize("refusal", ["switch", "write"])
def test_a_file_system_that_knows_no_direct_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str) -> None:
    import fcntl

    refused = [0]
    real_fcntl, real_write = fcntl.fcntl, os.write

    def control(handle: int, command: int, flags: int = 0) -> int:
        if refusal == "switch" and command == fcntl.F_SETFL and flags & os.O_DIRECT:
            refused[0] += 1
            raise OSError(errno.EINVAL, "no")
        return real_fcntl(handle, command, flags)

    def write(handle: int, data: memoryview) -> int:
        if refusal == "write" and real_fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT:
            refused[0] += 1
            raise OSError(errno.EINVAL, "no")
        return real_write(handle, data)

    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "write", write)
    data = os.urandom(3 * BUFFER_BYTES)
    assert write_all(tmp_path / "x", data, [BUFFER_BYTES] * 3) == [None]
    assert (tmp_path / "x").read_bytes() == data
    assert refused == [1]  # asked once and never again


def test_short_writes_leave_no_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[: max(1, len(data) // 3)]))
    data = os.urandom(2 * BUFFER_BYTES)
    with (tmp_path / "x").open("wb", buffering=0) as file:
        writer = DiskWriter(file.fileno(), 0)
        writer._direct.works = False  # a part of a block cannot go straight to the disk
        for at in (0, BUFFER_BYTES):
            buffer = writer.buffer()
            buffer[:] = data[at : at + BUFFER_BYTES]
            writer.put(buffer, BUFFER_BYTES)
        writer.close()
    assert (tmp_path / "x").read_bytes() == data


def test_after_a_failure_nothing_more_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [0]
    real = os.write

    def write(handle: int, data: memoryview) -> int:
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(errno.ENOSPC, "full")
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    data = os.urandom(BUFFER_BYTES)
    with (tmp_path / "x").open("wb", buffering=0) as file:
        writer = DiskWriter(file.fileno(), 0)
        for _ in range(NUM_BUFFERS):
            buffer = writer.buffer()
            buffer[:] = data
            writer.put(buffer, BUFFER_BYTES)
        with pytest.raises(OSError, match="full"):
            writer.drain()
        with pytest.raises(OSError, match="full"):
            writer.buffer()
        writer.close()
    assert (tmp_path / "x").read_bytes() == data
