"""Answers of the hub that can never change, kept on disk: files of a commit, lists of a commit's files.

What is found damaged counts as not there. The folder stays below a size; what was not used for longest goes first.
Knows nothing of what the answers mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from engine.atomic_file import replace_file

MAX_BYTES = 256 * 1024 * 1024
MAX_ENTRY_BYTES = 32 * 1024 * 1024
ENDING = ".answer"
_DIGEST = hashlib.sha256
_LENGTH = _DIGEST().digest_size


@dataclass(frozen=True)
class AnswersCache:
    """Keeps answers in a folder of its own; several programs may use it at once.

    A disk that cannot be written is no error: then nothing is kept.

    Attributes:
        max_bytes: of all entries together.
    """

    folder: Path
    max_bytes: int = MAX_BYTES

    def get(self, *key: str) -> bytes | None:
        """The answer under a key, None if there is none that is whole.

        Args:
            key: what was asked: the endpoint, the repository, the commit, the file.
        """
        path = self._path(key)
        try:
            record = path.read_bytes()
            os.utime(path)  # used now
        except OSError:
            return None
        name = _name(key)
        digest, named, data = record[:_LENGTH], record[_LENGTH : _LENGTH + len(name)], record[_LENGTH + len(name) :]
        if named == name and digest == _DIGEST(named + data).digest():
            return data
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, data: bytes, *key: str) -> None:
        """Keeps an answer, whole or not at all."""
        if len(data) > min(MAX_ENTRY_BYTES, self.max_bytes):
            return
        record = _name(key) + data
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(len(record))
            replace_file(self._path(key), _DIGEST(record).digest() + record, is_durable=False, is_shared=True)

    def clear(self) -> None:
        """Forgets everything, as when the token that some of it was had with is removed."""
        for path in self.folder.glob(f"*{ENDING}"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _path(self, key: tuple[str, ...]) -> Path:
        return self.folder / (hashlib.sha256(_name(key)).hexdigest() + ENDING)

    def _make_room(self, num_bytes: int) -> None:
        entries = []
        for path in self.folder.glob(f"*{ENDING}"):
            with contextlib.suppress(OSError):
                status = path.stat()
                entries.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries, key=lambda entry: entry[0]):
            if total + num_bytes + _LENGTH <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def _name(key: tuple[str, ...]) -> bytes:
    return json.dumps(key).encode() + b"\0"
