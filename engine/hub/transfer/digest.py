"""The hash that proves a file: SHA-256 of large files, git's blob id of small ones. Knows nothing of the network.

Source of the blob id: git's object format, SHA-1 over `blob <size>`, a zero byte and the content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.hub.types import RepoFile

if TYPE_CHECKING:
    from hashlib import _Hash

READ_BYTES = 1 << 20


class FileDigest:
    """Grows with a file's bytes and tells whether they are the right ones.

    Without a hash from the hub it still makes the SHA-256, so that the file can be checked later against itself.
    """

    def __init__(self, file: RepoFile) -> None:
        self.expected, self._kind = _expectation(file)
        if self._kind == "git":
            self._hash: _Hash = hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
        else:
            self._hash = hashlib.sha256()
        self.num_bytes = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self._hash.update(data)
        self.num_bytes += len(data)

    def hexdigest(self) -> str:
        """Of what has been given so far; more may follow."""
        return self._hash.hexdigest()

    @property
    def is_right(self) -> bool:
        """Whether this is the file: true without a hash from the hub, where the length must do."""
        return self.expected is None or self.hexdigest() == self.expected


def digest_file(path: Path, file: RepoFile, progress: Callable[[int], None]) -> FileDigest:
    """Hashes a file that lies here; see `feed`."""
    digest = FileDigest(file)
    feed(digest, path, None, progress)
    return digest


def feed(digest: FileDigest, path: Path, end: int | None, progress: Callable[[int], None]) -> None:
    """Gives `digest` the bytes of a file from where it stands.

    Args:
        end: the byte before which to stop, None for the file's end.
        progress: is told the bytes done after each MiB; what it raises ends the work.

    Raises:
        OSError: the file cannot be read.
    """
    buffer = bytearray(READ_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as source:
        source.seek(digest.num_bytes)
        while end is None or digest.num_bytes < end:
            wanted = READ_BYTES if end is None else min(READ_BYTES, end - digest.num_bytes)
            num_bytes = source.readinto(view[:wanted])
            if not num_bytes:
                return
            digest.update(view[:num_bytes])
            progress(digest.num_bytes)


def _expectation(file: RepoFile) -> tuple[str | None, Literal["sha256", "git"]]:
    if file.sha256 is not None:
        return file.sha256.lower(), "sha256"
    if file.blob_id is not None and len(file.blob_id) == 40 and not file.is_lfs:  # of a large one it is the pointer's
        return file.blob_id.lower(), "git"
    return None, "sha256"
