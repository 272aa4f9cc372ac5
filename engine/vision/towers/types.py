"""What a vision tower delivers. Knows nothing of how towers work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from engine.vision.types import ProcessedImage


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """One image as the text model reads it.

    Attributes:
        embeddings: float32 [N, E] on the tower's device, which take the place of tokens' embeddings.
        deepstack: for the first layers of the text model, float32 [N, E] that is added to the rows behind the layer.
    """

    embeddings: torch.Tensor
    deepstack: tuple[torch.Tensor, ...] = ()

    @property
    def num_bytes(self) -> int:
        return sum(each.numel() * each.element_size() for each in (self.embeddings, *self.deepstack))


class VisionTower(Protocol):
    """Sees. Belongs to one thread; images are encoded one by one."""

    def encode(self, image: ProcessedImage) -> ImageFeatures:
        """The rows of an image, of all its tiles one after another."""
        ...

    @property
    def weights(self) -> list[torch.Tensor]:
        """All tensors that stay loaded."""
        ...
