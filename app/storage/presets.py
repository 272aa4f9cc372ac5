"""Presets: a system prompt with sampling settings under a name, each in a JSON file that can be handed on.

A file may come from anybody, so every value is looked at. Knows nothing of Qt or of chats.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from engine.atomic_file import replace_file
from engine.errors import EngineError
from engine.requests import SamplingSettings

FORMAT, VERSION = "espalier-preset", 1
MAX_FILE_BYTES = 1024**2
MAX_NAME = 80
_MAX_PRESETS = 1000
_WAY_OUT = "Choose a preset that Espalier exported; nothing was imported."


class PresetError(EngineError):
    """The file is not a preset, or is damaged."""


@dataclass(frozen=True)
class Preset:
    """A way to chat under a name."""

    name: str
    system_prompt: str = ""
    sampling: SamplingSettings = field(default_factory=SamplingSettings)


class PresetStore:
    """The presets in a folder, one file each. Reading leaves alone what is no preset.

    Args:
        folder: is made with the first preset.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def presets(self) -> list[Preset]:
        """All of them by name."""
        found: dict[str, Preset] = {}
        for path in sorted(self._folder.glob("*.json"))[:_MAX_PRESETS]:
            try:
                preset = load_preset(path)
            except PresetError:
                continue  # a file that somebody put there; it stays, and export and import say what is wrong with it
            found[preset.name] = preset
        return sorted(found.values(), key=lambda each: (each.name.casefold(), each.name))

    def save(self, preset: Preset) -> None:
        """Writes a preset in place of another of its name.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._files_of(preset.name):
            path.unlink()
        replace_file(self._folder / _file_name(preset.name), preset_as_json(preset).encode())

    def delete(self, name: str) -> None:
        """Takes a preset away; nothing happens when there is none of the name.

        Raises:
            OSError: the file cannot be removed.
        """
        for path in (*self._files_of(name), self._folder / _file_name(name)):
            path.unlink(missing_ok=True)

    def _files_of(self, name: str) -> list[Path]:
        """Files under other names than ours, which somebody copied here, with a preset of this name."""
        own, found = _file_name(name), []
        for path in self._folder.glob("*.json"):
            try:
                if path.name != own and load_preset(path).name == name:
                    found.append(path)
            except PresetError:
                continue
        return found


def clean_name(name: str) -> str:
    """A name on one line, not too long; "" where nothing is left."""
    plain = name.encode("utf-8", "replace").decode("utf-8")
    return " ".join(plain.split())[:MAX_NAME].strip()


def preset_as_json(preset: Preset) -> str:
    """The text of a preset's file."""
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "name": preset.name,
        "system_prompt": preset.system_prompt,
        "sampling": asdict(preset.sampling),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def load_preset(path: Path) -> Preset:
    """Reads and checks a file.

    Raises:
        PresetError: it cannot be read or is not a preset.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PresetError(f"{path.name} is larger than a preset can be.", _WAY_OUT)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PresetError(f"{path.name} is not a text file.", _WAY_OUT) from error
    except OSError as error:
        raise PresetError(f"{path.name} cannot be read: {error.strerror}.", "Check the file and try again.") from error
    return parse_preset(text, path.name)


def parse_preset(text: str, file_name: str) -> Preset:
    """Checks the text of a file.

    Settings that this version does not know are left out; those that the file leaves out have their defaults.

    Raises:
        PresetError: it is not a preset, or a value does not fit.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PresetError(f"{file_name} is not JSON.", _WAY_OUT) from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise PresetError(f"{file_name} is not a preset of Espalier.", _WAY_OUT)
    version = raw.get("version")
    if type(version) is not int or version < 1:
        _refuse(file_name, raw, "version")
    if version > VERSION:
        newer = f"{file_name} was exported by a newer version of Espalier (format {version})."
        raise PresetError(newer, "Import it with the newer version; nothing was imported.")
    name, prompt = raw.get("name"), raw.get("system_prompt", "")
    if not isinstance(name, str) or not clean_name(name):
        _refuse(file_name, raw, "name")
    if not isinstance(prompt, str):
        _refuse(file_name, raw, "system_prompt")
    prompt = prompt.encode("utf-8", "replace").decode("utf-8")
    return Preset(clean_name(name), prompt, _sampling(raw, file_name))


def _sampling(raw: Mapping[str, Any], file_name: str) -> SamplingSettings:
    given = raw.get("sampling", {})
    if not isinstance(given, dict):
        _refuse(file_name, raw, "sampling")
    known: dict[str, Any] = {}
    for name, default in asdict(SamplingSettings()).items():
        if name not in given:
            continue
        value = given[name]
        if not _fits(value, default, holds_texts=name == "stop_strings"):
            _refuse(file_name, given, name)
        known[name] = tuple(value) if isinstance(value, list) else value
    try:
        return SamplingSettings(**known)
    except EngineError as error:
        raise PresetError(f"{file_name}: {error.message} {error.way_out}", "Nothing was imported.") from error


def _fits(value: object, default: object, *, holds_texts: bool) -> bool:
    """Whether a value is of its field's type; the range is checked where the field is declared."""
    if default is None:
        return value is None or type(value) is int
    if isinstance(default, tuple):
        wanted = str if holds_texts else int
        return isinstance(value, list) and all(type(each) is wanted for each in value)
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _refuse(file_name: str, raw: Mapping[str, Any], key: str) -> NoReturn:
    shown = repr(raw.get(key))
    shown = shown if len(shown) <= 40 else shown[:39] + "…"
    words = f"“{key}” is {shown}" if key in raw else f"“{key}” is missing"
    raise PresetError(f"{file_name}: {words}.", _WAY_OUT)


def _file_name(name: str) -> str:
    """A name that every file system takes and that can still be read; the digest keeps alike names apart."""
    plain = "".join(c if c.isalnum() or c in " -_" else "_" for c in name)[:40].strip()
    return f"{plain} {hashlib.sha256(name.encode()).hexdigest()[:8]}.json".strip()
