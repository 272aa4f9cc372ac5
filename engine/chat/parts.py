"""Messages as scripts write them: dictionaries with a text, or with a list of parts that are images and texts.

Knows nothing of templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast, get_args

from engine.errors import InvalidRequestError
from engine.requests import Message, Role


def read_message(given: Mapping[str, Any]) -> Message:
    """One turn. Raises `InvalidRequestError` for what is none."""
    role, content = given.get("role"), given.get("content")
    if role not in get_args(Role) or not isinstance(content, (str, list, tuple)):
        raise InvalidRequestError(f"{dict(given)!r} is not a message.", "Give a role and a text as content.")
    if isinstance(content, str):
        return Message(cast(Role, role), content)
    texts: list[str] = []
    images: list[Path] = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image" and isinstance(part.get("path"), (str, PathLike)):
            images.append(Path(part["path"]))
        else:
            raise InvalidRequestError(
                f"{part!r} is not a part of a message.",
                'Give {"type": "text", "text": ...} or {"type": "image", "path": ...}.',
            )
    return Message(cast(Role, role), "\n".join(texts), tuple(images))
