"""One model, from its plan to an installed folder: space, manifest, several files at once, one stream of reports.

Runs in the thread that calls `run`, beside one thread per file in transfer, and reports from that thread alone. Knows
nothing of other downloads.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine.errors import EngineError
from engine.hub.transfer.cleaning import remove_download
from engine.hub.transfer.connection import Connector
from engine.hub.transfer.errors import FREE_SPACE, NotEnoughSpaceError, Stopped, TransferError, disk_error
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.file_state import FileState
from engine.hub.transfer.file_transfer import FileTransfer
from engine.hub.transfer.manifest import Manifest, locked_folder, read_manifest, write_manifest
from engine.hub.transfer.pace import SpeedMeter
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.reporting import Reporter
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access, HubSource
from engine.hub.transfer.stop import StopSwitch
from engine.hub.types import RepoFile
from engine.units import file_gb

Outcome = Literal["done", "paused", "cancelled", "failed"]
_JUMP_S = 15.0  # that the clock of the wall runs ahead of the other after a sleep


class Download:
    """Brings a plan's files; `run` once, in a thread; the other methods from any thread.

    Args:
        emit: gets a `DownloadProgress` a few times a second, and the last one before `run` returns.
        download_id: what the events carry.
    """

    def __init__(
        self, plan: DownloadPlan, access: Access, emit: Callable[[DownloadProgress], None],
        settings: TransferSettings | None = None, download_id: str = "",
    ) -> None:  # fmt: skip
        self.plan = plan
        self.error: EngineError | None = None
        self._settings = settings or TransferSettings()
        self._stop = StopSwitch()
        self._is_cancelled = False
        self._has_folder = False  # whether the folder was ours, so that cancelling may empty it
        self._source = HubSource(access, Connector(self._settings, self._stop, access.endpoint.proxy))
        self._manifest = Manifest(plan)
        self._manifest_lock = threading.Lock()
        self._speed = SpeedMeter(time.monotonic())
        self._states: list[FileState] = []
        self._reporter = Reporter(download_id, plan, self._states, self._speed, self._settings, emit)
        self._waiting: deque[tuple[RepoFile, FileState]] = deque()
        self._running = 0
        self._changed = threading.Condition()

    def pause(self) -> None:
        """Cuts the connections and ends `run`; what has come is kept."""
        self._stop.throw()

    def cancel(self) -> None:
        """As `pause`, and everything that this download brought is deleted before `run` returns."""
        self._is_cancelled = True
        self._stop.throw()

    def reconnect(self) -> None:
        """Tries at once what waits, over new connections: after a sleep, or when the user does not want to wait."""
        self._stop.reconnect()

    def run(self) -> Outcome:
        """Downloads until all files are verified, or somebody or something ends it.

        Returns:
            How it ended; `error` says why it failed.
        """
        phase: Outcome
        try:
            self._reporter.report("checking")
            with locked_folder(self.plan.folder):
                self._has_folder = True
                self._begin()
                self._transfer()
                phase = "done"
        except Stopped:
            phase = "paused"
        except OSError as error:
            phase, self.error = "failed", disk_error(error, self.plan.folder)
        except EngineError as error:
            phase, self.error = "failed", error
        if self._is_cancelled and phase != "done":
            phase, self.error = self._clean_up()
        self._reporter.report(phase, self.error)
        return phase

    def _clean_up(self) -> tuple[Outcome, EngineError | None]:
        try:
            if self._has_folder:
                remove_download(self.plan)
        except OSError as error:
            return "failed", disk_error(error, self.plan.folder)
        return "cancelled", None

    def _begin(self) -> None:
        """Writes the manifest and lists what is missing; raises `NotEnoughSpaceError`."""
        known = read_manifest(self.plan.folder)
        if known is not None and known.plan == self.plan:
            self._manifest = known
        for file in self.plan.files:
            here = file.size if self._manifest.has(file.path) else _size(self.plan.part_of(file))
            is_here = self._manifest.has(file.path)
            state = FileState(file.path, file.size, min(here, file.size))
            self._states.append(state)
            if is_here:
                state.finish()
            else:
                self._waiting.append((file, state))
        # The small files first: with them a model can be shown before its weights are there.
        self._waiting = deque(sorted(self._waiting, key=lambda pair: pair[0].size))
        self._stop.check()
        write_manifest(self._manifest)
        self._check_space()

    def _check_space(self) -> None:
        missing = sum(max(0, file.size - self._bytes_here(file)) for file, _ in self._waiting)
        free = shutil.disk_usage(self.plan.folder).free
        needed = missing + self._settings.margin_bytes
        if missing and free < needed:
            raise NotEnoughSpaceError(
                f"{self.plan.name} needs {file_gb(missing)} GB more and {file_gb(self._settings.margin_bytes)} GB to "
                f"spare, and the drive of {self.plan.folder} has {file_gb(free)} GB free.",
                FREE_SPACE,
            )

    def _bytes_here(self, file: RepoFile) -> int:
        return max(_size(self.plan.part_of(file)), _size(self.plan.path_of(file)))

    def _transfer(self) -> None:
        """Runs the threads and reports until they have ended; raises what ended them."""
        count = min(self._settings.parallel_files, len(self._waiting))
        self._running = count
        threads = [
            threading.Thread(target=self._work, name=f"download-{number}", daemon=True) for number in range(count)
        ]
        for thread in threads:
            thread.start()
        self._watch()
        for thread in threads:
            thread.join()
        if self.error is not None:
            raise self.error
        self._stop.check()
        if not self._manifest.is_complete:
            raise TransferError(
                f"Files of {self.plan.name} have vanished from {self.plan.folder} meanwhile.",
                "Leave the folder alone while a download runs, then resume.",
            )

    def _watch(self) -> None:
        offset = time.time() - time.monotonic()
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._running == 0, self._settings.report_s):
                    return
            if not self._stop.is_set:
                self._reporter.report()
            if time.time() - time.monotonic() - offset > _JUMP_S:  # the machine slept: its connections are dead
                self._stop.reconnect()
            offset = time.time() - time.monotonic()

    def _work(self) -> None:
        """Takes files until there are none; the first error ends all."""
        try:
            while self._waiting:
                try:
                    file, state = self._waiting.popleft()
                except IndexError:  # another thread was faster
                    return
                transfer = FileTransfer(
                    self.plan, file, self._source, self._stop, self._settings, state, self._received
                )  # fmt: skip
                self._note_verified(file, transfer.run())
        except Stopped:
            return
        except EngineError as error:
            self._fail(error)
        except OSError as error:
            self._fail(disk_error(error, self.plan.folder))
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _fail(self, error: EngineError) -> None:
        with self._changed:
            self.error = self.error or error
        self._stop.throw()

    def _note_verified(self, file: RepoFile, digest: str) -> None:
        with self._manifest_lock:
            self._manifest = self._manifest.with_verified(file.path, digest)
            write_manifest(self._manifest)

    def _received(self, num_bytes: int) -> None:
        self._speed.add(num_bytes, time.monotonic())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
