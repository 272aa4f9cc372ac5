"""Image files on their way to pixels, in a thread of their own, so that replies go on meanwhile.

Knows nothing of prompts, towers or requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from engine.vision.plan import ImagePlan
from engine.vision.types import ProcessedImage

HELD_BYTES = 512 * 2**20  # of pixels that wait for the tower at a time: one image may have 400 MB of them


@dataclass(frozen=True)
class PlannedImage:
    """An image of a prompt before its pixels are read.

    Attributes:
        path: of its file.
        plan: what becomes of it, by the size that its header tells.
        max_pixels: the budget that the plan was made with.
    """

    path: Path
    plan: ImagePlan
    max_pixels: int | None


@dataclass(frozen=True, eq=False)
class ReadImage:
    """An image after its file was read.

    Attributes:
        content_hash: of its pixels as the tower takes them.
        image: None where the hash was known by the file and nobody asked for pixels, or too many are held already.
    """

    content_hash: bytes
    image: ProcessedImage | None

    @property
    def num_bytes(self) -> int:
        """Of its pixels."""
        return 0 if self.image is None else self.image.pixels.numel() * self.image.pixels.element_size()

    @property
    def name_alone(self) -> ReadImage:
        """The same without pixels."""
        return ReadImage(self.content_hash, None)


class ImageReading:
    """Reads images one after another; begins at once.

    Args:
        read: reads one; called in the thread. What it raises ends the reading and comes out of `poll`.
    """

    def __init__(self, read: Callable[[PlannedImage], ReadImage], images: Sequence[PlannedImage]) -> None:
        self._read, self._images = read, tuple(images)
        self._found: list[ReadImage] = []
        self._failure: Exception | None = None
        self._ended, self._unwanted = Event(), Event()
        # A thread that the program's end does not wait for: a decoder may take minutes over a hostile file.
        Thread(target=self._run, name="reading images", daemon=True).start()

    def poll(self, patience_s: float = 0.0) -> list[ReadImage] | None:
        """All images in order; None while they are being read.

        Args:
            patience_s: how long to wait for them at most.

        Raises:
            EngineError: what an image could not be read for.
        """
        if not self._ended.wait(patience_s):
            return None
        if self._failure is not None:
            raise self._failure
        return self._found

    def stop(self) -> None:
        """Nobody wants the rest; the image at hand is read to its end."""
        self._unwanted.set()

    def _run(self) -> None:
        try:
            for image in self._images:
                if self._unwanted.is_set():
                    break
                found = self._read(image)
                held = sum(each.num_bytes for each in self._found)
                is_too_much = held > 0 and held + found.num_bytes > HELD_BYTES
                self._found.append(found.name_alone if is_too_much else found)
        except Exception as error:  # noqa: BLE001  # of whatever kind: it is the other thread's to raise
            self._failure = error
        finally:
            self._ended.set()
