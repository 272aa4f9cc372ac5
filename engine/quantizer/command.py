"""The terminal's side of `convert`: what is said before the work, while it goes on, and at its end.

Knows nothing of how a model is converted.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TextIO

import torch

from engine.devices import AUTOMATIC
from engine.errors import Cancelled, NotEnoughMemoryError
from engine.quantizer.convert_request import ConvertRequest, checked_source
from engine.quantizer.converter import convert
from engine.quantizer.estimate import card_bytes
from engine.quantizer.progress import Advance, BitsChosen, Estimate, Event, Finished, ModuleReport, OnEvent
from engine.quantizer.search_choice import choose_search

GB = 1e9
SHOW_EVERY_S = 0.5


def convert_model(
    request: ConvertRequest, out: TextIO, tell: OnEvent | None = None, *, dry_run: bool = False, device: str = AUTOMATIC
) -> int:
    """Converts and tells about it. Returns the exit code; errors pass through.

    Args:
        tell: takes the events in place of the terminal.
        dry_run: end when it is known what the conversion will take; nothing is written.
        device: "auto" for the first card with room or the processor, "cpu", or a card, as "cuda:0".
    """
    folders = {name: getattr(request, name) for name in ("source", "target", "work", "calibration")}
    expanded = {name: path.expanduser() for name, path in folders.items() if path is not None}
    wanted = replace(request, **expanded)
    search, note = choose_search(device, card_bytes(checked_source(wanted).spec))
    on_event = _with_note(tell or _Teller(out).tell, note)
    try:
        with suppress(_Enough):
            convert(wanted, search, _first_of(on_event) if dry_run else on_event)
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemoryError(
            "The card's memory ran out.", "Close other programs that use the card, then go on with the option -r."
        ) from error
    return 0


def _with_note(tell: OnEvent, note: str) -> OnEvent:
    def told(event: Event) -> None:
        tell(replace(event, note=note) if isinstance(event, Estimate) else event)

    return told


class _Enough(Cancelled):
    """It is known what the conversion would take."""


def _first_of(tell: OnEvent) -> OnEvent:
    def once(event: Event) -> None:
        tell(event)
        raise _Enough("")

    return once


class _Teller:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()
        self._shown = 0.0

    def tell(self, event: Event) -> None:
        """Prints one event."""
        if isinstance(event, Advance):
            self._advance(event)
            return
        if isinstance(event, Estimate):
            self._estimate(event)
        elif isinstance(event, BitsChosen):
            self._line(
                f"Bits from {event.lowest} to {event.highest}; expected KL {event.expected:.2g}, "
                f"by the rule at the same size {event.of_rule:.2g}."
            )
        elif isinstance(event, ModuleReport):
            self._module(event)
        elif isinstance(event, Finished):
            self._finished(event)

    def _estimate(self, event: Estimate) -> None:
        choosing = f", {_duration(event.choosing_seconds)} of it to choose bits" if event.choosing_seconds else ""
        if event.note:
            self._line(f"{event.note} The processor does the work, which takes far longer.")
        if event.card:
            self._line(f"Works on {event.card}, of whose memory it needs {event.card_bytes / GB:.1f} GB.")
        self._line(
            f"Needs about {event.memory_bytes / GB:.1f} GB of memory and {_duration(event.seconds)}{choosing}; writes "
            f"{event.output_bytes / GB:.2f} GB, and up to {event.work_bytes / GB:.2f} GB of work files."
        )

    def _advance(self, event: Advance) -> None:
        now = time.monotonic()
        if not self._is_terminal or now - self._shown < SHOW_EVERY_S:
            return
        self._shown = now
        left = f", {_duration(event.seconds_left)} left" if event.seconds_left else ""
        self._out.write(f"\r\033[K{event.module}, {100 * event.done / event.total:.1f} %{left}")
        self._out.flush()

    def _module(self, event: ModuleReport) -> None:
        took = "done before" if event.is_resumed else _duration(event.seconds)
        errors = ", ".join(f"{_short(each.key)} {each.bits} b {each.error:.2e}" for each in event.tensors)
        self._line(f"{event.name}: {errors or 'as it is'}; drift {event.drift:.2e} ({took})")

    def _finished(self, event: Finished) -> None:
        self._line(f"\n{'tensor':<42} {'bits':>4} {'error':>10}")
        for module in event.modules:
            for each in module.tensors:
                self._line(f"{each.key:<42} {each.bits:>4} {each.error:>10.3e}")
        self._line(
            f"\n{event.bits:.2f} bits per weight, {event.output_bytes / GB:.3f} GB, in {_duration(event.seconds)}."
        )

    def _line(self, text: str) -> None:
        self._out.write(("\r\033[K" if self._is_terminal else "") + text + "\n")
        self._out.flush()


def _short(key: str) -> str:
    return key.rpartition(".")[2].removesuffix("_proj")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
