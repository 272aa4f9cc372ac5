"""What several files at work are told as: one phase that is true of the whole."""

from __future__ import annotations

from pathlib import Path

from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.file_state import FileState
from engine.hub.transfer.pace import SpeedMeter
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.reporting import Reporter
from engine.hub.transfer.settings import TransferSettings
from engine.hub.types import RepoFile, RepoId

LARGE, SMALL = 100_000_000, 967


def told(large: FileState, small: FileState) -> DownloadProgress:
    events: list[DownloadProgress] = []
    files = (RepoFile("model.safetensors", LARGE), RepoFile("config.json", SMALL))
    plan = DownloadPlan(RepoId("o", "n"), "main", "a" * 40, files, Path("folder"))
    Reporter("x", plan, [large, small], SpeedMeter(0.0), TransferSettings(), events.append).report()
    return events[-1]


def test_a_small_file_at_its_end_does_not_stand_for_the_whole() -> None:
    large, small = FileState("model.safetensors", LARGE, 0), FileState("config.json", SMALL, 0)
    small.verify(SMALL, hashed=SMALL)
    assert told(large, small).phase == "downloading"
    large.wait("the hub answers 500", 0, 1e12)
    assert told(large, small).phase == "stalled"


def test_hashing_is_told_while_it_lasts_and_at_the_end() -> None:
    large, small = FileState("model.safetensors", LARGE, LARGE), FileState("config.json", SMALL, 0)
    large.verify(LARGE, hashed=LARGE // 2)
    found = told(large, small)
    assert (found.phase, found.verify_done_bytes, found.verify_total_bytes) == ("verifying", LARGE // 2, LARGE)
    large.verify(LARGE, hashed=LARGE)
    small.finish()
    assert told(large, small).phase == "verifying"
