"""A few kills at random moments; `python -m tests.benchmarks.kills` does a thousand."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.kills import kill_again_and_again


def test_killed_at_any_moment_it_loses_less_than_a_second(tmp_path: Path) -> None:
    report = kill_again_and_again(tmp_path, 25, seed=3)
    assert report.faults == []
    assert report.kills == 25
    assert report.messages > 100  # the writers did write
    assert max(report.lost_s) > 0.05  # and some were cut in the middle
