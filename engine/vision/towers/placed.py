"""The images of one prompt: their rows, the places where these stand, and the positions that follow from them.

The scheduler cuts prompts by it and the executor takes each chunk's share from it. Knows nothing of either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.backend import ImageRows
from engine.errors import UnsupportedModelError
from engine.vision.mrope import MropePositions, mrope_positions
from engine.vision.prompt import ImageSpan
from engine.vision.towers.types import ImageFeatures

FIRST_VIRTUAL = 1 << 62  # above every token of every vocabulary


@dataclass(frozen=True, eq=False)
class PlacedImages:
    """Encoded images in a prompt.

    Attributes:
        spans: where each tile stands, in order.
        features: of each image that the spans name, by its index; of images whose places are all in the cache, none are
            needed.
        mrope: positions in three streams, for models that have such.
        sees_both_ways: tokens of one tile see each other, later ones too, so no chunk may end between them.
    """

    spans: tuple[ImageSpan, ...]
    features: Sequence[ImageFeatures] | Mapping[int, ImageFeatures]
    mrope: MropePositions | None = None
    sees_both_ways: bool = False

    @property
    def offset(self) -> int:
        """Position minus place of the tokens behind the prompt, by which rotary embeddings turn them."""
        return self.mrope.offset if self.mrope is not None else 0

    @property
    def longest_span(self) -> int:
        """Tokens that one step must take at once."""
        return max((span.end - span.start for span in self.spans), default=0) if self.sees_both_ways else 1

    @property
    def spent(self) -> PlacedImages:
        """The same behind a prompt that was read: what was seen is in the cache, and only positions count."""
        return replace(self, features=())

    def chunk_end(self, start: int, end: int) -> int:
        """Where a chunk ends that starts at `start` and should end at `end` at the latest.

        Earlier where it would cut a tile that must be whole; later only where the chunk starts inside or at it.
        """
        if not self.sees_both_ways:
            return end
        for span in self.spans:
            if span.start < end < span.end:
                return span.start if span.start > start else span.end
        return end

    def rows_of(self, start: int, end: int) -> ImageRows | None:
        """What images contribute to the tokens from `start` to before `end`; None if nothing."""
        found: list[tuple[int, int, int]] = []  # row of the chunk, image, row of its features
        begun: dict[int, int] = {}
        for span in self.spans:
            first = begun.get(span.image, 0)
            begun[span.image] = first + span.num_embeddings
            if span.start < end and span.end > start:
                places = enumerate(span.places(), first)
                found += [(place - start, span.image, row) for row, place in places if start <= place < end]
        if not found:
            return None
        device = self.features[found[0][1]].embeddings.device
        picked = {image: [row for _, own, row in found if own == image] for image in dict.fromkeys(f[1] for f in found)}
        layers = range(len(self.features[found[0][1]].deepstack))
        return ImageRows(
            rows=torch.tensor([row for row, _, _ in found], device=device),
            embeddings=torch.cat([self.features[image].embeddings[rows] for image, rows in picked.items()]),
            deepstack=tuple(
                torch.cat([self.features[image].deepstack[layer][rows] for image, rows in picked.items()])
                for layer in layers
            ),
        )

    def whole_in(self, start: int, end: int) -> tuple[tuple[int, int], ...]:
        """Places (first, end) of the tiles in a chunk whose tokens see each other; the first may lie before it."""
        if not self.sees_both_ways:
            return ()
        return tuple((span.start, span.end) for span in self.spans if span.end > start and span.start < end)

    def turns_of(self, start: int, end: int) -> torch.Tensor | None:
        """int32 [3, end - start], on the CPU; None for models with one position a token."""
        return None if self.mrope is None else self.mrope.positions[:, start:end].to(torch.int32)


@dataclass(frozen=True)
class ImageLayout:
    """What a text model wants of the places of images.

    Attributes:
        has_three_positions: its tokens have positions of time, height and width.
        sees_both_ways: see `PlacedImages`.
        max_rows: tokens of a step at most.
    """

    has_three_positions: bool
    sees_both_ways: bool
    max_rows: int

    def place(
        self, num_tokens: int, spans: Sequence[ImageSpan], features: Sequence[ImageFeatures] = ()
    ) -> PlacedImages:
        """The images of a prompt of so many tokens.

        Raises:
            UnsupportedModelError: an image needs more rows at once than a step has.
        """
        mrope = mrope_positions(num_tokens, spans) if self.has_three_positions else None
        placed = PlacedImages(tuple(spans), tuple(features), mrope, self.sees_both_ways)
        if placed.longest_span > self.max_rows:
            raise UnsupportedModelError(
                f"An image takes {placed.longest_span} tokens that belong in one step, and a step has {self.max_rows}.",
                "Choose another model for images.",
            )
        return placed


def with_virtual_ids(
    ids: Sequence[int], spans: Sequence[ImageSpan], content_hashes: Sequence[bytes], tower: bytes = b""
) -> list[int]:
    """The prompt under ids that name what the images show, so that the cache of an equal prompt is found again.

    Args:
        content_hashes: of each image, from its `ProcessedImage`.
        tower: what else the rows of an image depend on.

    Returns:
        `ids` with ids from `FIRST_VIRTUAL` on at the places of images: 62 bits of a hash for every single row.
    """
    named, begun = list(ids), dict[int, int]()
    for span in spans:
        first = begun.get(span.image, 0)
        begun[span.image] = first + span.num_embeddings
        seed = hashlib.shake_128(content_hashes[span.image] + tower).digest(8 * begun[span.image])
        rows = np.frombuffer(seed, np.uint64)[first:] >> np.uint64(2)
        for place, row in zip(span.places(), rows.tolist(), strict=True):
            named[place] = FIRST_VIRTUAL + row
    return named
