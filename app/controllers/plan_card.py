"""Which card the models are judged for: one of this computer as it is now, or one that somebody thinks of.

Knows nothing of models or widgets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal, Slot

from app.card_watch import CardWatch
from app.controllers.load_settings import LoadSettings
from app.error_words import error_words
from engine.fit.cards import Card, CardReading
from engine.fit.common_cards import COMMON_CARDS, DEFAULT_CARD, CommonCard
from engine.fit.estimate import CardMemory
from engine.fit.experience import Experience

NOISE_BYTES = 64 * 1024 * 1024  # of other programs, below which nothing is judged anew


@dataclass(frozen=True)
class CardChoice:
    """One card to plan for.

    Attributes:
        key: a card's UUID, or the name of a card that is not here.
        obstacle: why a card of this computer cannot run models; '' when it can.
    """

    key: str
    label: str
    is_here: bool = False
    obstacle: str = ""


class PlanCard(QObject):
    """Signals:
    choices_changed: the cards of this computer are known now.
    memory_changed: another card, or other programs took or gave back memory.
    """

    choices_changed = Signal()
    memory_changed = Signal()

    def __init__(
        self, settings: LoadSettings, watch: CardWatch, experience: Experience, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._experience = experience
        self._readings: dict[str, CardReading] = {}
        self._chosen = ""  # '' until the user chooses
        self._alone = False
        self.memory = self._now = DEFAULT_CARD.memory  # as planned with, and as it is
        settings.changed.connect(self._on_settings)
        watch.read.connect(self._on_read)

    @property
    def choices(self) -> tuple[CardChoice, ...]:
        """The cards of this computer, then those that people plan for."""
        here = tuple(
            CardChoice(card.uuid, self._label(card), True, error_words(card.obstacle())) for card in self._cards
        )
        return (*here, *(CardChoice(card.name, card.label) for card in COMMON_CARDS))

    @property
    def choice(self) -> CardChoice:
        """The one in use: the user's, else the card that a load would take, else a usual one."""
        known = {each.key: each for each in self.choices}
        expected = self._settings.expected_card
        for key in (self._chosen, expected.uuid if expected else "", *(card.uuid for card in self._cards)):
            if key in known:
                return known[key]
        return known[DEFAULT_CARD.name]

    @property
    def card_missing(self) -> str:
        """Why no card of this computer can run models; '' when one can or it is not known yet."""
        report = self._settings.report
        if report is None or any(not card.obstacle() for card in report.cards):
            return ""
        obstacles = " ".join(error_words(card.obstacle()) for card in report.cards)
        return obstacles or error_words(report.problem) or self.tr("There is no card.")

    @property
    def is_alone(self) -> bool:
        """Whether other programs are left out of the account."""
        return self._alone

    @property
    def others_bytes(self) -> int:
        """What other programs hold now, whether or not they are counted."""
        return self._now.others_bytes

    @Slot(str)
    def choose(self, key: str) -> None:
        """Plans for another card."""
        self._chosen = key
        self._refresh()

    @Slot(bool)
    def set_alone(self, alone: bool) -> None:
        """Plans as if every other program were closed."""
        self._alone = alone
        self._refresh()

    @property
    def _cards(self) -> tuple[Card, ...]:
        return self._settings.report.cards if self._settings.report is not None else ()

    def _label(self, card: Card) -> str:
        words = self.tr("{0} (driver {1})").format(card.label, card.driver_version)
        return f"{card.index}: {words}" if len(self._cards) > 1 else words

    def _memory_now(self) -> CardMemory:
        key = self.choice.key
        card = next((each for each in self._cards if each.uuid == key), None)
        if card is None:
            return _common(key).memory
        empty = CardReading(0, card.memory_total_bytes, None, None)
        return CardMemory.of(card, self._readings.get(key, empty), self._experience)

    def _refresh(self) -> None:
        self._now = self._memory_now()
        memory = replace(self._now, others_bytes=0) if self._alone else self._now
        if memory != self.memory:
            self.memory = memory
            self.memory_changed.emit()

    @Slot()
    def _on_settings(self) -> None:
        self.choices_changed.emit()
        self._refresh()

    @Slot(str, object)
    def _on_read(self, uuid: str, reading: CardReading | None) -> None:
        if reading is None:
            return
        before = self._readings.get(uuid)
        if before is None or abs(_others(before) - _others(reading)) >= NOISE_BYTES:
            self._readings[uuid] = reading
            self._refresh()


def _others(reading: CardReading) -> int:
    return reading.used_bytes if reading.others_bytes is None else reading.others_bytes


def _common(name: str) -> CommonCard:
    return next((card for card in COMMON_CARDS if card.name == name), DEFAULT_CARD)
