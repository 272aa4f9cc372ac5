"""What passes between the image processors, the vision towers and the session.

Knows nothing of files: an image comes in as upright RGB from `engine.vision.image_file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import PIL.Image
import torch

from engine.vision.plan import ImageMarkers, ImagePlan, ImageRules


@dataclass(frozen=True, eq=False)
class ProcessedImage:
    """One image as the vision tower reads it.

    Attributes:
        pixels: float32 on the CPU, contiguous, normalised. By family:
            Qwen2.5-VL, Qwen3-VL: patches [t * h * w, 3 * temporal_patch_size * patch_size * patch_size], the grid's
            patches ordered so that those of one merged square follow each other: (h / m, w / m, m, m); one row is
            (channel, frame, y, x), the frame repeated. Equal to Hugging Face's `pixel_values`.
            Gemma 3: [tiles, 3, height, width]: the whole image, then its crops.
            Mistral 3, Pixtral: [1, 3, height, width], not padded.
        plan: what was done; `grid`, `num_embeddings` and `num_tokens` are its.
        content_hash: 16 bytes that differ when the pixels, their arrangement or the normalisation do. Together with
            the weights of the tower it names the embeddings.
        is_animated: the file held further frames; this is the first.
    """

    pixels: torch.Tensor
    plan: ImagePlan
    content_hash: bytes
    is_animated: bool = False

    @property
    def grid(self) -> tuple[int, int, int]:
        """(t, h, w) in patches before merging."""
        return self.plan.grid

    @property
    def num_embeddings(self) -> int:
        """Rows that the tower makes of it."""
        return self.plan.num_embeddings

    @property
    def num_tokens(self) -> int:
        """Ids of the prompt that it takes, ends of rows included."""
        return self.plan.num_tokens


class ImageProcessor(Protocol):
    """Turns images into what one model's tower reads; made from the model's files."""

    @property
    def rules(self) -> ImageRules:
        """Sizes and token counts, without pixels."""
        ...

    @property
    def markers(self) -> ImageMarkers:
        """How the prompt speaks of an image."""
        ...

    def process(
        self, image: PIL.Image.Image, max_pixels: int | None = None, *, is_animated: bool = False
    ) -> ProcessedImage:
        """Resizes, cuts and normalises an upright RGB image.

        Raises:
            InvalidRequestError: the model takes no image of this shape.
        """
        ...
