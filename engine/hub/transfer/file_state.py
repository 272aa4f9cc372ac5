"""Where one file of a running download stands: written by its thread, read by the one that reports."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from engine.hub.transfer.events import FilePhase, FileProgress


@dataclass(frozen=True)
class Snapshot:
    """One look at a file.

    Attributes:
        retry_at: on the monotonic clock, while it waits for the next try.
        verify_bytes: to be hashed in all, while or after old bytes are checked.
    """

    phase: FilePhase = "waiting"
    done_bytes: int = 0
    hashed_bytes: int = 0
    verify_bytes: int = 0
    message: str = ""
    retry_at: float = 0.0


class FileState:
    """The changing state of one file.

    Args:
        done_bytes: that lie here before the first look into them.
    """

    def __init__(self, path: str, total_bytes: int, done_bytes: int) -> None:
        self.path = path
        self.total_bytes = total_bytes
        self._lock = threading.Lock()
        self._now = Snapshot(done_bytes=done_bytes)

    def snapshot(self) -> Snapshot:
        with self._lock:
            return self._now

    def as_event(self) -> FileProgress:
        now = self.snapshot()
        verified = now.hashed_bytes if now.phase == "verifying" else 0
        message = now.message
        if now.phase == "stalled":
            message = f"retrying in {max(0, now.retry_at - time.monotonic()):.0f} s: {message}"
        return FileProgress(self.path, now.phase, now.done_bytes, self.total_bytes, verified, message)

    def verify(self, num_bytes: int, hashed: int = 0) -> None:
        """Bytes that lie here are about to be hashed."""
        self._set(Snapshot("verifying", num_bytes, hashed, num_bytes))

    def hashed(self, num_bytes: int) -> None:
        """So many of the bytes that lie here have been hashed."""
        now = self.snapshot()
        total = now.verify_bytes or now.done_bytes
        self._set(Snapshot("verifying", max(now.done_bytes, num_bytes), num_bytes, max(total, num_bytes)))

    def download(self, done_bytes: int, message: str = "") -> None:
        """Bytes are being received, or asked for."""
        self._set(Snapshot("downloading", done_bytes, message=message))

    def wait(self, message: str, done_bytes: int, retry_at: float) -> None:
        """The network failed and is tried again later."""
        self._set(Snapshot("stalled", done_bytes, message=message, retry_at=retry_at))

    def finish(self) -> None:
        self._set(Snapshot("done", self.total_bytes))

    def _set(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._now = snapshot
