"""Turns an upright RGB image into the tensor that a model's vision tower reads.

One processor for all families: their sizes come as a plan, their numbers as settings. The result equals Hugging Face's
processors on Pillow and numpy ("slow") bit for bit, because a byte can only take 256 values and each is computed the
way they do. Knows nothing of files and of families.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import PIL.Image
import torch

from engine.vision.plan import ImageMarkers, ImagePlan, ImageRules, Tile
from engine.vision.settings import ImageSettings, Normalisation, PatchOrder
from engine.vision.types import ProcessedImage

HASH_BYTES = 16


class SettingsProcessor:
    """The `ImageProcessor` of any family, made from its settings.

    Args:
        settings: from `engine.vision.registry.read_image_settings`.
    """

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._numbers = _numbers_of_bytes(settings.normalisation)

    @property
    def rules(self) -> ImageRules:
        return self._settings.rules

    @property
    def markers(self) -> ImageMarkers:
        return self._settings.markers

    def process(
        self, image: PIL.Image.Image, max_pixels: int | None = None, *, is_animated: bool = False
    ) -> ProcessedImage:
        """See `ImageProcessor.process`.

        Args:
            image: mode RGB, upright.
            max_pixels: the chat's budget; see `ImageRules.plan`.
            is_animated: passed on.

        Raises:
            InvalidRequestError: the model takes no image of this shape.
        """
        assert image.mode == "RGB", image.mode
        plan = self.rules.plan(image.width, image.height, max_pixels)
        tiles = [_resized(image, tile, self._settings.normalisation.resample) for tile in plan.tiles]
        order = self._settings.patch_order
        if order is None:
            pixels = np.stack([_planes(tile, self._numbers) for tile in tiles])
        else:
            assert len(tiles) == 1, "patches of several tiles have no order"
            pixels = _patch_rows(_planes(tiles[0], self._numbers), order)
        return ProcessedImage(
            pixels=torch.from_numpy(pixels),
            plan=plan,
            content_hash=self._content_hash(tiles, plan),
            is_animated=is_animated,
        )

    def _content_hash(self, tiles: list[npt.NDArray[np.uint8]], plan: ImagePlan) -> bytes:
        """Of the bytes before normalisation: an eighth of the numbers, and with the table they say the same."""
        digest = hashlib.blake2b(digest_size=HASH_BYTES)
        layout = (plan.grid, plan.merge_size, self._settings.patch_order, [tile.shape for tile in tiles])
        digest.update(repr(layout).encode())
        digest.update(self._numbers.tobytes())
        for tile in tiles:
            digest.update(tile.data)
        return digest.digest()


def _numbers_of_bytes(normalisation: Normalisation) -> npt.NDArray[np.float32]:
    """[3, 256]: what each byte becomes in each channel; scaled in fp64, then normalised in fp32, as the oracle does."""
    scaled = (np.arange(256, dtype=np.float64) * normalisation.scale).astype(np.float32)
    mean = np.array(normalisation.mean, dtype=np.float32)[:, None]
    std = np.array(normalisation.std, dtype=np.float32)[:, None]
    return ((scaled[None, :] - mean) / std).astype(np.float32)


def _resized(image: PIL.Image.Image, tile: Tile, resample: int) -> npt.NDArray[np.uint8]:
    """uint8 [height, width, 3]."""
    whole = tile.box == (0, 0, image.width, image.height)
    part = image if whole else image.crop(tile.box)  # cut first: resizing a box would look at pixels beyond it
    return np.ascontiguousarray(np.asarray(part.resize((tile.width, tile.height), PIL.Image.Resampling(resample))))


def _planes(tile: npt.NDArray[np.uint8], numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32 [3, height, width]."""
    planes = np.empty((3, *tile.shape[:2]), dtype=np.float32)
    for channel in range(3):
        np.take(numbers[channel], tile[:, :, channel], out=planes[channel])
    return planes


def _patch_rows(planes: npt.NDArray[np.float32], order: PatchOrder) -> npt.NDArray[np.float32]:
    """[h * w, 3 * frames * patch * patch] with the patches of one merged square beside each other."""
    _, height, width = planes.shape
    patch, merge, frames = order.patch_size, order.merge_size, order.temporal_patch_size
    rows, columns = height // (patch * merge), width // (patch * merge)
    cut = planes.reshape(3, rows, merge, patch, columns, merge, patch)
    ordered = cut.transpose(1, 4, 2, 5, 0, 3, 6)[:, :, :, :, :, None]  # row, column, my, mx, channel, frame, y, x
    repeated = np.broadcast_to(ordered, (*ordered.shape[:5], frames, patch, patch))
    return repeated.reshape(rows * columns * merge * merge, 3 * frames * patch * patch)
