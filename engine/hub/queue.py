"""The downloads of this user: in an order, a few at a time, paused, resumed, moved, cancelled; kept over restarts.

Every active download has a worker thread; events come from these threads, one at a time for each download. All methods
may be called from any thread and none of them waits for the network. Knows nothing of windows.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from engine.errors import EngineError
from engine.hub.errors import is_about_token
from engine.hub.queue_store import QueueEntry, load_queue, save_queue
from engine.hub.transfer.cleaning import remove_download
from engine.hub.transfer.download import Download, Outcome
from engine.hub.transfer.errors import TransferError, disk_error
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.manifest import locked_folder, read_manifest
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import Access


@dataclass
class _Active:
    """A download at work, its thread and what is to become of it."""

    entry: QueueEntry
    download: Download
    thread: threading.Thread | None = None
    is_closing: bool = False  # the program ends: the entry stays queued


class DownloadQueue:
    """All downloads; those that were left by a crash or a restart are there again.

    Args:
        store: the file that the list is kept in.
        access: how the hub is asked; called at the start of each download, so that a new token or mirror counts.
        emit: gets the events of all downloads, on their threads.
        parallel_downloads: models at a time; each has several connections of its own.
        is_started: False holds everything back until `start`, so that the user can be asked first.
    """

    def __init__(
        self, store: Path, access: Callable[[], Access], emit: Callable[[DownloadProgress], None],
        settings: TransferSettings | None = None, parallel_downloads: int = 1, is_started: bool = True,
    ) -> None:  # fmt: skip
        self._store = store
        self._access = access
        self._emit = emit
        self._settings = settings or TransferSettings()
        self._parallel_downloads = parallel_downloads
        self._is_started = is_started
        self._lock = threading.RLock()
        self._entries = list(load_queue(store))
        self._active: dict[str, _Active] = {}
        self._fill()

    def entries(self) -> tuple[QueueEntry, ...]:
        """The list in its order; what is being transferred counts as queued."""
        with self._lock:
            return tuple(self._entries)

    def active_ids(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._active)

    def set_parallel_downloads(self, count: int) -> None:
        """Takes another number of models at a time; those that are active go on."""
        with self._lock:
            self._parallel_downloads = max(1, count)
        self._fill()

    def start(self) -> None:
        """Lets held downloads begin."""
        self._is_started = True
        self._fill()

    def hold(self) -> None:
        """Ends all transfers and begins none until `start`; they stay queued, also over a restart."""
        with self._lock:
            self._is_started = False
            for active in self._active.values():
                active.download.pause()

    def add(self, plan: DownloadPlan) -> str:
        """Puts a download at the end and returns its id; one into the same folder is resumed instead.

        Raises:
            TransferError: the list cannot be written.
        """
        with self._lock:
            same = next((entry for entry in self._entries if entry.plan.folder == plan.folder), None)
            if same is not None and same.state == "done":  # the model may have been deleted, or damaged, since
                self._put(replace(same, state="queued", plan=plan))
            elif same is None:
                entry = QueueEntry(uuid.uuid4().hex, plan)
                self._replace_all([*self._entries, entry])
                self._tell(entry)
        if same is not None:
            self.resume(same.download_id)
            return same.download_id
        self._fill()
        return entry.download_id

    def pause(self, download_id: str) -> None:
        """Ends the transfer and keeps what has come."""
        with self._lock:
            self._set(download_id, "paused")
            active = self._active.get(download_id)
            if active is not None:
                active.download.pause()
                return
        self._tell_id(download_id)

    def resume(self, download_id: str) -> None:
        """Queues a paused or failed download again; an active one tries at once."""
        with self._lock:
            active = self._active.get(download_id)
            self._set(download_id, "queued")
            if active is not None:
                active.download.reconnect()  # has no effect on one that is just being paused: it is begun again
            else:
                self._tell_id(download_id)
        self._fill()

    def pause_all(self) -> None:
        """Pauses everything that is not finished."""
        for entry in self.entries():
            if entry.state == "queued":
                self.pause(entry.download_id)

    def move(self, download_id: str, position: int) -> None:
        """Gives a download another place in the order; what is already active goes on."""
        with self._lock:
            entry = self._find(download_id)
            if entry is not None:
                rest = [each for each in self._entries if each is not entry]
                rest.insert(max(0, position), entry)
                self._replace_all(rest)

    def cancel(self, download_id: str) -> None:
        """Ends a download for good and deletes what it brought; a finished one only leaves the list."""
        with self._lock:
            entry = self._find(download_id)
            if entry is None:
                return
            self._replace_all([each for each in self._entries if each is not entry])
            active = self._active.get(download_id)
            if active is not None:
                active.download.cancel()
            elif entry.state != "done":
                # Deleting gigabytes takes a moment that the caller should not wait for.
                threading.Thread(target=self._clean, args=(entry,), name="download-clean").start()

    def forget(self, download_id: str) -> None:
        """Takes a download that is not active off the list and leaves its files alone."""
        with self._lock:
            if download_id not in self._active:
                self._replace_all([each for each in self._entries if each.download_id != download_id])

    def reopen(self, folder: Path) -> None:
        """Takes back that a download is finished, as when its files turned out damaged; it waits for the user."""
        with self._lock:
            for entry in self._entries:
                if entry.plan.folder == folder and entry.state == "done":
                    self._put(replace(entry, state="paused"))
                    self._tell_id(entry.download_id)

    def close(self) -> None:
        """Ends all transfers and waits for their threads; the list stays as it is for the next start."""
        with self._lock:
            self._is_started = False
            threads = [active.thread for active in self._active.values()]
            for active in self._active.values():
                active.is_closing = True
                active.download.pause()
        for thread in threads:
            if thread is not None:
                thread.join()

    def _fill(self) -> None:
        """Begins the next downloads while there is room."""
        with self._lock:
            for entry in tuple(self._entries) if self._is_started else ():
                if len(self._active) >= self._parallel_downloads:
                    return
                if entry.state == "queued" and entry.download_id not in self._active:
                    self._begin(entry)

    def _begin(self, entry: QueueEntry) -> None:
        try:
            access = self._access()
        except EngineError as error:
            self._note(_failed(entry, error))
            self._tell_id(entry.download_id)
            return
        download = Download(entry.plan, access, self._emit, self._settings, entry.download_id)
        active = _Active(entry, download)
        self._active[entry.download_id] = active
        active.thread = threading.Thread(
            target=self._work, args=(entry.download_id, active), name="download", daemon=True
        )
        active.thread.start()

    def _work(self, download_id: str, active: _Active) -> None:
        outcome = active.download.run()
        with self._lock:
            del self._active[download_id]
            entry = self._find(download_id)
            if entry is not None and not active.is_closing:
                self._settle(entry, outcome, active.download.error)
        if entry is None and outcome in ("paused", "failed"):
            self._clean(active.entry)  # it was cancelled when it had already ended in another way
        self._fill()

    def _settle(self, entry: QueueEntry, outcome: Outcome, error: EngineError | None) -> None:
        """Notes how a download ended; one that was paused and resumed in the meantime stays queued."""
        if outcome == "failed" and error is not None:
            self._note(_failed(entry, error))
        elif outcome == "done":
            self._note(replace(entry, state="done", message="", way_out="", needs_token=False))

    def _clean(self, entry: QueueEntry) -> None:
        error: EngineError | None = None
        try:
            if entry.plan.folder.is_dir():
                with locked_folder(entry.plan.folder):
                    remove_download(entry.plan)
                remove_download(entry.plan)  # the lock, which Windows does not delete while it is held
        except OSError as failure:
            error = disk_error(failure, entry.plan.folder)
        except EngineError as failure:
            error = failure
        told = DownloadProgress(entry.download_id, "cancelled", 0, entry.plan.total_bytes)
        if error is not None:
            told = replace(told, phase="failed", message=error.message, way_out=error.way_out)
        self._emit(told)

    def _set(self, download_id: str, state: Literal["queued", "paused"]) -> None:
        entry = self._find(download_id)
        if entry is not None and entry.state != "done":
            self._put(replace(entry, state=state, message="", way_out="", needs_token=False))

    def _put(self, entry: QueueEntry) -> None:
        self._replace_all(self._with(entry))

    def _note(self, entry: QueueEntry) -> None:
        """As `_put` for what has happened anyway: where the list cannot be written, the next start checks again."""
        with contextlib.suppress(TransferError):
            self._put(entry)
        self._entries = self._with(entry)

    def _with(self, entry: QueueEntry) -> list[QueueEntry]:
        return [entry if each.download_id == entry.download_id else each for each in self._entries]

    def _replace_all(self, entries: list[QueueEntry]) -> None:
        try:
            save_queue(self._store, entries)
        except OSError as error:
            raise disk_error(error, self._store) from error
        self._entries = entries

    def _find(self, download_id: str) -> QueueEntry | None:
        return next((entry for entry in self._entries if entry.download_id == download_id), None)

    def _tell_id(self, download_id: str) -> None:
        entry = self._find(download_id)
        if entry is not None:
            self._tell(entry)

    def _tell(self, entry: QueueEntry) -> None:
        """Emits where an inactive download stands."""
        self._emit(progress_at_rest(entry))


def progress_at_rest(entry: QueueEntry) -> DownloadProgress:
    """Where a download stands that is not being transferred, by what lies on the disk."""
    manifest = read_manifest(entry.plan.folder)
    done = 0
    for file in entry.plan.files:
        if manifest is not None and manifest.has(file.path):
            done += file.size
            continue
        try:
            done += min(file.size, entry.plan.part_of(file).stat().st_size)
        except OSError:
            continue
    return DownloadProgress(
        entry.download_id, entry.state, done, entry.plan.total_bytes, message=entry.message, way_out=entry.way_out,
        needs_token=entry.needs_token,
    )  # fmt: skip


def _failed(entry: QueueEntry, error: EngineError) -> QueueEntry:
    needs_token = is_about_token(error)
    return replace(entry, state="failed", message=error.message, way_out=error.way_out, needs_token=needs_token)
