"""How slow this machine is just now, so that limits of time judge the program and not its neighbours.

Limits are stated for the quiet machine with two cores that the project is checked on. A core's speed falls to half
while others use its caches and its other thread, for minutes on end, and processor time then grows as the clock does.
So a test times a fixed piece of work along with its own and divides by how much slower than on the quiet machine it
was. A machine that is quicker is taken as it is. Tests of the window take `tests.app.gui_pace`, whose work is of
their kind.
"""

from __future__ import annotations

import time
from statistics import median

QUIET_S = 0.00100  # what the fixed work takes on the quiet machine
_ROUNDS = 20_000


def probe(rounds: int = _ROUNDS) -> float:
    """Seconds of this thread's processor time that the fixed work takes now."""
    start_s = time.thread_time()
    total, kept = 0, dict[int, int]()
    for number in range(rounds):
        total += number
        kept[number & 1023] = total
    return time.thread_time() - start_s


def slowness(probes: list[float] | None = None, quiet_s: float = QUIET_S) -> float:
    """How many times as long as on the quiet machine work takes; 1 on a quicker one.

    Args:
        probes: taken along with the work; None takes some now.
        quiet_s: what the probed work takes on the quiet machine.
    """
    return max(1.0, median(probes or [probe() for _ in range(15)]) / quiet_s)
