"""Writes the buffers of a growing file in order, in a thread of its own, past the system's cache where that works.

A model is larger than what the system should keep in memory for it: written through the cache it would push out what
other programs need, and on some machines filling the cache is slower than the disk. So whole buffers go straight to the
disk, which wants addresses, offsets and lengths in whole blocks; the rest, and everything on a file system that cannot
do this, goes the usual way. Knows nothing of hashes or of the network.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import queue
import sys
import threading

BUFFER_BYTES = 1 << 19  # three for each of three files: what a kill may lose stays below 4 MiB, most of the time
NUM_BUFFERS = 3
BLOCK_BYTES = 4096  # of a disk: the largest that is common
DIRECT_BYTES = 1 << 17  # smaller writes gain nothing


class DiskWriter:
    """Owns the buffers: `buffer` lends an empty one, `put` takes it back with bytes to write.

    Args:
        handle: of the file, open for writing, at the place where the first byte goes.
        position: this place.

    Attributes:
        error: why writing failed; then nothing more is written, or the file would have a hole.
    """

    def __init__(self, handle: int, position: int) -> None:
        self._handle = handle
        self._direct = _Direct(handle)
        self._full: queue.SimpleQueue[tuple[memoryview, int] | threading.Event | None] = queue.SimpleQueue()
        self._empty: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        for _ in range(NUM_BUFFERS):
            self._empty.put(memoryview(mmap.mmap(-1, BUFFER_BYTES)))  # begins at a page, as the disk wants it
        self._position = position
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="download-writer", daemon=True)
        self._thread.start()

    def buffer(self) -> memoryview:
        """An empty buffer, as soon as one has been written out. Raises `OSError` when writing failed."""
        buffer = self._empty.get()
        self._check()
        return buffer

    def put(self, buffer: memoryview, num_bytes: int) -> None:
        """Takes the first bytes of a buffer to write."""
        self._full.put((buffer, num_bytes))

    def mark(self) -> threading.Event:
        """Is set when everything handed over so far has been written, or has failed."""
        event = threading.Event()
        self._full.put(event)
        return event

    def drain(self) -> None:
        """Waits until the system has all bytes. Raises `OSError`."""
        self.mark().wait()
        self._check()

    def moved(self, position: int) -> None:
        """The file's place was changed, while nothing was being written."""
        self._position = position

    def close(self) -> None:
        """Ends the thread; what was handed over is written first."""
        self._full.put(None)
        self._thread.join()

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        while (item := self._full.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            buffer, num_bytes = item
            self._write(buffer[:num_bytes])
            self._empty.put(buffer)

    def _write(self, data: memoryview) -> None:
        while data and self.error is None:
            whole = _whole_blocks(self._position, len(data)) if self._direct.works else 0
            try:
                self._direct.switch(on=whole > 0)
                written = os.write(self._handle, data[: whole or len(data)])
            except OSError as error:
                if whole and error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
                    self._direct.give_up()
                    continue
                self.error = error
                return
            self._position += written
            data = data[written:]


class _Direct:
    """The switch between the two ways for one open file; belongs to one thread.

    Attributes:
        works: until the file system has refused.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.works = sys.platform == "linux"
        self._is_on = False

    def switch(self, *, on: bool) -> None:
        """Raises `OSError` when the file system knows no direct way."""
        if on == self._is_on or sys.platform != "linux":
            return
        import fcntl

        flags = fcntl.fcntl(self._handle, fcntl.F_GETFL)
        fcntl.fcntl(self._handle, fcntl.F_SETFL, flags | os.O_DIRECT if on else flags & ~os.O_DIRECT)
        self._is_on = on

    def give_up(self) -> None:
        """From now on everything goes the usual way."""
        self.works = False
        with contextlib.suppress(OSError):
            self.switch(on=False)


def _whole_blocks(position: int, num_bytes: int) -> int:
    """How many bytes from here may go straight to the disk; 0 where it is not worth it."""
    whole = num_bytes // BLOCK_BYTES * BLOCK_BYTES
    return whole if position % BLOCK_BYTES == 0 and whole >= DIRECT_BYTES else 0
