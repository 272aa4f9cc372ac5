"""The tokens: contrast of every pair that is drawn, and the contrast formula itself."""

from __future__ import annotations

from dataclasses import fields

import pytest

from app.theme.style import style_sheet
from app.theme.tokens import DARK, LIGHT, READABLE_PAIRS, Palette, contrast, mix


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("pair", READABLE_PAIRS, ids="-on-".join)
def test_every_pair_is_readable(palette: Palette, pair: tuple[str, str]) -> None:
    assert contrast(getattr(palette, pair[0]), getattr(palette, pair[1])) >= 5.6


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_mixed_grounds_are_readable_too(palette: Palette) -> None:
    banner = mix(palette.background, palette.info, 0.10)
    selected = mix(palette.surface, palette.accent, 0.16)
    code = mix(palette.background, palette.text, 0.09)
    for ground in (banner, selected, code):
        assert contrast(palette.text, ground) >= 5.6


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_the_style_sheet_uses_the_palette() -> None:
    dark, light = style_sheet(DARK), style_sheet(LIGHT)
    assert DARK.accent in dark
    assert LIGHT.accent in light
    assert DARK.accent not in light
    assert all(getattr(DARK, each.name).startswith("#") for each in fields(Palette))
