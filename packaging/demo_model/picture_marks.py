"""What stands in each square of a picture that becomes one token: a teacher for the tower alone.

Knows nothing of scenes or of drawing.
"""

from __future__ import annotations

import math

import numpy as np
from picture_scenes import COLOURS, SHAPES, SQUARE, Canvas

CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KINDS = ("ground", *SHAPES, "writing", "bar", "slice", "line")
LONGEST_TEXT = 8  # characters
LABELS = (
    len(KINDS), 1 + len(COLOURS), 1 + len(CHARACTERS), 1 + len(CHARACTERS), 1 + LONGEST_TEXT, 1 + LONGEST_TEXT,
    len(KINDS),
)  # fmt: skip
"""How many values each label has."""


class Marks:
    """What stands in each square of one token: a teacher for the tower alone.

    Attributes:
        labels: uint8 [7, rows, columns]; 0 is nothing.
            0: the kind by `KINDS`; 1: one more than the colour by `COLOURS`.
            2, 3: one more than the character by `CHARACTERS` at the left and at the right of the square.
            4, 5: which character of its writing that is, from 1 on.
            6: the kind of what has its middle here, so that things can be counted.
    """

    def __init__(self, canvas: Canvas) -> None:
        self.labels = np.zeros((len(LABELS), canvas.height // SQUARE, canvas.width // SQUARE), np.uint8)

    def thing(self, kind: str, colour: str, box: tuple[float, float, float, float]) -> None:
        """Something in a box of parts of the picture's sides: left, top, right, bottom."""
        rows, columns = self._span(box[1], box[3], 1), self._span(box[0], box[2], 2)
        self.labels[0, rows, columns] = KINDS.index(kind)
        self.labels[1, rows, columns] = 1 + list(COLOURS).index(colour)

    def middle(self, kind: str, x: float, y: float) -> None:
        """The middle of something, as parts of the picture's sides."""
        rows, columns = self._span(y, y, 1), self._span(x, x, 2)
        self.labels[6, rows, columns] = KINDS.index(kind)

    def character(self, character: str, place: int, box: tuple[float, float, float, float]) -> None:
        """A character of a writing in a box, as above; `place` counts from 1."""
        if character not in CHARACTERS:
            return
        number, count = 1 + CHARACTERS.index(character), self.labels.shape[2]
        rows = self._span(box[1], box[3], 1)
        for column in range(count):
            for half, at in ((2, 0.25), (3, 0.75)):
                if box[0] <= (column + at) / count <= box[2]:
                    self.labels[half, rows, column] = number
                    self.labels[half + 2, rows, column] = place

    def _span(self, low: float, high: float, axis: int) -> slice:
        """Squares whose middles lie within, at least the one in the middle of it."""
        count = self.labels.shape[axis]
        first, last = math.ceil(low * count - 0.5), math.floor(high * count - 0.5)
        if first > last:
            first = last = min(count - 1, max(0, int((low + high) / 2 * count)))
        return slice(max(0, first), min(count, last + 1))
