"""Images for Mistral 3 and Pixtral: never enlarged beyond the next whole patch, shrunk to fit a longest side.

Every row of embeddings ends with a token of its own, the last one with the image's end. Source of the size rule: the
image processor that the models were published with, section C.1 of the engine notes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.events import ImageBudget
from engine.vision.plan import ImageMarkers, ImagePlan, Tile
from engine.vision.settings import (
    BICUBIC,
    CLIP_MEAN,
    CLIP_STD,
    MAX_EDGE,
    MAX_MERGE_SIZE,
    MAX_PATCH_SIZE,
    ImageSettings,
    read_normalisation,
)
from engine.weights.config_reader import ConfigReader

DEFAULT_EDGE = 1024  # as for the next one, what a missing key of config.json means
DEFAULT_PATCH_SIZE = 16
MARKERS = ImageMarkers(placeholder="[IMG]", image_token="[IMG]", row_end="[IMG_BREAK]", image_end="[IMG_END]")


@dataclass(frozen=True)
class PixtralImageRules:
    """Sizes and token counts of Mistral 3 and Pixtral.

    Attributes:
        patch_size: pixels of one side of a patch.
        merge_size: patches of one side of the square that becomes one embedding.
        max_width, max_height: that an image is shrunk to fit into.
    """

    patch_size: int
    merge_size: int
    max_width: int
    max_height: int

    @property
    def budget(self) -> ImageBudget:
        """See `ImageRules.budget`; at the least an image is one merged square, at most it fills the longest sides."""
        square = (self.patch_size * self.merge_size) ** 2
        return ImageBudget(square, max(self.max_width * self.max_height, square), square)

    def plan(self, width: int, height: int, max_pixels: int | None = None) -> ImagePlan:
        """See `ImageRules.plan`; a budget lowers the longest side as far as this image needs it."""
        square = self.patch_size * self.merge_size
        columns, rows = self._cells(width, height, max(self.max_width, self.max_height))
        if max_pixels is not None and columns * rows * square * square > max_pixels:
            columns, rows = self._cells_within(width, height, max_pixels // (square * square))
        tile = Tile((0, 0, width, height), columns * square, rows * square, columns, rows)
        grid = (1, rows * self.merge_size, columns * self.merge_size)
        return ImagePlan((tile,), grid, self.merge_size, num_embeddings=rows * columns, num_tokens=rows * (columns + 1))

    def _cells(self, width: int, height: int, edge: int) -> tuple[int, int]:
        """Merged squares along both sides when no side may be longer than `edge` before rounding up."""
        square = self.patch_size * self.merge_size
        shrink = max(height / min(self.max_height, edge), width / min(self.max_width, edge))
        if shrink > 1:
            width, height = (max(1, math.floor(side / shrink)) for side in (width, height))
        return math.ceil(width / square), math.ceil(height / square)

    def _cells_within(self, width: int, height: int, most: int) -> tuple[int, int]:
        """The most squares not above `most` that a lower limit of the sides gives; one square at the least."""
        low, high = 1, max(self.max_width, self.max_height)  # `low` fits, `high` does not
        while high - low > 1:
            middle = (low + high) // 2
            columns, rows = self._cells(width, height, middle)
            low, high = (middle, high) if columns * rows <= most else (low, middle)
        return self._cells(width, height, low)


def read_pixtral(config: ConfigReader, preprocessor: ConfigReader) -> ImageSettings:
    """Settings of a Mistral 3 folder; raises as `read_normalisation` does.

    The patch is the tower's: the `patch_size` of the image processor's file is not what the published processor uses.
    """
    tower = config.section("vision_config") or ConfigReader(config.path, {}, "vision_config.")
    size = preprocessor.section("size") or ConfigReader(preprocessor.path, {}, "size.")
    edge = size.int("longest_edge", tower.int("image_size", DEFAULT_EDGE, high=MAX_EDGE), high=MAX_EDGE)
    return ImageSettings(
        rules=PixtralImageRules(
            patch_size=tower.int("patch_size", DEFAULT_PATCH_SIZE, high=MAX_PATCH_SIZE),
            merge_size=config.int("spatial_merge_size", 2, high=MAX_MERGE_SIZE),
            max_width=size.int("width", edge, high=MAX_EDGE),
            max_height=size.int("height", edge, high=MAX_EDGE),
        ),
        markers=MARKERS,
        normalisation=read_normalisation(preprocessor, resample=BICUBIC, mean=CLIP_MEAN, std=CLIP_STD),
    )
