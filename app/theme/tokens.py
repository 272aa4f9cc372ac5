"""The palette of each theme and the few sizes that everything is drawn with. Knows nothing of Qt or of widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ThemeChoice = Literal["system", "dark", "light"]


@dataclass(frozen=True)
class Palette:
    """The colours of one theme as #rrggbb."""

    background: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    user_message: str
    danger: str
    warning: str
    info: str
    violet: str


DARK = Palette(
    background="#14171A",
    surface="#1B1F23",
    raised="#23282D",
    border="#343B42",
    text="#E8ECEF",
    muted="#A3ADB5",
    accent="#5FC08A",
    on_accent="#0C1A12",
    user_message="#22352B",
    danger="#F28B82",
    warning="#E8B84E",
    info="#7FBAF5",
    violet="#C0A6F7",
)
LIGHT = Palette(
    background="#F5F7F4",
    surface="#FFFFFF",
    raised="#FFFFFF",
    border="#D8DED8",
    text="#1A211C",
    muted="#566159",
    accent="#22703F",
    on_accent="#FFFFFF",
    user_message="#E3F0E6",
    danger="#A8231C",
    warning="#7A5200",
    info="#1B5FA8",
    violet="#6B3FB5",
)

READABLE_PAIRS = (
    ("text", "background"),
    ("text", "surface"),
    ("text", "raised"),
    ("muted", "background"),
    ("muted", "surface"),
    ("muted", "raised"),
    ("accent", "background"),
    ("accent", "surface"),
    ("accent", "raised"),
    ("on_accent", "accent"),
    ("text", "user_message"),
    ("danger", "background"),
    ("danger", "surface"),
    ("danger", "raised"),
    ("warning", "background"),
    ("warning", "surface"),
    ("warning", "raised"),
    ("info", "background"),
    ("info", "surface"),
)
"""Every (text, ground) pair that the window draws."""

SPACE_4, SPACE_8, SPACE_12, SPACE_16, SPACE_24, SPACE_32 = 4, 8, 12, 16, 24, 32
RADIUS_CARD, RADIUS_FIELD, RADIUS_CHIP = 8, 6, 4
SMALL_PX, BODY_PX, CODE_PX, HEADING_PX, TITLE_PX = 12.0, 13.5, 13.0, 15.0, 20.0
LINE_HEIGHT = 1.5
COLUMN_PX, LIST_PX, INSPECTOR_PX, RAIL_PX = 760, 260, 300, 88
SHEET_BELOW_PX, LIST_SHEET_BELOW_PX = 1000, 760
ICON_PX = 20


def column_side(width: int) -> int:
    """The space at each side of the content column of a page, so that everything on it has the same edges."""
    return max(SPACE_24, (width - COLUMN_PX) // 2)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two #rrggbb colours, 1 to 21, as WCAG 2 defines it."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mix(first: str, second: str, share: float) -> str:
    """The #rrggbb colour that is `share` of `second` laid over `first`."""
    channels = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in channels)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
