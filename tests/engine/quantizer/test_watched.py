"""A conversion in a process of its own: its lines, a pause after a block, its end with the one that watches."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from engine.quantizer.command import convert_model
from engine.quantizer.converter import ConvertRequest
from engine.quantizer.messages import Failure, Message, Paused, from_line, to_line
from engine.quantizer.progress import Advance, Estimate, Event, Finished, ModuleReport, TensorReport
from tests.oracles.tiny_models import make_plain, random_ids, write_tokenizer

VOCAB = 320
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    sizes = {"hidden_size": 128, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    make_plain(folder, LlamaConfig(vocab_size=VOCAB, **sizes, max_position_embeddings=256))
    write_tokenizer(folder, VOCAB)
    (folder.parent / "words.txt").write_text(" ".join(f"t{i}" for i in random_ids(3000, VOCAB, seed=5)))
    return folder


@pytest.fixture
def start(source: Path, tmp_path: Path, project_root: Path) -> Iterator[Start]:
    children: list[subprocess.Popen[str]] = []

    def begin(name: str, *more: str) -> subprocess.Popen[str]:
        command = [
            sys.executable, str(project_root / "main.py"), "convert", "-i", str(source), "-o", str(tmp_path / name),
            "-b", "2", "-cr", "4", "-cc", "64", "--calibration", str(source.parent / "words.txt"),
            "--progress-json", *more,
        ]  # fmt: skip
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.communicate()


def request(source: Path, target: Path, **more: Any) -> ConvertRequest:
    return ConvertRequest(source, target, 2.0, calibration=source.parent / "words.txt", rows=4, columns=64, **more)


def told(child: subprocess.Popen[str]) -> list[Message]:
    assert child.stdout is not None
    found = [from_line(line) for line in child.stdout]
    assert None not in found
    return [message for message in found if message is not None]


def test_a_pause_keeps_the_block_in_hand(start: Start, tmp_path: Path) -> None:
    child = start("parts", "-hb", "16")
    assert child.stdin is not None
    child.stdin.write("pause\n")
    child.stdin.flush()
    messages = told(child)
    assert isinstance(messages[0], Estimate)
    assert messages[-1] == Paused()
    assert [each.name for each in messages if isinstance(each, ModuleReport)] == ["block 0"]
    assert child.wait() == 0
    kept = {path.name for path in (tmp_path / "parts.work").iterdir()}
    assert kept >= {"job.json", "module-00001.safetensors", "module-00001.json", "state-00001.safetensors"}
    assert not any("00002" in name for name in kept)


def test_it_ends_when_nobody_watches_any_more(start: Start, tmp_path: Path) -> None:
    child = start("left")
    assert child.stdin is not None
    assert child.stdout is not None
    assert isinstance(from_line(child.stdout.readline()), Estimate)
    child.stdin.close()
    child.stdin = None
    assert child.wait(timeout=20) == 1
    assert not (tmp_path / "left").exists()


def test_a_dry_run_says_what_it_takes_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    assert convert_model(request(source, tmp_path / "dry"), io.StringIO(), events.append, dry_run=True) == 0
    (estimate,) = events
    assert isinstance(estimate, Estimate)
    assert estimate.memory_bytes > 0
    said = io.StringIO()
    convert_model(request(source, tmp_path / "dry"), said, dry_run=True)
    assert said.getvalue().startswith("Needs about ")
    assert list(tmp_path.iterdir()) == []


MESSAGES: list[Message] = [
    Estimate(1, 2, 3, 4.5),
    Advance("block 3", 10, 20, 1.5),
    ModuleReport("block 0", (TensorReport("a.b", 3, 0.01), TensorReport("ü 🌳\n", 4, 0.02)), 1e-3, 2.0, True),
    Finished(3.01, 9, 4.0, (ModuleReport("head", (), 0.0, 1.0),)),
    Paused(),
    Failure("WriteError", "It\nis full.", "Free “some”."),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: type(each).__name__)
def test_a_message_comes_back_from_its_line(message: Message) -> None:
    line = to_line(message)
    assert line.isascii()
    assert "\n" not in line
    assert from_line(line) == message


@pytest.mark.parametrize("line", ["", "a warning", "[]", "3", '{"event": "Unknown"}', '{"event": "Advance"}', "{}"])
def test_what_is_no_message_is_left_out(line: str) -> None:
    assert from_line(io.StringIO(line).readline()) is None
