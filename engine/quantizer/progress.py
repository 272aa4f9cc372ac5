"""What a conversion tells while it runs. Plain data, for a terminal as for a window; knows nothing of either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """Said before the work begins.

    Attributes:
        memory_bytes: of the whole process at its fullest.
        work_bytes, output_bytes: that will be written to the work folder and to the output folder.
        seconds: of the rest of the conversion, from short measurements on this machine.
        choosing_seconds: of those, what measuring for the choice of bits takes.
        card, card_bytes: the card that does the work, and the least of its memory that is needed; '' and 0 where
            processors do it. What it has beside that makes the work faster.
        note: why no card does it although there is one, as a sentence; else ''.
    """

    memory_bytes: int
    work_bytes: int
    output_bytes: int
    seconds: float
    choosing_seconds: float = 0.0
    card: str = ""
    card_bytes: int = 0
    note: str = ""


@dataclass(frozen=True)
class Advance:
    """How far the conversion is: `done` of `total` weights, and the time that the rest will take."""

    module: str
    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True)
class BitsChosen:
    """Measurements chose the bits of every linear.

    Attributes:
        expected: loss of the predictions that is expected of the choice, as KL divergence in nats.
        of_rule: and of the rule without measurements, at the same size.
        lowest, highest: bits that occur.
    """

    expected: float
    of_rule: float
    lowest: int
    highest: int


@dataclass(frozen=True)
class TensorReport:
    """One linear is done. `error` is error over signal of its outputs on the calibration rows."""

    key: str
    bits: int
    error: float


@dataclass(frozen=True)
class ModuleReport:
    """One block, or the head, is done.

    Attributes:
        drift: square error over square of the residual stream, against the original model's.
    """

    name: str
    tensors: tuple[TensorReport, ...]
    drift: float
    seconds: float
    is_resumed: bool = False


@dataclass(frozen=True)
class Finished:
    """The folder is complete."""

    bits: float
    output_bytes: int
    seconds: float
    modules: tuple[ModuleReport, ...]


Event = Estimate | Advance | BitsChosen | ModuleReport | Finished
OnEvent = Callable[[Event], None]
