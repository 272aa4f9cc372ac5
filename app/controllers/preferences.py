"""The settings in memory and their delayed way to disk. Knows nothing of what a setting does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.storage.settings import TABLE, load_settings, save_settings

SAVE_DELAY_MS = 500


class Preferences(QObject):
    """Holds the current settings; a burst of changes becomes one write.

    Signals:
        changed: the keys of the fields of `Settings` that are different, as a frozenset.
        save_failed: the reason, as text.
    """

    changed = Signal(object)
    save_failed = Signal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        loaded = load_settings(path)
        self.settings = loaded.settings
        self.damaged = loaded.damaged
        self._timer = QTimer(self, interval=SAVE_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self.save_now)

    def update(self, **changes: Any) -> None:
        """Changes fields of `Settings` by name and saves soon."""
        before = self.settings
        self.settings = replace(before, **changes)
        different = frozenset(key for key in changes if getattr(before, key) != getattr(self.settings, key))
        if different:
            self._timer.start()
            self.changed.emit(different)

    def reset(self, keys: Iterable[str]) -> None:
        """Gives settings their defaults again."""
        wanted = set(keys)
        self.update(**{spec.key: spec.default for spec in TABLE if spec.key in wanted})

    @Slot()
    def save_now(self) -> None:
        """Writes the settings."""
        self._timer.stop()
        try:
            save_settings(self._path, self.settings)
        except OSError as error:
            self.save_failed.emit(str(error))
