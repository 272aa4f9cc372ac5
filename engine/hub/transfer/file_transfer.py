"""One file to its end: what lies here is hashed, the rest is fetched through any number of broken connections.

Bytes that were received are received once: a try goes on where the one before it ended, as long as the server still has
the same file. Knows nothing of the other files of the model.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from engine.hub.transfer.connection import Answer
from engine.hub.transfer.digest import digest_file
from engine.hub.transfer.disk_writer import BUFFER_BYTES
from engine.hub.transfer.errors import DamagedFileError, RetryLater, disk_error
from engine.hub.transfer.file_state import FileState
from engine.hub.transfer.pace import RetryClock
from engine.hub.transfer.part_file import PartFile
from engine.hub.transfer.plan import DownloadPlan
from engine.hub.transfer.settings import TransferSettings
from engine.hub.transfer.source import ByteSource
from engine.hub.transfer.stop import StopSwitch
from engine.hub.types import RepoFile

MAX_WRONG = 2  # times that a file may come with the wrong hash
MAX_RANGELESS = 3  # times in a row that a server may send all of a file before it is taken to know nothing else
WORTH_ASKING = 4 << 20  # bytes that lie here: asking once more costs less than having so many of them again
_HOLD_S = 0.1  # that received bytes wait for a full buffer before they are written
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class FileTransfer:
    """Brings one file of a plan; belongs to one thread.

    Args:
        state: is kept up to date for whoever watches.
        received: is told of bytes as they come from the network.
    """

    def __init__(
        self, plan: DownloadPlan, file: RepoFile, source: ByteSource, stop: StopSwitch, settings: TransferSettings,
        state: FileState, received: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._plan = plan
        self._file = file
        self._source = source
        self._stop = stop
        self._settings = settings
        self._state = state
        self._received = received
        self._clock = RetryClock(settings.back_off)
        self._num_rangeless = 0

    def run(self) -> str:
        """Brings the file and returns its hash, once it has its final name.

        Raises:
            HubError: it cannot be had, or not be written.
            Stopped: the switch was thrown; what has come is kept.
        """
        path, part = self._plan.path_of(self._file), self._plan.part_of(self._file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            found = self._check_finished(path)
            if found is not None:
                return found
            with PartFile(part, self._file, self._verifying) as growing:
                return self._fetch_until_right(growing, path)
        except OSError as error:
            raise disk_error(error, part) from error

    def _check_finished(self, path: Path) -> str | None:
        """The hash of a file that already has its final name and is right, else None."""
        try:
            if not path.is_file() or path.stat().st_size != self._file.size:
                return None
        except OSError:
            return None
        self._state.verify(self._file.size)
        digest = digest_file(path, self._file, self._verifying)
        # Without a hash from the hub a file of the right length might be anything that the user put there.
        if digest.expected is not None and digest.is_right:
            self._state.finish()
            return digest.hexdigest()
        return None

    def _fetch_until_right(self, growing: PartFile, path: Path) -> str:
        for attempt in range(1, MAX_WRONG + 1):
            self._fetch_all(growing)
            if growing.digest.is_right:
                self._state.verify(self._file.size, hashed=self._file.size)
                digest = growing.digest.hexdigest()
                growing.finish(path, self._stop.check)
                self._state.finish()
                return digest
            growing.restart()
            self._state.download(0, f"came damaged, fetching it again ({attempt} of {MAX_WRONG})")
        raise DamagedFileError(
            f"{self._file.path} of {self._plan.name} came with wrong content {MAX_WRONG} times.",
            "Try again later, or with another address of the hub in the settings; the other files are kept.",
        )

    def _fetch_all(self, growing: PartFile) -> None:
        """Goes on until the file has its length, however often the network fails."""
        if self._file.size == 0:
            return
        while growing.num_bytes < self._file.size:
            self._stop.check()
            self._state.download(growing.num_bytes)
            before = growing.num_bytes
            try:
                self._fetch_once(growing)
            except RetryLater as failure:
                if growing.num_bytes > before:
                    self._clock.progressed()
                growing.flush()
                wait_s = self._clock.next_wait_s(failure.wait_s, failure.at_once)
                self._state.wait(failure.message, growing.num_bytes, time.monotonic() + wait_s)
                self._stop.wait(wait_s)

    def _fetch_once(self, growing: PartFile) -> None:
        with self._source.open(self._plan, self._file, growing.num_bytes, growing.etag) as answer:
            etag = str(answer.headers.get("ETag", ""))
            to_skip = self._align(growing, answer, etag)
            growing.begin(etag or growing.etag)
            self._receive(growing, answer, to_skip)

    def _align(self, growing: PartFile, answer: Answer, etag: str) -> int:
        """Brings the part and the answer together: returns how many bytes of the answer are here already."""
        start = growing.num_bytes
        # Where one of the two names nothing, the file's hash decides in the end.
        is_same = start == 0 or not etag or not growing.etag or etag == growing.etag
        if answer.status == 206 and start:
            first, total = _content_range(answer)
            if not is_same:
                growing.restart()
                raise RetryLater(f"{self._file.path} has changed at the server", at_once=True)
            if first is not None and first <= start and total in (None, self._file.size):
                self._num_rangeless = 0
                return start - first
        if answer.status != 200:
            raise RetryLater(f"the server does not have the asked part of {self._file.path}")
        length = answer.headers.get("Content-Length")
        if length is not None and length.strip() != str(self._file.size):
            raise RetryLater(f"the server offers {length} bytes of {self._file.path} instead of {self._file.size}")
        if not is_same:
            growing.restart()
            return 0
        if start >= WORTH_ASKING and self._num_rangeless < MAX_RANGELESS:
            self._num_rangeless += 1  # one of many servers behind a name may have a bad moment
            raise RetryLater(f"the server sends all of {self._file.path} instead of the rest", at_once=True)
        return start  # a server without ranges begins anew: what is here is skipped, not written again

    def _receive(self, growing: PartFile, answer: Answer, to_skip: int) -> None:
        """Takes the answer's bytes until the file is whole; raises `RetryLater` when they end before."""
        pace = _Drip(self._settings)
        while growing.num_bytes < self._file.size:
            buffer = growing.buffer()
            filled, failure = 0, None
            flush_at = time.monotonic() + _HOLD_S
            room = growing.room
            # Waits for a full buffer only while bytes keep coming: what has come is to be on the disk.
            while filled < room and (not filled or answer.has_more(flush_at - time.monotonic())):
                try:
                    data = self._read(answer, to_skip or room - filled)
                    pace.count(len(data))
                except RetryLater as error:
                    failure = error
                    break
                if to_skip:
                    to_skip -= len(data)
                    continue
                buffer[filled : filled + len(data)] = data
                filled += len(data)
            growing.put(buffer, filled)
            self._state.download(growing.num_bytes)
            if failure is not None:
                self._stop.check()
                raise failure
            self._stop.check()

    def _read(self, answer: Answer, num_bytes: int) -> bytes:
        data = answer.read(min(num_bytes, BUFFER_BYTES))
        if not data:
            raise RetryLater(f"the connection for {self._file.path} ended early")
        self._received(len(data))
        return data

    def _verifying(self, num_bytes: int) -> None:
        self._stop.check()
        self._state.hashed(num_bytes)


class _Drip:
    """Gives up a connection that sends so little that a new one is the better bet."""

    def __init__(self, settings: TransferSettings) -> None:
        self._settings = settings
        self._since = time.monotonic()
        self._num_bytes = 0

    def count(self, num_bytes: int) -> None:
        """Raises `RetryLater` when a whole period brought next to nothing."""
        self._num_bytes += num_bytes
        now = time.monotonic()
        if now - self._since < self._settings.read_s:
            return
        if self._num_bytes < self._settings.slowest_bytes_per_s * (now - self._since):
            raise RetryLater("the connection only drips")
        self._since, self._num_bytes = now, 0


def _content_range(answer: Answer) -> tuple[int | None, int | None]:
    """First byte and total of a partial answer; None for what it does not say."""
    match = _CONTENT_RANGE.fullmatch(str(answer.headers.get("Content-Range", "")).strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[3] == "*" else int(match[3])
