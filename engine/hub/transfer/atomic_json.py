"""Small JSON records that a crash leaves whole: the old one or the new one. Knows nothing of what they say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Writes beside the file, flushes to the disk, renames.

    Raises:
        OSError: the folder cannot be written.
    """
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The record, or None when there is none or it is no JSON object.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        record = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


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
