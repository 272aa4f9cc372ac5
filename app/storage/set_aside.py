"""Keeping a damaged file under another name instead of overwriting it."""

from __future__ import annotations

import time
from pathlib import Path


def set_aside(path: Path) -> Path:
    """Renames a file to a free name beside it and returns that name.

    Raises:
        OSError: the file cannot be renamed.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        target = path.with_name(f"{path.name}.damaged-{stamp}{suffix}")
        if not target.exists():
            path.rename(target)
            return target
        number += 1
