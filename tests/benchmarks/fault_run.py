"""Downloads models from a hub at which nearly everything goes wrong, kills the program now and then, and counts.

    python -m tests.benchmarks.fault_run [--faults 1000] [--kills 40] [--seed 1]

Faults are drawn by lot, the same for the same seed as far as threads allow. Ends with 1 where a file is not right to
the bit, a half model is offered, or more was fetched twice than allowed. Knows nothing of windows.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from engine.hub.client import HubClient
from engine.hub.model_store import installed_models, unfinished_downloads
from engine.hub.queue import DownloadQueue
from engine.hub.transfer.cleaning import remove_download
from engine.hub.transfer.manifest import read_manifest
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.source import Access
from engine.hub.types import RepoId
from engine.hub.variants import list_variants
from tests.fakes.hub import Chaos, FakeHub
from tests.fakes.hub_content import DEMO, shard
from tests.fakes.metadata_hub import FakeRepo
from tests.fakes.sending import Request

ROOT = Path(__file__).parents[2]
MOST_SHARE = 0.02  # of all bytes, that may be fetched twice
MOST_PER_KILL = 4 * 1024 * 1024
REPO = RepoId("org", "Faulty-exl3")
LONGEST_S = 1800.0
# Works off the queue at argv[1] from the hub at argv[2], and tells when it begins and how it ended.
PROGRAM = """
import sys, threading
from pathlib import Path
from engine.hub.endpoint import Endpoint
from engine.hub.queue import DownloadQueue
from engine.hub.transfer.pace import BackOff
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
settings = TransferSettings(margin_bytes=0, read_s=0.5, back_off=BackOff(0.005, 0.05))
access = Access(Endpoint(sys.argv[2], is_own=True), "hf_good")
ended = threading.Event()
def watch(event):
    if event.phase in ("done", "failed", "paused", "cancelled"):
        ended.set()
print("begun", flush=True)
queue = DownloadQueue(Path(sys.argv[1]), lambda: access, watch, settings)
ended.wait()
queue.close()
print(*(f"{entry.state} {entry.message}" for entry in queue.entries()), flush=True)
"""


@dataclass(frozen=True)
class FaultRun:
    """How much is to go wrong.

    Attributes:
        num_faults: kills included.
        shard_bytes: of the shards of one model; small files come with them. Models follow each other until all
            faults have happened.
    """

    num_faults: int = 1000
    num_kills: int = 40
    seed: int = 1
    shard_bytes: tuple[int, ...] = (60_000_000, 60_000_000, 45_000_000, 45_000_000, 30_000_000, 700_000)
    share: float = 0.95


@dataclass
class FaultResult:
    """What happened.

    Attributes:
        kill_losses: bytes that the hub had sent and no file had, for each kill.
        wrong: everything that should not be, in words.
    """

    counts: dict[str, int] = field(default_factory=dict)
    kill_losses: list[int] = field(default_factory=list)
    num_models: int = 0
    total_bytes: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def num_faults(self) -> int:
        return sum(self.counts.values()) + len(self.kill_losses)

    @property
    def twice_bytes(self) -> int:
        """Sent beyond what the files hold, kills included."""
        return self.sent_bytes - self.total_bytes

    @property
    def twice_share(self) -> float:
        """Of all bytes, what was fetched twice for another reason than a kill, which has a limit of its own."""
        return (self.twice_bytes - sum(self.kill_losses)) / max(self.total_bytes, 1)

    @property
    def is_good(self) -> bool:
        losses_fit = all(loss <= MOST_PER_KILL for loss in self.kill_losses)
        return not self.wrong and losses_fit and self.twice_share <= MOST_SHARE

    def lines(self) -> list[str]:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        losses = sorted(self.kill_losses) or [0]
        return [
            f"{self.num_faults} faults: {kinds}, kill {len(self.kill_losses)}",
            f"{self.num_models} models of together {self.total_bytes / 1e6:.0f} MB in {self.seconds:.0f} s",
            f"fetched twice: {self.twice_bytes / 1e6:.1f} MB; without what kills lost, {100 * self.twice_share:.2f} %",
            f"lost by a kill: {losses[len(losses) // 2] / 1e6:.2f} MB in the middle, {losses[-1] / 1e6:.2f} MB at most",
            *(f"WRONG: {each}" for each in self.wrong),
        ]


def run(order: FaultRun, folder: Path) -> FaultResult:
    """Downloads model after model below `folder` until all faults have happened."""
    lot, result, began = random.Random(order.seed), FaultResult(), time.monotonic()
    files = _model(order)
    chaos = Chaos(order.seed, order.share, most=order.num_faults - order.num_kills, drop_bytes=3_000_000)
    with FakeHub(FakeRepo(str(REPO), {"main": files}, gated="auto"), sign_s=60.0) as hub:
        hub.chaos = chaos
        while chaos.num_faults < (chaos.most or 0) or len(result.kill_losses) < order.num_kills:
            result.num_models += 1
            # A kill is asked of each model until all have been.
            _Round(hub, lot, result, folder / str(result.num_models)).run(order.num_kills)
            chaos.forget_files()
            if result.wrong or time.monotonic() - began > LONGEST_S:
                break
        result.counts = dict(chaos.counts)
    result.seconds = time.monotonic() - began
    return result


def _model(order: FaultRun) -> dict[str, bytes]:
    small = {path.name: path.read_bytes() for path in sorted(DEMO.glob("*.json"))}
    count = len(order.shard_bytes)
    shards = {
        f"model-{i + 1:05}-of-{count:05}.safetensors": shard({f"t{i}": size // 2 * 2}, order.seed + i)
        for i, size in enumerate(order.shard_bytes)
    }
    return {**small, **shards}


class _Round:
    """One model from the hub's answer to the last bit."""

    def __init__(self, hub: FakeHub, lot: random.Random, result: FaultResult, folder: Path) -> None:
        self._hub, self._lot, self._result, self._folder = hub, lot, result, folder
        self._store = folder / "queue.json"
        self._log_start = len(hub.log)

    def run(self, num_kills: int) -> None:
        hub, result = self._hub, self._result
        plan = self._plan()
        queue = DownloadQueue(self._store, lambda: Access(hub.endpoint), lambda _: None, is_started=False)
        queue.add(plan)
        queue.close()
        while self._start(plan, may_kill=len(result.kill_losses) < num_kills):
            self._check_half(plan)
        self._check_whole(plan)
        result.total_bytes += plan.total_bytes
        result.sent_bytes += sum(each.sent for each in hub.log[self._log_start :] if each.status in (200, 206))

    def _plan(self) -> DownloadPlan:
        client = HubClient(self._hub.endpoint, lambda: self._hub.answers.token)
        chaos, self._hub.chaos = self._hub.chaos, None
        try:
            return plan_download(list_variants(client, REPO)[0], self._folder)
        finally:
            self._hub.chaos = chaos
            client.close()

    def _start(self, plan: DownloadPlan, *, may_kill: bool) -> bool:
        """Runs the program; returns whether it was killed before its end."""
        command = [sys.executable, "-c", PROGRAM, str(self._store), self._hub.url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            program.stdout.readline()
            if may_kill:
                wanted = self._hub.sent_bytes() + self._lot.randrange(1_000_000, plan.total_bytes // 3)
                while program.poll() is None and self._hub.sent_bytes() < wanted:
                    time.sleep(0.002)
                time.sleep(self._lot.random() * 0.02)
                if program.poll() is None:
                    program.kill()
                    program.wait()
                    self._result.kill_losses.append(self._lost(plan))
                    return True
            end = program.stdout.read()
        if "done" not in end:
            self._result.wrong.append(f"the program ended with {end.strip()!r}")
        return False

    def _lost(self, plan: DownloadPlan) -> int:
        """Bytes that were sent and lie nowhere."""
        time.sleep(0.1)  # the hub notices that nobody reads any more
        lost = 0
        for file in plan.files:
            asked = [each for each in self._hub.log[self._log_start :] if each.path == file.path and each.sent]
            if asked and not plan.path_of(file).exists():
                part = plan.part_of(file)
                lost += max(0, _end(asked[-1]) - (part.stat().st_size if part.exists() else 0))
        return lost

    def _check_half(self, plan: DownloadPlan) -> None:
        manifest = read_manifest(plan.folder)
        if manifest is None or manifest.is_complete:
            return
        if installed_models([self._folder]):
            self._result.wrong.append("a half model is offered")
        if [each.plan for each in unfinished_downloads([self._folder])] != [plan]:
            self._result.wrong.append("a half model is not found again")

    def _check_whole(self, plan: DownloadPlan) -> None:
        content = self._hub.answers.repos[str(REPO)].branches["main"]
        for file in plan.files:
            path = plan.path_of(file)
            if not path.is_file() or path.read_bytes() != content[file.path]:
                self._result.wrong.append(f"{file.path} is not right")
        if list(plan.folder.rglob("*.part*")):
            self._result.wrong.append("parts are left")
        if [model.path for model in installed_models([self._folder])] != [plan.folder]:
            self._result.wrong.append("the whole model is not offered")
        remove_download(plan)


def _end(request: Request) -> int:
    """The byte behind the last one that was sent for a request."""
    found = re.match(r"bytes=(\d+)-", request.headers.get("range", ""))
    return request.sent + (int(found[1]) if found and request.status == 206 else 0)


def main(arguments: list[str] | None = None) -> int:
    """Runs once and prints what happened; 1 if it should not have."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        result = run(FaultRun(options.faults, options.kills, options.seed), Path(name))
    print("\n".join(result.lines()))
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
