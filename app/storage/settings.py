"""The settings: one typed table, and the file that holds what differs from it. Knows nothing of what they do.

Each field below is a row: key, type, default, the values it takes and the words about it. The settings page, the search
on it, the reset, the file and its checks are made of these rows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from app.storage.model_chats import ModelChat, model_chats_of
from app.storage.model_loads import CACHE_BITS as CACHE_BITS
from app.storage.model_loads import MAX_CACHE_TOKENS, ModelLoad, model_loads_of
from app.storage.set_aside import set_aside
from app.storage.setting_spec import (
    About,
    Group,
    Option,
    SettingSpec,
    chosen,
    one_of,
    real,
    setting,
    several,
    spec_of,
    switch,
    text,
    whole,
)
from app.theme.tokens import ThemeChoice
from engine.atomic_file import replace_file
from engine.hub.settings import MAX_PARALLEL_DOWNLOADS, HubSettings

SCHEMA_VERSION = 2
MAX_IDLE_MINUTES = 24 * 60
MAX_CHAT_ID = 2**63 - 1
CONTEXT_CHOICES = tuple(1024 << power for power in range(1, 9))  # 2,048 to 262,144 tokens

_THEME = About(
    "Theme", "The colours of the window; System follows the light or dark mode of this computer.", Group.LOOK,
    (Option("system", "System"), Option("dark", "Dark"), Option("light", "Light")),
)  # fmt: skip
_TEXT_SCALE = About(
    "Text size of messages",
    "How large messages and the text you write are; 100 % is the size of the rest. Ctrl and plus or minus change it "
    "anywhere.",
    Group.LOOK,
)
_LANGUAGE = About(
    "Language", "The language of the window; System takes that of this computer.", Group.LOOK,
    (Option("system", "System"), Option("en", "English"), Option("de", "Deutsch")),
)  # fmt: skip
_LOAD_LAST = About(
    "Load the last model", "Loads the model that was used last when the window opens.", Group.START,
)  # fmt: skip
_LAST_CHAT = About(
    "Open the last chat", "Shows the chat that was open last when the window opens, else a new one.", Group.START,
)  # fmt: skip
_IDLE = About(
    "Free the card when idle",
    "Unloads a model that nobody has written to for this long, so that other programs have the memory; it is loaded "
    "again when you write.",
    Group.START,
    (Option(0, "Never"), *(Option(n, f"After {n} minutes") for n in (5, 10, 30, 60))),
)
_WHEN_FULL = About(
    "When a chat is full",
    "What happens to a message that does not fit the context: you are asked, the oldest turns are left out (the system "
    "prompt stays), or it is not sent.",
    Group.CHAT,
    (Option("ask", "Ask"), Option("drop_oldest", "Leave out the oldest turns"), Option("refuse", "Do not send")),
)
_CONTEXT = About(
    "Context",
    "How many tokens of conversation a model has room for; more needs more memory. Models with settings of their own "
    "keep these.",
    Group.LOADING,
    (Option(0, "Automatic"), *(Option(tokens, f"{tokens:,} tokens") for tokens in CONTEXT_CHOICES)),
)
_CACHE = About(
    "Cache",
    "Bits of each number that a conversation keeps on the card: 8 take half the room of 16 and are hardly less exact.",
    Group.LOADING,
    tuple(Option(bits, f"{bits} bits") for bits in CACHE_BITS),
)
_EXACT = About(
    "Exact sums", "Switched off, a single reply is faster on a card and very slightly less exact.", Group.LOADING,
)  # fmt: skip
_ADDRESS = About(
    "Address of the hub", "A mirror of the hub, or empty for the hub itself.", Group.HUB,
)  # fmt: skip
_PROXY = About("Proxy", "An HTTP proxy for everything that is fetched, or empty for the system's.", Group.HUB)
_OWN = About("Own server", "The server at that address is yours and may have the access token.", Group.HUB)
_PARALLEL = About("Models at a time", "How many downloads run side by side, 1 to 4.", Group.HUB)
_OFFLINE = About("Offline", "Nothing is asked of any server while this is on.", Group.HUB)


@dataclass(frozen=True)
class Settings:
    """Everything the window remembers between two starts: the table."""

    theme: ThemeChoice = chosen("system", _THEME)
    text_scale: float = setting(1.0, real(0.1, 10), _TEXT_SCALE)
    language: str = chosen("system", _LANGUAGE)
    last_model: str = setting("", text)
    load_last_model: bool = setting(True, switch, _LOAD_LAST)
    open_last_chat: bool = setting(True, switch, _LAST_CHAT)
    last_chat: int = setting(0, whole(0, MAX_CHAT_ID))  # 0 is a new one
    unload_after_minutes: int = setting(0, whole(0, MAX_IDLE_MINUTES), _IDLE)  # 0 keeps the model
    when_full: str = chosen("ask", _WHEN_FULL)
    all_sampling: bool = setting(False, switch)  # the panel shows every sampling setting, not the few
    device: str = setting("auto", text)  # or "cpu", or the UUID of a card
    cache_tokens: int = setting(0, whole(0, MAX_CACHE_TOKENS), _CONTEXT)  # 0 leaves it to the engine
    cache_bits: int = setting(16, one_of(CACHE_BITS), _CACHE)  # of a key or value
    exact: bool = setting(True, switch, _EXACT)  # activations are never rounded to 8 bits
    window: tuple[int, ...] = setting((), several(int))  # x, y, width, height
    maximized: bool = setting(False, switch)
    splitter: tuple[int, ...] = setting((), several(int))
    inspector_open: bool = setting(True, switch)
    list_open: bool = setting(True, switch)
    # Where models lie, and the first of which gets downloads; none is the usual one.
    models_folders: tuple[str, ...] = setting((), several(str))
    # Of models that the user gave settings of their own.
    model_loads: tuple[ModelLoad, ...] = setting((), lambda v: model_loads_of(v) if isinstance(v, list) else None)
    model_chats: tuple[ModelChat, ...] = setting((), model_chats_of)  # how chats with single models begin
    opened_folders: tuple[str, ...] = setting((), several(str))  # models elsewhere that the user opened
    hub_address: str = setting("", text, _ADDRESS)  # '' is the hub itself
    hub_proxy: str = setting("", text, _PROXY)  # '' leaves it to the system
    hub_is_own: bool = setting(False, switch, _OWN)  # the server at that address may have the token
    parallel_downloads: int = setting(1, whole(1, MAX_PARALLEL_DOWNLOADS), _PARALLEL)
    offline: bool = setting(False, switch, _OFFLINE)  # nothing is asked of any server

    @property
    def hub(self) -> HubSettings:
        """The choices about the hub."""
        return HubSettings(self.hub_address, self.hub_proxy, self.offline, self.hub_is_own)


TABLE: tuple[SettingSpec, ...] = tuple(spec_of(each) for each in fields(Settings))


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, and where a damaged file was put aside."""

    settings: Settings
    damaged: Path | None = None


def load_settings(path: Path) -> LoadedSettings:
    """Reads the file; a missing one gives the defaults, a damaged one is set aside and gives the defaults.

    Unknown keys and values of the wrong type are left out. A file of another version is copied beside itself first:
    the next save writes today's.
    """
    try:
        raw = _read(path)
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except (OSError, ValueError):
        return LoadedSettings(Settings(), set_aside(path))
    version = _version(raw)
    if version != SCHEMA_VERSION:
        _keep_copy(path, version)
    return LoadedSettings(_settings_of(raw))


def saved_settings(path: Path) -> Settings:
    """As `load_settings` for a command in the terminal: a damaged file is left to the window."""
    try:
        return _settings_of(_read(path))
    except (OSError, ValueError):
        return Settings()


def save_settings(path: Path, settings: Settings) -> None:
    """Writes what differs from the defaults, so that a crash leaves either the old or the new file.

    Raises:
        OSError: the folder cannot be written.
    """
    values = asdict(settings)
    changed = {spec.key: values[spec.key] for spec in TABLE if getattr(settings, spec.key) != spec.default}
    content = json.dumps({"schema_version": SCHEMA_VERSION, "settings": changed}, indent=2)
    replace_file(path, content.encode())


def _read(path: Path) -> dict[str, Any]:
    raw = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise ValueError("not an object")
    return raw


def _version(raw: dict[str, Any]) -> int:
    version = raw.get("schema_version", 1)
    return version if type(version) is int and version > 0 else 1


def _keep_copy(path: Path, version: int) -> None:
    copy = path.with_name(f"{path.name}.v{version}")
    try:
        if not copy.exists():
            shutil.copyfile(path, copy)
    except OSError:
        return  # the copy is a courtesy: a disk that refuses it must not keep the window from opening


def _of_version_1(raw: dict[str, Any]) -> dict[str, Any]:
    """The first files had every value beside the version."""
    return {"settings": {key: value for key, value in raw.items() if key != "schema_version"}}


_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _of_version_1}
"""What makes a file of a version one of the next."""


def _settings_of(raw: dict[str, Any]) -> Settings:
    for version in range(_version(raw), SCHEMA_VERSION):
        raw = _MIGRATIONS[version](raw)
    values = raw.get("settings")
    if not isinstance(values, dict):
        return Settings()
    checked = {spec.key: spec.check(values[spec.key]) for spec in TABLE if spec.key in values}
    return Settings(**{key: value for key, value in checked.items() if value is not None})
