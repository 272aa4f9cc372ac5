"""Where the next model is loaded and with what cache: the user's choice, and what the cards make of it.

A model that the user gave settings of its own has these; all others share the usual ones. Knows nothing of widgets or
of how a model is loaded.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from app.card_watch import CardWatch
from app.controllers.preferences import Preferences
from app.error_words import error_words
from app.storage.model_loads import ModelLoad
from engine.fit.cards import Card, CardReport

AUTOMATIC, CPU = "auto", "cpu"  # the choices besides a card's UUID, spelled as the engine spells them


class LoadSettings(QObject):
    """The choice is stored as it was made; while its card is missing or cannot run the kernels, automatic stands in.

    Signals:
        changed: another choice, or the cards are known now.
        card_missed: name or UUID of the chosen card, and why it is not used.
    """

    changed = Signal()
    card_missed = Signal(str)

    def __init__(self, preferences: Preferences, watch: CardWatch, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._path = ""  # of the model that is spoken of
        self.report: CardReport | None = None
        watch.found.connect(self._on_found)

    @property
    def is_known(self) -> bool:
        """Whether `device` can be told yet: a chosen card has a number only when the cards have been found."""
        return self.report is not None or self._now.device in (AUTOMATIC, CPU)

    @property
    def choice(self) -> str:
        """What is used of the stored choice: "auto", "cpu" or the UUID of a card that can run the kernels."""
        stored = self._now.device
        return stored if stored in (AUTOMATIC, CPU) or self._usable(stored) else AUTOMATIC

    @property
    def device(self) -> str:
        """The choice as `LoadRequest.device`."""
        card = self._usable(self.choice)
        return card.device if card is not None else self.choice

    @property
    def cache_tokens(self) -> int | None:
        """The choice as `LoadRequest.cache_tokens`."""
        return self._now.cache_tokens or None

    @property
    def cache_bits(self) -> tuple[int, int]:
        """The choice as `LoadRequest.cache_bits`."""
        bits = self._now.cache_bits
        return bits, bits

    @property
    def exact(self) -> bool:
        """The choice as `LoadRequest.exact`."""
        return self._now.exact

    @property
    def expected_card(self) -> Card | None:
        """The card that the next load will most likely take."""
        if self.choice == CPU:
            return None
        return self._usable(self.choice) or next((each for each in self._cards if not each.obstacle()), None)

    def card_of(self, device: str) -> Card | None:
        """The card of an engine's device name."""
        return next((each for each in self._cards if each.device == device), None)

    def speak_of(self, path: Path) -> None:
        """From now on the settings are those of this model, also where they are changed."""
        if str(path) != self._path:
            self._path = str(path)
            self.changed.emit()

    def own(self, path: Path) -> ModelLoad | None:
        """What was chosen for this model alone; None while it has the usual settings."""
        return next((each for each in self._preferences.settings.model_loads if each.path == str(path)), None)

    def of(self, path: Path) -> ModelLoad:
        """The settings that a load of this model takes."""
        own, usual = self.own(path), self._preferences.settings
        return own or ModelLoad(str(path), usual.device, usual.cache_tokens, usual.cache_bits, usual.exact)

    def set_own(self, load: ModelLoad) -> None:
        """Gives a model settings of its own."""
        self._store((*self._others(load.path), load))

    def forget_own(self, path: Path) -> None:
        """Gives a model the usual settings again."""
        self._store(self._others(str(path)))

    @Slot(str)
    def choose_device(self, choice: str) -> None:
        """Takes "auto", "cpu" or a card's UUID for the next load."""
        self._choose(device=choice)

    @Slot(int)
    def choose_cache_tokens(self, tokens: int) -> None:
        """Takes a context size for the next load; 0 leaves it to the engine."""
        self._choose(cache_tokens=tokens)

    @Slot(int)
    def choose_cache_bits(self, bits: int) -> None:
        """Takes the bits of a key or value for the next load."""
        self._choose(cache_bits=bits)

    @Slot(bool)
    def choose_exact(self, exact: bool) -> None:
        """Takes the precision of activations for the next load."""
        self._choose(exact=exact)

    @property
    def _now(self) -> ModelLoad:
        return self.of(Path(self._path))

    def _choose(self, **changes: Any) -> None:
        own = self.own(Path(self._path))
        if own is not None:
            self.set_own(replace(own, **changes))
            return
        self._preferences.update(**changes)
        self.changed.emit()

    def _others(self, path: str) -> tuple[ModelLoad, ...]:
        return tuple(each for each in self._preferences.settings.model_loads if each.path != path)

    def _store(self, loads: tuple[ModelLoad, ...]) -> None:
        self._preferences.update(model_loads=loads)
        self.changed.emit()

    @property
    def _cards(self) -> tuple[Card, ...]:
        return self.report.cards if self.report is not None else ()

    def _usable(self, uuid: str) -> Card | None:
        return next((each for each in self._cards if each.uuid == uuid and not each.obstacle()), None)

    @Slot(object)
    def _on_found(self, report: CardReport) -> None:
        self.report = report
        stored = self._now.device
        if self.choice != stored:
            card = next((each for each in report.cards if each.uuid == stored), None)
            why = error_words(card.obstacle() if card is not None else report.problem)
            why = why or self.tr("It is not in this computer.")
            self.card_missed.emit(self.tr("The chosen card cannot be used: {0}").format(why))
        self.changed.emit()
