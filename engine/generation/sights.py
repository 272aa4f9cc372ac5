"""The images of one waiting job: files are read, then named, then looked at where the cache has nothing of them.

Fulfils what a `Job` asks of images that are not there yet. Knows nothing of pages, batches or templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.events import EncodingImages
from engine.vision.eyes import Eyes
from engine.vision.prompt import ImageSpan
from engine.vision.reading import ImageReading, PlannedImage, ReadImage
from engine.vision.towers.placed import FIRST_VIRTUAL, PlacedImages, with_virtual_ids
from engine.vision.towers.types import ImageFeatures


@dataclass(frozen=True)
class Scene:
    """The images of a prompt and how they are seen.

    Attributes:
        images: in order.
        placed: where they stand, still without what is seen there.
        tower: a name for the weights that see.
    """

    eyes: Eyes
    images: tuple[PlannedImage, ...]
    placed: PlacedImages
    tower: bytes


class Sights:
    """What a job shows, on its way from files to rows; belongs to the session's thread."""

    def __init__(self, request_id: int, scene: Scene) -> None:
        self._request_id, self._scene = request_id, scene
        self._reading: ImageReading | None = scene.eyes.read(list(scene.images))
        self._read: list[ReadImage] = []
        self._features: dict[int, ImageFeatures] = {}
        self._missing: list[int] = []
        self._is_begun = False
        self._total = len(scene.images)
        self._told: EncodingImages | None = None

    @property
    def is_seen(self) -> bool:
        """Whether nothing is left to look at; only after `begin`."""
        return not self._missing

    @property
    def placed(self) -> PlacedImages:
        """The images with what is seen in them, as far as it is needed."""
        return replace(self._scene.placed, features=self._features)

    def is_read(self, patience_s: float) -> bool:
        """Whether all files are read, so that the prompt can be named.

        Raises:
            EngineError: one cannot be.
        """
        if self._reading is not None:
            found = self._reading.poll(patience_s)
            if found is None:
                return False
            self._read, self._reading = found, None
        return True

    def named(self, ids: Sequence[int]) -> list[int]:
        """A prompt's ids with names of what the images show at their places."""
        hashes = [image.content_hash for image in self._read]
        return with_virtual_ids(ids, self._scene.placed.spans, hashes, self._scene.tower)

    def begin(self, num_cached: int) -> None:
        """Takes what was seen lately and finds out what must be looked at: all that reaches beyond the cache."""
        self._is_begun = True
        needed = {span.image for span in self._scene.placed.spans if span.end > num_cached}
        for image in sorted(needed):
            found = self._scene.eyes.seen.find(self._read[image].content_hash)
            if found is not None:
                self._features[image] = found
            else:
                self._missing.append(image)
        if self._told is None:  # else the number of images was told, and those that need no look count as done
            self._total = len(self._missing)

    def look(self, patience_s: float) -> None:
        """One image more, unless its file must be read again first.

        Raises:
            EngineError: it cannot be seen.
        """
        first = self._missing[0]
        image = self._read[first].image
        if image is None and (seen := self._scene.eyes.seen.find(self._read[first].content_hash)) is not None:
            self._features[first] = seen  # it stands in the prompt twice
        elif image is None:
            self._read_again(first, patience_s)
            return
        else:
            self._features[first] = self._scene.eyes.look(image)
        self._read[first] = self._read[first].name_alone  # its pixels are not needed any more
        del self._missing[0]

    def stop(self) -> None:
        """Nobody waits for them any more."""
        if self._reading is not None:
            self._reading.stop()

    def news(self) -> list[EncodingImages]:
        """How far it is, if that was not told yet."""
        done = self._total - len(self._missing) if self._is_begun else 0
        event = EncodingImages(self._request_id, done, self._total)
        if event == self._told:
            return []
        self._told = event
        return [event]

    def _read_again(self, image: int, patience_s: float) -> None:
        """Only its name is at hand: it was known, and neither cache has it any more, or too many pixels were held."""
        if self._reading is None:
            self._reading = self._scene.eyes.read([self._scene.images[image]], pixels=True)
        found = self._reading.poll(patience_s)
        if found is not None:
            self._reading = None
            self._read[image] = found[0]


def nameless(ids: Sequence[int], spans: Sequence[ImageSpan]) -> list[int]:
    """A prompt whose images have no names yet: ids that are no tokens at their places."""
    hidden = list(ids)
    for span in spans:
        for place in span.places():
            hidden[place] = FIRST_VIRTUAL
    return hidden
