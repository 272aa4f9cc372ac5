"""The models on this computer: which there are, what they weigh, whether they are whole, and deleting them.

A folder that a download made counts as a model when its manifest says that every file has been verified; a folder that
the user filled counts when it has a config and weights. Models in the hub library's own cache are listed and never
touched. Opens no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.hub.errors import HubError
from engine.hub.hub_cache import cached_models
from engine.hub.model_move import is_being_moved_in
from engine.hub.transfer.cleaning import remove_download
from engine.hub.transfer.digest import digest_file
from engine.hub.transfer.errors import disk_error
from engine.hub.transfer.manifest import Manifest, locked_folder, read_manifest, write_manifest
from engine.hub.transfer.plan import OWN_FOLDER, PART_ENDING

Origin = Literal["downloaded", "folder", "hub cache"]
MAX_DEPTH = 2  # owner/name


@dataclass(frozen=True)
class InstalledModel:
    """A model that can be loaded.

    Attributes:
        name: `owner/name@branch` of a download, else the folder's name.
        origin: who put it there; only "downloaded" can be verified, only "hub cache" cannot be deleted here.
        size_bytes: on the disk.
        commit: of a download, '' when unknown.
    """

    path: Path
    name: str
    origin: Origin
    size_bytes: int
    commit: str = ""


@dataclass(frozen=True)
class VerifyReport:
    """What checking a model's files found.

    Attributes:
        damaged, missing: paths in the repository.
    """

    num_files: int
    damaged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.damaged and not self.missing


def installed_models(folders: Iterable[Path], hub_cache: Path | None = None) -> tuple[InstalledModel, ...]:
    """Every usable model below the models' folders and in the hub's cache, by name; half ones are left out.

    Args:
        hub_cache: its folder, None to leave it out; see `hub_cache.cache_folder`.
    """
    found: dict[Path, InstalledModel] = {}
    for folder in folders:
        for candidate in _candidates(folder):
            model = _model_at(candidate)
            if model is not None:
                found.setdefault(candidate, model)
    if hub_cache is not None:
        for cached in cached_models(hub_cache):
            found.setdefault(
                cached.path, InstalledModel(cached.path, cached.name, "hub cache", cached.size_bytes, cached.commit)
            )
    return tuple(sorted(found.values(), key=lambda model: (model.name.casefold(), str(model.path))))


def unfinished_downloads(folders: Iterable[Path]) -> tuple[Manifest, ...]:
    """Downloads below the models' folders that were begun and not finished, whatever became of the queue."""
    manifests = (read_manifest(path) for folder in folders for path in _candidates(folder))
    return tuple(each for each in manifests if each is not None and not each.is_complete)


def verify_model(folder: Path, progress: Callable[[int, int], None]) -> VerifyReport:
    """Hashes every file of a downloaded model against its manifest; a wrong one makes the model unfinished again.

    Downloading the same plan once more then fetches the wrong files and no others.

    Args:
        progress: is told bytes done and in all; what it raises ends the work.

    Raises:
        HubError: the folder has no manifest, or cannot be read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise HubError(f"{folder} was not downloaded by this program.", "Only downloaded models can be verified.")
    try:
        with locked_folder(folder):
            return _verify(manifest, progress)
    except OSError as error:
        raise disk_error(error, folder) from error


def delete_model(model: InstalledModel) -> int:
    """Deletes a model's files and returns the bytes that are free again.

    Of a download all its files go and what else lies in the folder stays; of a folder that the user filled, its files
    and sub-folders go.

    Raises:
        HubError: it lies in the hub's cache, or a file cannot be deleted.
    """
    if model.origin == "hub cache":
        raise HubError(
            f"{model.name} lies in the Hugging Face cache, which other programs use too.",
            "Delete it with the hub's own tool: hf cache.",
        )
    try:
        manifest = read_manifest(model.path)
        if manifest is not None:
            with locked_folder(model.path):
                pass  # no download writes to it; held on, Windows could not delete the lock
            return remove_download(manifest.plan)
        return _delete_folder(model.path)
    except OSError as error:
        raise disk_error(error, model.path) from error


def _verify(manifest: Manifest, progress: Callable[[int, int], None]) -> VerifyReport:
    plan, done = manifest.plan, 0
    damaged, missing = [], []
    for file in plan.files:
        path = plan.path_of(file)
        if not path.is_file():
            missing.append(file.path)
            continue
        digest = digest_file(path, file, lambda num_bytes, before=done: progress(before + num_bytes, plan.total_bytes))  # type: ignore[misc]
        expected = digest.expected or manifest.verified.get(file.path) or digest.hexdigest()
        if digest.num_bytes != file.size or digest.hexdigest() != expected:
            damaged.append(file.path)
        done += file.size
    if damaged or missing:
        write_manifest(manifest.without({*damaged, *missing}))
    return VerifyReport(len(plan.files), tuple(damaged), tuple(missing))


def _candidates(folder: Path, depth: int = MAX_DEPTH) -> Iterator[Path]:
    """Folders that may be models: `folder` itself and what lies below it, not inside of a model."""
    yield folder
    if depth == 0 or read_manifest(folder) is not None:
        return
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return
    for path in inside:
        yield from _candidates(path, depth - 1)


def _model_at(folder: Path) -> InstalledModel | None:
    if is_being_moved_in(folder):
        return None
    manifest = read_manifest(folder)
    if manifest is not None:
        plan = manifest.plan
        if not manifest.is_complete:
            return None
        return InstalledModel(folder, plan.name, "downloaded", plan.total_bytes, plan.commit)
    try:
        if (folder / OWN_FOLDER).is_dir() or not (folder / "config.json").is_file():
            return None
        names = [path.name for path in folder.iterdir()]
        if not any(name.endswith(".safetensors") for name in names) or any(
            name.endswith(PART_ENDING) for name in names
        ):
            return None
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError:
        return None
    return InstalledModel(folder, folder.name, "folder", size)


def _delete_folder(folder: Path) -> int:
    """Deletes what lies in a folder, links themselves and not what they lead to, the config first."""
    freed = 0
    (folder / "config.json").unlink(missing_ok=True)  # without it a half deleted folder is no model
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
            continue
        freed += path.lstat().st_size
        path.unlink()
    folder.rmdir()
    return freed
