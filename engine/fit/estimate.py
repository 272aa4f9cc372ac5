"""Whether a model fits a card, before it is downloaded or loaded: the loader's own plan, in a verdict and in parts.

Needs a `config.json` and the sizes of tensors or, failing those, of files. Knows nothing of torch or of the window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from engine.budget import FP16_CACHE, PAGE_TOKENS, ROOMY_BYTES, DeviceBudget, card_budget, pages_for
from engine.errors import EngineError
from engine.fit.cards import Card, CardReading
from engine.fit.experience import CONTEXT_BYTES, CardKey, Experience
from engine.fit.plan import MemoryPlan, plan_load
from engine.models.features import check_runs_on_cards
from engine.models.registry import build_spec
from engine.models.sizes import images_bytes, longest_context, vision_bytes
from engine.models.spec import ModelSpec
from engine.units import file_gb, memory_gb
from engine.weights.config_reader import ConfigReader
from engine.weights.folder_scan import scan_folder

EASILY_BYTES, EASILY_SHARE = 1_500_000_000, 0.15  # spare, of which either is enough
ERROR_BYTES, ERROR_SHARE = 200_000_000, 0.03  # of the estimate, whichever is more
RECOMMENDED_CONTEXT = 8192
CACHE_WIDTHS = (16, 8, 4)
WEIGHTS_HELP = "The model's tensors, as they lie in its files."
NO_VISION = "Not loaded yet: text only. The {} GB of the model's files that see pictures stay on the disk."
FILES = "all files together"


class Verdict(Enum):
    """In the words of the window."""

    EASILY = "fits easily"
    FITS = "fits"
    TIGHT = "tight"
    TOO_BIG = "too big"
    WEIGHTS_ONLY = "weights only"


@dataclass(frozen=True)
class CardMemory:
    """A card's memory as a load would find it.

    Attributes:
        total_bytes: what programs can have.
        others_bytes: of it, what the display and other programs hold; 0 to plan as if they were closed.
        context_bytes: what the driver takes for itself in every program that uses the card.
        correction_bytes: what earlier loads on this card took more than planned.
    """

    total_bytes: int
    others_bytes: int = 0
    context_bytes: int = CONTEXT_BYTES
    correction_bytes: int = 0

    @classmethod
    def of(cls, card: Card, reading: CardReading, experience: Experience) -> CardMemory:
        """A card of this machine as it is now, with what was learned on it; all use is others' where it is not told."""
        others = reading.used_bytes if reading.others_bytes is None else reading.others_bytes
        memory = cls(reading.total_bytes, others)
        key = CardKey(card.uuid, card.driver_version, is_roomy=memory.is_roomy)
        memory = replace(memory, context_bytes=experience.context_bytes(key))
        return replace(memory, correction_bytes=experience.correction_bytes(key))

    @property
    def free_bytes(self) -> int:
        """For a load, as the loader finds it when the driver's context is there."""
        return max(self.total_bytes - self.others_bytes - self.context_bytes, 0)

    @property
    def is_roomy(self) -> bool:
        return self.free_bytes >= ROOMY_BYTES

    @property
    def budget(self) -> DeviceBudget:
        return card_budget(self.free_bytes).with_correction(self.correction_bytes)


@dataclass(frozen=True)
class Part:
    """One stretch of the bar that shows a card's memory.

    Attributes:
        left_out_bytes: that the model's files hold of this part and a load leaves on the disk.
    """

    name: str
    num_bytes: int
    help: str
    left_out_bytes: int = 0


@dataclass(frozen=True)
class Estimate:
    """A plan beside a card's free memory.

    Attributes:
        plan: what the loader would reserve; of an unknown architecture the weights alone.
        reason: why there are only the weights; '' otherwise.
        vision_bytes: of the tensors of a vision tower; they are in the plan where a load would read them, and of an
            unknown architecture.
        has_tower: the engine knows what the tower is.
        images_bytes: of the plan's working memory, what images take.
    """

    plan: MemoryPlan
    memory: CardMemory
    reason: str = ""
    vision_bytes: int = 0
    has_tower: bool = False
    images_bytes: int = 0

    @property
    def spare_bytes(self) -> int:
        """Negative where something is missing."""
        return self.memory.free_bytes - self.plan.total_bytes

    @property
    def error_bytes(self) -> int:
        """By how much the truth may differ."""
        return max(ERROR_BYTES, int(ERROR_SHARE * self.plan.total_bytes))

    @property
    def fits(self) -> bool:
        """Whether the loader would take it."""
        return self.spare_bytes >= 0

    @property
    def verdict(self) -> Verdict:
        spare = self.spare_bytes
        if spare < 0:
            return Verdict.TOO_BIG
        if self.reason:
            return Verdict.WEIGHTS_ONLY
        if spare < self.error_bytes:
            return Verdict.TIGHT
        is_easy = spare >= EASILY_BYTES or spare >= EASILY_SHARE * self.memory.free_bytes
        return Verdict.EASILY if is_easy else Verdict.FITS

    @property
    def summary(self) -> str:
        """One sentence: the verdict with its figures."""
        needed, free = memory_gb(self.plan.total_bytes), memory_gb(self.memory.free_bytes)
        needs = f"{self.verdict.value}: {needed} of {free} GB free"
        return f"{needs}, estimate ± {memory_gb(self.error_bytes)} GB" + (f"; {self.reason}" if self.reason else "")

    @property
    def parts(self) -> tuple[Part, ...]:
        """The card's memory from left to right; together the whole card, or more where it is too big."""
        plan, vision = self.plan, self._vision
        return (
            Part("other programs", self.memory.others_bytes, "What the display and other programs hold now."),
            Part("weights", plan.weights_bytes - sum(part.num_bytes for part in vision), WEIGHTS_HELP),
            *vision,
            Part("cache", plan.cache_bytes, "Keys and values of the conversation; grows with the context."),
            Part("working memory", plan.working_bytes, "Buffers of a step, compiled kernels and libraries."),
            Part("driver", self.memory.context_bytes, "What the driver takes in every program that uses the card."),
            Part("free", max(self.spare_bytes, 0), "What would be left."),
        )

    @property
    def _vision(self) -> tuple[Part, ...]:
        """The part of a vision tower, if the model's files hold one."""
        if not self.vision_bytes:
            return ()
        is_loaded = self.has_tower and self.memory.budget.sees
        if self.reason or is_loaded:  # without a plan nothing is known of what a load would take: all that is there
            return (Part("vision", self.vision_bytes, "What sees pictures, as it lies in the model's files."),)
        return (Part("vision", 0, NO_VISION.format(file_gb(self.vision_bytes)), self.vision_bytes),)


@dataclass(frozen=True)
class FitModel:
    """What an estimate needs to know of a model.

    Attributes:
        spec: None for an architecture that this program does not know or does not run on a card.
        tensors: bytes by full name; one entry, `FILES`, where only the sizes of files are known.
        reason: why there is no spec.
    """

    spec: ModelSpec | None
    tensors: Mapping[str, int]
    reason: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any], tensors: Mapping[str, int], files_bytes: int = 0) -> FitModel:
        """From a `config.json` and the sizes of tensors.

        Args:
            files_bytes: of all weight files, for when `tensors` is empty: a little more than the tensors take.
        """
        try:
            spec = build_spec(ConfigReader(Path("config.json"), dict(config)), tensors)
            check_runs_on_cards(spec)  # an estimate is of a card
        except EngineError as error:
            return cls(None, tensors or {FILES: files_bytes}, error.message)
        return cls(spec, tensors or {spec.embedding_key: files_bytes})

    @classmethod
    def of_folder(cls, folder: Path) -> FitModel:
        """A model on disk. Raises `ModelFormatError` when it cannot be read."""
        config = ConfigReader.open(folder)
        tensors = {name: entry.num_bytes for name, entry in scan_folder(folder).entries.items()}
        return cls.of({key: config.raw(key) for key in config}, tensors)

    @property
    def vision_bytes(self) -> int:
        """Of the tensors of a vision tower; 0 where only the sizes of files are known."""
        return vision_bytes(self.tensors)

    @property
    def longest_context(self) -> int:
        """Tokens; 0 for an unknown architecture."""
        return longest_context(self.spec) if self.spec else 0

    def estimate(
        self, memory: CardMemory, context_tokens: int, cache_bits: tuple[int, int] = FP16_CACHE
    ) -> Estimate:  # fmt: skip
        """Beside a card with a cache for so many tokens."""
        if self.spec is None:
            plan = MemoryPlan(sum(self.tensors.values()), 0, 0, 0, cache_bits)
            return Estimate(plan, memory, f"only the weights are counted: {self.reason}", self.vision_bytes)
        plan = plan_load(self.spec, self.tensors, memory.budget, context_tokens, cache_bits)
        sees = self.spec if memory.budget.sees else self.spec.blind
        return Estimate(
            plan, memory, "", self.vision_bytes,
            has_tower=self.spec.vision is not None, images_bytes=images_bytes(sees),
        )  # fmt: skip

    def largest_context(self, memory: CardMemory, cache_bits: tuple[int, int] = FP16_CACHE) -> int:
        """The most tokens that fit with one conversation, in whole pages but for the model's own limit; 0: none."""
        low, high = 0, pages_for(self.longest_context)
        while low < high:  # what a page costs is not constant: staging and rotary tables grow beside it
            middle = (low + high + 1) // 2
            fits = self.estimate(memory, middle * PAGE_TOKENS, cache_bits).fits
            low, high = (middle, high) if fits else (low, middle - 1)
        return min(low * PAGE_TOKENS, self.longest_context)

    def largest_contexts(self, memory: CardMemory) -> dict[int, int]:
        """Bits of keys and values -> the largest context, for each of `CACHE_WIDTHS`."""
        return {bits: self.largest_context(memory, (bits, bits)) for bits in CACHE_WIDTHS}

    def fits_usefully(self, memory: CardMemory) -> bool:
        """Whether it fits with a context of 8k, or with all of its own where that is less."""
        if self.spec is None:
            return False
        return self.estimate(memory, min(RECOMMENDED_CONTEXT, self.longest_context)).fits


def recommended(models: Sequence[tuple[float, FitModel]], memory: CardMemory) -> int | None:
    """Which of a repository's variants to take: the highest bitrate that fits with a context of 8k.

    Args:
        models: bits per weight and what is known of it.

    Returns:
        Its place in the list; None when none fits.
    """
    fitting = [(bits, i) for i, (bits, model) in enumerate(models) if model.fits_usefully(memory)]
    return max(fitting, key=lambda pair: (pair[0], -pair[1]))[1] if fitting else None
