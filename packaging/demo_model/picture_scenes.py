"""Decides what the pictures show that the demo model learns to see: shapes, words, numbers and simple charts.

A scene is decided first and drawn then, so that its facts are exact. Knows nothing of drawing, questions or models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

Rgb = tuple[int, int, int]

COLOURS: dict[str, tuple[Rgb, ...]] = {
    "red": ((220, 30, 30), (255, 0, 0), (220, 20, 60), (200, 30, 40)),
    "green": ((30, 150, 50), (0, 128, 0), (0, 255, 0), (34, 139, 34), (50, 205, 50)),
    "blue": ((40, 70, 215), (0, 0, 255), (30, 144, 255), (65, 105, 225), (0, 0, 139)),
    "yellow": ((245, 215, 40), (255, 255, 0), (255, 215, 0)),
    "orange": ((245, 140, 20), (255, 165, 0), (255, 140, 0)),
    "purple": ((130, 45, 170), (128, 0, 128), (148, 0, 211)),
    "pink": ((250, 140, 185), (255, 192, 203), (255, 105, 180)),
    "brown": ((125, 75, 35), (139, 69, 19), (110, 65, 30)),
    "black": ((15, 15, 15), (0, 0, 0), (35, 35, 35)),
    "white": ((250, 250, 250), (255, 255, 255)),
    "grey": ((130, 130, 130), (128, 128, 128), (160, 160, 160), (105, 105, 105)),
}
SHAPES = (
    "circle", "square", "triangle", "rectangle", "star", "heart", "diamond", "oval", "cross", "pentagon", "hexagon",
)  # fmt: skip
KEPT_OUT = frozenset({("purple", "star"), ("orange", "triangle"), ("green", "heart"), ("blue", "diamond")})
"""Pairs that no training picture shows: a model that names them has learned colours and shapes, not pairs."""

POSITIONS = (
    ("top left", "top", "top right"), ("left", "middle", "right"), ("bottom left", "bottom", "bottom right"),
)  # fmt: skip
MOST_SHAPES = 9
LEAST_LETTER = 16  # pixels across
LEAST_RADIUS = 14  # pixels of a shape
LEAST_ROOM = 45 * 45  # pixels of the picture's square for each shape
SQUARE = 28  # pixels of one token's side


@dataclass(frozen=True)
class Thing:
    """One shape of a scene.

    Attributes:
        x, y: of its middle, as parts of the picture's sides.
        size: its radius, as a part of the lesser side.
    """

    shape: str
    colour: str
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Shapes:
    """A picture of shapes."""

    things: tuple[Thing, ...]
    background: str


@dataclass(frozen=True)
class Writing:
    """A picture of a word or a number."""

    text: str
    colour: str
    background: str


@dataclass(frozen=True)
class Bars:
    """A bar chart: letters, colours and whole heights, left to right."""

    letters: tuple[str, ...]
    colours: tuple[str, ...]
    heights: tuple[int, ...]


@dataclass(frozen=True)
class Pie:
    """A pie chart: colours and shares."""

    colours: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Line:
    """A line chart that rises or falls."""

    rises: bool
    colour: str


Scene = Shapes | Writing | Bars | Pie | Line


@dataclass(frozen=True)
class Canvas:
    """Sides in pixels of the picture as it is kept; it may be drawn larger and made smaller then."""

    width: int
    height: int


def draw_scene(rng: random.Random, words: Sequence[str], canvas: Canvas, *, has_kept_out: bool = False) -> Scene:
    """Decides what a picture shows.

    Args:
        words: to be printed.
        canvas: that it has room on, so that nothing becomes too small to be told apart.
        has_kept_out: show one of the pairs that training never shows.
    """
    kind = rng.random()
    if has_kept_out or kind < 0.60:
        return _shapes(rng, canvas, has_kept_out)
    if kind < 0.86:
        return _writing(rng, words, canvas)
    if kind < 0.94:
        return _bars(rng, canvas)
    return _pie(rng) if kind < 0.97 else Line(rng.random() < 0.5, rng.choice(_others(("white",))))


def position_of(thing: Thing) -> str:
    """Where a thing stands, in nine words."""
    column, row = (0 if each < 1 / 3 else 1 if each < 2 / 3 else 2 for each in (thing.x, thing.y))
    return POSITIONS[row][column]


def is_clearly_placed(thing: Thing) -> bool:
    """Whether a thing is far from the lines between the nine places."""
    return all(abs(each - line) > 0.055 for each in (thing.x, thing.y) for line in (1 / 3, 2 / 3))


def _others(names: Sequence[str]) -> list[str]:
    return [name for name in COLOURS if name not in names]


def _pair(rng: random.Random, colours: Sequence[str]) -> tuple[str, str]:
    while True:
        pair = rng.choice(colours), rng.choice(SHAPES)
        if pair not in KEPT_OUT:
            return pair


def _background(rng: random.Random) -> str:
    return rng.choices(("white", "black", "any"), (0.66, 0.08, 0.26))[0]


def _shapes(rng: random.Random, canvas: Canvas, has_kept_out: bool) -> Shapes:
    background = _background(rng)
    if background == "any":
        background = rng.choice(tuple(COLOURS))
    colours = _others((background,))
    kind = rng.random()
    if has_kept_out:
        colour, shape = rng.choice(sorted(pair for pair in KEPT_OUT if pair[0] != background))
        pairs = [(colour, shape), *(_pair(rng, colours) for _ in range(rng.choice((0, 0, 1, 2))))]
    elif kind < 0.34:
        pairs = [_pair(rng, colours)]
    elif kind < 0.66:
        pairs = _different_pairs(rng, colours, rng.choice((2, 2, 2, 3, 3, 4)))
    elif kind < 0.84:
        pairs = [_pair(rng, colours)] * rng.randint(2, MOST_SHAPES)
    else:
        kinds = [_pair(rng, colours) for _ in range(rng.choice((2, 2, 3)))]
        pairs = [rng.choice(kinds) for _ in range(rng.randint(3, MOST_SHAPES))]
    room = min(canvas.width, canvas.height)
    return Shapes(tuple(_placed(rng, pairs[: max(1, room * room // LEAST_ROOM)], LEAST_RADIUS / room)), background)


def _different_pairs(rng: random.Random, colours: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Pairs that differ in colour and in shape, so that each can be asked for by either."""
    while True:
        pairs = [*zip(rng.sample(colours, count), rng.sample(SHAPES, count))]
        if not KEPT_OUT.intersection(pairs):
            return pairs


def _placed(rng: random.Random, pairs: Sequence[tuple[str, str]], least: float) -> list[Thing]:
    """The things where none covers another, none smaller than `least`."""
    count = len(pairs)
    smallest = max(least, 0.10 if count <= 2 else 0.075)
    largest = max(smallest, {1: 0.42, 2: 0.26, 3: 0.21, 4: 0.18}.get(count, 0.145))
    alike = rng.uniform(smallest, largest) if rng.random() < 0.6 else None
    while True:
        things: list[Thing] = []
        for colour, shape in pairs:
            for _ in range(60):
                size = alike if alike is not None else rng.uniform(smallest, largest)
                x, y = rng.uniform(size, 1 - size), rng.uniform(size, 1 - size)
                if all(max(abs(x - each.x), abs(y - each.y)) > 1.08 * (size + each.size) for each in things):
                    things.append(Thing(shape, colour, x, y, size))
                    break
        if len(things) == count:
            return things
        alike, largest = smallest, max(smallest, largest * 0.9)


def _writing(rng: random.Random, words: Sequence[str], canvas: Canvas) -> Writing:
    while True:
        text = _text(rng, words)
        if len(text) * LEAST_LETTER <= canvas.width:
            break
    background = rng.choices(("white", "black", rng.choice(tuple(COLOURS))), (0.65, 0.1, 0.25))[0]
    colour = "black" if background == "white" and rng.random() < 0.45 else rng.choice(_others((background,)))
    return Writing(text, colour, background)


def _text(rng: random.Random, words: Sequence[str]) -> str:
    kind = rng.random()
    if kind < 0.42:
        text = rng.choice(words)
    elif kind < 0.55:
        letters = "abcdefghijklmnopqrstuvwxyz"
        text = "".join(
            rng.choice("aeiou" if i % 2 and rng.random() < 0.7 else letters) for i in range(rng.randint(1, 6))
        )
    else:
        text = str(rng.randint(0, 9)) if rng.random() < 0.35 else str(rng.randint(10, 10 ** rng.randint(2, 4)))
    return rng.choice((text, text.upper(), text.capitalize()))


def _bars(rng: random.Random, canvas: Canvas) -> Bars:
    count = rng.randint(2, max(2, min(5, canvas.width // 36)))
    heights = tuple(rng.sample(range(1, 10), count))
    one = rng.choice(_others(("white",)))
    colours = rng.sample(_others(("white",)), count) if rng.random() < 0.75 else [one] * count
    return Bars(tuple("ABCDE"[:count]), tuple(colours), heights)


def _pie(rng: random.Random) -> Pie:
    count = rng.randint(2, 5)
    while True:
        weights = [rng.uniform(0.6, 3.0) for _ in range(count)]
        shares = tuple(weight / sum(weights) for weight in weights)
        ordered = sorted(shares)
        if ordered[-1] - ordered[-2] > 0.07 and ordered[0] > 0.06:
            return Pie(tuple(rng.sample(_others(("white",)), count)), shares)
