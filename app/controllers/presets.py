"""The presets: choosing one for the open chat, keeping, renaming, deleting, handing on. Knows nothing of widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversation import ConversationController
from app.error_words import error_line
from app.storage.presets import Preset, PresetStore, clean_name, load_preset, preset_as_json
from engine.atomic_file import replace_file
from engine.errors import EngineError


@dataclass(frozen=True)
class PresetList:
    """What there is to choose from.

    Attributes:
        names: all presets.
        chosen: the one of the open chat, "" for none.
        is_changed: the chat differs from it by now.
    """

    names: tuple[str, ...] = ()
    chosen: str = ""
    is_changed: bool = False


class PresetController(QObject):
    """Signals:
    listed: a `PresetList`, whenever it is different.
    deleted: the `Preset` that is gone, for a note with an undo that calls `save`.
    said: a short sentence about what was done.
    failed: an `EngineError`, or the words of the system about a file.
    """

    listed = Signal(object)
    deleted = Signal(object)
    said = Signal(str)
    failed = Signal(str)

    def __init__(self, store: PresetStore, chats: ConversationController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._chats = chats
        self._presets: dict[str, Preset] = {}
        self._chosen = ""
        self._shown: PresetList | None = None
        chats.opened.connect(self._on_opened)
        chats.setup_changed.connect(self._tell)

    def start(self) -> None:
        """Reads the folder."""
        self._read()
        self._on_opened()

    def choose(self, name: str) -> None:
        """Gives the open chat the prompt and settings of a preset; "" only forgets which one it was."""
        preset = self._presets.get(name)
        self._chosen = name if preset is not None else ""
        if preset is not None:
            self._chats.set_system_prompt(preset.system_prompt)
            self._chats.set_sampling(preset.sampling)
        self._tell()

    def save_as(self, name: str) -> None:
        """Keeps prompt and settings of the open chat under a name, in place of what had it."""
        name = clean_name(name)
        if name:
            self.save(self._present(name))

    def save(self, preset: Preset) -> None:
        """Keeps a preset, which the open chat then has if it is like it."""
        try:
            self._store.save(preset)
        except OSError as error:
            self.failed.emit(self.tr("The preset could not be kept: {0}.").format(error.strerror))
            return
        self._read()
        if self._present(preset.name) == preset:
            self._chosen = preset.name
        self._tell()

    @Slot()
    def save_changes(self) -> None:
        """Keeps the chat's prompt and settings in the chosen preset."""
        if self._chosen:
            self.save(self._present(self._chosen))

    def rename(self, name: str) -> None:
        """Gives the chosen preset another name; one that is taken is refused."""
        name, preset = clean_name(name), self._presets.get(self._chosen)
        if preset is None or not name or name == preset.name:
            return
        if name in self._presets:
            self.failed.emit(self.tr("There is a preset “{0}” already.").format(name))
            return
        try:
            self._store.save(replace(preset, name=name))
            self._store.delete(preset.name)
        except OSError as error:
            self.failed.emit(self.tr("The preset could not be renamed: {0}.").format(error.strerror))
        self._read()
        self._chosen = name if name in self._presets else self._chosen
        self._tell()

    @Slot()
    def delete(self) -> None:
        """Takes the chosen preset away; the chat keeps what it has of it."""
        preset = self._presets.get(self._chosen)
        if preset is None:
            return
        try:
            self._store.delete(preset.name)
        except OSError as error:
            self.failed.emit(self.tr("The preset could not be deleted: {0}.").format(error.strerror))
            return
        self._read()
        self._chosen = ""
        self._tell()
        self.deleted.emit(preset)

    def import_file(self, path: Path) -> None:
        """Keeps the preset of a file, under a free name where another one has its own, and chooses it."""
        try:
            preset = load_preset(path)
        except EngineError as error:
            self.failed.emit(error_line(error))
            return
        preset = self._beside_others(preset)
        self.save(preset)
        if preset.name in self._presets:
            self.choose(preset.name)
            self.said.emit(self.tr("“{0}” is imported and chosen for this chat.").format(preset.name))

    def export(self, path: Path) -> None:
        """Writes the chosen preset, or what the chat has, into a file."""
        preset = self._presets.get(self._chosen) or self._present(clean_name(path.stem) or "Preset")
        try:
            replace_file(path, preset_as_json(preset).encode())
        except OSError as error:
            self.failed.emit(self.tr("{0} could not be written: {1}.").format(path.name, error.strerror))
            return
        self.said.emit(self.tr("“{0}” is saved as {1}.").format(preset.name, path.name))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _present(self, name: str) -> Preset:
        return Preset(name, self._chats.system_prompt, self._chats.sampling)

    def _read(self) -> None:
        self._presets = {each.name: each for each in self._store.presets()}

    def _beside_others(self, preset: Preset) -> Preset:
        """The preset under a name that no other one has."""
        number, named = 1, preset
        while self._presets.get(named.name, named) != named:
            number += 1
            named = replace(preset, name=f"{preset.name} ({number})")
        return named

    @Slot()
    def _on_opened(self) -> None:
        """A chat does not say which preset it has; it has the one that it is like."""
        alike = (each.name for each in self._presets.values() if each == self._present(each.name))
        self._chosen = next(alike, "") if self._chats.has_own_sampling else ""
        self._tell()

    @Slot()
    def _tell(self) -> None:
        preset = self._presets.get(self._chosen)
        is_changed = preset is not None and preset != self._present(preset.name)
        state = PresetList(tuple(self._presets), self._chosen, is_changed)
        if state != self._shown:
            self._shown = state
            self.listed.emit(state)
