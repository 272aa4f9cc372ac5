"""Paints scenes and marks what stands where.

Knows nothing of questions, tokens or models.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from picture_marks import Marks
from picture_scenes import COLOURS, Bars, Canvas, Line, Pie, Rgb, Scene, Shapes, Thing, Writing
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Point = tuple[float, float]
INK: Rgb = (20, 20, 20)  # of what is written in charts
LEAST_CONTRAST = 105  # between a thing and what is behind it, as a distance of colours


def paint(
    scene: Scene, canvas: Canvas, rng: random.Random, fonts: Sequence[str | None], marks: Marks | None = None
) -> Image.Image:
    """The picture of a scene, RGB.

    Args:
        fonts: files of fonts; None is Pillow's own.
        marks: are set to what stands where.
    """
    marks = marks or Marks(canvas)
    scale = rng.choice((1.0, 1.0, 1.0, 1.4, 2.0))
    size = (round(canvas.width * scale), round(canvas.height * scale))
    if isinstance(scene, Shapes):
        image = _paint_shapes(scene, size, rng, marks)
    elif isinstance(scene, Writing):
        image = _paint_writing(scene, size, rng, fonts, marks)
    elif isinstance(scene, Bars):
        image = _paint_bars(scene, size, rng, fonts, marks)
    elif isinstance(scene, Pie):
        image = _paint_pie(scene, size, rng, marks)
    else:
        image = _paint_line(scene, size, rng, marks)
    if image.size != (canvas.width, canvas.height):
        image = image.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC)
    if rng.random() < 0.08:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.08:
        spread, drawn = rng.uniform(4, 24), np.random.default_rng(rng.getrandbits(64))
        noise = drawn.normal(128, spread, image.size[::-1]).clip(0, 255).astype(np.uint8)
        image = Image.blend(image, Image.fromarray(noise).convert("RGB"), 0.12)
    return image


def _rgb(rng: random.Random, name: str) -> Rgb:
    base = rng.choice(COLOURS[name])
    spread = 0 if rng.random() < 0.35 else 4 if name == "white" else 14
    return tuple(min(255, max(0, value + rng.randint(-spread, spread))) for value in base)  # type: ignore[return-value]


def _contrasting(rng: random.Random, name: str, behind: Rgb) -> Rgb:
    """A shade of a colour that stands out from what is behind it, as far as the colour allows."""
    shades = [_rgb(rng, name) for _ in range(6)]
    plain = (each for each in shades if math.dist(each, behind) > LEAST_CONTRAST)
    return next(plain, max(shades, key=lambda shade: math.dist(shade, behind)))


def _ground(rng: random.Random, name: str, size: tuple[int, int]) -> tuple[Image.Image, Rgb]:
    """A picture of a background alone, and its colour; now and then it grows lighter towards one side."""
    colour = _rgb(rng, name)
    image = Image.new("RGB", size, colour)
    if rng.random() < 0.1:
        end: Rgb = tuple(round(0.75 * value + 0.25 * 255) for value in colour)  # type: ignore[assignment]
        mask = Image.linear_gradient("L").resize(size)
        image.paste(Image.new("RGB", size, end), mask=mask if rng.random() < 0.5 else mask.rotate(180))
    return image, colour


def _paint_shapes(scene: Shapes, size: tuple[int, int], rng: random.Random, marks: Marks) -> Image.Image:
    image, behind = _ground(rng, scene.background, size)
    pen = ImageDraw.Draw(image)
    is_outlined = rng.random() < 0.12
    is_hollow = rng.random() < 0.10
    for thing in scene.things:
        colour = _contrasting(rng, thing.colour, behind)
        outline = _contrasting(rng, "black" if sum(behind) > 300 else "white", colour) if is_outlined else None
        x, y, radius = _shape(pen, thing, size, rng, _Pen(colour, outline, is_hollow))
        box = (x - radius) / size[0], (y - radius) / size[1], (x + radius) / size[0], (y + radius) / size[1]
        marks.thing(thing.shape, thing.colour, box)
        marks.middle(thing.shape, x / size[0], y / size[1])
    return image


@dataclass(frozen=True)
class _Pen:
    colour: Rgb
    outline: Rgb | None
    is_hollow: bool


def _shape(
    pen: ImageDraw.ImageDraw, thing: Thing, size: tuple[int, int], rng: random.Random, how: _Pen
) -> tuple[float, float, float]:
    """Draws a thing; returns its middle and its radius in pixels."""
    radius = thing.size * min(size)
    # In wide pictures the things would stand where they were decided to; their middles are kept off the edges.
    x = min(max(thing.x * size[0], radius), size[0] - radius)
    y = min(max(thing.y * size[1], radius), size[1] - radius)
    width = max(2, round(radius * 0.2))
    if thing.shape in ("circle", "oval"):
        rx, ry = radius, radius
        if thing.shape == "oval":
            rx, ry = (radius, radius * rng.uniform(0.5, 0.66))[:: rng.choice((1, -1))]
        box = (x - rx, y - ry, x + rx, y + ry)
        if how.is_hollow:
            pen.ellipse(box, outline=how.colour, width=width)
        else:
            pen.ellipse(box, fill=how.colour, outline=how.outline, width=max(1, width // 3))
        return x, y, radius
    points = [(x + radius * px, y + radius * py) for px, py in _outline(thing.shape, rng)]
    if how.is_hollow:
        pen.line([*points, points[0], points[1]], fill=how.colour, width=width, joint="curve")
        return x, y, radius
    pen.polygon(points, fill=how.colour)
    if how.outline is not None:
        pen.line([*points, points[0], points[1]], fill=how.outline, width=max(1, width // 3), joint="curve")
    return x, y, radius


def _outline(shape: str, rng: random.Random) -> list[Point]:
    """Corners within the unit circle, or nearly; y grows downwards."""
    tilt = rng.uniform(-0.16, 0.16) if rng.random() < 0.35 else 0.0
    if shape == "square":
        points = [(-0.82, -0.82), (0.82, -0.82), (0.82, 0.82), (-0.82, 0.82)]
    elif shape == "rectangle":
        short = rng.uniform(0.42, 0.58)
        wide, high = (0.98, short) if rng.random() < 0.7 else (short, 0.98)
        points = [(-wide, -high), (wide, -high), (wide, high), (-wide, high)]
    elif shape == "triangle":
        lean = rng.choice((0.0, 0.0, rng.uniform(-0.5, 0.5), -0.95, 0.95))
        points = [(lean, -0.92), (0.95, 0.82), (-0.95, 0.82)]
        if rng.random() < 0.12:
            points = [(px, -py) for px, py in points]
    elif shape == "diamond":
        narrow = rng.uniform(0.62, 0.85)
        points, tilt = [(0, -1), (narrow, 0), (0, 1), (-narrow, 0)], 0.0
    elif shape == "star":
        inner = rng.uniform(0.36, 0.48)
        points = [_on_circle(i / 10, 1.0 if i % 2 == 0 else inner) for i in range(10)]
    elif shape == "cross":
        arm = rng.uniform(0.24, 0.36)
        points = [
            (-arm, -0.95), (arm, -0.95), (arm, -arm), (0.95, -arm), (0.95, arm), (arm, arm), (arm, 0.95), (-arm, 0.95),
            (-arm, arm), (-0.95, arm), (-0.95, -arm), (-arm, -arm),
        ]  # fmt: skip
    elif shape == "heart":
        angles = [2 * math.pi * i / 40 for i in range(40)]
        points = [
            (
                math.sin(a) ** 3 * 0.98,
                -(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)) / 16.5,
            )
            for a in angles
        ]
        tilt *= 0.5
    else:
        corners = {"pentagon": 5, "hexagon": 6}[shape]
        turn = rng.choice((0.0, 0.5 / corners)) if shape == "hexagon" else 0.0
        points = [_on_circle(i / corners + turn, 1.0) for i in range(corners)]
    cosine, sine = math.cos(tilt), math.sin(tilt)
    return [(px * cosine - py * sine, px * sine + py * cosine) for px, py in points]


def _on_circle(turn: float, radius: float) -> Point:
    return radius * math.sin(2 * math.pi * turn), -radius * math.cos(2 * math.pi * turn)


@lru_cache(maxsize=512)
def _font(path: str | None, size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


def _paint_writing(
    scene: Writing, size: tuple[int, int], rng: random.Random, fonts: Sequence[str | None], marks: Marks
) -> Image.Image:
    image, behind = _ground(rng, scene.background, size)
    pen = ImageDraw.Draw(image)
    path = rng.choice(fonts)
    box = pen.textbbox((0, 0), scene.text, font=_font(path, 64), anchor="lt")
    most = min(0.92 * size[0] / max(box[2], 1), 0.8 * size[1] / max(box[3], 1)) * 64
    least = max(18.0, 0.35 * most) if min(size) > 90 else 0.6 * most
    points = max(10, int(rng.uniform(min(least, most), min(most, 0.75 * min(size)))))
    font = _font(path, points)
    stroke = 1 if rng.random() < 0.12 and points > 30 else 0
    left, top, right, bottom = pen.textbbox((0, 0), scene.text, font=font, anchor="lt", stroke_width=stroke)
    wide, high = right - left, bottom - top
    x = rng.uniform(0.02, 0.98) * max(0, size[0] - wide) if rng.random() < 0.5 else (size[0] - wide) / 2
    y = rng.uniform(0.02, 0.98) * max(0, size[1] - high) if rng.random() < 0.5 else (size[1] - high) / 2
    colour = _contrasting(rng, scene.colour, behind)
    pen.text((x - left, y - top), scene.text, font=font, fill=colour, anchor="lt", stroke_width=stroke)
    high_box = y / size[1], (y + high) / size[1]
    marks.thing("writing", scene.colour, (x / size[0], high_box[0], (x + wide) / size[0], high_box[1]))
    for number, character in enumerate(scene.text):
        begin, end = (x + font.getlength(scene.text[: number + each]) for each in (0, 1))
        marks.character(character, number + 1, (begin / size[0], high_box[0], end / size[0], high_box[1]))
    if rng.random() < 0.15:
        image = image.rotate(rng.uniform(-5, 5), Image.Resampling.BICUBIC, fillcolor=behind)
    return image


def _paint_bars(
    scene: Bars, size: tuple[int, int], rng: random.Random, fonts: Sequence[str | None], marks: Marks
) -> Image.Image:
    image, behind = _ground(rng, "white", size)
    pen = ImageDraw.Draw(image)
    count, foot = len(scene.heights), 0.86 * size[1]
    room = 0.94 * size[0] / count
    wide = room * rng.uniform(0.5, 0.8)
    font = _font(rng.choice(fonts), max(12, int(min(0.1 * size[1], 0.6 * room))))
    unit = 0.74 * size[1] / 9
    for i, (letter, colour, height) in enumerate(zip(scene.letters, scene.colours, scene.heights)):
        middle = 0.04 * size[0] + room * (i + 0.5)
        pen.rectangle(
            (middle - wide / 2, foot - unit * height, middle + wide / 2, foot), fill=_contrasting(rng, colour, behind)
        )
        pen.text((middle, foot + 0.02 * size[1]), letter, font=font, fill=INK, anchor="mt")
        left, right = (middle - wide / 2) / size[0], (middle + wide / 2) / size[0]
        marks.thing("bar", colour, (left, (foot - unit * height) / size[1], right, foot / size[1]))
        marks.middle("bar", middle / size[0], (foot - unit * height / 2) / size[1])
        left, right = ((middle + side * 0.35 * font.size) / size[0] for side in (-1, 1))  # type: ignore[union-attr]
        top = (foot - unit * height - 0.015 * size[1] - font.size) / size[1]  # type: ignore[union-attr]
        marks.character(str(height), 1, (left, top, right, top + font.size / size[1]))  # type: ignore[union-attr]
        marks.character(letter, 1, (left, foot / size[1], right, min(1.0, foot / size[1] + font.size / size[1])))  # type: ignore[union-attr]
        pen.text((middle, foot - unit * height - 0.015 * size[1]), str(height), font=font, fill=INK, anchor="mb")
    pen.line((0.03 * size[0], foot, 0.98 * size[0], foot), fill=INK, width=max(1, size[1] // 150))
    return image


def _paint_pie(scene: Pie, size: tuple[int, int], rng: random.Random, marks: Marks) -> Image.Image:
    image, behind = _ground(rng, "white", size)
    pen = ImageDraw.Draw(image)
    radius = 0.44 * min(size)
    box = (size[0] / 2 - radius, size[1] / 2 - radius, size[0] / 2 + radius, size[1] / 2 + radius)
    angle = rng.uniform(0, 360)
    for colour, share in zip(scene.colours, scene.shares):
        pen.pieslice(box, angle, angle + 360 * share, fill=_contrasting(rng, colour, behind))
        for part in range(1, 12):  # a slice is marked along the line through its middle
            turn, far = math.radians(angle + 360 * share * (0.5 if share < 0.2 else part / 12)), radius * 0.65
            x, y = (size[0] / 2 + far * math.cos(turn)) / size[0], (size[1] / 2 + far * math.sin(turn)) / size[1]
            marks.thing("slice", colour, (x, y, x, y))
            if part == 6:
                marks.middle("slice", x, y)
        angle += 360 * share
    return image


def _paint_line(scene: Line, size: tuple[int, int], rng: random.Random, marks: Marks) -> Image.Image:
    image, behind = _ground(rng, "white", size)
    pen = ImageDraw.Draw(image)
    count = rng.randint(4, 8)
    heights = [0.85 - 0.65 * i / (count - 1) + rng.uniform(-0.07, 0.07) for i in range(count)]
    if not scene.rises:
        heights = heights[::-1]
    points = [(size[0] * (0.1 + 0.82 * i / (count - 1)), size[1] * height) for i, height in enumerate(heights)]
    axis = max(1, min(size) // 120)
    corner = 0.06 * size[0], 0.93 * size[1]
    pen.line([(corner[0], 0.05 * size[1]), corner, (0.97 * size[0], corner[1])], fill=INK, width=axis)
    colour = _contrasting(rng, scene.colour, behind)
    width = max(2, min(size) // 45)
    pen.line(points, fill=colour, width=width, joint="curve")
    for x, y in points:
        marks.thing("line", scene.colour, (x / size[0], y / size[1], x / size[0], y / size[1]))
    if rng.random() < 0.5:
        for x, y in points:
            pen.ellipse((x - width * 1.4, y - width * 1.4, x + width * 1.4, y + width * 1.4), fill=colour)
    return image


def find_fonts(folder: Path | None) -> list[str | None]:
    """Pillow's own font, and the files of a folder; raises `OSError` where one cannot be read."""
    found: list[str | None] = [None, None, None]
    if folder is not None:
        for path in sorted(each for pattern in ("*.ttf", "*.otf") for each in folder.rglob(pattern)):
            ImageFont.truetype(str(path), 20)
            found.append(str(path))
    return found
