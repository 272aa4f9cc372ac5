"""The record in a model's folder: which files belong to it and which of them have been verified.

It is there before the first byte of the model, and only it makes a folder an installed model. Knows nothing of how the
files come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.hub.transfer.atomic_json import read_json, write_json
from engine.hub.transfer.errors import BusyFolderError
from engine.hub.transfer.plan import OWN_FOLDER, DownloadPlan, plan_from_json

MANIFEST_NAME = "manifest.json"
LOCK_NAME = "lock"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """A plan and how far it has come.

    Attributes:
        verified: path -> SHA-256 or git blob id that the file was found to have; "" where the hub gave neither.
    """

    plan: DownloadPlan
    verified: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether every file has been verified and still has its length."""
        return all(self.has(file.path) for file in self.plan.files)

    def has(self, path: str) -> bool:
        """Whether a file has been verified and is there in its full length."""
        file = next((file for file in self.plan.files if file.path == path), None)
        if file is None or path not in self.verified:
            return False
        try:
            return self.plan.path_of(file).stat().st_size == file.size
        except OSError:
            return False

    def with_verified(self, path: str, digest: str) -> Manifest:
        return replace(self, verified={**self.verified, path: digest})

    def without(self, paths: set[str]) -> Manifest:
        """These files count as unverified again."""
        return replace(self, verified={path: each for path, each in self.verified.items() if path not in paths})


def manifest_path(folder: Path) -> Path:
    return folder / OWN_FOLDER / MANIFEST_NAME


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a model's folder; None when there is none, or none that can be believed."""
    try:
        record = read_json(manifest_path(folder))
    except OSError:
        return None
    plan = plan_from_json(record, folder) if record and record.get("schema_version") == SCHEMA_VERSION else None
    if record is None or plan is None:
        return None
    verified = record.get("verified")
    pairs = verified.items() if isinstance(verified, dict) else ()
    return Manifest(plan, {path: digest for path, digest in pairs if isinstance(digest, str)})


def write_manifest(manifest: Manifest) -> None:
    """Writes the manifest of `manifest.plan.folder`, which is made when missing.

    Raises:
        OSError: the folder cannot be written.
    """
    path = manifest_path(manifest.plan.folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"schema_version": SCHEMA_VERSION, **manifest.plan.as_json(), "verified": dict(manifest.verified)}
    write_json(path, record)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keeps other programs and other downloads out of a model's folder; a program that dies lets go of it.

    Raises:
        BusyFolderError: somebody else is in it.
        OSError: the folder cannot be written.
    """
    own = folder / OWN_FOLDER
    own.mkdir(parents=True, exist_ok=True)
    with (own / LOCK_NAME).open("ab") as file:
        if not _lock(file.fileno()):
            raise BusyFolderError(
                f"Another download writes to {folder}.",
                "Wait until it is finished, or end the other program, then resume.",
            )
        yield


def _lock(handle: int) -> bool:
    """Takes the lock that ends with the open file; False when it is taken."""
    import sys

    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True  # a network file system without locks: better to download than to refuse
    return True
