"""Which folder holds the user's data. Knows nothing of what is written there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs


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
    def crash_reports(self) -> Path:
        return self.folder / "crash_reports"


def data_paths(override: Path | None = None) -> DataPaths:
    """The data folder of this user, or `override` for a portable copy; it is created when missing.

    Raises:
        OSError: the folder cannot be created.
    """
    folder = override or Path(platformdirs.user_data_dir("Espalier", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return DataPaths(folder)
