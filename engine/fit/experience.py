"""What loads really took beside what was planned, remembered for each card and driver.

A card's driver, its kernels and its libraries take what no arithmetic foretells: the median difference of the last
loads is added to the next plan. Knows nothing of how memory is measured.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from engine.atomic_file import replace_file

MOST_LOADS = 10
MOST_SHARE = 0.10  # of a plan, by which it is corrected
MAX_FILE_BYTES = 1 << 20
MOST_BYTES = 1 << 50
CONTEXT_BYTES = 500_000_000  # of most cards and drivers 0.25 to 0.7 GB
FILE_NAME = "loads.json"
ARITHMETIC = "2"  # of the plans: a new one makes earlier differences worthless


@dataclass(frozen=True)
class CardKey:
    """What the fixed costs depend on.

    Attributes:
        card: its UUID.
        driver: its version.
        is_roomy: free memory that makes the engine take larger buffers.
    """

    card: str
    driver: str
    is_roomy: bool = False

    @property
    def text(self) -> str:
        return "|".join((self.card, self.driver, "roomy" if self.is_roomy else "usual", ARITHMETIC))


@dataclass(frozen=True)
class LoadRecord:
    """One load.

    Attributes:
        planned_bytes: without any correction.
        measured_bytes: at its peak, without what the driver's context took before it.
        context_bytes: of the driver's context; 0: not known.
    """

    planned_bytes: int
    measured_bytes: int
    context_bytes: int = 0

    @property
    def missed_bytes(self) -> int:
        return self.measured_bytes - self.planned_bytes


class Experience:
    """The records of all cards, in one small file. What cannot be read counts as no experience."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def records(self, key: CardKey) -> tuple[LoadRecord, ...]:
        """The last loads, oldest first."""
        found = self._read().get(key.text)
        rows = found if isinstance(found, list) else []
        return tuple(LoadRecord(*row) for row in rows if _is_record(row))[-MOST_LOADS:]

    def correction_bytes(self, key: CardKey) -> int:
        """What to add to a plan: 0 without experience, never more than a tenth of the plans it comes from."""
        records = self.records(key)
        if not records:
            return 0
        most = int(MOST_SHARE * median(record.planned_bytes for record in records))
        return max(-most, min(most, round(median(record.missed_bytes for record in records))))

    def context_bytes(self, key: CardKey) -> int:
        """What the driver's context takes on this card; `CONTEXT_BYTES` until it was measured."""
        known = [record.context_bytes for record in self.records(key) if record.context_bytes]
        return round(median(known)) if known else CONTEXT_BYTES

    def add(self, key: CardKey, record: LoadRecord) -> None:
        """Remembers a load; a disk that cannot be written is no error."""
        if not _is_record(list(astuple(record))):
            return
        known = self._read()
        known[key.text] = [astuple(each) for each in (*self.records(key), record)][-MOST_LOADS:]
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(known, indent=1).encode(), is_durable=False, is_shared=True)

    def _read(self) -> dict[str, Any]:
        try:
            if self._path.stat().st_size > MAX_FILE_BYTES:
                return {}
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def _is_record(row: object) -> bool:
    if not isinstance(row, list) or len(row) != 3:
        return False
    if not all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < MOST_BYTES for each in row):
        return False
    return row[0] > 0 and row[1] > 0
