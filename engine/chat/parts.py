"""Messages as scripts write them: dictionaries with a text, or with a list of parts that are images and texts.

Knows nothing of templates.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast, get_args

import PIL.Image

from engine.errors import InvalidRequestError
from engine.requests import Message, Role

_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


class MessageReader:
    """Reads messages; images that are in memory become files, which last as long as the reader."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._count = 0

    def read(self, given: Mapping[str, Any]) -> Message:
        """One turn. Raises `InvalidRequestError` for what is none."""
        role, content = given.get("role"), given.get("content")
        if role not in get_args(Role) or not isinstance(content, (str, list, tuple)):
            raise InvalidRequestError(f"{dict(given)!r} is not a message.", "Give a role and a text as content.")
        if isinstance(content, str):
            return Message(cast(Role, role), content)
        parts = [self._part(part) for part in content]
        text = "\n".join(each for each in parts if isinstance(each, str))
        return Message(cast(Role, role), text, tuple(each for each in parts if isinstance(each, Path)))

    def _part(self, part: Any) -> str | Path:
        """A text, or the file of an image."""
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text" and isinstance(part.get("text"), str):
            return str(part["text"])
        image = part.get("path", part.get("image")) if kind == "image" else None
        if isinstance(image, PIL.Image.Image):
            return self._file(image)
        if isinstance(image, (str, PathLike)):
            return Path(image)
        raise InvalidRequestError(
            f"{part!r} is not a part of a message.",
            'Give a part of the type "text" with its "text", or of the type "image" with its "path".',
        )

    def _file(self, image: PIL.Image.Image) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="espalier-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._count += 1
        path = self._folder / f"image {self._count}.png"
        plain = image if image.mode in _PNG_MODES else image.convert("RGB")
        plain.save(path, compress_level=1)
        return path
