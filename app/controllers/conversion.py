"""The one conversion at a time: looked at before, started, paused, gone on with, cancelled, and found again later.

The work is done by a child process; disks are read and cleared in a thread beside the window. Knows nothing of widgets.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.background import Background
from app.convert_child import ENDED, ConvertChild
from app.storage.conversions import Conversion, delete_work, load_conversion, save_conversion
from engine.errors import EngineError, ModelFormatError
from engine.hub.model_facts import ModelFacts, facts_of
from engine.quantizer.convertible import ConvertibleModel
from engine.quantizer.messages import Failure, Message, Paused
from engine.quantizer.progress import Advance, Estimate, Finished, ModuleReport

NEWS_MS = 100


class Phase(Enum):
    """Where the conversion stands."""

    NONE = "none"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    FAILED = "failed"
    CANCELLING = "cancelling"
    DONE = "done"


@dataclass(frozen=True)
class Progress:
    """The conversion in hand.

    Attributes:
        modules: that are finished: blocks, then the head.
        num_kept: modules that an earlier run left, while this one has not told of them.
        advance: the latest; None before the first.
        can_resume: whether there is something to go on with.
    """

    phase: Phase = Phase.NONE
    conversion: Conversion | None = None
    estimate: Estimate | None = None
    modules: tuple[ModuleReport, ...] = ()
    num_kept: int = 0
    num_blocks: int = 0
    advance: Advance | None = None
    finished: Finished | None = None
    failure: Failure | None = None
    can_resume: bool = False

    @property
    def is_active(self) -> bool:
        """Whether the child works."""
        return self.phase in (Phase.RUNNING, Phase.PAUSING)

    @property
    def num_done(self) -> int:
        """Modules that are finished and kept."""
        return max(len(self.modules), self.num_kept)


@dataclass(frozen=True)
class SourceAnswer:
    """What a folder holds: a model that can be converted, or why not."""

    folder: Path
    model: ConvertibleModel | None = None
    facts: ModelFacts = field(default_factory=ModelFacts)
    error: EngineError | None = None


@dataclass(frozen=True)
class Room:
    """What there is: memory that is available now, and free bytes of the target's drive; None where it is unknown."""

    memory_bytes: int
    disk_bytes: int | None


class ConversionController(QObject):
    """Signals:
    changed: `progress` is different.
    source_read: a `SourceAnswer`.
    estimated: an `Estimate` or a `Failure`, of what was asked last.
    room_known: a `Room`.
    completed: the folder of a model that can be loaded now.
    failed: an `EngineError` of something beside the conversion itself.
    crashed: a bug, as a traceback.
    """

    changed = Signal()
    source_read = Signal(object)
    estimated = Signal(object)
    room_known = Signal(object)
    completed = Signal(object)
    failed = Signal(object)
    crashed = Signal(str)

    def __init__(self, command: Sequence[str], record: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._record = record
        self.progress = Progress()
        self._wanted: Path | None = None  # the folder that was asked for last
        self._work = ConvertChild(command, self)
        self._dry_run = ConvertChild(command, self)
        self._background = Background("conversion", self)
        self._background.crashed.connect(self.crashed)
        self._news = QTimer(self, interval=NEWS_MS, singleShot=True)
        self._news.timeout.connect(self.changed)
        self._work.told.connect(self._on_told)
        self._work.ended.connect(self._on_ended)
        self._dry_run.told.connect(self._on_dry_run)

    def start(self) -> None:
        """Looks for a conversion that was begun earlier; it waits for the user."""
        self._background.do(lambda: _begun(self._record), self._take_begun)

    def shut_down(self) -> bool:
        """Ends the child, whose work folder stays; False when something did not end in time."""
        ended = (self._dry_run.kill(), self._work.kill(), self._background.shut_down())
        return all(ended)

    # Before the start.

    def read_source(self, folder: Path) -> None:
        """Looks at a model's config and headers, for `source_read`."""
        self._wanted = folder
        self._background.do(lambda: _read_source(folder), self._take_source)

    def ask_estimate(self, conversion: Conversion) -> None:
        """Lets the engine measure what it would take, for `estimated`; takes some seconds."""
        self._dry_run.start([*conversion.arguments, "--dry-run"])

    def drop_estimate(self) -> None:
        """Ends the measurement that goes on, if there is one."""
        self._dry_run.kill()

    def learn_room(self, target: Path) -> None:
        """Asks for free memory and free space, for `room_known`."""
        self._background.do(lambda: _room(target), self.room_known.emit)

    # The conversion.

    def begin(self, conversion: Conversion, num_blocks: int) -> None:
        """Starts a new conversion, unless one is in hand."""
        if self.progress.phase not in (Phase.NONE, Phase.DONE):
            return
        self.drop_estimate()
        conversion = replace(conversion, is_target_ours=not conversion.target.exists())
        if not self._remember(conversion):
            return
        self._set(Progress(Phase.RUNNING, conversion, num_blocks=num_blocks))
        self._work.start(conversion.arguments)

    @Slot()
    def pause(self) -> None:
        """Ends the child after the block in hand."""
        if self.progress.phase is Phase.RUNNING:
            self._set(replace(self.progress, phase=Phase.PAUSING))
            self._work.pause()

    @Slot()
    def stop(self) -> None:
        """Ends the child now; the block in hand is done again later."""
        if self.progress.is_active:
            self._work.kill()
            self._rest(Phase.PAUSED)

    @Slot()
    def resume(self) -> None:
        """Goes on with what is there, or from the beginning when nothing is."""
        progress, conversion = self.progress, self.progress.conversion
        if progress.phase not in (Phase.PAUSED, Phase.FAILED) or conversion is None:
            return
        kept = progress.num_done
        self._set(Progress(Phase.RUNNING, conversion, num_kept=kept, num_blocks=progress.num_blocks))
        self._work.start([*conversion.arguments, *(("-r",) if conversion.can_resume else ())])

    @Slot()
    def cancel(self) -> None:
        """Ends the conversion and deletes what it made."""
        conversion = self.progress.conversion
        if conversion is None or self.progress.phase in (Phase.DONE, Phase.CANCELLING):
            return
        self._work.kill()
        self._set(replace(self.progress, phase=Phase.CANCELLING))
        self._background.do(lambda: _delete(conversion, self._record), self._on_cancelled, self._on_not_cancelled)

    @Slot()
    def close(self) -> None:
        """Makes room for the next conversion when one is done."""
        if self.progress.phase is Phase.DONE:
            self._set(Progress())

    @Slot(object)
    def _on_told(self, message: Message) -> None:
        progress = self.progress
        if isinstance(message, Estimate):
            self._set(replace(progress, estimate=message), soon=True)
        elif isinstance(message, Advance):
            self._set(replace(progress, advance=message), soon=True)
        elif isinstance(message, ModuleReport):
            self._set(replace(progress, modules=(*progress.modules, message)), soon=True)
        elif isinstance(message, Finished):
            self._finish(message)
        elif isinstance(message, Paused):
            self._rest(Phase.PAUSED)
        elif isinstance(message, Failure):
            self._rest(Phase.FAILED, message)

    @Slot()
    def _on_ended(self) -> None:
        """The child is gone without a word, as when it was ended from outside."""
        if self.progress.is_active and not self._work.is_running:
            self._rest(Phase.FAILED, Failure(ENDED, self.tr("The conversion ended."), self.tr("Go on with it.")))

    def _finish(self, message: Finished) -> None:
        conversion = self.progress.conversion
        assert conversion is not None
        self._remember(None)
        self._set(replace(self.progress, phase=Phase.DONE, modules=message.modules, finished=message))
        self.completed.emit(conversion.target)

    def _rest(self, phase: Phase, failure: Failure | None = None) -> None:
        """The child does not work any more; what it has done is kept."""
        conversion = self.progress.conversion
        can_resume = conversion is not None and conversion.can_resume
        self._set(replace(self.progress, phase=phase, failure=failure, can_resume=can_resume))

    def _remember(self, conversion: Conversion | None) -> bool:
        """Writes down what is in hand; says it and returns False when that is not possible."""
        try:
            save_conversion(self._record, conversion)
        except OSError as error:
            reason = error.strerror or str(error)
            words = self.tr("{0} cannot be written: {1}.").format(self._record, reason)
            self.failed.emit(EngineError(words, self.tr("Free some space, then try again.")))
            return False
        return True

    def _take_begun(self, found: Progress | None) -> None:
        if found is not None and self.progress.phase is Phase.NONE:
            self._set(found)

    def _take_source(self, answer: SourceAnswer) -> None:
        if answer.folder == self._wanted:
            self.source_read.emit(answer)

    @Slot(object)
    def _on_dry_run(self, message: Message) -> None:
        if isinstance(message, Estimate | Failure):
            self.estimated.emit(message)

    def _on_cancelled(self, _nothing: None) -> None:
        self._set(Progress())

    def _on_not_cancelled(self, error: EngineError) -> None:
        self._rest(Phase.PAUSED)
        self.failed.emit(error)

    def _set(self, progress: Progress, *, soon: bool = False) -> None:
        """Takes what is different; `soon` tells it with what comes right after, as a run that goes on tells much."""
        self.progress = progress
        if soon:
            if not self._news.isActive():
                self._news.start()
            return
        self._news.stop()
        self.changed.emit()


def _begun(record: Path) -> Progress | None:
    conversion = load_conversion(record)
    if conversion is None or not conversion.can_resume:
        return None
    answer = _read_source(conversion.source)
    kept = len(list(conversion.work.glob("module-*.json")))
    num_blocks = answer.model.num_blocks if answer.model is not None else 0
    return Progress(Phase.PAUSED, conversion, num_kept=kept, num_blocks=num_blocks, can_resume=True)


def _read_source(folder: Path) -> SourceAnswer:
    try:
        return SourceAnswer(folder, ConvertibleModel.open(folder), facts_of(folder))
    except EngineError as error:
        return SourceAnswer(folder, error=error)


def _room(target: Path) -> Room:
    import psutil  # here: the first window need not wait for it

    available = int(psutil.virtual_memory().available)
    for place in (target, *target.parents):
        if place.is_dir():
            return Room(available, shutil.disk_usage(place).free)
    return Room(available, None)


def _delete(conversion: Conversion, record: Path) -> None:
    try:
        delete_work(conversion)
        save_conversion(record, None)
    except OSError as error:
        place = error.filename or conversion.work
        raise ModelFormatError(
            f"{place} cannot be deleted: {error.strerror or error}.", "Delete it by hand, then cancel again."
        ) from error
