"""A hub at which nearly everything goes wrong: in the end every file is right, and next to nothing was fetched twice.

The short form of `tests/benchmarks/fault_run.py`, which has a thousand faults.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.fault_run import MOST_PER_KILL, MOST_SHARE, FaultResult, FaultRun, run

FEW = FaultRun(
    num_faults=60, num_kills=2, seed=5, shard_bytes=(60_000_000, 40_000_000, 20_000_000, 500_000)
)  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> FaultResult:
    return run(FEW, tmp_path_factory.mktemp("faults"))


def test_all_faults_happened(result: FaultResult) -> None:
    assert result.num_faults >= 60
    assert len(result.kill_losses) == 2
    assert {"drop", "429", "500", "length", "norange"} <= result.counts.keys()


def test_every_file_is_right_and_no_half_model_was_offered(result: FaultResult) -> None:
    assert result.wrong == []
    assert result.num_models >= 1


def test_next_to_nothing_is_fetched_twice(result: FaultResult) -> None:
    assert result.twice_share <= MOST_SHARE, result.lines()
    assert max(result.kill_losses) <= MOST_PER_KILL


def test_the_count_finds_what_is_wrong() -> None:
    good = FaultResult(total_bytes=1000, sent_bytes=1020 + MOST_PER_KILL, kill_losses=[MOST_PER_KILL])
    assert good.is_good
    for bad in (
        FaultResult(total_bytes=1000, sent_bytes=1021),
        FaultResult(total_bytes=1000, sent_bytes=1000, kill_losses=[MOST_PER_KILL + 1]),
        FaultResult(total_bytes=1000, sent_bytes=1000, wrong=["x"]),
    ):
        assert not bad.is_good
