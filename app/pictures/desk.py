"""Where the window's pictures are looked after: taken in, shown small, shown whole. Nothing here waits.

Reading and decoding happen in two threads beside the window, so that a large picture that is being added keeps nobody
from looking at another one. Knows nothing of messages or of models.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from app.background import Background
from app.pictures import work
from app.pictures.work import Source, Thumbnail
from app.storage.pictures import PictureFolder, sweep_unused
from engine.errors import EngineError

KEPT_THUMBNAILS = 400


class PictureDesk(QObject):
    """Signals:
    came: the name of a picture whose small form is there now, or is known not to come.
    crashed: a bug in one of the threads, as a traceback.
    """

    came = Signal(str)
    crashed = Signal(str)

    def __init__(self, folder: PictureFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        self._adding = Background("pictures-in", self)
        self._showing = Background("pictures-out", self)
        for each in (self._adding, self._showing):
            each.crashed.connect(self.crashed)
        self._known: OrderedDict[str, tuple[Thumbnail, QPixmap]] = OrderedDict()
        self._errors: dict[str, EngineError] = {}
        self._asked: set[str] = set()
        self._newest_whole = 0

    def take_in(
        self, source: Source, then: Callable[[Thumbnail], object], failed: Callable[[EngineError], object]
    ) -> None:
        """Checks and keeps a picture, one after another."""
        self._adding.do(partial(work.take_in, self.folder, source), partial(self._on_taken, then), failed)

    def thumbnail(self, name: str) -> Thumbnail | None:
        """What is known of a kept picture; where nothing is yet, it is read and `came` tells when."""
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known[0]
        if name not in self._asked and name not in self._errors:
            self._asked.add(name)
            read = partial(work.read_thumbnail, self.folder, name)
            self._showing.do(read, partial(self._on_read, name), partial(self._on_missing, name))
        return None

    def pixmap(self, name: str) -> QPixmap | None:
        """The small form, to be drawn."""
        return self._known[name][1] if self.thumbnail(name) is not None else None

    def error(self, name: str) -> EngineError | None:
        """Why a picture cannot be shown."""
        return self._errors.get(name)

    def whole(
        self, name: str, then: Callable[[QImage], object], failed: Callable[[EngineError], object]
    ) -> None:  # fmt: skip
        """Reads all pixels of a kept picture; of several that are asked for, only the last is sure to come."""
        self._newest_whole += 1
        read = partial(self._read_whole, self._newest_whole, name)
        self._showing.do(read, partial(_hand_on, then), failed)

    def fit(self, image: QImage, size: QSize, then: Callable[[QImage], object]) -> None:
        """Makes a whole picture smaller; a size that is not smaller gives it back as it is."""
        if size.width() >= image.width() and size.height() >= image.height():
            then(image)
        else:
            self._showing.do(partial(work.fitted, image, size), then)

    def copy_to(
        self, name: str, target: Path, then: Callable[[Path], object], failed: Callable[[EngineError], object]
    ) -> None:
        """Writes the file of a picture elsewhere, as it came."""
        self._showing.do(partial(work.copy_to, self.folder, name, target), then, failed)

    def sweep(self, store: Path, before_s: float) -> None:
        """Removes pictures that nothing in a store of conversations uses any more."""
        self._showing.do(partial(sweep_unused, store, self.folder, before_s))

    def shut_down(self) -> bool:
        """Ends the threads; False when one did not end in time."""
        ended = (self._adding.shut_down(), self._showing.shut_down())
        return all(ended)

    def _read_whole(self, number: int, name: str) -> QImage | None:
        """In the thread: nothing when the user has gone on to another one."""
        return work.read_whole(self.folder, name) if number == self._newest_whole else None

    def _on_taken(self, then: Callable[[Thumbnail], object], thumbnail: Thumbnail) -> None:
        self._keep(thumbnail)
        then(thumbnail)

    def _on_read(self, name: str, thumbnail: Thumbnail) -> None:
        self._asked.discard(name)
        self._keep(thumbnail)

    @Slot(object)
    def _keep(self, thumbnail: Thumbnail) -> None:
        self._errors.pop(thumbnail.name, None)
        self._known[thumbnail.name] = (thumbnail, QPixmap.fromImage(thumbnail.image))
        if len(self._known) > KEPT_THUMBNAILS:
            self._known.popitem(last=False)
        self.came.emit(thumbnail.name)

    def _on_missing(self, name: str, error: EngineError) -> None:
        self._asked.discard(name)
        self._errors[name] = error
        self.came.emit(name)


def _hand_on(then: Callable[[QImage], object], image: QImage | None) -> None:
    if image is not None:
        then(image)
