"""`main.py download` as a user meets it, and the words of its progress line."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.hub.download_command import ProgressLine, amount, describe, duration
from engine.hub.transfer.events import DownloadProgress
from tests.fakes.file_hub import FileHub, serving
from tests.fakes.sending import Fault

SHARD = "model.safetensors"
TOKEN = "hf_secret"


@pytest.fixture
def hub() -> Iterator[FileHub]:
    files = {"config.json": b'{"model_type": "llama"}', SHARD: os.urandom(2_000_000), "README.md": b"#"}
    with serving(FileHub(files, frozenset({SHARD}))) as running:
        yield running


def command(root: Path, hub: FileHub, folder: Path, *more: str, token: str = "") -> subprocess.Popen[str]:
    settings = {"HF_TOKEN": token, "XDG_DATA_HOME": str(folder / "data"), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        [sys.executable, "main.py", "download", *more, "--to", str(folder), "--endpoint", hub.url],
        cwd=root, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


def run(root: Path, hub: FileHub, folder: Path, *more: str, token: str = "") -> tuple[int, str, str]:
    with command(root, hub, folder, *more, token=token) as program:
        output, errors = program.communicate(timeout=30)
        return program.returncode, output, errors


def test_a_model_is_fetched(project_root: Path, hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=500_000))
    code, output, errors = run(project_root, hub, tmp_path, "org/model@4.0bpw")
    assert (code, errors) == (0, "")
    folder = tmp_path / "org" / "model-4.0bpw"
    assert (folder / SHARD).read_bytes() == hub.files[SHARD]
    lines = output.splitlines()
    assert lines[0] == f"org/model@4.0bpw: 2.0 MB to {folder}"
    assert lines[-1] == f"Downloaded and verified: {folder}"
    assert any(line.startswith("done  100 %") for line in lines)
    assert hub.sent_for(SHARD) == len(hub.files[SHARD])


def test_ended_by_ctrl_c_it_goes_on_when_it_is_run_again(project_root: Path, hub: FileHub, tmp_path: Path) -> None:
    hub.fail(SHARD, Fault(after=700_000, stall_s=20))
    part = tmp_path / "org" / "model-4.0bpw" / f"{SHARD}.part"
    with command(project_root, hub, tmp_path, "org/model") as program:
        deadline = time.monotonic() + 20
        while not part.exists() or part.stat().st_size < 700_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        program.send_signal(signal.SIGINT)
        output, errors = program.communicate(timeout=10)
        assert (program.returncode, errors) == (130, "")
    assert "Run the same command again" in output
    code, output, errors = run(project_root, hub, tmp_path, "org/model")
    assert (code, errors) == (0, "")
    assert hub.sent_for(SHARD) == len(hub.files[SHARD])


def test_errors_say_what_to_do(project_root: Path, hub: FileHub, tmp_path: Path) -> None:
    code, output, errors = run(project_root, hub, tmp_path, "org/model@5.0bpw")
    assert (code, output) == (1, "")
    assert errors.splitlines() == ["Error: org/model has no branch 5.0bpw.", "Choose one of: 4.0bpw."]
    code, _, errors = run(project_root, hub, tmp_path, "nonsense")
    assert code == 1
    assert "nonsense" in errors.splitlines()[0]
    hub.token = TOKEN
    code, _, errors = run(project_root, hub, tmp_path, "org/model", token=TOKEN)
    assert code == 1
    assert "token" in errors
    assert TOKEN not in str([request.headers for request in hub.log])


def test_the_token_of_the_environment(project_root: Path, hub: FileHub, tmp_path: Path) -> None:
    hub.token = TOKEN
    code, output, errors = run(project_root, hub, tmp_path, "org/model", "--own-server", token=TOKEN)
    assert (code, errors) == (0, "")
    assert TOKEN not in output
    assert all("authorization" not in request.headers for request in hub.log if request.place == "storage")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_on_a_terminal_is_one_line() -> None:
    terminal = Terminal()
    line = ProgressLine(terminal)
    for done in (0, 50, 100):
        line.show(DownloadProgress("", "downloading", done, 100, 10.0))
    line.end()
    assert terminal.getvalue().count("\n") == 1
    assert "100 %" in terminal.getvalue().split("\r")[-1]


def test_words() -> None:
    going = DownloadProgress("", "downloading", 3_100_000_000, 7_400_000_000, 52_000_000.0)
    assert describe(going) == "downloading  41 %  3.10 GB of 7.40 GB, 52.0 MB/s, 1 min 23 s left"
    dripping = DownloadProgress("", "downloading", 3_100_000_000, 7_400_000_000, 19.0)
    assert describe(dripping).endswith(", 19 B/s")
    stalled = DownloadProgress("", "stalled", 1, 4, message="stalled, retrying in 8 s: no answer")
    assert describe(stalled) == "stalled  25 %  1 B of 4 B, stalled, retrying in 8 s: no answer"
    checked = DownloadProgress("", "verifying", 9, 10, verify_done_bytes=4_500, verify_total_bytes=9_000)
    assert describe(checked) == "verifying  50 %  4 kB of 9 kB"
    assert (amount(0), amount(12_345_678), duration(59), duration(7_260)) == ("0 B", "12.3 MB", "59 s", "2 h 1 min")
