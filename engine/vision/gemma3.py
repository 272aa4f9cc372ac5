"""Images for Gemma 3: always one square size, whatever the shape; long images also as crops where the files ask for it.

Source of the rule for crops ("pan and scan"): the image processor that the models were published with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.events import ImageBudget
from engine.vision.plan import ImageMarkers, ImagePlan, Tile
from engine.vision.settings import BILINEAR, HALF, MAX_EDGE, MAX_PATCH_SIZE, ImageSettings, read_normalisation
from engine.weights.config_reader import ConfigReader

DEFAULT_EDGE = 224  # as for the next two, what a missing key of config.json means
DEFAULT_PATCH_SIZE = 16
DEFAULT_TOKENS = 256
MAX_TOKENS = 2**14
MAX_CROPS = 64

MARKERS = ImageMarkers(
    placeholder="<start_of_image>",
    image_token="<image_soft_token>",
    before="\n\n<start_of_image>",
    after="<end_of_image>\n\n",
    before_first="Here is the original image ",
    before_others=" and here are some crops to help you see better ",
    between_others=" ",
)


@dataclass(frozen=True)
class CropRules:
    """When and how a long image is also shown in pieces.

    Attributes:
        min_edge: pixels that the shorter side of a piece must have.
        max_crops: pieces at most.
        min_aspect: the longer side over the shorter, from which on the image is cut.
    """

    min_edge: int = 256
    max_crops: int = 4
    min_aspect: float = 1.2

    def boxes(self, width: int, height: int) -> list[tuple[int, int, int, int]]:
        """Pieces along the longer side as (left, top, right, bottom); none where the image is not cut."""
        long, short = max(width, height), min(width, height)
        if long / short < self.min_aspect or self.max_crops < 1:
            return []
        count = min(math.floor(long / short + 0.5), long // self.min_edge)
        count = min(max(count, 2), self.max_crops)
        step = math.ceil(long / count)
        if min(step, short) < self.min_edge:
            return []
        spans = [(start, min(start + step, long)) for start in range(0, long, step)]
        if width >= height:
            return [(start, 0, end, height) for start, end in spans]
        return [(0, start, width, end) for start, end in spans]


@dataclass(frozen=True)
class GemmaImageRules:
    """Sizes and token counts of Gemma 3.

    Attributes:
        width, height: that every image and every crop is brought to.
        patch_size: pixels of one side of a patch.
        tokens_per_side: embeddings along each side of a tile, after the tower's pooling.
        crops: None where the model looks at the whole image only.
    """

    width: int
    height: int
    patch_size: int
    tokens_per_side: int
    crops: CropRules | None = None

    @property
    def budget(self) -> ImageBudget | None:
        """See `ImageRules.budget`: the size is fixed."""
        return None

    def plan(self, width: int, height: int, max_pixels: int | None = None) -> ImagePlan:
        """See `ImageRules.plan`; the size being fixed, a budget only takes the crops away."""
        boxes = [(0, 0, width, height), *(self.crops.boxes(width, height) if self.crops is not None else ())]
        if max_pixels is not None and len(boxes) * self.width * self.height > max_pixels:
            del boxes[1:]
        side = self.tokens_per_side
        tiles = tuple(Tile(box, self.width, self.height, side, side) for box in boxes)
        grid = (len(tiles), self.height // self.patch_size, self.width // self.patch_size)
        tokens = len(tiles) * side * side
        return ImagePlan(tiles, grid, grid[1] // side, num_embeddings=tokens, num_tokens=tokens)


def read_gemma3(config: ConfigReader, preprocessor: ConfigReader) -> ImageSettings:
    """Settings of a Gemma 3 folder; raises as `read_normalisation` does."""
    tower = config.section("vision_config") or ConfigReader(config.path, {}, "vision_config.")
    patch_size = tower.int("patch_size", DEFAULT_PATCH_SIZE, high=MAX_PATCH_SIZE)
    edge = tower.int("image_size", DEFAULT_EDGE, high=MAX_EDGE)
    size = preprocessor.section("size") or ConfigReader(preprocessor.path, {}, "size.")
    width, height = (size.int(key, edge, high=MAX_EDGE) for key in ("width", "height"))
    if (width, height) != (edge, edge):
        preprocessor.fail("size", f"but config.json makes the vision tower for {edge} x {edge}")
    tokens = config.int("mm_tokens_per_image", DEFAULT_TOKENS, high=MAX_TOKENS)
    side = math.isqrt(tokens)
    if side * side != tokens or edge // patch_size < side or edge // patch_size % side:
        config.fail("mm_tokens_per_image", f"which {edge // patch_size} patches a side cannot be pooled to")
    return ImageSettings(
        rules=GemmaImageRules(width, height, patch_size, side, _read_crops(preprocessor)),
        markers=MARKERS,
        normalisation=read_normalisation(preprocessor, resample=BILINEAR, mean=HALF, std=HALF),
    )


def _read_crops(preprocessor: ConfigReader) -> CropRules | None:
    if not preprocessor.bool("do_pan_and_scan", False):
        return None
    usual = CropRules()
    return CropRules(
        min_edge=preprocessor.int("pan_and_scan_min_crop_size", usual.min_edge, high=MAX_EDGE),
        max_crops=preprocessor.int("pan_and_scan_max_num_crops", usual.max_crops, high=MAX_CROPS),
        min_aspect=preprocessor.float("pan_and_scan_min_ratio_to_activate", usual.min_aspect, low=1.0, high=1000.0),
    )
