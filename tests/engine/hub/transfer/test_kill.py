"""A program that is killed at any moment loses next to nothing and leaves nothing that looks like a model."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from engine.hub.model_store import installed_models, unfinished_downloads
from engine.hub.transfer.download import Download
from engine.hub.transfer.manifest import read_manifest
from engine.hub.transfer.placing import plan_download
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
from tests.fakes.file_hub import FileHub, serving
from tests.fakes.sending import Fault

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
# Downloads the plan that lies in the folder, from the address given.
PROGRAM = """
import sys
from pathlib import Path
from engine.hub.endpoint import Endpoint
from engine.hub.transfer.download import Download
from engine.hub.transfer.manifest import read_manifest
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access
plan = read_manifest(Path(sys.argv[1])).plan
access = Access(Endpoint(sys.argv[2], is_own=True))
print("begun", flush=True)
Download(plan, access, lambda event: None, TransferSettings(margin_bytes=0)).run()
"""


def test_killed_at_random_moments(project_root: Path, tmp_path: Path) -> None:
    lot = random.Random(3)
    size = 150_000_000
    files = {"config.json": b"{}", SHARDS[0]: lot.randbytes(size), SHARDS[1]: lot.randbytes(1_000_000)}
    with serving(FileHub(files, frozenset(SHARDS))) as hub:
        plan = plan_download(hub.variant, tmp_path)
        hub.hub_faults.append(Fault(status=404))
        assert Download(plan, Access(hub.endpoint), lambda _: None, TransferSettings(margin_bytes=0)).run() == "failed"
        kills = 0
        for _ in range(5):
            program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(plan.folder), hub.url],
                cwd=project_root, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert program.stdout is not None
            program.stdout.readline()
            sent = hub.sent_for(SHARDS[0])
            deadline = time.monotonic() + 10
            while hub.sent_for(SHARDS[0]) - sent < 2_000_000 and program.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(lot.random() * 0.02)
            kills += program.poll() is None
            program.kill()
            program.wait()
            program.stdout.close()
            manifest = read_manifest(plan.folder)
            assert manifest is not None
            if not manifest.is_complete:
                assert installed_models([tmp_path]) == ()
                assert [each.plan for each in unfinished_downloads([tmp_path])] == [plan]
        assert kills >= 2
        assert Download(plan, Access(hub.endpoint), lambda _: None, TransferSettings(margin_bytes=0)).run() == "done"
        for path, data in files.items():
            assert (plan.folder / path).read_bytes() == data
        assert [model.path for model in installed_models([tmp_path])] == [plan.folder]
        # What the server counts as sent may still have been in the two ends' buffers.
        assert hub.sent_for(SHARDS[0]) - size <= kills * 8_000_000
