"""Remembers what loads on a card took, for the next plan on that card. The CPU's memory needs no such record.

Knows nothing of models; how the records become a correction is `engine.fit.experience`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from platformdirs import user_cache_path

from engine.backend import Backend
from engine.budget import ROOMY_BUDGET, DeviceBudget
from engine.fit.cards import Card, CardMonitor, CardReading, find_cards
from engine.fit.experience import CardKey, Experience, LoadRecord
from engine.fit.plan import MemoryPlan

LEAST_CONTEXT = 50_000_000  # less is not a driver's context but a figure that does not belong together


def usual_experience() -> Experience:
    """Where the program keeps it; the window's previews read the same."""
    return Experience(user_cache_path("Espalier", appauthor=False))


@dataclass(frozen=True)
class CardExperience:
    """What is known of the card behind a backend.

    Attributes:
        key: None where the driver does not list the card.
    """

    experience: Experience
    key: CardKey | None

    @classmethod
    def of(cls, backend: Backend, experience: Experience) -> CardExperience:
        """Asks the driver for the card; on the CPU nothing is asked."""
        if backend.device.type != "cuda":
            return cls(experience, None)
        uuid = f"GPU-{torch.cuda.get_device_properties(backend.device).uuid}"
        card = next((each for each in find_cards().cards if each.uuid.lower() == uuid.lower()), None)
        return cls(experience, _key(card, backend.budget) if card else None)

    def corrected(self, budget: DeviceBudget) -> DeviceBudget:
        """The budget with what earlier loads took more, or less."""
        return budget.with_correction(self.experience.correction_bytes(self.key)) if self.key else budget

    def remember(self, plan: MemoryPlan, correction_bytes: int, measured_bytes: int, *, later_bytes: int = 0) -> None:
        """Adds a load.

        Args:
            plan: as it was corrected.
            correction_bytes: that are in it.
            measured_bytes: by which the card's used memory grew, without the driver's context.
            later_bytes: that are in the plan and taken only when there is something to look at.
        """
        if self.key is None:
            return
        monitor = CardMonitor(self.key.card)
        try:
            context = context_of(monitor.read(), measured_bytes)
        finally:
            monitor.close()
        planned = plan.total_bytes - correction_bytes - later_bytes
        self.experience.add(self.key, LoadRecord(planned, measured_bytes, context))


def context_of(reading: CardReading | None, measured_bytes: int) -> int:
    """What the driver's context takes: this process's memory without the model; 0 where the driver does not say."""
    if reading is None or reading.others_bytes is None:
        return 0
    context = reading.used_bytes - reading.others_bytes - measured_bytes
    return context if context >= LEAST_CONTEXT else 0


def _key(card: Card, budget: DeviceBudget) -> CardKey:
    return CardKey(card.uuid, card.driver_version, is_roomy=budget.prefill_rows == ROOMY_BUDGET.prefill_rows)
