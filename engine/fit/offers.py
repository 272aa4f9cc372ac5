"""What a repository offers, judged for a card: every variant with its size, verdict and largest contexts.

Joins the hub's variants with the estimate. Knows nothing of how either is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.fit.estimate import FILES, RECOMMENDED_CONTEXT, CardMemory, Estimate, FitModel, recommended
from engine.hub.types import Variant
from engine.hub.variants import NameHint, sort_bits
from engine.models.sizes import weights_bytes

RUNNABLE = (None, "exl3")  # quantization methods: none at all, and ours


@dataclass(frozen=True)
class Offer:
    """One way to have a model.

    Attributes:
        bits: per weight as its config says; None when it does not.
        download_bytes: of all files that are fetched.
        model: for estimates.
        variant: what would be fetched; None while only the list that comes with the program knows of it.
        is_exact: whether `model` has the bytes of every tensor and not those of files.
    """

    branch: str
    bits: float | None
    head_bits: int | None
    download_bytes: int
    model: FitModel
    variant: Variant | None = None
    is_exact: bool = False

    @classmethod
    def of(cls, variant: Variant, config: Mapping[str, Any], reason: str = "") -> Offer:
        """From a branch's files.

        Args:
            config: the `config.json` of this or of another variant of the repository.
            reason: why there is no config, if so.
        """
        if reason:
            model = FitModel(None, {FILES: variant.weight_bytes}, reason)
        else:
            model = FitModel.of(config, {}, variant.weight_bytes)
        return cls(variant.branch, variant.bits, variant.head_bits, variant.download_bytes, model, variant)

    def with_tensors(self, tensors: Mapping[str, int]) -> Offer:
        """The same by the bytes of every tensor; unchanged where they are not known."""
        if not tensors or self.model.spec is None:
            return self
        spec = self.model.spec
        # One sum in place of thousands of names, so that an estimate stays quick enough to follow a slider.
        sums = {spec.embedding_key: weights_bytes(spec.blind, tensors)}
        if spec.vision is not None:
            sums[spec.vision.prefix + "weight"] = weights_bytes(spec, tensors) - sums[spec.embedding_key]
        model = replace(self.model, tensors=sums)
        return replace(self, model=model, is_exact=True)

    @property
    def sort_bits(self) -> float:
        """The rate to sort by, guessed from the name where nothing better is known."""
        if self.bits is not None:
            return self.bits
        return sort_bits(self.variant) if self.variant else NameHint.of(self.branch).bits or 0.0

    @property
    def obstacle(self) -> str:
        """Why this program cannot run it, '' when nothing speaks against it."""
        method = self.variant.quant_method if self.variant else None
        if method not in RUNNABLE:
            return f"It is in the format {method}, which Espalier does not read."
        return self.model.reason


@dataclass(frozen=True)
class JudgedOffer:
    """An offer beside a card.

    Attributes:
        estimate: with a context of 8k and an fp16 cache, or the model's own context where that is less.
        contexts: bits of keys and values -> the largest context; empty for an unknown architecture.
    """

    offer: Offer
    estimate: Estimate
    contexts: Mapping[int, int] = field(default_factory=dict)
    is_recommended: bool = False


def judge(offers: Sequence[Offer], memory: CardMemory) -> tuple[JudgedOffer, ...]:
    """The offers, highest rate first, with the one to take marked: some milliseconds for each."""
    ordered = sorted(offers, key=lambda each: (-each.sort_bits, -each.download_bytes, each.branch))
    usable = [each for each in ordered if not each.obstacle]
    best = recommended([(each.sort_bits, each.model) for each in usable], memory)
    chosen = usable[best] if best is not None else None
    return tuple(_judged(each, memory, is_recommended=each is chosen) for each in ordered)


def _judged(offer: Offer, memory: CardMemory, *, is_recommended: bool) -> JudgedOffer:
    context = min(RECOMMENDED_CONTEXT, offer.model.longest_context) or RECOMMENDED_CONTEXT
    contexts = offer.model.largest_contexts(memory) if offer.model.spec is not None else {}
    return JudgedOffer(offer, offer.model.estimate(memory, context), contexts, is_recommended)
