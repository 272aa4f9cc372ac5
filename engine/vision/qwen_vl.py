"""Images for Qwen2.5-VL and Qwen3-VL: the shape is kept, both sides become multiples of one merged square.

The two differ in numbers only. Source of the size rule: the image processor that these models were published with,
section C.1 of the engine notes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import InvalidRequestError
from engine.events import ImageBudget
from engine.vision.plan import ImageMarkers, ImagePlan, Tile
from engine.vision.settings import (
    BICUBIC,
    CLIP_MEAN,
    CLIP_STD,
    HALF,
    MAX_MERGE_SIZE,
    MAX_PATCH_SIZE,
    MAX_PIXELS,
    ImageSettings,
    PatchOrder,
    check_same,
    read_normalisation,
)
from engine.weights.config_reader import ConfigReader

MAX_ASPECT = 200  # the longer side over the shorter
MARKERS = ImageMarkers(placeholder="<|image_pad|>", image_token="<|image_pad|>")  # the template writes the ends itself


@dataclass(frozen=True)
class QwenImageRules:
    """Sizes and token counts of Qwen's vision models.

    Attributes:
        patch_size: pixels of one side of a patch.
        merge_size: patches of one side of the square that becomes one token.
        min_pixels, max_pixels: between which the resized image lies, as far as its shape allows.
    """

    patch_size: int
    merge_size: int
    min_pixels: int
    max_pixels: int

    @property
    def budget(self) -> ImageBudget:
        """See `ImageRules.budget`."""
        return ImageBudget(self.min_pixels, self.max_pixels, (self.patch_size * self.merge_size) ** 2)

    def plan(self, width: int, height: int, max_pixels: int | None = None) -> ImagePlan:
        """See `ImageRules.plan`.

        Raises:
            InvalidRequestError: one side is more than 200 times the other.
        """
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise InvalidRequestError(
                f"The image is {width} x {height} pixels; this model reads none with one side more than {MAX_ASPECT} "
                "times the other.",
                "Cut the image into shorter pieces.",
            )
        most = self.max_pixels if max_pixels is None else min(self.max_pixels, max_pixels)
        new_width, new_height = self._resized(width, height, max(most, self.min_pixels))
        square = self.patch_size * self.merge_size
        tile = Tile((0, 0, width, height), new_width, new_height, new_width // square, new_height // square)
        tokens = tile.columns * tile.rows
        grid = (1, new_height // self.patch_size, new_width // self.patch_size)
        return ImagePlan((tile,), grid, self.merge_size, num_embeddings=tokens, num_tokens=tokens)

    def _resized(self, width: int, height: int, max_pixels: int) -> tuple[int, int]:
        square = self.patch_size * self.merge_size
        nearest = (round(width / square) * square, round(height / square) * square)
        if nearest[0] * nearest[1] > max_pixels:
            shrink = math.sqrt(height * width / max_pixels)
            new_width, new_height = (math.floor(side / shrink / square) * square for side in (width, height))
            return max(square, new_width), max(square, new_height)
        if nearest[0] * nearest[1] < self.min_pixels:  # also where a short side was rounded to nothing
            grow = math.sqrt(self.min_pixels / (height * width))
            new_width, new_height = (math.ceil(side * grow / square) * square for side in (width, height))
            return new_width, new_height
        return nearest


def read_qwen2_5_vl(config: ConfigReader, preprocessor: ConfigReader) -> ImageSettings:
    """Settings of a Qwen2.5-VL folder; raises as `read_normalisation` does."""
    return _read(config, preprocessor, _Defaults(14, 56 * 56, 28 * 28 * 16384, CLIP_MEAN, CLIP_STD))


def read_qwen3_vl(config: ConfigReader, preprocessor: ConfigReader) -> ImageSettings:
    """Settings of a Qwen3-VL folder; raises as `read_normalisation` does."""
    return _read(config, preprocessor, _Defaults(16, 256 * 256, 4096 * 4096, HALF, HALF))


@dataclass(frozen=True)
class _Defaults:
    """What the published models of a family say, for a folder that says nothing."""

    patch_size: int
    min_pixels: int
    max_pixels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def _read(config: ConfigReader, preprocessor: ConfigReader, defaults: _Defaults) -> ImageSettings:
    order = PatchOrder(
        patch_size=preprocessor.int("patch_size", defaults.patch_size, high=MAX_PATCH_SIZE),
        merge_size=preprocessor.int("merge_size", 2, high=MAX_MERGE_SIZE),
        temporal_patch_size=preprocessor.int("temporal_patch_size", 2, high=MAX_MERGE_SIZE),
    )
    tower = config.section("vision_config")
    if tower is not None:
        check_same(preprocessor, "patch_size", order.patch_size, tower)
        check_same(preprocessor, "temporal_patch_size", order.temporal_patch_size, tower)
        if tower.int("spatial_merge_size", order.merge_size) != order.merge_size:
            preprocessor.fail("merge_size", f"but config.json merges {tower.raw('spatial_merge_size')}")
    least = _pixels(preprocessor, "min_pixels", "shortest_edge", defaults.min_pixels)
    most = _pixels(preprocessor, "max_pixels", "longest_edge", defaults.max_pixels)
    if most < least:
        preprocessor.fail("max_pixels", f"below the least number of pixels, {least}")
    return ImageSettings(
        rules=QwenImageRules(order.patch_size, order.merge_size, least, most),
        markers=MARKERS,
        normalisation=read_normalisation(preprocessor, resample=BICUBIC, mean=defaults.mean, std=defaults.std),
        patch_order=order,
    )


def _pixels(preprocessor: ConfigReader, own_key: str, size_key: str, default: int) -> int:
    """A limit of the area; `size` holds it under keys that speak of edges, and the older key of its own goes first."""
    size = preprocessor.section("size")
    within_size = size.optional_int(size_key, high=MAX_PIXELS) if size is not None else None
    return preprocessor.int(own_key, within_size or default, high=MAX_PIXELS)
