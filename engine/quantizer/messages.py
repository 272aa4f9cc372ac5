"""What a conversion tells another process: one JSON object a line. Without torch, for the window reads it.

Knows neither how a conversion goes nor what is shown of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, get_args

from engine.quantizer.progress import Event, Finished, ModuleReport, TensorReport

PAUSE = "pause"  # the one word that the other process may say, on a line of its own


@dataclass(frozen=True)
class Paused:
    """The conversion ended as it was asked to; everything that it told of is kept."""


@dataclass(frozen=True)
class Failure:
    """The conversion ended with an `EngineError`.

    Attributes:
        kind: the error's class.
    """

    kind: str
    message: str
    way_out: str


Message = Event | Paused | Failure
_KINDS: dict[str, type[Message]] = {each.__name__: each for each in get_args(Message)}


def to_line(message: Message) -> str:
    """One line of ASCII, without its end."""
    return json.dumps({"event": type(message).__name__, **asdict(message)})


def from_line(line: str) -> Message | None:
    """What a line says; None for a line that is none of ours, as a library's warning."""
    try:
        record = json.loads(line)
        kind = _KINDS[record.pop("event")]
        return _made(kind, record)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _made(kind: type[Message], record: dict[str, Any]) -> Message:
    if kind is ModuleReport:
        return _module(record)
    if kind is Finished:
        record["modules"] = tuple(map(_module, record["modules"]))
    return kind(**record)


def _module(record: dict[str, Any]) -> ModuleReport:
    tensors = tuple(TensorReport(**each) for each in record.pop("tensors"))
    return ModuleReport(tensors=tensors, **record)
