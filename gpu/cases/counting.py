"""Sizes at which the counting of tokens is tried."""

from __future__ import annotations

from collections.abc import Iterator

from gpu.launchers import counting


def count_cases() -> Iterator[counting.CountCase]:
    for window in (1, 5, 0, counting.MAX_WINDOW, 10 * counting.MAX_WINDOW):
        for prompt, reply in ((1, 0), (7, 3), (40, 12)):
            yield counting.CountCase(11, 30, (counting.CountRow(window, prompt, reply),))
    rows = [(1, 3, 0), (5, 9, 2), (64, 20, 0), (0, 5, 5), (2, 1, 0), (99, 70, 1)]
    several = [counting.CountRow(*row, active=number != 4) for number, row in enumerate(rows)]
    yield counting.CountCase(3, 25, tuple(several))
    yield counting.CountCase(1003, 29, tuple(several[number % 6] for number in range(32)))
