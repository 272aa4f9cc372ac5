"""Frees the card when nobody has written for a while, and takes the model back when somebody writes again.

Knows nothing of widgets: it is told of every sign of life.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.models import ModelController, ModelState
from app.controllers.preferences import Preferences
from engine.events import EngineStatus

MINUTE_MS = 60_000


class IdleUnload(QObject):
    """Signals:
    freed: the minutes after which the model was unloaded.
    """

    freed = Signal(int)

    def __init__(self, preferences: Preferences, models: ModelController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences, self._models = preferences, models
        self._unloaded: Path | None = None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._unload)
        models.state_changed.connect(self._on_state)
        preferences.changed.connect(self._on_settings)

    @property
    def is_waiting(self) -> bool:
        """Whether a model will be unloaded unless there is a sign of life."""
        return self._timer.isActive()

    @Slot()
    def touch(self) -> None:
        """A sign of life: the wait begins anew."""
        minutes = self._preferences.settings.unload_after_minutes
        if minutes and self._models.is_ready:
            self._timer.start(minutes * MINUTE_MS)
        else:
            self._timer.stop()

    @Slot(object)
    def on_status(self, status: EngineStatus) -> None:
        """A reply that is being written is a sign of life too, in whichever chat."""
        if status.tokens_per_s > 0:
            self.touch()

    @Slot()
    def on_typing(self) -> None:
        """Somebody writes: a model that was unloaded for idleness is loaded again."""
        if self._unloaded is not None and self._models.state is ModelState.NONE:
            self._models.load(self._unloaded)
        else:
            self.touch()

    @Slot()
    def load_again(self) -> None:
        """Takes the model back before somebody writes."""
        if self._unloaded is not None:
            self._models.load(self._unloaded)

    @Slot()
    def _unload(self) -> None:
        info = self._models.info
        if self._models.is_ready and info is not None:
            self._unloaded = info.path
            self._models.unload()
            self.freed.emit(self._preferences.settings.unload_after_minutes)

    @Slot()
    def _on_state(self) -> None:
        if self._models.state in (ModelState.LOADING, ModelState.READY):
            self._unloaded = None
        self.touch()

    @Slot(object)
    def _on_settings(self, keys: frozenset[str]) -> None:
        if "unload_after_minutes" in keys:
            self.touch()
