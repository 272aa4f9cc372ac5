"""What a loaded model sees with: how images are prepared, its tower, and what it saw lately.

Sizes and pixels may be asked for from any thread; the tower belongs to the thread that runs the model. Knows nothing
of templates, prompts or requests.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock

import torch

from engine.errors import InvalidRequestError, NotEnoughMemoryError
from engine.events import ImageBudget
from engine.vision.decode_apart import decode_apart
from engine.vision.image_file import ImageFile
from engine.vision.image_sizes import ImageSizes
from engine.vision.plan import ImageMarkers, ImagePlan
from engine.vision.processor import SettingsProcessor
from engine.vision.reading import ImageReading, PlannedImage, ReadImage
from engine.vision.settings import ImageSettings
from engine.vision.towers.spec import KEPT_IMAGE_BYTES
from engine.vision.towers.types import ImageFeatures, VisionTower
from engine.vision.types import ProcessedImage

MOST_HASHES = 4096

_Known = tuple[str, ImagePlan]  # hash of the file's bytes, what becomes of it


class SeenImages:
    """What the tower made of the images it saw last.

    Args:
        max_bytes: of all that is kept; a single larger one is not.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._kept: OrderedDict[bytes, ImageFeatures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, content_hash: bytes) -> ImageFeatures | None:
        """What was made of these pixels, if it is still there."""
        if content_hash in self._kept:
            self._kept.move_to_end(content_hash)
        return self._kept.get(content_hash)

    def keep(self, content_hash: bytes, features: ImageFeatures) -> None:
        """Remembers it, and forgets what was not asked for longest."""
        if content_hash in self._kept or features.num_bytes > self.max_bytes:
            return
        self._kept[content_hash] = features
        self.num_bytes += features.num_bytes
        while self.num_bytes > self.max_bytes:
            self.num_bytes -= self._kept.popitem(last=False)[1].num_bytes


class Eyes:
    """Of one loaded model.

    Args:
        settings: how its images are prepared.
        image_token_id: that stands for one embedding in a prompt.
        max_bytes: of what the tower made, to keep for when an image comes again.
    """

    def __init__(
        self, tower: VisionTower, settings: ImageSettings, image_token_id: int, max_bytes: int = KEPT_IMAGE_BYTES
    ) -> None:
        self.image_token_id = image_token_id
        self.seen = SeenImages(max_bytes)
        self._tower: VisionTower | None = tower
        self._processor = SettingsProcessor(settings)
        self._sizes = ImageSizes()
        self._hashes: OrderedDict[_Known, bytes] = OrderedDict()
        self._lock, self._decoding = Lock(), Lock()

    @property
    def markers(self) -> ImageMarkers:
        """How the prompt speaks of an image."""
        return self._processor.markers

    @property
    def budget(self) -> ImageBudget | None:
        """See `engine.vision.plan.ImageRules.budget`."""
        return self._processor.rules.budget

    def plan(self, path: Path, max_pixels: int | None = None) -> PlannedImage:
        """What becomes of an image, from its header alone.

        Raises:
            EngineError: there is no such file, it is no image, or the model takes none of this shape.
        """
        wanted = max_pixels if self.budget is not None else None
        facts = self._sizes.facts(path)
        return PlannedImage(path, self._processor.rules.plan(facts.width, facts.height, wanted), wanted)

    def read(self, images: list[PlannedImage], *, pixels: bool = False) -> ImageReading:
        """Begins to read images.

        Args:
            pixels: also of those whose hash is known.
        """
        return ImageReading(lambda planned: self._read(planned, pixels), images)

    def look(self, image: ProcessedImage) -> ImageFeatures:
        """What the model sees in an image; a second or more on a CPU, nothing where it was seen lately.

        Raises:
            NotEnoughMemoryError: on a card.
        """
        assert self._tower is not None, "closed"
        found = self.seen.find(image.content_hash)
        if found is None:
            try:
                found = self._tower.encode(image)
            except torch.OutOfMemoryError as error:
                raise NotEnoughMemoryError(
                    f"There is not enough memory on the card to look at an image of {image.num_tokens} tokens.",
                    "Allow fewer pixels for an image, load the model with a smaller context, or close other programs.",
                ) from error
            self.seen.keep(image.content_hash, found)
        return found

    def close(self) -> None:
        """Lets go of the tower and of what it saw; sizes may still be asked for."""
        self._tower, self.seen = None, SeenImages(0)

    def _read(self, planned: PlannedImage, pixels: bool) -> ReadImage:
        file = ImageFile.read(planned.path)
        known = (file.content_hash, planned.plan)
        with self._lock:
            content_hash = self._hashes.get(known)
        if content_hash is not None and not pixels:
            return ReadImage(content_hash, None)
        with self._decoding:  # one at a time: a large one takes hundreds of megabytes meanwhile
            opened = decode_apart(file)
            image = self._processor.process(opened.image, planned.max_pixels, is_animated=opened.facts.is_animated)
        if image.plan != planned.plan:
            raise InvalidRequestError(f"{file.name} has changed since the message was sent.", "Send the message again.")
        with self._lock:
            self._hashes[known] = image.content_hash
            while len(self._hashes) > MOST_HASHES:
                self._hashes.popitem(last=False)
        return ReadImage(image.content_hash, image)
