"""Sizes of image files from their headers, remembered while the files stay as they are.

What counting a prompt asks again at every key press. May be used from any thread. Knows nothing of models; needs
neither torch nor numpy.
"""

from __future__ import annotations

import stat
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Final

from engine.vision.image_file import ImageFacts, ImageFile, ImageFileError, read_facts

MOST_FILES: Final = 1024

_Stamp = tuple[str, int, int]  # path, modified, bytes


class ImageSizes:
    """Remembers the facts of the files asked for last."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Stamp, ImageFacts] = OrderedDict()
        self._lock = Lock()

    def facts(self, path: Path) -> ImageFacts:
        """What is known of an image without its pixels.

        Raises:
            ImageFileError: there is no such file, or it is no image that can be read here.
        """
        stamp = _stamp(path)
        with self._lock:
            found = self._known.get(stamp)
            if found is not None:
                self._known.move_to_end(stamp)
                return found
        facts = read_facts(ImageFile.read(path))
        with self._lock:
            self._known[stamp] = facts
            while len(self._known) > MOST_FILES:
                self._known.popitem(last=False)
        return facts


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageFileError(
            f"{path.name} cannot be read: {reason}.", "Check that the file exists and may be read."
        ) from error
    if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for whoever writes into it
        raise ImageFileError(f"{path.name} is not a file.", "Choose an image file.")
    return str(path), found.st_mtime_ns, found.st_size
