"""What becomes of an image of a given size: which parts are cut out, how large they become, how many tokens they are.

Pure arithmetic on the size: no pixels are read, so the cost of an image is known as soon as its file is opened. Knows
neither torch nor numpy nor Pillow, so that the window and the memory estimate may ask as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.events import ImageBudget


@dataclass(frozen=True)
class Tile:
    """A rectangle of the upright image and the size it is brought to.

    Attributes:
        box: left, top, right, bottom in pixels of the image; right and bottom are the first outside.
        width, height: in pixels, after resizing.
        columns, rows: of embeddings that the vision tower makes of it.
    """

    box: tuple[int, int, int, int]
    width: int
    height: int
    columns: int
    rows: int


@dataclass(frozen=True)
class ImagePlan:
    """All that follows from the size of one image.

    Attributes:
        tiles: the whole image first; more than one only where a model looks at crops as well (Gemma 3).
        grid: (t, h, w) in patches of the tower before merging: t frames (1 for an image; the number of tiles where
            there are several), h rows, w columns. What Hugging Face calls `image_grid_thw`.
        merge_size: patches of one side of the square that becomes one embedding.
        num_embeddings: rows that the tower delivers for the image, over all tiles.
        num_tokens: ids of the prompt that the image takes: its embeddings and, where the model has them, the ends of
            its rows. Words and markers around the image are not counted.
    """

    tiles: tuple[Tile, ...]
    grid: tuple[int, int, int]
    merge_size: int
    num_embeddings: int
    num_tokens: int


class ImageRules(Protocol):
    """One family's answer to "what becomes of this image"."""

    @property
    def budget(self) -> ImageBudget | None:
        """Within what `max_pixels` changes anything; None where every image has one size."""
        ...

    def plan(self, width: int, height: int, max_pixels: int | None = None) -> ImagePlan:
        """The plan for an upright image.

        Args:
            width: of the image in pixels, at least 1.
            height: likewise.
            max_pixels: the chat's budget, in pixels after resizing; None leaves what the model's files say. It only
                ever lowers that, and never below the least the model can take.

        Raises:
            InvalidRequestError: the model takes no image of this shape.
        """
        ...


@dataclass(frozen=True)
class ImageMarkers:
    """How the prompt speaks of an image.

    Attributes:
        placeholder: what the chat template writes for one image.
        before, after: text that the model was trained to see around each tile, such as a begin and an end marker.
        image_token: the token that stands for one embedding, as text.
        row_end, image_end: tokens after each row of embeddings but the last, and after the last; empty where the
            family has none.
        before_first, before_others, between_others: words around the tiles where there are several.
    """

    placeholder: str
    image_token: str
    before: str = ""
    after: str = ""
    row_end: str = ""
    image_end: str = ""
    before_first: str = ""
    before_others: str = ""
    between_others: str = ""


def written_out(markers: ImageMarkers, plan: ImagePlan) -> str:
    """What stands in the prompt instead of the placeholder of one image."""
    tiles = [markers.before + _rows(markers, tile) + markers.after for tile in plan.tiles]
    if len(tiles) == 1:
        return tiles[0]
    return markers.before_first + tiles[0] + markers.before_others + markers.between_others.join(tiles[1:])


def _rows(markers: ImageMarkers, tile: Tile) -> str:
    row = markers.image_token * tile.columns
    return markers.row_end.join([row] * tile.rows) + markers.image_end


def num_tokens(rules: ImageRules, sizes: Sequence[tuple[int, int]], max_pixels: int | None = None) -> int:
    """Tokens of several images, given as (width, height): the cost shown before sending."""
    return sum(rules.plan(width, height, max_pixels).num_tokens for width, height in sizes)
