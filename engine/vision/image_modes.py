"""Brings any of Pillow's pixel modes to RGB: transparency on white, more than 8 bits brought down, CMYK converted.

Works in strips, so that the peak is the image as decoded plus the RGB image. Knows nothing of files.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import PIL.Image

WHITE = (255, 255, 255)
STRIP_PIXELS = 2**18
WORD = 65535
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_PREMULTIPLIED = {"RGBa": "RGBA", "La": "LA"}
_TRANSPARENT_COLOUR = frozenset({"1", "L", "RGB", "P"})  # modes in which one colour or entry may be transparent

_Convert = Callable[[PIL.Image.Image], PIL.Image.Image]


def to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image as mode RGB; itself where it is that already and nothing is transparent.

    Raises:
        ValueError: the mode has no conversion, such as LAB.
    """
    has_transparent_colour = "transparency" in image.info and image.mode in _TRANSPARENT_COLOUR
    if image.mode == "RGB" and not has_transparent_colour:
        return image
    if image.mode in _WITH_ALPHA or has_transparent_colour:
        return _in_strips(image, _on_white)
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        return _in_strips(image, _eight_bits(image))
    return _in_strips(image, lambda strip: strip.convert("RGB"))


def _in_strips(image: PIL.Image.Image, convert: _Convert) -> PIL.Image.Image:
    result = PIL.Image.new("RGB", image.size)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        result.paste(convert(image.crop((0, top, image.width, bottom))), (0, top))
    return result


def _on_white(strip: PIL.Image.Image) -> PIL.Image.Image:
    straight = strip.convert(_PREMULTIPLIED[strip.mode]) if strip.mode in _PREMULTIPLIED else strip
    above = straight.convert("RGBA")
    white = PIL.Image.new("RGBA", strip.size, (*WHITE, 255))
    return PIL.Image.alpha_composite(white, above).convert("RGB")


def _eight_bits(image: PIL.Image.Image) -> _Convert:
    """Grey levels of 16 bits and more: by the range that their values can have, else by the one they do have."""
    low, high = _range(image)
    if image.mode != "F" and low == 0 and high <= WORD:
        table = [min(255, round(value * 255 / high)) for value in range(WORD + 1)]
        transparent = image.info.get("transparency")
        if isinstance(transparent, int) and 0 <= transparent <= WORD:
            table[transparent] = 255
        return lambda strip: strip.convert("I").point(table, "L").convert("RGB")
    factor = 255 / (high - low) if high > low else 0.0
    shift = 0.5 - low * factor  # the half rounds: the conversion to L cuts off
    return lambda strip: strip.convert("F").point(lambda value: value * factor + shift).convert("L").convert("RGB")


def _range(image: PIL.Image.Image) -> tuple[float, float]:
    if image.mode.startswith("I;16"):
        return 0.0, float(WORD)
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("it has values that are no numbers")
    usual = (1.0, 255.0, float(WORD)) if image.mode == "F" else (255.0, float(WORD))
    top = next((each for each in usual if low >= 0 and high <= each), None)
    return (low, high) if top is None else (0.0, top)
