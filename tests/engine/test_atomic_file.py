"""The old content or the new one, whatever happens, and nothing left beside it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.atomic_file import beside_of, replace_file

WAYS = [
    {}, {"is_durable": False}, {"is_shared": True}, {"is_shared": True, "is_durable": False}, {"is_private": True},
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_it_writes_and_leaves_nothing_else(tmp_path: Path, way: dict[str, bool]) -> None:
    path = tmp_path / "record.json"
    beside_of(path).write_bytes(b"of a crash") if not way.get("is_shared") else None
    for data in (b"one", b"", b"two" * 100_000):
        replace_file(path, data, **way)
        assert path.read_bytes() == data
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_failure_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: dict[str, bool], step: str
) -> None:
    path = tmp_path / "record.json"
    replace_file(path, b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "rename":
        monkeypatch.setattr(Path, "replace", refuse)
    elif way.get("is_durable", True):
        monkeypatch.setattr(os, "fsync", refuse)
    else:
        return
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new", **way)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="modes of files are a matter of other systems")
def test_a_private_file_is_private_from_the_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    real = os.fsync
    path = tmp_path / "token"

    def look(handle: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        real(handle)

    monkeypatch.setattr(os, "fsync", look)
    before = os.umask(0)
    try:
        replace_file(path, b"secret", is_private=True)
    finally:
        os.umask(before)
    assert modes[0] == stat.S_IMODE(path.stat().st_mode) == 0o600


def test_several_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "shared"
    contents = [bytes([number]) * 50_000 for number in range(8)]
    failures: list[BaseException] = []

    def write(data: bytes) -> None:
        try:
            for _ in range(20):
                replace_file(path, data, is_shared=True, is_durable=False)
                assert path.read_bytes() in contents
        except (OSError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_a_whole_file(tmp_path: Path, project_root: Path) -> None:
    path = tmp_path / "record"
    program = (
        "import sys; from pathlib import Path; from engine.atomic_file import replace_file\n"
        "path = Path(sys.argv[1]); replace_file(path, b'a' * 500_000); print('ready', flush=True)\n"
        "while True:\n    for letter in (b'b', b'a'):\n        replace_file(path, letter * 500_000, is_durable=False)\n"
    )
    for _ in range(3):
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(command, cwd=project_root, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            running.stdout.readline()
            running.kill()
        assert path.read_bytes() in (b"a" * 500_000, b"b" * 500_000)
