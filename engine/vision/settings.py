"""Reads what a model's files say about preparing images: `preprocessor_config.json`, or `processor_config.json`.

Here is what all families share: where the settings stand, how pixels become numbers, and the whole that a processor is
made from. Sizes and token counts are in one file per family. Knows neither torch nor numpy nor Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import UnsupportedModelError
from engine.vision.plan import ImageMarkers, ImageRules
from engine.weights.config_reader import ConfigReader
from engine.weights.safetensors_header import quoted

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)

MAX_PIXELS = 2**28  # of one resized image: above this a file is wrong rather than generous
MAX_EDGE = 2**14
MAX_PATCH_SIZE = 256
MAX_MERGE_SIZE = 16

BILINEAR = 2  # as the files and Pillow number the filters
BICUBIC = 3
LAST_FILTER = 5


@dataclass(frozen=True)
class Normalisation:
    """How a byte of a resized image becomes a number: (byte * scale - mean) / std, per channel.

    Attributes:
        resample: the filter that resizes, as Pillow numbers it.
        scale: 1 / 255 nearly everywhere.
        mean, std: of red, green and blue.
    """

    resample: int
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class PatchOrder:
    """For towers that read rows of patches: how an image is cut.

    Attributes:
        patch_size: pixels of one side of a patch.
        merge_size: patches of one side of the square whose patches follow each other.
        temporal_patch_size: how often the image is repeated, as if it were a film standing still.
    """

    patch_size: int
    merge_size: int
    temporal_patch_size: int


@dataclass(frozen=True)
class ImageSettings:
    """All that a model's files say about preparing images.

    Attributes:
        rules: sizes and token counts.
        markers: how the prompt speaks of an image.
        normalisation: from bytes to numbers.
        patch_order: None where the tower reads whole images.
    """

    rules: ImageRules
    markers: ImageMarkers
    normalisation: Normalisation
    patch_order: PatchOrder | None = None


def open_preprocessor(folder: Path) -> ConfigReader:
    """The settings of the image processor; empty where the folder has none, so that the family's defaults stand.

    Raises:
        ModelFormatError: a file cannot be read or is no JSON object.
    """
    alone = ConfigReader.open_optional(folder, "preprocessor_config.json")
    if alone is not None:
        return alone
    joint = ConfigReader.open_optional(folder, "processor_config.json")
    section = joint.section("image_processor") if joint is not None else None
    return section if section is not None else ConfigReader(folder / "preprocessor_config.json", {})


def read_normalisation(
    preprocessor: ConfigReader,
    *,
    resample: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> Normalisation:
    """Filter, mean and standard deviation, with a family's own where the file says nothing.

    Raises:
        ModelFormatError: a value is of the wrong type or out of range.
        UnsupportedModelError: the model wants images as they are, or cropped.
    """
    _refuse(preprocessor, "do_resize", False)
    _refuse(preprocessor, "do_center_crop", True)
    scale = preprocessor.float("rescale_factor", 1 / 255, low=1e-6, high=1.0)
    is_normalised = preprocessor.bool("do_normalize", True)
    return Normalisation(
        resample=preprocessor.int("resample", resample, low=0, high=LAST_FILTER),
        scale=scale if preprocessor.bool("do_rescale", True) else 1.0,
        mean=_per_channel(preprocessor, "image_mean", mean) if is_normalised else (0.0, 0.0, 0.0),
        std=_per_channel(preprocessor, "image_std", std, positive=True) if is_normalised else (1.0, 1.0, 1.0),
    )


def check_same(preprocessor: ConfigReader, key: str, value: int, config: ConfigReader) -> None:
    """Refuses an image processor that contradicts the tower, where `config` is the tower's section of config.json."""
    wanted = config.optional_int(key)
    if wanted is not None and wanted != value:
        preprocessor.fail(key, f"but {config.path.name} makes the vision tower with {wanted}")


def _refuse(preprocessor: ConfigReader, key: str, value: bool) -> None:
    if preprocessor.optional_bool(key) is value:
        raise UnsupportedModelError(
            f"{preprocessor.path}: {quoted(key)} is {str(value).lower()}, which is not supported for images.",
            "Chat with the model without images, or choose another model.",
        )


def _per_channel(
    preprocessor: ConfigReader, key: str, default: tuple[float, float, float], *, positive: bool = False
) -> tuple[float, float, float]:
    values = preprocessor.float_list(key, default)
    if len(values) != len(default) or (positive and min(values) <= 0):
        preprocessor.fail(key, f"not three {'positive ' if positive else ''}numbers for red, green and blue")
    return (values[0], values[1], values[2])
