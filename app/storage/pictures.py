"""Pictures that belong to conversations: files of one folder, each named after what is in it.

A message names one as `![words](attachment:NAME)`. Nothing here decodes a picture: only its first bytes are looked at,
to know its kind. Knows nothing of Qt.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import os
import re
import sqlite3
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from app.storage.database import connect
from engine.atomic_file import replace_file

if TYPE_CHECKING:
    from app.storage.records import StoredMessage

ATTACHMENT = "attachment:"
MAX_PICTURE_BYTES = 64_000_000  # of one that goes into a file of a chat
MAX_PICTURES_BYTES = 180_000_000  # of one chat's file, which may be 256 MB with a third more for its letters
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", 0, "png"),
    (b"\xff\xd8\xff", 0, "jpeg"),
    (b"GIF8", 0, "gif"),
    (b"WEBP", 8, "webp"),
    (b"BM", 0, "bmp"),
    (b"II*\0", 0, "tiff"),
    (b"II+\0", 0, "tiff"),
    (b"MM\0*", 0, "tiff"),
    (b"ftypavif", 4, "avif"),
    (b"ftypavis", 4, "avif"),
    (b"ftypmif1", 4, "avif"),
)
_THUMBNAILS = "thumbnails"
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]*(?:\.[0-9A-Za-z]+)?")
_USED = re.compile(r"(!\[[^\]\n]*\]\(\s*)attachment:(" + _NAME.pattern + r")")
_SHOWN = re.compile(r"(!\[[^\]\n]*\]\(\s*)(?:<([^<>\n]+)>|([^\s()<>]+))")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def kind_of(data: bytes) -> str:
    """The kind of a picture as it stands in `image/…`, "" for what is none that is shown."""
    return next((kind for magic, place, kind in _KINDS if data[place : place + len(magic)] == magic), "")


def used_names(text: str) -> list[str]:
    """The pictures of the folder that a message shows."""
    return [match.group(2) for match in _USED.finditer(text)]


class PictureFolder:
    """The folder; it need not exist before the first picture is kept. May be used from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # nothing is swept away while it is being kept again

    def path(self, name: str) -> Path:
        """Where a picture lies, or would lie."""
        return self._folder / name

    def thumbnail_path(self, name: str) -> Path:
        """Where the small form of a picture lies once it was made."""
        return self._folder / _THUMBNAILS / f"{name}.png"

    def read(self, name: str) -> bytes | None:
        """The bytes of a picture; None when there is none of that name."""
        if not _NAME.fullmatch(name):
            return None
        return _picture_bytes(self._folder / name)

    def keep(self, data: bytes) -> str:
        """Stores a picture once, however often it is kept; its name.

        Raises:
            OSError: the folder cannot be written.
        """
        name = f"{hashlib.sha256(data).hexdigest()}.{kind_of(data) or 'bin'}"
        path = self._folder / name
        with self._lock:
            if path.exists():
                os.utime(path)
            else:
                self._folder.mkdir(parents=True, exist_ok=True)
                replace_file(path, data)
        return name

    def sweep(self, used: Set[str], before_s: float) -> int:
        """Removes the pictures that nothing uses any more; how many they were.

        Args:
            used: the names that messages and drafts have.
            before_s: what was kept later than this stays, since it may be in a message that is being written.
        """
        if not self._folder.is_dir():
            return 0
        unused = [each for each in self._folder.iterdir() if _NAME.fullmatch(each.name) and each.name not in used]
        return sum(self._remove(path, before_s) for path in unused)

    def _remove(self, path: Path, before_s: float) -> bool:
        with self._lock, contextlib.suppress(OSError):  # it is tried again at the next start
            if path.is_file() and path.stat().st_mtime < before_s:
                path.unlink()
                self.thumbnail_path(path.name).unlink(missing_ok=True)
                return True
        return False

    def address(self, name: str) -> str | None:
        """A picture as a `data:` address, for a page that stands alone; None when there is none of that name."""
        data = self.read(name)
        return None if data is None else f"data:image/{kind_of(data)};base64,{b64encode(data).decode('ascii')}"

    def embedded(self, text: str) -> str:
        """A message with the bytes of its pictures in place of their names; those that are missing stay."""
        return _USED.sub(lambda match: match.group(1) + (self.address(match.group(2)) or _target(match)), text)

    def texts(self, contents: Iterable[str]) -> dict[str, str]:
        """The pictures that some messages show, name -> base64, as many as a chat's file takes."""
        found: dict[str, str] = {}
        room = MAX_PICTURES_BYTES
        for name in dict.fromkeys(name for content in contents for name in used_names(content)):
            data = self.read(name)
            if data is not None and len(data) <= room:
                room -= len(data)
                found[name] = b64encode(data).decode("ascii")
        return found

    def adopt(self, messages: list[StoredMessage], beside: Path, carried: Mapping[str, str]) -> list[StoredMessage]:
        """Takes in the pictures of a chat out of a file: those that it carries and those that lie beside it.

        Args:
            messages: of the file.
            beside: the file's folder; a message may name a picture in it or below, never one elsewhere.
            carried: the pictures inside the file, name -> base64.

        Returns:
            The messages with the names that the pictures have here.

        Raises:
            OSError: the folder cannot be written.
        """
        names = {name: self.keep(data) for name, text in carried.items() if (data := _decoded(text)) is not None}

        def here(match: re.Match[str]) -> str:
            target = match.group(2) or match.group(3)
            if target.startswith(ATTACHMENT):
                name = names.get(target.removeprefix(ATTACHMENT))
            else:
                data = None if _SCHEME.match(target) else _beside(beside, unquote(target))
                name = None if data is None else self.keep(data)
            return match.group(0) if name is None else f"{match.group(1)}{ATTACHMENT}{name}"

        return [replace(each, content=_SHOWN.sub(here, each.content)) for each in messages]


def stored_names(store: Path) -> set[str]:
    """The pictures that anything in a store of conversations uses: messages, deleted ones with an undo, drafts."""
    found: set[str] = set()
    with contextlib.closing(connect(store, read_only=True)) as db:
        for table in ("messages", "drafts"):
            for row in db.execute(f"SELECT content FROM {table} WHERE instr(content, ?)", (ATTACHMENT,)):
                found.update(used_names(row[0]))
    return found


def sweep_unused(store: Path, folder: PictureFolder, before_s: float) -> None:
    """Removes the pictures that no conversation uses any more; none while the store cannot be read."""
    with contextlib.suppress(sqlite3.Error):
        folder.sweep(stored_names(store), before_s)


def _target(match: re.Match[str]) -> str:
    return f"{ATTACHMENT}{match.group(2)}"


def _beside(folder: Path, target: str) -> bytes | None:
    try:
        path = (folder / target).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
    except (OSError, ValueError):  # a NUL or a ring of links
        return None
    return _picture_bytes(path)


def _picture_bytes(path: Path) -> bytes | None:
    try:
        if not path.is_file() or path.stat().st_size > MAX_PICTURE_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if kind_of(data) else None


def _decoded(text: str) -> bytes | None:
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if kind_of(data) and len(data) <= MAX_PICTURE_BYTES else None
