"""The measurement of a download's speed measures a download."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.benchmarks import loopback


def test_a_small_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_001))
    found = loopback.measure(source, tmp_path / "model")
    assert (tmp_path / "model" / loopback.NAME).read_bytes() == source.read_bytes()
    assert found.mb_per_s == pytest.approx(3.000001 / found.seconds)


def test_the_floor_is_kept_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--megabytes", "2", "--tries", "1", "--folder", str(tmp_path), "--floor"]
    assert loopback.main([*command, "0"]) == 0
    assert loopback.main([*command, "1e9"]) == 1
    assert "the floor is" in capsys.readouterr().out
