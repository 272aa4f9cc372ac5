"""Measured rows as lines of a table and as JSON. A row that failed its check has no speed to show.

Knows nothing of what is measured or how.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NAME_WIDTH = 46
HEADER = (
    f"{'':{NAME_WIDTH}} {'us':>10} {'MB':>9} {'floor us':>9} {'x floor':>8}  {'floor by':40} "
    f"{'beside us':>10} {'faster':>7}"
)


@dataclass(frozen=True)
class Row:
    """One measured operation.

    Attributes:
        microseconds: the median of one launch; None when the check was red or the launch failed.
        megabytes: what must be read or written.
        error: relative L2 against the reference; infinite where a value is missing.
        in_cache: the rotating inputs were not larger than the cache: too many copies would have been needed.
        problem: why there is no speed although nothing was found wrong.
        beside_name, beside_us: another implementation's time for the same.
    """

    name: str
    device: str
    microseconds: float | None
    megabytes: float
    floor_us: float
    floor_by: str
    error: float
    tolerance: float
    in_cache: bool = False
    problem: str = ""
    beside_name: str = ""
    beside_us: float | None = None

    def __post_init__(self) -> None:
        assert self.is_right or self.microseconds is None, "a speed of a wrong result must not exist"

    @property
    def is_right(self) -> bool:
        return not self.problem and self.error <= self.tolerance  # False for NaN


def line_of(row: Row) -> str:
    """A line of the table."""
    name = f"{row.name:{NAME_WIDTH}}"
    if row.problem:
        return f"{name} FAILED ({row.problem})"
    if row.microseconds is None:
        return f"{name} WRONG (error {row.error:.1e} > tolerance {row.tolerance:.0e})"
    line = (
        f"{name} {row.microseconds:10.2f} {row.megabytes:9.2f} {row.floor_us:9.2f} "
        f"{row.microseconds / row.floor_us:8.2f}  {row.floor_by + (' (in cache)' if row.in_cache else ''):40}"
    )
    if row.beside_us is not None:
        line += f" {row.beside_us:10.2f} {row.beside_us / row.microseconds:6.2f}x  {row.beside_name}"
    return line.rstrip()


def exit_code(rows: Sequence[Row]) -> int:
    """0 when every row was right."""
    return 0 if all(row.is_right for row in rows) else 1


def write_json(path: Path, about: dict[str, Any], rows: Sequence[Any]) -> None:
    """Writes what was measured on what; the rows are dataclasses."""
    values = about | {"rows": [_plain(asdict(row)) for row in rows]}
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has neither infinity nor NaN: None stands for them."""
    finite = (float("-inf"), float("inf"))
    return {
        key: None if isinstance(value, float) and not finite[0] < value < finite[1] else value
        for key, value in values.items()
    }
