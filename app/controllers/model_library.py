"""The models on this computer: which there are, and what the user does with them.

Reading folders, verifying, moving and deleting take from moments to minutes, so each happens in a thread beside the
window. Knows nothing of widgets or of how a model is loaded.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal, Slot

from app.background import Background
from app.controllers.load_settings import LoadSettings
from app.controllers.preferences import Preferences
from app.latest import Latest
from engine.errors import Cancelled, EngineError
from engine.fit.estimate import FitModel
from engine.hub.model_facts import ModelFacts, facts_of
from engine.hub.model_move import move_model, unfinished_moves
from engine.hub.model_store import InstalledModel, VerifyReport, delete_model, installed_models, verify_model
from engine.hub.transfer.manifest import read_manifest

TaskKind = Literal["verifying", "moving", "deleting"]


@dataclass(frozen=True)
class LibraryModel:
    """A model and what its config says."""

    model: InstalledModel
    facts: ModelFacts

    @property
    def path(self) -> Path:
        return self.model.path


@dataclass(frozen=True)
class ModelsFolder:
    """A folder that models lie in.

    Attributes:
        free_bytes: of its drive; None when it is not there.
    """

    path: Path
    free_bytes: int | None


@dataclass(frozen=True)
class Library:
    """Everything on this computer at one moment; the first folder is where downloads go."""

    models: tuple[LibraryModel, ...] = ()
    folders: tuple[ModelsFolder, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(each.model.size_bytes for each in self.models)


@dataclass(frozen=True)
class Task:
    """Something that happens to a model; `total_bytes` is 0 until it has begun, and `is_over` in the last one."""

    path: Path
    kind: TaskKind
    done_bytes: int = 0
    total_bytes: int = 0
    is_over: bool = False


@dataclass(frozen=True)
class FitAnswer:
    """A model's sizes for an estimate; None where its files cannot be read."""

    path: Path
    model: FitModel | None


class ModelLibraryController(QObject):
    """Signals:
    listed: a `Library`.
    task_changed: a `Task`.
    verified: an `InstalledModel` and its `VerifyReport`.
    deleted: an `InstalledModel` and the bytes that are free again.
    moved: the old and the new folder.
    fit_known: a `FitAnswer`.
    failed: an `EngineError` of something that the user asked for.
    crashed: a bug, as a traceback.
    """

    listed = Signal(object)
    task_changed = Signal(object)
    verified = Signal(object, object)
    deleted = Signal(object, object)
    moved = Signal(object, object)
    fit_known = Signal(object)
    failed = Signal(object)
    crashed = Signal(str)

    def __init__(
        self, preferences: Preferences, load_settings: LoadSettings, first_folder: Path, hub_cache: Path | None,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._preferences = preferences
        self._load_settings = load_settings
        self._first_folder = first_folder
        self._hub_cache = hub_cache
        self._cancelled: dict[Path, threading.Event] = {}  # of the tasks that wait or run
        self.library = Library()
        self._reading = Background("library", self)
        self._working = Background("library-work", self)
        self._progress = Latest(self)
        self._progress.arrived.connect(self._on_progress)
        for each in (self._reading, self._working):
            each.crashed.connect(self.crashed)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of models; downloads go to the first."""
        return tuple(Path(each) for each in self._preferences.settings.models_folders) or (self._first_folder,)

    def default_folder(self) -> Path:
        """Where downloads go."""
        return self.folders[0]

    def model_at(self, path: Path) -> LibraryModel | None:
        """The listed model in a folder."""
        return next((each for each in self.library.models if each.path == path), None)

    def start(self) -> None:
        """Lists the models, and goes on with moves that were interrupted."""
        self.refresh()
        folders = self.folders
        self._reading.do(lambda: unfinished_moves(folders), self._go_on_moving)

    def shut_down(self) -> bool:
        """Ends what runs, which leaves models as they are; False when it did not end in time."""
        for cancelled in self._cancelled.values():
            cancelled.set()
        self._progress.stop()
        ended = (self._reading.shut_down(), self._working.shut_down())
        return all(ended)

    @Slot()
    def refresh(self) -> None:
        """Reads the folders again."""
        folders, opened = self.folders, tuple(Path(each) for each in self._preferences.settings.opened_folders)
        self._reading.do(lambda: _read_library(folders, opened, self._hub_cache), self._take_library)

    @Slot(object)
    def learn_fit(self, path: Path) -> None:
        """Reads the sizes of a model's tensors, for `fit_known`."""
        self._reading.do(lambda: _read_fit(path), self.fit_known.emit)

    def note_opened(self, path: Path) -> None:
        """Remembers a model that the user opened from elsewhere."""
        known = {each.path for each in self.library.models} | {Path(each) for each in self._opened}
        inside = any(folder == path or folder in path.parents for folder in self.folders)
        if path not in known and not inside:
            self._preferences.update(opened_folders=(*self._opened, str(path)))
            self.refresh()

    @Slot(object)
    def forget_opened(self, path: Path) -> None:
        """Takes a model from elsewhere off the list and leaves its files alone."""
        self._preferences.update(opened_folders=tuple(each for each in self._opened if each != str(path)))
        self.refresh()

    def is_opened(self, path: Path) -> bool:
        """Whether a model is listed because the user opened it."""
        return str(path) in self._opened

    @Slot(object)
    def add_folder(self, folder: Path) -> None:
        """Looks for models in another folder too."""
        if folder not in self.folders:
            self._set_folders((*self.folders, folder))

    @Slot(object)
    def remove_folder(self, folder: Path) -> None:
        """Looks for models in this folder no longer; its files stay."""
        rest = tuple(each for each in self.folders if each != folder)
        if rest:
            self._set_folders(rest)

    @Slot(object)
    def make_default(self, folder: Path) -> None:
        """Lets downloads go to this folder."""
        self._set_folders((folder, *(each for each in self.folders if each != folder)))

    @Slot(object)
    def verify(self, path: Path) -> None:
        """Hashes a downloaded model's files."""
        found = self.model_at(path)
        if found is None:
            return
        model = found.model
        self._run(
            path, "verifying", lambda tell: verify_model(path, tell), lambda report: self._on_verified(model, report)
        )

    @Slot(object)
    def delete(self, path: Path) -> None:
        """Deletes a model's files."""
        found = self.model_at(path)
        if found is not None:
            model = found.model
            self._run(path, "deleting", lambda _tell: delete_model(model), lambda freed: self._on_deleted(model, freed))

    @Slot(object, object)
    def move(self, path: Path, folder: Path) -> None:
        """Moves a model to another models' folder."""
        found = self.model_at(path)
        if found is not None:
            self._move(path, folder.joinpath(*_name_below(path, self.folders)))

    @Slot(object)
    def cancel(self, path: Path) -> None:
        """Ends what happens to a model; a move goes on at the next start or with the next try."""
        if path in self._cancelled:
            self._cancelled[path].set()

    def is_busy(self, path: Path) -> bool:
        """Whether something happens to a model."""
        return path in self._cancelled

    @property
    def _opened(self) -> tuple[str, ...]:
        return self._preferences.settings.opened_folders

    def _set_folders(self, folders: tuple[Path, ...]) -> None:
        self._preferences.update(models_folders=tuple(str(each) for each in folders))
        self.refresh()

    def _move(self, source: Path, destination: Path) -> None:
        self._run(
            source, "moving", lambda tell: move_model(source, destination, tell),
            lambda _nothing: self._on_moved(source, destination),
        )  # fmt: skip

    def _go_on_moving(self, moves: tuple[tuple[Path, Path], ...]) -> None:
        for source, destination in moves:
            self._move(source, destination)

    def _run(
        self, path: Path, kind: TaskKind, work: Callable[[Callable[[int, int], None]], object],
        then: Callable[..., object],
    ) -> None:  # fmt: skip
        """Does one thing to a model, after those that wait already."""
        if path in self._cancelled:
            return
        cancelled = self._cancelled[path] = threading.Event()

        def tell(done: int, total: int) -> None:
            if cancelled.is_set():
                raise Cancelled("The user ended it.")
            self._progress.put(path, Task(path, kind, done, total))

        def begin() -> object:
            tell(0, 0)
            return work(tell)

        self.task_changed.emit(Task(path, kind))

        def ended(result: object) -> None:
            self._end(path, kind)
            then(result)

        def failed(error: EngineError) -> None:
            self._end(path, kind)
            if not isinstance(error, Cancelled):
                self.failed.emit(error)

        self._working.do(begin, ended, failed)

    def _end(self, path: Path, kind: TaskKind) -> None:
        self._cancelled.pop(path, None)
        self.task_changed.emit(Task(path, kind, is_over=True))
        self.refresh()

    @Slot(object)
    def _on_progress(self, task: Task) -> None:
        if task.path in self._cancelled:  # not one that ended meanwhile
            self.task_changed.emit(task)

    def _take_library(self, library: Library) -> None:
        self.library = library
        self.listed.emit(library)

    def _on_verified(self, model: InstalledModel, report: VerifyReport) -> None:
        self.verified.emit(model, report)

    def _on_deleted(self, model: InstalledModel, freed: int) -> None:
        self._load_settings.forget_own(model.path)
        if self.is_opened(model.path):
            self.forget_opened(model.path)
        self.deleted.emit(model, freed)

    def _on_moved(self, source: Path, destination: Path) -> None:
        own = self._load_settings.own(source)
        if own is not None:
            self._load_settings.forget_own(source)
            self._load_settings.set_own(replace(own, path=str(destination)))
        if self.is_opened(source):
            self.forget_opened(source)
        if self._preferences.settings.last_model == str(source):
            self._preferences.update(last_model=str(destination))
        self.moved.emit(source, destination)


def _read_library(folders: tuple[Path, ...], opened: tuple[Path, ...], hub_cache: Path | None) -> Library:
    models = installed_models(folders, hub_cache)
    inside = {model.path for model in models}
    alone = [model for path in opened for model in installed_models([path]) if model.path == path]
    every = (*models, *(model for model in alone if model.path not in inside))
    return Library(
        tuple(LibraryModel(model, facts_of(model.path)) for model in every),
        tuple(ModelsFolder(folder, _free_bytes(folder)) for folder in folders),
    )


def _free_bytes(folder: Path) -> int | None:
    """Of the drive that a folder is or will be on; None where there is none."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None


def _read_fit(path: Path) -> FitAnswer:
    try:
        return FitAnswer(path, FitModel.of_folder(path))
    except EngineError:
        return FitAnswer(path, None)


def _name_below(path: Path, folders: tuple[Path, ...]) -> tuple[str, ...]:
    """What a model is called below a models' folder: `owner/name` of a download, else its folder's name."""
    if read_manifest(path) is not None:
        return path.parts[-2:]
    home = next((folder for folder in folders if folder in path.parents), None)
    return path.relative_to(home).parts if home is not None else (path.name,)
