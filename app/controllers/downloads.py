"""The downloads as the window has them: starts the queue, hands on what the user wants, tells how each one stands.

The queue writes to the disk and waits for its own threads, so everything that is asked of it is asked in a thread of
its own; what it tells comes from its transfers' threads, is collected, and reaches the window ten times a second. Knows
nothing of widgets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.background import Background
from app.hub_access import HubAccess
from app.latest import Latest
from engine.errors import EngineError
from engine.hub.model_move import is_being_moved_in
from engine.hub.model_store import unfinished_downloads
from engine.hub.queue import DownloadQueue, progress_at_rest
from engine.hub.queue_store import QueueEntry
from engine.hub.transfer.errors import TransferError
from engine.hub.transfer.events import DownloadProgress
from engine.hub.transfer.manifest import read_manifest
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings


@dataclass(frozen=True)
class DownloadList:
    """The queue at one moment.

    Attributes:
        entries: in their order.
        at_rest: where those stand that are not being transferred, by id.
    """

    entries: tuple[QueueEntry, ...] = ()
    at_rest: Mapping[str, DownloadProgress] = field(default_factory=dict)


class DownloadController(QObject):
    """Signals:
    listed: a `DownloadList`, after every change of the list or of its order.
    progressed: a `DownloadProgress` of one download.
    completed: the `DownloadPlan` of a model that can be loaded now.
    failed: an `EngineError` of something that the user asked for.
    crashed: a bug, as a traceback.
    """

    listed = Signal(object)
    progressed = Signal(object)
    completed = Signal(object)
    failed = Signal(object)
    crashed = Signal(str)

    def __init__(
        self, hub: HubAccess, store: Path, settings: TransferSettings, models_folders: Callable[[], Sequence[Path]],
        parallel_downloads: int = 1, parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._models_folders = models_folders
        self._parallel_downloads = parallel_downloads
        self._hub = hub
        self._store = store
        self._settings = settings
        self._queue: DownloadQueue | None = None  # made and used by the background thread alone
        self._list = DownloadList()
        self._phases: dict[str, str] = {}
        self._news = Latest(self)
        self._news.arrived.connect(self._tell)
        self._background = Background("downloads", self)
        self._background.crashed.connect(self.crashed)
        hub.offline_changed.connect(self._on_offline)

    @property
    def entries(self) -> tuple[QueueEntry, ...]:
        """The list as it was last told."""
        return self._list.entries

    def entry(self, download_id: str) -> QueueEntry | None:
        """One of the list, None when it is not on it any more."""
        return next((each for each in self.entries if each.download_id == download_id), None)

    def start(self) -> None:
        """Reads the list; what was not paused goes on, unless the offline switch is on."""
        self._background.do(self._open, self._take_first)

    def shut_down(self) -> bool:
        """Ends all transfers, which go on at the next start; False when one did not end in time."""
        self._news.stop()
        self._background.do(self._close)
        return self._background.shut_down()

    @Slot(object)
    def add(self, plan: DownloadPlan) -> None:
        """Puts a model at the end of the list, or goes on with it when it is there already."""
        self._ask(lambda queue: queue.add(plan))

    @Slot(str)
    def pause(self, download_id: str) -> None:
        """Ends the transfer and keeps what has come."""
        self._ask(lambda queue: queue.pause(download_id))

    @Slot(str)
    def resume(self, download_id: str) -> None:
        """Goes on with a paused or failed download; one that waits for its next try tries at once."""
        self._ask(lambda queue: queue.resume(download_id))

    @Slot(str)
    def cancel(self, download_id: str) -> None:
        """Ends a download and deletes what it brought; a finished one only leaves the list."""
        self._ask(lambda queue: queue.cancel(download_id))

    @Slot(str, int)
    def move(self, download_id: str, steps: int) -> None:
        """Moves a download up (-1) or down (1) in the order."""
        places = [each.download_id for each in self.entries]
        if download_id in places:
            place = min(max(places.index(download_id) + steps, 0), len(places) - 1)
            self._ask(lambda queue: queue.move(download_id, place))

    @Slot()
    def pause_all(self) -> None:
        """Pauses everything that is not finished."""
        self._ask(lambda queue: queue.pause_all())

    @Slot()
    def resume_all(self) -> None:
        """Goes on with everything that is paused."""
        paused = [each.download_id for each in self.entries if each.state == "paused"]
        self._ask_each(paused, DownloadQueue.resume)

    @Slot()
    def forget_finished(self) -> None:
        """Takes what is done off the list; the models stay."""
        done = [download_id for download_id, phase in self._phases.items() if phase == "done"]
        self._ask_each(done, DownloadQueue.forget)

    @Slot(str)
    def forget(self, download_id: str) -> None:
        """Takes a finished download off the list; the model stays."""
        self._ask_each([download_id], DownloadQueue.forget)

    @Slot(int)
    def set_parallel_downloads(self, count: int) -> None:
        """Takes another number of models that are transferred at a time."""
        self._ask(lambda queue: queue.set_parallel_downloads(count))

    def forget_folder(self, folder: Path) -> None:
        """Takes the finished download of a model off the list, as when the model was deleted or moved."""
        done = [each.download_id for each in self.entries if each.state == "done" and each.plan.folder == folder]
        if done:
            self._ask_each(done, DownloadQueue.forget)

    def reopen_folder(self, folder: Path) -> None:
        """Takes back that a model is downloaded and verified, as when some of its files turned out damaged."""
        self._ask(lambda queue: queue.reopen(folder))

    def _ask(self, order: Callable[[DownloadQueue], object]) -> None:
        def work() -> DownloadList:
            assert self._queue is not None  # the first piece of work was to open it
            order(self._queue)
            return self._look()

        self._background.do(work, self._take_list, self.failed.emit)

    def _ask_each(self, ids: Sequence[str], order: Callable[[DownloadQueue, str], object]) -> None:
        def each(queue: DownloadQueue) -> None:
            for download_id in ids:
                order(queue, download_id)

        self._ask(each)

    def _open(self) -> DownloadList:
        # Held until the window knows the list, so that nothing of what happens is missed.
        self._queue = DownloadQueue(
            self._store, self._hub.access, self._on_news, self._settings, self._parallel_downloads, is_started=False
        )
        self._adopt(self._queue)
        return self._look()

    def _adopt(self, queue: DownloadQueue) -> None:
        """Lists what was begun and is not on the list, or there as finished; it waits for the user."""
        known = {entry.plan.folder for entry in queue.entries()}
        for folder in known:
            manifest = read_manifest(folder)
            if manifest is not None and not manifest.is_complete:
                with contextlib.suppress(TransferError):
                    queue.reopen(folder)
        for manifest in unfinished_downloads(self._models_folders()):
            folder = manifest.plan.folder
            if folder not in known and not is_being_moved_in(folder):
                with contextlib.suppress(TransferError):  # a list that cannot be written is said when the user acts
                    queue.pause(queue.add(manifest.plan))

    def _look(self) -> DownloadList:
        assert self._queue is not None
        entries, active = self._queue.entries(), self._queue.active_ids()
        resting = [each for each in entries if each.download_id not in active]
        return DownloadList(entries, {each.download_id: progress_at_rest(each) for each in resting})

    def _close(self) -> None:
        if self._queue is not None:
            self._queue.close()

    def _take_first(self, found: DownloadList) -> None:
        self._take_list(found)
        if not self._hub.is_offline:
            self._ask(lambda queue: queue.start())

    def _take_list(self, found: DownloadList) -> None:
        self._list = found
        self._phases = {each.download_id: self._phases.get(each.download_id, each.state) for each in found.entries}
        self._phases.update({each: progress.phase for each, progress in found.at_rest.items()})
        self.listed.emit(found)

    def _on_news(self, progress: DownloadProgress) -> None:
        """Called in the transfers' threads."""
        self._news.put(progress.download_id, progress)

    @Slot(object)
    def _tell(self, progress: DownloadProgress) -> None:
        entry = self.entry(progress.download_id)
        if entry is None:
            if progress.phase == "failed":  # what it brought could not be deleted
                self.failed.emit(EngineError(progress.message, progress.way_out))
            return
        was = self._phases.get(progress.download_id)
        self._phases[progress.download_id] = progress.phase
        self.progressed.emit(progress)
        if progress.phase == was:
            return
        if progress.phase == "done":
            self.completed.emit(entry.plan)
        if progress.phase in ("done", "failed", "paused"):
            self._ask(lambda _queue: None)  # the list has its states from the queue

    @Slot(bool)
    def _on_offline(self, offline: bool) -> None:
        self._ask(DownloadQueue.hold if offline else DownloadQueue.start)
