"""Cards that people have or think of buying, with the memory they are sold with: to plan for one that is not here.

Only cards that run the kernels are listed. Knows nothing of the cards of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.fit.estimate import CardMemory
from engine.units import MEMORY_GB


@dataclass(frozen=True)
class CommonCard:
    """A card by its name.

    Attributes:
        memory_gib: as it is sold.
    """

    name: str
    memory_gib: int

    @property
    def label(self) -> str:
        """Name and memory: "RTX 4070, 12 GB"."""
        return f"{self.name}, {self.memory_gib} GB"

    @property
    def memory(self) -> CardMemory:
        """With nothing else on it, and costs as on most cards."""
        return CardMemory(self.memory_gib * MEMORY_GB)


COMMON_CARDS = (
    CommonCard("RTX 4060 Laptop", 8),
    CommonCard("RTX 3070", 8),
    CommonCard("RTX 4060", 8),
    CommonCard("RTX 5060", 8),
    CommonCard("RTX 3080", 10),
    CommonCard("RTX 3060", 12),
    CommonCard("RTX 4070", 12),
    CommonCard("RTX 5070", 12),
    CommonCard("RTX 4060 Ti", 16),
    CommonCard("RTX 4080", 16),
    CommonCard("RTX 5070 Ti", 16),
    CommonCard("RTX 5080", 16),
    CommonCard("RTX 3090", 24),
    CommonCard("RTX 4090", 24),
    CommonCard("RTX 5090", 32),
    CommonCard("RTX A6000", 48),
    CommonCard("RTX PRO 6000", 96),
)
DEFAULT_CARD = next(card for card in COMMON_CARDS if card.name == "RTX 4070")
