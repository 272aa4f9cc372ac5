"""The command line as a user meets it: `chat` and `bench` on the demo model, help, and errors with an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.evaluation.speed import DECODE_BATCHES, DECODE_CONTEXTS, PREFILL_TOKENS


def run(root: Path, *arguments: str, text: str = "", timeout: float = 250) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=root, input=text, capture_output=True, encoding="utf-8", timeout=timeout, check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def test_help(project_root: Path) -> None:
    result = run(project_root, "--help")
    assert result.returncode == 0
    assert "chat" in result.stdout
    assert "bench" in result.stdout
    for command in ("chat", "bench"):
        result = run(project_root, command, "--help")
        assert result.returncode == 0
        assert "MODEL" in result.stdout
        assert "--cache-tokens" in result.stdout


def test_unknown_commands(project_root: Path) -> None:
    result = run(project_root, "frobnicate")
    assert result.returncode == 2
    assert "frobnicate" in result.stderr


@pytest.mark.parametrize("command", ["chat", "bench"])
def test_a_wrong_folder(project_root: Path, tmp_path: Path, command: str) -> None:
    for place in (tmp_path, tmp_path / "no such folder"):
        result = run(project_root, command, str(place))
        assert result.returncode == 1
        lines = result.stderr.splitlines()
        assert lines[0].startswith("Error: ")
        assert str(place) in lines[0]
        assert len(lines) == 2  # what happened, and the way out: no traceback
        assert result.stdout == ""


def test_a_wrong_device(project_root: Path, demo_model: Path) -> None:
    result = run(project_root, "chat", str(demo_model), "--device", "cuda:0")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")


def test_chat(project_root: Path, demo_model: Path) -> None:
    options = ("--temperature", "0", "--max-new-tokens", "20", "--seed", "1", "--cache-tokens", "512")
    lines = "Hello\n\nWhat is a bicycle?\n/new\nHello\n/quit\nnot reached\n"
    result = run(project_root, "chat", str(demo_model), *options, text=lines)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    replies = result.stdout.split("\n> ")
    assert len(replies) == 7  # the greeting, and one prompt for each line up to /quit
    assert "EXL3" in replies[0]
    assert "tokens/s" in replies[1]
    assert replies[2] == ""
    assert "tokens/s" in replies[3]
    assert replies[5].split("\n[")[0] == replies[1].split("\n[")[0] != ""  # started over: the same greedy reply


def test_chat_ends_with_its_input(project_root: Path, demo_model: Path) -> None:
    result = run(project_root, "chat", str(demo_model), "--cache-tokens", "256", text="")
    assert result.returncode == 0, result.stderr


def test_chat_says_when_the_context_is_full(project_root: Path, demo_model: Path) -> None:
    text = "word " * 400 + "\nHello\n/quit\n"
    result = run(project_root, "chat", str(demo_model), "--cache-tokens", "256", "--max-new-tokens", "5", text=text)
    assert result.returncode == 0
    assert "Error: " in result.stderr
    assert "256" in result.stderr
    assert "tokens/s" in result.stdout  # the next, shorter message is answered


def test_chat_with_a_quantized_cache(project_root: Path, demo_model: Path) -> None:
    options = ("--cache-tokens", "256", "--cache-bits", "8,4", "--max-new-tokens", "5", "--temperature", "0")
    result = run(project_root, "chat", str(demo_model), *options, text="Hello\n/quit\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert "tokens/s" in result.stdout


@pytest.mark.parametrize(("bits", "code"), [("9", 1), ("16,4", 1), ("four", 2), ("8,8,8", 2)])
def test_widths_of_the_cache_that_there_are_not(project_root: Path, demo_model: Path, bits: str, code: int) -> None:
    result = run(project_root, "chat", str(demo_model), "--cache-bits", bits, text="Hello\n")
    assert result.returncode == code
    assert "bits" in result.stderr


def test_bad_settings_are_refused(project_root: Path, demo_model: Path) -> None:
    result = run(project_root, "chat", str(demo_model), "--temperature", "-1", text="Hello\n")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: temperature")


def test_bench(project_root: Path, demo_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    result = run(project_root, "bench", str(demo_model), "--json", str(path), "--cache-tokens", "2560", timeout=280)
    assert result.returncode == 0, result.stderr
    values = json.loads(path.read_text(encoding="utf-8"))
    assert values["architecture"] in result.stdout
    for key in ("load_s", "weights_bytes", "cache_bytes", "memory_used_bytes"):
        assert values[key] > 0
    figures = [("prefill", each["tokens"]) for each in values["prefill"]]
    figures += [("decode", each["context"], each["batch"]) for each in values["decode"]]
    assert all(each["tokens_per_s"] > 1 for each in values["prefill"] + values["decode"])
    assert ("prefill", 512) in figures
    assert ("decode", 0, 1) in figures
    assert ("decode", 0, 8) in figures
    wanted = len(PREFILL_TOKENS) + len(DECODE_CONTEXTS) * len(DECODE_BATCHES)
    assert len(figures) + len(values["skipped"]) == wanted
    for line in values["skipped"]:
        assert f"left out: {line}" in result.stdout


def test_bench_into_a_missing_folder(project_root: Path, demo_model: Path, tmp_path: Path) -> None:
    result = run(project_root, "bench", str(demo_model), "--json", str(tmp_path / "missing" / "speed.json"))
    assert result.returncode == 1
    assert "missing" in result.stderr
