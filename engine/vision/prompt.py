"""Images inside a prompt: writes their tokens out in the text and finds them again among the ids.

Knows nothing of templates and tokenizers: text and ids come in, text and places come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import InvalidRequestError
from engine.vision.plan import ImageMarkers, ImagePlan, written_out


@dataclass(frozen=True)
class ImageSpan:
    """Where the embeddings of one tile stand among the ids of a prompt.

    Attributes:
        image: index of the image.
        tile: index of the tile in its plan.
        start: place of the first embedding.
        rows, columns: of embeddings.
        stride: from the start of one row to that of the next; columns, and one more where rows have ends.
    """

    image: int
    tile: int
    start: int
    rows: int
    columns: int
    stride: int

    @property
    def end(self) -> int:
        """The place after the last embedding."""
        return self.start + (self.rows - 1) * self.stride + self.columns

    @property
    def num_embeddings(self) -> int:
        return self.rows * self.columns

    def places(self) -> list[int]:
        """The place of every embedding, row by row."""
        return [self.start + row * self.stride + column for row in range(self.rows) for column in range(self.columns)]


def with_images(text: str, markers: ImageMarkers, plans: Sequence[ImagePlan]) -> str:
    """A rendered prompt in which each placeholder is replaced by the tokens of its image.

    Raises:
        InvalidRequestError: there are more or fewer placeholders than images.
    """
    pieces = text.split(markers.placeholder)
    if len(pieces) != len(plans) + 1:
        raise _miscounted(markers.placeholder, len(pieces) - 1, len(plans))
    written = [written_out(markers, plan) for plan in plans]
    return pieces[0] + "".join(image + piece for image, piece in zip(written, pieces[1:]))


def find_images(
    ids: Sequence[int], image_token_id: int, markers: ImageMarkers, plans: Sequence[ImagePlan]
) -> tuple[ImageSpan, ...]:
    """Where the images stand in the ids of a prompt made by `with_images`, tile by tile.

    Raises:
        InvalidRequestError: the image token stands elsewhere or in another number than the images explain.
    """
    spans: list[ImageSpan] = []
    cursor = 0
    for image, plan in enumerate(plans):
        for index, tile in enumerate(plan.tiles):
            stride = tile.columns + bool(markers.row_end)
            start = _next_place(ids, image_token_id, cursor)
            span = ImageSpan(image, index, start, tile.rows, tile.columns, stride)
            if start < 0 or not _is_filled(ids, image_token_id, span):
                raise _miscounted(markers.image_token, ids.count(image_token_id), _embeddings(plans))
            spans.append(span)
            cursor = span.end
    if _next_place(ids, image_token_id, cursor) >= 0:
        raise _miscounted(markers.image_token, ids.count(image_token_id), _embeddings(plans))
    return tuple(spans)


def _next_place(ids: Sequence[int], token_id: int, start: int) -> int:
    try:
        return ids.index(token_id, start)
    except ValueError:
        return -1


def _is_filled(ids: Sequence[int], token_id: int, span: ImageSpan) -> bool:
    if span.end > len(ids):
        return False
    row = [token_id] * span.columns
    starts = range(span.start, span.end, span.stride)
    return all(list(ids[start : start + span.columns]) == row for start in starts)


def _embeddings(plans: Sequence[ImagePlan]) -> int:
    return sum(plan.num_embeddings for plan in plans)


def _miscounted(token: str, found: int, wanted: int) -> InvalidRequestError:
    return InvalidRequestError(
        f"The prompt has “{token}” {found} times where its images need {wanted}.",
        f"Take the text “{token}” out of the messages, or choose a chat template that shows images.",
    )
