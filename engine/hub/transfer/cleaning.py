"""Deletes what a download brought, and nothing else that lies in its folder. Knows nothing of running downloads."""

from __future__ import annotations

import contextlib
from pathlib import Path

from engine.hub.transfer.manifest import LOCK_NAME, manifest_path
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.sidecar import sidecar_path


def remove_download(plan: DownloadPlan) -> int:
    """Deletes the files of a plan, their parts and records, and the folders that are empty then.

    The manifest goes first, so that what is half deleted is no installed model.

    Returns:
        The bytes that are free again.

    Raises:
        OSError: a file cannot be deleted.
    """
    manifest = manifest_path(plan.folder)
    manifest.unlink(missing_ok=True)
    freed = 0
    for file in plan.files:
        part = plan.part_of(file)
        sidecar = sidecar_path(part)
        for path in (plan.path_of(file), part, sidecar, sidecar.with_name(sidecar.name + ".new")):
            freed += _remove(path)
        _remove_empty(plan.path_of(file).parent, plan.folder)
    for name in (manifest.name + ".new", LOCK_NAME):
        _remove(manifest.parent / name)
    _remove_empty(manifest.parent, plan.folder)
    _remove_empty(plan.folder, plan.folder.parent.parent)
    return freed


def _remove(path: Path) -> int:
    try:
        size = path.lstat().st_size
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return 0
    return size


def _remove_empty(folder: Path, stop: Path) -> None:
    """Removes `folder` and its parents up to `stop`, exclusively, as long as they are empty."""
    with contextlib.suppress(OSError):
        while folder != stop and stop in folder.parents:
            folder.rmdir()
            folder = folder.parent
