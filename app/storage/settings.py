"""The user's settings as typed JSON, replaced atomically. Knows nothing of what they do."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from app.storage.model_loads import CACHE_BITS as CACHE_BITS
from app.storage.model_loads import MAX_CACHE_TOKENS, ModelLoad, model_loads_of
from app.storage.set_aside import set_aside
from app.theme.tokens import ThemeChoice
from engine.atomic_file import replace_file
from engine.hub.settings import MAX_PARALLEL_DOWNLOADS, HubSettings

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """Everything the window remembers between two starts."""

    theme: ThemeChoice = "system"
    text_scale: float = 1.0
    last_model: str = ""
    load_last_model: bool = True
    device: str = "auto"  # or "cpu", or the UUID of a card
    cache_tokens: int = 0  # context of the next load; 0 leaves it to the engine
    cache_bits: int = 16  # of a key or value of the next load; one of CACHE_BITS
    exact: bool = True  # activations of the next load are never rounded to 8 bits
    window: tuple[int, ...] = ()  # x, y, width, height
    maximized: bool = False
    splitter: tuple[int, ...] = ()
    inspector_open: bool = True
    list_open: bool = True
    models_folders: tuple[
        str, ...
    ] = ()  # where models lie and the first of which gets downloads; none is the usual one
    model_loads: tuple[ModelLoad, ...] = ()  # of models that the user gave settings of their own
    opened_folders: tuple[str, ...] = ()  # models elsewhere that the user opened
    hub_address: str = ""  # '' is the hub itself
    hub_proxy: str = ""  # '' leaves it to the system
    hub_is_own: bool = False  # the server at that address is the user's and may have the token
    parallel_downloads: int = 1  # models at a time
    offline: bool = False  # nothing is asked of any server

    @property
    def hub(self) -> HubSettings:
        """The choices about the hub."""
        return HubSettings(self.hub_address, self.hub_proxy, self.offline, self.hub_is_own)


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, and where a damaged file was put aside."""

    settings: Settings
    damaged: Path | None = None


def load_settings(path: Path) -> LoadedSettings:
    """Reads the file; a missing one gives the defaults, a damaged one is set aside and gives the defaults.

    Unknown keys and values of the wrong type are left out, so that a newer file does not lose the rest.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            raise ValueError("not an object")
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except (OSError, ValueError):
        return LoadedSettings(Settings(), set_aside(path))
    return LoadedSettings(_settings_of(raw))


def saved_settings(path: Path) -> Settings:
    """As `load_settings` for a command in the terminal: a damaged file is left to the window."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Settings()
    return _settings_of(raw) if isinstance(raw, dict) else Settings()


def save_settings(path: Path, settings: Settings) -> None:
    """Writes the file so that a crash leaves either the old or the new one.

    Raises:
        OSError: the folder cannot be written.
    """
    text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(settings)}, indent=2)
    replace_file(path, text.encode())


def _settings_of(raw: dict[str, Any]) -> Settings:
    known = {each.name: _checked(each.name, raw.get(each.name)) for each in fields(Settings)}
    return Settings(**{name: value for name, value in known.items() if value is not None})


def _checked(name: str, value: Any) -> Any:
    """`value` in the type of the field, or None when it does not fit."""
    default = getattr(Settings(), name)
    if isinstance(default, bool):
        return value if isinstance(value, bool) else None
    if name == "parallel_downloads":
        return value if type(value) is int and 1 <= value <= MAX_PARALLEL_DOWNLOADS else None
    if name == "cache_bits":
        return value if type(value) is int and value in CACHE_BITS else None
    if isinstance(default, int):
        return value if type(value) is int and 0 <= value <= MAX_CACHE_TOKENS else None
    if isinstance(default, float):
        return float(value) if isinstance(value, (int, float)) and 0.1 <= value <= 10 else None
    if name == "model_loads":
        return model_loads_of(value) if isinstance(value, list) else None
    if isinstance(default, tuple):
        kind = str if name.endswith("_folders") else int
        return tuple(value) if isinstance(value, list) and all(isinstance(each, kind) for each in value) else None
    if name == "theme":
        return value if value in ("system", "dark", "light") else None
    return value if isinstance(value, str) else None
