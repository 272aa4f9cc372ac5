"""Every pixel mode becomes RGB, with values that one can name."""

from __future__ import annotations

import PIL.Image
import pytest

from engine.vision import image_modes
from engine.vision.image_modes import to_rgb

WHITE = (255, 255, 255)


def pixel(image: PIL.Image.Image, place: tuple[int, int] = (0, 0)) -> object:
    result = to_rgb(image)
    assert result.mode == "RGB"
    assert result.size == image.size
    return result.getpixel(place)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("1", 0, (0, 0, 0)),
        ("1", 1, WHITE),
        ("L", 77, (77, 77, 77)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), WHITE),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("RGBa", (51, 0, 0, 51), (255, 204, 204)),
        ("LA", (0, 0), WHITE),
        ("LA", (0, 255), (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("YCbCr", (255, 128, 128), WHITE),
        ("I;16", 65535, WHITE),
        ("I;16", 32896, (128, 128, 128)),
        ("I;16", 0, (0, 0, 0)),
        ("I", 200, (200, 200, 200)),
        ("I", 65535, WHITE),
        ("F", 1.0, WHITE),
        ("F", 0.5, (128, 128, 128)),
        ("F", 200.0, (200, 200, 200)),
    ],
)
def test_values(mode: str, value: object, expected: tuple[int, int, int]) -> None:
    assert pixel(PIL.Image.new(mode, (3, 2), value)) == expected


def test_a_palette_with_a_transparent_entry_lies_on_white() -> None:
    image = PIL.Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 0
    assert pixel(image, (0, 0)) == WHITE
    assert pixel(image, (1, 0)) == (200, 0, 0)


def test_one_transparent_colour_lies_on_white() -> None:
    image = PIL.Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (3, 2, 1))
    image.info["transparency"] = (1, 2, 3)
    assert pixel(image, (0, 0)) == WHITE
    assert pixel(image, (1, 0)) == (3, 2, 1)
    grey = PIL.Image.new("I;16", (1, 1), 500)
    grey.info["transparency"] = 500
    assert pixel(grey) == WHITE


def test_values_beyond_any_usual_range_are_spread_over_their_own() -> None:
    image = PIL.Image.new("I", (3, 1), -100)
    image.putpixel((1, 0), 100)
    image.putpixel((2, 0), 300)
    assert [pixel(image, (x, 0)) for x in range(3)] == [(0, 0, 0), (128, 128, 128), WHITE]
    flat = PIL.Image.new("F", (1, 1), -3.0)
    assert pixel(flat) == (0, 0, 0)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no numbers"):
        to_rgb(PIL.Image.new("F", (1, 1), float("inf")))


def test_rgb_stays_itself() -> None:
    image = PIL.Image.new("RGB", (2, 2))
    assert to_rgb(image) is image


def test_strips_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    image = PIL.Image.linear_gradient("L").convert("LA")
    whole = to_rgb(image)
    monkeypatch.setattr(image_modes, "STRIP_PIXELS", 256 * 7)
    assert to_rgb(image).tobytes() == whole.tobytes()
