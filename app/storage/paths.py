"""Which folder holds the user's data. Knows nothing of what is written there.

A portable copy keeps it in its own folder: an empty file named `portable` beside main.py makes one. What can be made
again, as compiled kernels are, stays in the cache of each computer it runs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

PROGRAM_FOLDER = Path(__file__).resolve().parents[2]
MARKERS = ("portable", "portable.txt")  # Windows hides the ending of the second
PORTABLE_DATA = "data"


@dataclass(frozen=True)
class DataPaths:
    """The user's files under one folder."""

    folder: Path

    @property
    def conversations(self) -> Path:
        return self.folder / "conversations.sqlite3"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def presets(self) -> Path:
        return self.folder / "presets"

    @property
    def attachments(self) -> Path:
        """Pictures that belong to conversations."""
        return self.folder / "attachments"

    @property
    def crash_reports(self) -> Path:
        return self.folder / "crash_reports"


def is_portable(program: Path = PROGRAM_FOLDER) -> bool:
    """Whether this copy of the program keeps everything beside itself."""
    return any((program / name).is_file() for name in MARKERS)


def data_folder(program: Path = PROGRAM_FOLDER) -> Path:
    """Where this user's data belongs; it need not exist."""
    if is_portable(program):
        return program / PORTABLE_DATA
    return Path(platformdirs.user_data_dir("Espalier", appauthor=False))


def data_paths(override: Path | None = None) -> DataPaths:
    """The data folder of this user, or `override`; it is created when missing.

    Raises:
        OSError: the folder cannot be created.
    """
    folder = override or data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return DataPaths(folder)
