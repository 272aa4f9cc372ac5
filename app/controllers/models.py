"""Loading and unloading the model, and what state it is in. Knows nothing of widgets or of conversations."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.load_settings import CPU, LoadSettings
from app.engine_bridge import EngineBridge
from engine.errors import Cancelled, EngineError
from engine.events import LoadFailed, LoadProgress, ModelInfo, ModelLoaded, ModelUnloaded
from engine.requests import LoadRequest


class ModelState(Enum):
    """Where the one loaded model stands; always the consequence of the engine's last event."""

    NONE = "none"
    LOADING = "loading"
    CANCELLING = "cancelling"
    READY = "ready"
    UNLOADING = "unloading"


class ModelController(QObject):
    """Turns "open this folder", "cancel" and "unload" into requests.

    Signals:
        state_changed: `state`, `info`, `error` or `loading_path` are different.
        progress: an `engine.events.LoadProgress`.
    """

    state_changed = Signal()
    progress = Signal(object)

    def __init__(
        self, engine: EngineBridge, settings: LoadSettings, demo_folder: Path, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._settings = settings
        self._demo_folder = demo_folder
        self._waiting_loads = 0
        self._held_folder: Path | None = None  # until it is known which number the chosen card has
        self._held_device = ""
        self._request: LoadRequest | None = None
        self.state = ModelState.NONE
        self.info: ModelInfo | None = None
        self.error: EngineError | None = None
        self.loading_path: Path | None = None
        self.last_path: Path | None = None  # of the last load, whatever became of it
        settings.changed.connect(self._load_held)
        engine.load_progress.connect(self._on_progress)
        engine.model_loaded.connect(self._on_loaded)
        engine.load_failed.connect(self._on_failed)
        engine.model_unloaded.connect(self._on_unloaded)

    @property
    def is_ready(self) -> bool:
        return self.state is ModelState.READY

    @property
    def is_demo(self) -> bool:
        """Whether the loaded model is the embedded toy."""
        return self.info is not None and self.info.path == self._demo_folder

    @property
    def has_demo(self) -> bool:
        """Whether the embedded toy is there to be loaded."""
        return (self._demo_folder / "config.json").is_file()

    @property
    def needs_reload(self) -> bool:
        """Whether the loaded model stands elsewhere, or with another cache, than the settings say now."""
        if not self.is_ready or self.info is None or self._request is None:
            return False
        same_device = self._settings.device in (self._request.device, self.info.device)
        chosen = (self._settings.cache_tokens, self._settings.cache_bits, self._settings.exact)
        return not same_device or chosen != (self._request.cache_tokens, self._request.cache_bits, self._request.exact)

    @Slot()
    def load_demo(self) -> None:
        """Loads the embedded toy."""
        self.load(self._demo_folder)

    def load(self, path: Path, device: str = "") -> None:
        """Loads the model in a folder (or beside a file that was picked) in place of the present one.

        Args:
            path: the folder, or a file in it.
            device: as in `LoadRequest`; '' takes what is set.
        """
        folder = path.parent if path.is_file() else path
        self._held_folder = None  # one that still waits is not wanted any more
        self._settings.speak_of(folder)
        self._held_device = device
        self.loading_path = self.last_path = self._held_folder = folder
        self._set(ModelState.LOADING)
        self._load_held()

    @property
    def wanted_processor(self) -> bool:
        """Whether the last load was one on the processor."""
        return self._request is not None and self._request.device == CPU

    @Slot()
    def load_on_processor(self) -> None:
        """Loads the last model there this once; where models run stays as it is set."""
        if self.last_path is not None:
            self.load(self.last_path, device=CPU)

    @Slot()
    def reload(self) -> None:
        """Loads the present model again, as the settings say now."""
        if self.is_ready and self.info is not None:
            self.load(self.info.path)

    @Slot()
    def cancel(self) -> None:
        """Stops the running load."""
        if self.state is not ModelState.LOADING:
            return
        if self._held_folder is not None and not self._waiting_loads:  # the engine has not heard of it
            self._held_folder = self.loading_path = None
            self._set(ModelState.NONE)
            return
        self._held_folder = None
        self._set(ModelState.CANCELLING)
        self._engine.cancel_load()

    @Slot()
    def unload(self) -> None:
        """Drops the model."""
        if self.state is ModelState.READY:
            self._set(ModelState.UNLOADING)
            self._engine.unload()

    @Slot()
    def _load_held(self) -> None:
        settings = self._settings
        if self._held_folder is None or not (self._held_device or settings.is_known):
            return
        self._request = LoadRequest(
            self._held_folder,
            self._held_device or settings.device,
            settings.cache_tokens,
            settings.cache_bits,
            settings.exact,
        )
        self._held_folder = None
        self._waiting_loads += 1
        self._engine.load(self._request)

    @Slot(object)
    def _on_progress(self, progress: LoadProgress) -> None:
        if self.state is ModelState.LOADING:
            self.progress.emit(progress)

    @Slot(object)
    def _on_loaded(self, event: ModelLoaded) -> None:
        self._waiting_loads -= 1
        self.info = event.info
        if not self._waiting_loads:
            self.loading_path = None
            self._set(ModelState.READY)

    @Slot(object)
    def _on_failed(self, event: LoadFailed) -> None:
        self._waiting_loads -= 1
        if self._waiting_loads:
            return
        self.loading_path = None
        self._set(ModelState.NONE, None if isinstance(event.error, Cancelled) else event.error)

    @Slot(object)
    def _on_unloaded(self, _event: ModelUnloaded) -> None:
        self.info = None
        if self.state in (ModelState.READY, ModelState.UNLOADING):
            self._set(ModelState.NONE)
        else:
            self.state_changed.emit()

    def _set(self, state: ModelState, error: EngineError | None = None) -> None:
        self.state = state
        self.error = error
        self.state_changed.emit()
