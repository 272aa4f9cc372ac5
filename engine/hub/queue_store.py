"""The list of downloads on disk: replaced as a whole at every change, so that a crash loses none of it.

Knows nothing of transfers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from engine.hub.transfer.atomic_json import read_json, write_json
from engine.hub.transfer.plan import DownloadPlan, plan_from_json

SCHEMA_VERSION = 1
# What is being transferred counts as queued on disk: after a crash it is next again.
EntryState = Literal["queued", "paused", "failed", "done"]


@dataclass(frozen=True)
class QueueEntry:
    """One download of the list.

    Attributes:
        message, way_out: why it failed; empty in every other state.
        needs_token: whether a token may mend that.
    """

    download_id: str
    plan: DownloadPlan
    state: EntryState = "queued"
    message: str = ""
    way_out: str = ""
    needs_token: bool = False


def save_queue(path: Path, entries: Sequence[QueueEntry]) -> None:
    """Writes the list, in its order. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [
        {
            "id": entry.download_id,
            "state": entry.state,
            "message": entry.message,
            "way_out": entry.way_out,
            "needs_token": entry.needs_token,
            "folder": str(entry.plan.folder),
            "plan": entry.plan.as_json(),
        }
        for entry in entries
    ]
    write_json(path, {"schema_version": SCHEMA_VERSION, "downloads": records})


def load_queue(path: Path) -> tuple[QueueEntry, ...]:
    """The list as it was; what of it makes no sense is left out, for the parts on disk are found again by scanning."""
    try:
        record = read_json(path)
    except OSError:
        return ()
    if record is None or record.get("schema_version") != SCHEMA_VERSION:
        return ()
    raw = record.get("downloads")
    read = [_entry(each) for each in raw] if isinstance(raw, list) else []
    known: dict[str, QueueEntry] = {entry.download_id: entry for entry in read if entry is not None}
    return tuple(known.values())


def _entry(record: Any) -> QueueEntry | None:
    if not isinstance(record, dict) or not isinstance(record.get("plan"), dict):
        return None
    texts = [record.get(name) for name in ("id", "state", "message", "way_out", "folder")]
    if not all(isinstance(text, str) for text in texts):
        return None
    download_id, state, message, way_out, folder = (str(text) for text in texts)
    plan = plan_from_json(record["plan"], Path(folder))
    if plan is None or state not in get_args(EntryState) or not Path(folder).is_absolute():
        return None
    needs_token = record.get("needs_token") is True
    return QueueEntry(download_id, plan, state, message, way_out, needs_token)  # type: ignore[arg-type]
