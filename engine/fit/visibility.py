"""Which cards CUDA shows to this program and under which numbers, from the environment alone.

CUDA reads two variables when it starts: `CUDA_DEVICE_ORDER` says how cards are numbered, `CUDA_VISIBLE_DEVICES` which
of them a program gets, renumbered in the order of its list. Knows nothing of NVML or torch; the parts of a card that
MIG makes are no cards here.
Source: the CUDA programming guide on environment variables; what it leaves open is as torch counts cards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

BUS_ORDER = "PCI_BUS_ID"


def engine_devices(uuids: Sequence[str], environment: Mapping[str, str], *, complete: bool = True) -> list[str]:
    """The engine's device name of every card: "cuda:N" where its number is certain, else "cuda:UUID"; '' if hidden.

    Args:
        uuids: of the cards, in the order of the bus.
        environment: the program's variables.
        complete: no card is missing in `uuids`, so that their order gives their numbers.
    """
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is not None and listed.strip().startswith(("GPU-", "MIG-")):
        visible = _by_uuid(listed, uuids)
        return [f"cuda:{visible.index(uuid)}" if uuid in visible else "" for uuid in uuids]
    is_ordered = complete and (len(uuids) == 1 or environment.get("CUDA_DEVICE_ORDER") == BUS_ORDER)
    if not is_ordered:
        nothing = listed is not None and not _numbers(listed)
        return ["" if nothing else f"cuda:{uuid}" for uuid in uuids]
    if listed is None:
        return [f"cuda:{i}" for i in range(len(uuids))]
    numbers = _numbers(listed, len(uuids))
    return [f"cuda:{numbers.index(i)}" if i in numbers else "" for i in range(len(uuids))]


def _by_uuid(listed: str, uuids: Sequence[str]) -> list[str]:
    """The cards of a list of UUIDs or beginnings of them; the first that fits no card or several ends the list."""
    visible: list[str] = []
    for entry in listed.split(","):
        wanted = entry.strip()
        found = [uuid for uuid in uuids if wanted.startswith("GPU-") and uuid.startswith(wanted)]
        if len(found) != 1:
            break
        if found[0] in visible:
            return []  # CUDA takes a list that repeats itself for none
        visible.append(found[0])
    return visible


def _numbers(listed: str, count: int | None = None) -> list[int]:
    """The numbers of a list; the first entry that is none, or none of `count` cards, ends it."""
    numbers: list[int] = []
    for entry in listed.split(","):
        digits = re.match(r"\s*\+?(\d+)", entry)
        if digits is None:
            break
        number = int(digits[1])
        if number in numbers:
            return []
        if count is not None and number >= count:
            break
        numbers.append(number)
    return numbers
