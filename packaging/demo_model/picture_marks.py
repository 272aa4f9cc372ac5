"""What stands in each square of a picture that becomes one token: a teacher for the tower alone.

Knows nothing of scenes or of drawing.
"""

from __future__ import annotations

import math

import numpy as np
from picture_scenes import COLOURS, SHAPES, SQUARE, Canvas

CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KINDS = ("ground", *SHAPES, "writing", "bar", "slice", "line")


class Marks:
    """What stands in each square of one token: a teacher for the tower alone.

    Attributes:
        labels: uint8 [4, rows, columns]: the kind by `KINDS`; one more than the colour by `COLOURS`; and one more than
            the character by `CHARACTERS` at the left and at the right of the square; 0 is nothing.
    """

    def __init__(self, canvas: Canvas) -> None:
        self.labels = np.zeros((4, canvas.height // SQUARE, canvas.width // SQUARE), np.uint8)

    def thing(self, kind: str, colour: str, box: tuple[float, float, float, float]) -> None:
        """Something in a box of parts of the picture's sides: left, top, right, bottom."""
        rows, columns = self._span(box[1], box[3], 1), self._span(box[0], box[2], 2)
        self.labels[0, rows, columns] = KINDS.index(kind)
        self.labels[1, rows, columns] = 1 + list(COLOURS).index(colour)

    def character(self, character: str, box: tuple[float, float, float, float]) -> None:
        """A character of a writing in a box, as above."""
        if character not in CHARACTERS:
            return
        number, count = 1 + CHARACTERS.index(character), self.labels.shape[2]
        rows = self._span(box[1], box[3], 1)
        for column in range(count):
            for half, at in ((2, 0.25), (3, 0.75)):
                if box[0] <= (column + at) / count <= box[2]:
                    self.labels[half, rows, column] = number

    def _span(self, low: float, high: float, axis: int) -> slice:
        """Squares whose middles lie within, at least the one in the middle of it."""
        count = self.labels.shape[axis]
        first, last = math.ceil(low * count - 0.5), math.floor(high * count - 0.5)
        if first > last:
            first = last = min(count - 1, max(0, int((low + high) / 2 * count)))
        return slice(max(0, first), min(count, last + 1))
