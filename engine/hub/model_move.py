"""Moves a model to another models' folder: copy, read back and compare, then delete; goes on where it was ended.

On one drive it is a rename. A mark in the new folder says from where it is filled, and keeps it from counting as a
model until all is there. Knows nothing of downloads in progress but the lock that keeps them out.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.atomic_file import sync_folder
from engine.hub.errors import HubError
from engine.hub.transfer.atomic_json import read_json, write_json
from engine.hub.transfer.errors import FREE_SPACE, DamagedFileError, NotEnoughSpaceError, disk_error
from engine.hub.transfer.manifest import LOCK_NAME, locked_folder, manifest_path
from engine.hub.transfer.plan import OWN_FOLDER, PART_ENDING
from engine.units import FILE_GB, file_gb

MARK_NAME = "moving.json"
MARGIN_BYTES = FILE_GB
_READ_BYTES = 1 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Item:
    """A file of the model: its path in the folder and its size."""

    path: Path
    size: int


def is_being_moved_in(folder: Path) -> bool:
    """Whether a move fills this folder and has not finished copying."""
    try:
        mark = read_json(_mark(folder))
    except OSError:
        return True
    return mark is not None and mark.get("state") != "copied"


def unfinished_moves(models_folders: tuple[Path, ...]) -> tuple[tuple[Path, Path], ...]:
    """Source and destination of moves that were ended; `move_model` with the same two goes on."""
    found = []
    for folder in models_folders:
        for path in sorted(folder.glob(f"*/{OWN_FOLDER}/{MARK_NAME}")) + sorted(
            folder.glob(f"*/*/{OWN_FOLDER}/{MARK_NAME}")
        ):
            mark = read_json(path)
            if mark is not None and isinstance(mark.get("source"), str):
                found.append((Path(mark["source"]), path.parent.parent))
    return tuple(found)


def move_model(source: Path, destination: Path, progress: Progress, margin_bytes: int = MARGIN_BYTES) -> None:
    """Moves the model's folder `source` so that it is the folder `destination`.

    Args:
        progress: is told bytes done and in all, copied and read back each counting half; what it raises ends the work,
            which another call with the same folders takes up.
        margin_bytes: free space that is left on the new drive.

    Raises:
        HubError: something else lies at the destination, the drive is full, or a copy came out wrong.
    """
    source, destination = source.absolute(), destination.absolute()
    if source == destination or source in destination.parents or destination in source.parents:
        raise HubError(f"{source} cannot be moved to {destination}.", "Choose a folder outside of the model's own.")
    try:
        state = _state_of(destination, source)
        if state != "copied":
            if not source.is_dir():
                raise HubError(f"There is no model at {source}.", "Choose the folder of an installed model.")
            if state is None and _rename(source, destination):
                return
            with locked_folder(source):
                _copy(source, destination, progress, margin_bytes)
        _delete_source(source, destination)
    except OSError as error:
        raise disk_error(error, destination) from error


def _rename(source: Path, destination: Path) -> bool:
    """Moves within one drive; False when that is not possible."""
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise HubError(f"{destination} is there already.", "Choose another folder, or move away what lies there.")
    with locked_folder(source):
        pass  # nobody writes to it
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists():
        destination.rmdir()
    try:
        source.rename(destination)
    except OSError as error:
        if error.errno != errno.EXDEV and os.name != "nt":
            raise
        return False
    return True


def _copy(source: Path, destination: Path, progress: Progress, margin_bytes: int) -> None:
    items = _items(source)
    total = sum(item.size for item in items)
    _write_mark(destination, source, "copying")
    missing = sum(item.size for item in items if not _is_there(destination, item))
    free = shutil.disk_usage(destination).free
    if missing and free < missing + margin_bytes:
        raise NotEnoughSpaceError(
            f"{source.name} needs {file_gb(missing)} GB at {destination}, and the drive has {file_gb(free)} GB free.",
            FREE_SPACE,
        )
    done = 0
    for item in items:
        _copy_one(item, source, destination, lambda num_bytes, before=done: progress((before + num_bytes) // 2, total))  # type: ignore[misc]
        done += 2 * item.size
    _write_mark(destination, source, "copied")


def _copy_one(item: _Item, source: Path, destination: Path, progress: Callable[[int], None]) -> None:
    """Copies a file unless it is there, and compares both in any case."""
    origin, target = source / item.path, destination / item.path
    if _is_there(destination, item) and _hash(origin, progress) == _hash(target, progress, item.size):
        return
    part = target.with_name(target.name + PART_ENDING)
    target.parent.mkdir(parents=True, exist_ok=True)
    copied = hashlib.sha256()
    with origin.open("rb") as reading, part.open("wb") as writing:
        while data := reading.read(_READ_BYTES):
            copied.update(data)
            writing.write(data)
            progress(reading.tell())
        writing.flush()
        os.fsync(writing.fileno())
    if _hash(part, progress, item.size) != copied.hexdigest():
        raise DamagedFileError(
            f"{target} came out different from {origin}.",
            "Check the new drive for errors; the model stays where it is.",
        )
    part.replace(target)
    sync_folder(target.parent)


def _delete_source(source: Path, destination: Path) -> None:
    """Deletes the old folder, the records first, so that what is half deleted is no model; then the mark."""
    manifest_path(source).unlink(missing_ok=True)
    (source / "config.json").unlink(missing_ok=True)
    if source.is_dir():
        shutil.rmtree(source)
    _mark(destination).unlink(missing_ok=True)


def _items(folder: Path) -> list[_Item]:
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    own = {Path(OWN_FOLDER) / LOCK_NAME, Path(OWN_FOLDER) / MARK_NAME}
    return [_Item(path, (folder / path).stat().st_size) for path in paths if path not in own]


def _is_there(folder: Path, item: _Item) -> bool:
    path = folder / item.path
    return path.is_file() and path.stat().st_size == item.size


def _hash(path: Path, progress: Callable[[int], None], before: int = 0) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
            progress(before + file.tell())
    return digest.hexdigest()


def _mark(folder: Path) -> Path:
    return folder / OWN_FOLDER / MARK_NAME


def _state_of(destination: Path, source: Path) -> str | None:
    """How far a move between these two has come; None when there was none."""
    mark = read_json(_mark(destination))
    return str(mark.get("state")) if mark is not None and mark.get("source") == str(source) else None


def _write_mark(destination: Path, source: Path, state: str) -> None:
    mark = _mark(destination)
    mark.parent.mkdir(parents=True, exist_ok=True)
    write_json(mark, {"source": str(source), "state": state})
