"""Replaces a file so that whoever reads it, after a crash too, finds the old content or the new one and never a half.

The one way in which the program writes its small records. Knows nothing of what is in them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(
    path: Path, data: bytes, *, is_durable: bool = True, is_shared: bool = False, is_private: bool = False
) -> None:
    """Writes beside the file and renames; the folder exists. What could not be finished is removed.

    Args:
        is_durable: a power cut right afterwards does not bring the old content back; costs a wait for the disk.
        is_shared: several programs may write the file at the same time: each writes beside it under a name of its own,
            and whoever renames last is right.
        is_private: nobody but the user may read it, not even for a moment.

    Raises:
        OSError: the folder cannot be written.
    """
    beside, handle = _open_beside(path, is_shared=is_shared, is_private=is_private)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    if is_durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames in `folder` outlive a power cut, where the system can be asked for that."""
    if os.name == "nt":
        return  # a folder cannot be opened there, and NTFS journals its names
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        return  # some network file systems refuse; the rename itself has been done
    finally:
        os.close(handle)


def beside_of(path: Path) -> Path:
    """Where a file that one program alone writes is written first; a crash may leave it."""
    return path.with_name(path.name + ".new")


def _open_beside(path: Path, *, is_shared: bool, is_private: bool) -> tuple[Path, int]:
    if is_shared:
        handle, name = tempfile.mkstemp(suffix=".new", prefix=path.name, dir=path.parent)  # readable by the user alone
        return Path(name), handle
    beside = beside_of(path)
    beside.unlink(missing_ok=True)  # of a crash
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return beside, os.open(beside, flags, 0o600 if is_private else 0o666)
