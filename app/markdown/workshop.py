"""Slow work for what is shown, one piece at a time in a thread of its own: formulas, colours of code, pictures.

Results are fetched by the GUI thread, so that the other one never touches an object that may be deleted meanwhile.
Knows nothing of documents or widgets.
"""

from __future__ import annotations

import binascii
import contextlib
from base64 import b64decode
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from PySide6.QtCore import QBuffer, QByteArray, QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QImageReader, QPixmap
from shiboken6 import isValid

from app.markdown.formulas import DrawnFormula, FormulaKey, draw_formula
from app.markdown.leaves import parse_leaves
from app.markdown.writer import Picture

KEPT_PICTURES = 600
MAX_INLINE_CHARS = 24_000_000  # of a picture whose bytes stand in the text
PICTURE_SIDE_PX = 560
COALESCE_MS = 40
LOOK_MS = 10  # between two looks for what is done, while something is asked for


@dataclass(frozen=True)
class AttachmentKey:
    """A picture file, or a picture as a `data:` address, and the device pixels per logical pixel."""

    name: str
    ratio: float


class Workshop(QObject):
    """Signals:
    pictures_came: formulas or pictures that were missing are there.
    """

    pictures_came = Signal()

    def __init__(self, attachments: Path | None = None, parent: QObject | None = None) -> None:
        """Keeps the folder that `attachment:` pictures are read from."""
        super().__init__(parent)
        self._attachments = attachments
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="workshop")
        self._pictures: OrderedDict[FormulaKey | AttachmentKey, Picture | None] = OrderedDict()
        self._pending: set[FormulaKey | AttachmentKey] = set()
        self._running: deque[tuple[Future[Any], Callable[[Any], None]]] = deque()
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self._deliver)
        self._news = QTimer(self, singleShot=True, interval=COALESCE_MS)
        self._news.timeout.connect(self.pictures_came)
        self.destroyed.connect(partial(self._pool.shutdown, wait=False, cancel_futures=True))

    def run(self, work: Callable[[], Any], deliver: Callable[[Any], None]) -> None:
        """Does some work in the thread and hands its result to `deliver` in this one."""
        self._running.append((self._pool.submit(work), deliver))
        if not self._look.isActive():
            self._look.start()

    def prepare(self) -> None:
        """Loads what Markdown is read with, so that the first words of a reply need not wait for it."""
        self.run(partial(parse_leaves, "", {}), _ignore)

    def picture(self, key: FormulaKey | AttachmentKey) -> Picture | None:
        """A picture if it is there; otherwise it is made and `pictures_came` tells when."""
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        if key not in self._pending:
            self._pending.add(key)
            work = partial(draw_formula, key) if isinstance(key, FormulaKey) else partial(self._read, key)
            self.run(work, partial(self._keep, key))
        return None

    def is_pending(self, key: FormulaKey | AttachmentKey) -> bool:
        """Whether a picture is being made."""
        return key in self._pending

    def _keep(self, key: FormulaKey | AttachmentKey, drawn: DrawnFormula | None) -> None:
        self._pending.discard(key)
        picture = None
        if drawn is not None:
            pixmap = QPixmap.fromImage(drawn.image)
            pixmap.setDevicePixelRatio(key.ratio)
            picture = Picture(pixmap, drawn.middle)
        self._pictures[key] = picture
        if len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        if not self._news.isActive():
            self._news.start()

    def _read(self, key: AttachmentKey) -> DrawnFormula | None:
        if key.name.startswith("data:"):
            buffer = QBuffer()
            buffer.setData(QByteArray(_inline_bytes(key.name)))
            return _scaled(QImageReader(buffer), key.ratio)
        if self._attachments is None or Path(key.name).name != key.name:
            return None
        return _scaled(QImageReader(str(self._attachments / key.name)), key.ratio)

    @Slot()
    def _deliver(self) -> None:
        """Hands over what is done, in the order in which it was asked for."""
        while self._running and self._running[0][0].done():
            future, deliver = self._running.popleft()
            owner = getattr(deliver, "__self__", None)
            if not isinstance(owner, QObject) or isValid(owner):
                deliver(future.result())
        if not self._running:
            self._look.stop()


def _ignore(_result: object) -> None:
    """For work that is done for what it leaves behind."""


def _inline_bytes(address: str) -> bytes:
    """The bytes of a `data:` address, none when it is too long or no base64."""
    head, _, text = address.partition(",")
    if not head.endswith(";base64") or len(text) > MAX_INLINE_CHARS:
        return b""
    with contextlib.suppress(binascii.Error, ValueError):
        return b64decode(unquote(text), validate=True)
    return b""


def _scaled(reader: QImageReader, ratio: float) -> DrawnFormula | None:
    """Reads a picture, no larger than it is shown."""
    reader.setAutoTransform(True)
    size, limit = reader.size(), round(PICTURE_SIDE_PX * ratio)
    if size.width() > limit or size.height() > limit:
        reader.setScaledSize(size.scaled(QSize(limit, limit), Qt.AspectRatioMode.KeepAspectRatio))
    image: QImage = reader.read()
    return None if image.isNull() else DrawnFormula(image, middle=False)
