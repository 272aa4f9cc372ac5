"""A chart of quality against size over several models, as shapes on a plane.

One panel for each figure that was measured; points are numbered, and a list below says which model each one is.
Knows nothing of files: `chart_files` draws the shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.evaluation.quality import QualityResult

Role = Literal["paper", "ink", "muted", "grid", "accent"]
Anchor = Literal["start", "middle", "end"]

MARGIN, GAP = 32, 40
PANEL_WIDTH, PANEL_HEIGHT = 340, 260
HEAD, FOOT, LIST_LINE = 84, 56, 22
TICK_WIDTH = 56  # of the numbers left of a panel
RADIUS = 5
LABEL = 12  # size of the numbers at points
MEGABYTES_BELOW = 0.2  # GB


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    role: Role
    is_dashed: bool = False


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    role: Role


@dataclass(frozen=True)
class Text:
    """`y` is the base line."""

    x: float
    y: float
    text: str
    size: int
    role: Role
    anchor: Anchor = "start"


Shape = Line | Dot | Text


@dataclass(frozen=True)
class Chart:
    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class _Axis:
    """Values to pixels: `low` lies at `first`, `high` at `last`."""

    low: float
    high: float
    first: float
    last: float
    is_log: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        low, high, place = (math.log(each) if self.is_log else each for each in (self.low, self.high, value))
        return self.first + (place - low) / (high - low) * (self.last - self.first)


@dataclass(frozen=True)
class _Panel:
    title: str
    values: list[float]
    is_log: bool
    line: float | None  # the original's
    show: Callable[[float], str]


def quality_chart(results: Sequence[tuple[str, QualityResult]]) -> Chart:
    """The chart of some models, in the order in which they are given."""
    panels = _panels([result for _, result in results])
    width = 2 * MARGIN + len(panels) * (TICK_WIDTH + PANEL_WIDTH) + (len(panels) - 1) * GAP
    shapes: list[Shape] = [Text(MARGIN, 40, "Quality against size", 20, "ink")]
    for i, panel in enumerate(panels):
        left = MARGIN + TICK_WIDTH + i * (TICK_WIDTH + PANEL_WIDTH + GAP)
        shapes += _draw(panel, [result.bytes / 1e9 for _, result in results], left)
    top = HEAD + PANEL_HEIGHT + FOOT + LIST_LINE
    for number, (name, result) in enumerate(results, 1):
        y = top + (number - 1) * LIST_LINE
        shapes += [
            Text(MARGIN + LABEL, y, str(number), 13, "accent", "end"),
            Text(MARGIN + 2 * LABEL, y, f"{name}: {_about(result)}", 13, "ink"),
        ]
    return Chart(width, top + len(results) * LIST_LINE + MARGIN // 2, tuple(shapes))


def _panels(results: Sequence[QualityResult]) -> list[_Panel]:
    perplexities = [each.perplexity for each in results]
    panels = [_Panel("Perplexity", perplexities, False, results[0].against_perplexity, _short)]
    found = [each.against for each in results if each.against is not None]
    if len(found) == len(results):
        divergences, agreements = [each.mean_kl for each in found], [100 * each.top1 for each in found]
        panels = [
            _Panel("Mean KL divergence from the original, nats", divergences, min(divergences) > 0, None, _short),
            _Panel("Same likeliest token, %", agreements, False, None, _short),
            *panels,
        ]
    return panels


def _draw(panel: _Panel, sizes: Sequence[float], left: float) -> list[Shape]:
    top, bottom, right = HEAD, HEAD + PANEL_HEIGHT, left + PANEL_WIDTH
    is_small = max(sizes) < MEGABYTES_BELOW
    wide = [size * 1000 for size in sizes] if is_small else list(sizes)
    across = _axis(wide, left, right, is_log=False)
    values = panel.values if panel.line is None else [*panel.values, panel.line]
    up = _axis(values, bottom, top, is_log=panel.is_log)
    shapes: list[Shape] = [Text(left, top - 14, panel.title, 13, "ink")]
    for tick in up.ticks:
        y = up.at(tick)
        shapes += [Line(left, y, right, y, "grid"), Text(left - 8, y + 4, panel.show(tick), 12, "muted", "end")]
    for tick in across.ticks:
        x = across.at(tick)
        shapes += [Line(x, bottom, x, bottom + 5, "muted"), Text(x, bottom + 19, _short(tick), 12, "muted", "middle")]
    unit = "MB" if is_small else "GB"
    shapes += [
        Line(left, bottom, right, bottom, "muted"),
        Text((left + right) / 2, bottom + 39, f"Size of all tensors, {unit}", 12, "muted", "middle"),
    ]
    if panel.line is not None:
        y = up.at(panel.line)
        shapes += [
            Line(left, y, right, y, "accent", is_dashed=True),
            Text(left, y + 15, f"original {_short(panel.line)}", 12, "muted"),  # small models lie above it
        ]
    return shapes + _points([(across.at(size), up.at(value)) for size, value in zip(wide, panel.values)])


def _points(places: Sequence[tuple[float, float]]) -> list[Shape]:
    """Dots with their numbers, each number on a side where it covers neither a dot nor another number."""
    shapes: list[Shape] = []
    taken = list(places)
    for number, (x, y) in enumerate(places, 1):
        shift = 2 * RADIUS + 3
        beside = [(x + shift, y), (x - shift, y), (x, y - shift), (x, y + shift), (x + shift, y - shift)]
        free = [each for each in beside if all(_are_apart(each, other) for other in taken if other != (x, y))]
        label = (free or beside)[0]
        taken.append(label)
        shapes += [
            Dot(x, y, RADIUS + 1.5, "paper"),  # parts dots that overlap
            Dot(x, y, RADIUS, "accent"),
            Text(label[0], label[1] + 4, str(number), LABEL, "ink", "middle"),
        ]
    return shapes


def _are_apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) >= LABEL or abs(one[1] - other[1]) >= LABEL


def _about(result: QualityResult) -> str:
    size = result.bytes / 1e9
    parts = [
        f"{1000 * size:.1f} MB" if size < MEGABYTES_BELOW else f"{size:.2f} GB",
        f"perplexity {result.perplexity:.2f}",
    ]
    if result.against is not None:
        about = result.against
        parts += [f"KL {about.mean_kl:.4f}", f"99 % below {about.p99_kl:.3f}", f"same token {100 * about.top1:.1f} %"]
    return ", ".join(parts)


def _axis(values: Sequence[float], first: float, last: float, *, is_log: bool) -> _Axis:
    low, high = min(values), max(values)
    if is_log:
        room = max((high / low) ** 0.12, 1.15)
        low, high = low / room, high * room
        return _Axis(low, high, first, last, True, _log_ticks(low, high))
    room = max(0.12 * (high - low), 0.02 * abs(high), 1e-6)
    low, high = low - room, high + room
    return _Axis(low, high, first, last, False, _ticks(low, high))


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers between both, about five."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return tuple(i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1))


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        found = tuple(f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high)
        if len(found) >= 3:
            return found
    return _ticks(low, high)


def _short(value: float) -> str:
    return f"{value:.4g}"
