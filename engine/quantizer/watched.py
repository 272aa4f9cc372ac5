"""A conversion in a process of its own, watched by another one, as the window does.

Every event is a line on the output, an `EngineError` too. A line `pause` on the input ends the conversion after the
block in hand. When the input ends, the other process is gone, and this one ends at once: nobody would know of it, and
the work folder is made for that. Knows nothing of how a model is converted.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TextIO

import psutil

from engine.devices import AUTOMATIC
from engine.errors import Cancelled, EngineError
from engine.quantizer.command import convert_model
from engine.quantizer.converter import ConvertRequest
from engine.quantizer.messages import PAUSE, Failure, Message, Paused, to_line
from engine.quantizer.progress import Advance, Event, ModuleReport

SHOW_EVERY_S = 0.5
LOW_PRIORITY = 10  # as `nice` counts


def convert_watched(
    request: ConvertRequest, orders: TextIO, out: TextIO, *, dry_run: bool = False, device: str = AUTOMATIC
) -> int:
    """Converts at low priority. Returns the exit code: 0, or 1 after an `EngineError`.

    Args:
        dry_run: end when it is known what the conversion will take; nothing is written.
        device: as for `convert_model`.
    """
    _lower_priority()
    watcher = _Watcher(out)
    threading.Thread(target=_obey, args=(orders, watcher), name="orders", daemon=True).start()
    try:
        convert_model(request, out, watcher.tell, dry_run=dry_run, device=device)
    except Cancelled:
        watcher.write(Paused())
    except EngineError as error:
        watcher.write(Failure(type(error).__name__, error.message, error.way_out))
        return 1
    return 0


class _Watcher:
    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._told_s = 0.0
        self.is_wanted = threading.Event()  # a pause

    def tell(self, event: Event) -> None:
        """Hands an event on; after a block ends the conversion by `Cancelled` when a pause is wanted."""
        if isinstance(event, Advance):
            now = time.monotonic()
            if now - self._told_s < SHOW_EVERY_S and event.done < event.total:
                return
            self._told_s = now
        self.write(event)
        if self.is_wanted.is_set() and isinstance(event, ModuleReport) and not event.is_resumed:
            raise Cancelled("")

    def write(self, message: Message) -> None:
        self._out.write(to_line(message) + "\n")
        self._out.flush()


def _obey(orders: TextIO, watcher: _Watcher) -> None:
    for line in orders:
        if line.strip() == PAUSE:
            watcher.is_wanted.set()
    os._exit(1)


def _lower_priority() -> None:
    """What the user does beside it comes first."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(LOW_PRIORITY)
