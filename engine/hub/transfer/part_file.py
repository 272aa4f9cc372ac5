"""A file that grows: bytes are hashed as they come, written by a thread of its own, flushed at checkpoints, renamed.

The receiving thread fills one buffer while others are being written, so that a fast connection does not wait for the
disk, and a program that is killed loses no more than these. Knows nothing of the network.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.atomic_file import sync_folder
from engine.hub.transfer.digest import FileDigest, feed
from engine.hub.transfer.disk_writer import BLOCK_BYTES, BUFFER_BYTES, DiskWriter
from engine.hub.transfer.sidecar import Checkpoint, Sidecar, boot_name, read_sidecar, sidecar_path, write_sidecar
from engine.hub.types import RepoFile

CHECKPOINT_BYTES = 64 << 20


class PartFile:
    """One `.part`, opened for going on where it ends; use as a context manager in one thread.

    Attributes:
        num_bytes: received and hashed; on the disk, or on the way there, after `flush`.
        digest: of these bytes.
    """

    def __init__(self, part: Path, file: RepoFile, progress: Callable[[int], None]) -> None:
        """Takes over what lies there, if it is of this very file, and hashes it.

        Args:
            part: its path; the folder exists.
            progress: is told how many bytes of the old part have been hashed; what it raises ends the work.

        Raises:
            OSError: it cannot be read or written.
        """
        self._part = part
        self._file = file
        self.digest = FileDigest(file)
        self._sidecar = self._take_over(progress)
        self._handle = part.open("r+b" if part.exists() else "w+b", buffering=0)
        try:
            self._handle.truncate(self.digest.num_bytes)
            self._handle.seek(self.digest.num_bytes)
            write_sidecar(part, self._sidecar)  # after the cut: it now vouches for every byte that is left
        except OSError:
            self._handle.close()
            raise
        self._next_checkpoint = self.digest.num_bytes + CHECKPOINT_BYTES
        self._writer = DiskWriter(self._handle.fileno(), self.digest.num_bytes)
        self._flusher: _Flusher | None = None

    @property
    def num_bytes(self) -> int:
        return self.digest.num_bytes

    @property
    def etag(self) -> str:
        """Of the server that the present bytes came from."""
        return self._sidecar.etag

    def begin(self, etag: str) -> None:
        """Notes whose bytes follow; to be called before the first of them. Raises `OSError`."""
        if self._sidecar.etag != etag:
            self._collect_checkpoint(wait=True)
            self._save(replace(self._sidecar, etag=etag))

    def buffer(self) -> memoryview:
        """An empty buffer, as soon as one has been written out. Raises `OSError` when writing failed."""
        return self._writer.buffer()

    @property
    def room(self) -> int:
        """How many bytes the next buffer should take: up to a whole block of the disk, or to the file's end."""
        return min(BUFFER_BYTES - self.num_bytes % BLOCK_BYTES, self._file.size - self.num_bytes)

    def put(self, buffer: memoryview, num_bytes: int) -> None:
        """Hashes the first bytes of a buffer and hands it to the writing thread. Raises `OSError`."""
        self.digest.update(buffer[:num_bytes])
        self._writer.put(buffer, num_bytes)
        self._collect_checkpoint()
        if self.digest.num_bytes >= self._next_checkpoint and self._flusher is None:
            self._next_checkpoint = self.digest.num_bytes + CHECKPOINT_BYTES
            checkpoint = Checkpoint(self.digest.num_bytes, self.digest.hexdigest())
            self._flusher = _Flusher(self._handle.fileno(), self._writer, checkpoint)

    def flush(self) -> None:
        """Waits until the system has all bytes. Raises `OSError`."""
        self._writer.drain()

    def restart(self) -> None:
        """Throws all bytes away. Raises `OSError`."""
        self.flush()
        self._collect_checkpoint(wait=True)
        self.digest = FileDigest(self._file)
        self._handle.truncate(0)
        self._handle.seek(0)
        self._writer.moved(0)
        self._save(replace(self._sidecar, etag="", checkpoints=()))
        self._next_checkpoint = CHECKPOINT_BYTES

    def finish(self, path: Path, check: Callable[[], None]) -> None:
        """Flushes to the disk and gives the file its final name; the part is closed.

        Args:
            check: is called every now and then while the disk works; what it raises ends the wait, and the part stays.

        Raises:
            OSError: it cannot be written.
        """
        self.flush()
        self._collect_checkpoint(wait=True)
        last = _Flusher(self._handle.fileno(), self._writer, Checkpoint(self.num_bytes, self.digest.hexdigest()))
        while not last.done.wait(0.05):
            check()
        last.result()
        self.close()
        self._part.replace(path)
        sync_folder(path.parent)
        sidecar_path(self._part).unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the writing thread; what was handed over is written first."""
        self._writer.close()
        self._handle.close()

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_over(self, progress: Callable[[int], None]) -> Sidecar:
        """Hashes the part as far as it can be believed and returns its record, a new one if nothing is kept."""
        fresh = Sidecar(self._file.size, self.digest.expected, boot=boot_name())
        old = read_sidecar(self._part)
        if old is None or not self._part.exists() or not old.is_of(self._file, self.digest.expected):
            self._part.unlink(missing_ok=True)
            write_sidecar(self._part, fresh)  # before the part, which would be nobody's without it
            return fresh
        length = min(self._part.stat().st_size, self._file.size)
        if old.boot != fresh.boot:
            length = min(length, old.safe_bytes)
        old = replace(old.before(length), boot=fresh.boot)
        for checkpoint in old.checkpoints:
            feed(self.digest, self._part, checkpoint.num_bytes, progress)
            if self.digest.hexdigest() != checkpoint.digest:
                # The disk lost some bytes: what was before the last good checkpoint is hashed once more and kept.
                old = old.before(checkpoint.num_bytes - 1)
                self.digest = FileDigest(self._file)
                length = old.safe_bytes
                break
        feed(self.digest, self._part, length, progress)
        return old

    def _collect_checkpoint(self, wait: bool = False) -> None:
        """Notes the checkpoint whose flush has ended; raises `OSError` when it failed."""
        if self._flusher is not None and (wait or self._flusher.done.is_set()):
            flusher, self._flusher = self._flusher, None
            self._save(self._sidecar.with_checkpoint(flusher.result()))

    def _save(self, sidecar: Sidecar) -> None:
        write_sidecar(self._part, sidecar)
        self._sidecar = sidecar


class _Flusher:
    """Brings a file to the disk in the background, on a handle of its own that outlives the file's closing.

    Attributes:
        done: set when the disk has it, or has failed.
    """

    def __init__(self, handle: int, writer: DiskWriter, checkpoint: Checkpoint) -> None:
        self.done = threading.Event()
        self._checkpoint = checkpoint
        self._error: OSError | None = None
        self._thread = threading.Thread(
            target=self._run, args=(os.dup(handle), writer, writer.mark()), name="download-flusher", daemon=True
        )
        self._thread.start()

    def result(self) -> Checkpoint:
        """What is on the disk now; waits for it. Raises `OSError`."""
        self.done.wait()
        if self._error is not None:
            raise self._error
        return self._checkpoint

    def _run(self, handle: int, writer: DiskWriter, written: threading.Event) -> None:
        written.wait()
        try:
            if writer.error is not None:
                raise writer.error
            os.fsync(handle)
        except OSError as error:
            self._error = error
        finally:
            os.close(handle)
            self.done.set()
