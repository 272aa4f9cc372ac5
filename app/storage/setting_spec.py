"""What one setting is: its key, type, default, the words about it, and which values it takes.

Knows nothing of the settings themselves, of files or of widgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field
from enum import StrEnum
from typing import Any

Check = Callable[[Any], Any]
"""Makes a value of what a file holds, or None where it does not fit."""


class Group(StrEnum):
    """Where a setting stands on the page; the value is the heading. What has none is remembered, not set there."""

    NONE = ""
    LOOK = "Look"
    START = "Start and idle"
    CHAT = "Chats"
    LOADING = "Loading models"
    HUB = "The hub"


class Control(StrEnum):
    """What a setting is changed with."""

    OWN = "own"  # a card of its own, or nothing
    SWITCH = "switch"
    CHOICE = "choice"
    STEPPER = "stepper"


@dataclass(frozen=True)
class Option:
    """One value to choose and its name for people."""

    value: str | int | bool
    label: str


@dataclass(frozen=True)
class About:
    """The words about a setting, in the language of the sources.

    Attributes:
        label: its name.
        help: what it does, in a sentence.
        options: the values that can be chosen; none where it is a switch, a number or a text.
    """

    label: str
    help: str
    group: Group
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class SettingSpec:
    """One row of the table.

    Attributes:
        key: in the file, and the name of the field of `Settings`.
        about: None for what is remembered without being set on the page.
    """

    key: str
    default: Any
    check: Check
    about: About | None

    @property
    def control(self) -> Control:
        """What the page changes it with."""
        if self.about is None or self.about.group is Group.HUB:
            return Control.OWN
        if self.about.options:
            return Control.CHOICE
        return Control.SWITCH if isinstance(self.default, bool) else Control.STEPPER


def setting(default: Any, check: Check, about: About | None = None) -> Any:
    """A field of `Settings` that carries its row of the table."""
    return field(default=default, metadata={"check": check, "about": about})


def chosen(default: str | int | bool, about: About) -> Any:
    """A setting that takes one of its options and nothing else."""
    return setting(default, one_of(option.value for option in about.options), about)


def spec_of(each: Field[Any]) -> SettingSpec:
    """The row that a field of `Settings` carries."""
    return SettingSpec(each.name, each.default, each.metadata["check"], each.metadata["about"])


def one_of(values: Iterable[str | int | bool]) -> Check:
    """Takes these values, each in its own type: `True` is not 1."""
    known = tuple(values)
    return lambda value: value if any(value == each and type(value) is type(each) for each in known) else None


def switch(value: Any) -> bool | None:
    """Takes true and false."""
    return value if isinstance(value, bool) else None


def text(value: Any) -> str | None:
    """Takes any text."""
    return value if isinstance(value, str) else None


def whole(low: int, high: int) -> Check:
    """Takes whole numbers from `low` to `high`."""
    return lambda value: value if type(value) is int and low <= value <= high else None


def real(low: float, high: float) -> Check:
    """Takes numbers from `low` to `high`."""

    def check(value: Any) -> float | None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if is_number and low <= value <= high else None

    return check


def several(kind: type) -> Check:
    """Takes a list of values of one type."""

    def check(value: Any) -> tuple[Any, ...] | None:
        return tuple(value) if isinstance(value, list) and all(type(each) is kind for each in value) else None

    return check
