"""The record beside a `.part` file: whose bytes these are, and up to where they are known to be on the disk.

A program that is killed loses nothing that it has written: the system still writes it out. A machine that loses power
may lose or garble what was not flushed, so after a new start of the system only bytes up to the last checkpoint count.
Knows nothing of the network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engine.hub.transfer.atomic_json import read_json, write_json
from engine.hub.types import RepoFile

SCHEMA_VERSION = 1
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Checkpoint:
    """The first `num_bytes` of the part are on the disk and have this hash."""

    num_bytes: int
    digest: str


@dataclass(frozen=True)
class Sidecar:
    """What a part is.

    Attributes:
        size: of the whole file, in bytes.
        expected: the whole file's SHA-256 or blob id; None when the hub gave neither.
        etag: of the server that the bytes came from, '' while unknown.
        boot: which run of the system wrote it.
    """

    size: int
    expected: str | None
    etag: str = ""
    boot: str = ""
    checkpoints: tuple[Checkpoint, ...] = ()

    def is_of(self, file: RepoFile, expected: str | None) -> bool:
        return self.size == file.size and self.expected == expected

    def with_checkpoint(self, checkpoint: Checkpoint) -> Sidecar:
        return replace(self, checkpoints=(*self.checkpoints, checkpoint))

    def before(self, num_bytes: int) -> Sidecar:
        """Without the checkpoints behind `num_bytes`."""
        return replace(self, checkpoints=tuple(each for each in self.checkpoints if each.num_bytes <= num_bytes))

    @property
    def safe_bytes(self) -> int:
        """How many bytes outlive a power cut."""
        return self.checkpoints[-1].num_bytes if self.checkpoints else 0


def sidecar_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def read_sidecar(part: Path) -> Sidecar | None:
    """The record beside `part`; None when there is none, or none that makes sense."""
    record = read_json(sidecar_path(part))
    if record is None or record.get("schema_version") != SCHEMA_VERSION:
        return None
    try:
        checkpoints = tuple(Checkpoint(int(each[0]), str(each[1])) for each in record["checkpoints"])
        expected = record["expected"]
        sidecar = Sidecar(
            int(record["size"]), None if expected is None else str(expected),
            str(record["etag"]), str(record["boot"]), checkpoints,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    ends = [each.num_bytes for each in checkpoints]
    return sidecar if ends == sorted(set(ends)) and all(end > 0 for end in ends) else None


def write_sidecar(part: Path, sidecar: Sidecar) -> None:
    """Replaces the record beside `part`. Raises `OSError`."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "size": sidecar.size,
        "expected": sidecar.expected,
        "etag": sidecar.etag,
        "boot": sidecar.boot,
        "checkpoints": [[each.num_bytes, each.digest] for each in sidecar.checkpoints],
    }
    write_json(sidecar_path(part), record)


def boot_name() -> str:
    """Names this run of the system: another one means that it was started anew since."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        # Elsewhere the start is reckoned from the clock and wavers by seconds. A wrong guess costs one checkpoint.
        import psutil  # here: only downloads need it, and the window imports this module

        return str(round(psutil.boot_time() / 60))
