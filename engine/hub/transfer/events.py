"""What a download tells whoever watches it: frozen dataclasses, each complete in itself. Knows nothing of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["queued", "checking", "downloading", "stalled", "verifying", "paused", "done", "failed", "cancelled"]
LEAST_BYTES_PER_S = 1000.0  # below it a time left would be of years, and wrong
FilePhase = Literal["waiting", "downloading", "stalled", "verifying", "done"]


@dataclass(frozen=True)
class FileProgress:
    """One file of a download.

    Attributes:
        path: as in the repository, with forward slashes.
        done_bytes: that are on this disk.
        verified_bytes: while verifying, how many of `done_bytes` have been read and hashed; else 0.
        message: what it waits for, '' while all is well.
    """

    path: str
    phase: FilePhase
    done_bytes: int
    total_bytes: int
    verified_bytes: int = 0
    message: str = ""


@dataclass(frozen=True)
class DownloadProgress:
    """Where one download stands; an error's text belongs to its phase and is gone with the next event.

    Attributes:
        download_id: the queue's name for it.
        done_bytes: that are on this disk, of `total_bytes`.
        bytes_per_s: received over the last five seconds, 0 when nothing came.
        message: "stalled, retrying in 8 s: ...", why it failed; '' while all is well.
        way_out: what the user can do about a failure.
        needs_token: whether a failure is one that a token may mend.
        retry_s: seconds until the next try while stalled, else 0.
        verify_done_bytes: read and hashed, of `verify_total_bytes`, while bytes that lie here are checked.
        files: every file, in the order of the plan.
    """

    download_id: str
    phase: Phase
    done_bytes: int
    total_bytes: int
    bytes_per_s: float = 0.0
    message: str = ""
    way_out: str = ""
    retry_s: float = 0.0
    verify_done_bytes: int = 0
    verify_total_bytes: int = 0
    files: tuple[FileProgress, ...] = ()
    needs_token: bool = False

    @property
    def seconds_left(self) -> float | None:
        """At the present speed; None while next to nothing arrives, for what drips now will not drip to the end."""
        is_coming = self.bytes_per_s >= LEAST_BYTES_PER_S
        return (self.total_bytes - self.done_bytes) / self.bytes_per_s if is_coming else None
