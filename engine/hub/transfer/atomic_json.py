"""Small JSON records that a crash leaves whole: the old one or the new one. Knows nothing of what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.atomic_file import replace_file


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Writes beside the file, flushes to the disk, renames.

    Raises:
        OSError: the folder cannot be written.
    """
    replace_file(path, (json.dumps(record, indent=1) + "\n").encode())


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
