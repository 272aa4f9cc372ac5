"""The chart: every model is in it, points lie where the figures say, files are what their names say."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from engine.errors import EngineError, InvalidRequestError
from engine.evaluation.chart import Chart, Dot, Line, Text, quality_chart
from engine.evaluation.chart_files import DARK, LIGHT, check_chart_file, svg, write_chart
from engine.evaluation.quality import Agreement, QualityResult

NAME = "a <b> & ü\n"


def result(size: float, divergence: float | None, perplexity: float = 41.0) -> QualityResult:
    against = None if divergence is None else Agreement(divergence, 5 * divergence, 1 - divergence)
    return QualityResult(perplexity, int(size), 1000, 100, against, None if divergence is None else 40.4)


FOUR = [
    ("two", result(17.6e6, 0.195, 45.6)), ("three", result(20.6e6, 0.0433, 41.4)),
    ("three, better", result(20.6e6, 0.04, 41.3)), (NAME, result(29.4e6, 0.00125, 40.5)),
]  # fmt: skip


def dots(chart: Chart) -> list[Dot]:
    return [each for each in chart.shapes if isinstance(each, Dot) and each.role == "accent"]


def texts(chart: Chart) -> list[str]:
    return [each.text for each in chart.shapes if isinstance(each, Text)]


def test_points_lie_where_the_figures_say() -> None:
    chart = quality_chart(FOUR)
    found = dots(chart)
    assert len(found) == 3 * 4
    divergence, agreement, perplexity = found[:4], found[4:8], found[8:]
    for panel in (divergence, perplexity):
        assert [each.y for each in panel] == sorted(each.y for each in panel)  # less is lower on the page
        assert panel[0].x < panel[1].x == panel[2].x < panel[3].x
    assert [each.y for each in agreement] == sorted((each.y for each in agreement), reverse=True)
    drops = [math.log(FOUR[i][1].against.mean_kl / FOUR[0][1].against.mean_kl) for i in range(1, 4)]  # type: ignore[union-attr]
    scale = [(dot.y - divergence[0].y) / drop for dot, drop in zip(divergence[1:], drops)]
    assert scale == pytest.approx([scale[0]] * 3)
    dashed = [each for each in chart.shapes if isinstance(each, Line) and each.is_dashed]
    assert len(dashed) == 1
    assert dashed[0].y1 >= max(each.y for each in perplexity)
    for shape in chart.shapes:
        x = shape.x1 if isinstance(shape, Line) else shape.x
        y = shape.y1 if isinstance(shape, Line) else shape.y
        assert 0 <= x <= chart.width
        assert 0 <= y <= chart.height


def test_numbers_at_points_do_not_cover_each_other() -> None:
    numbers = [each for each in quality_chart(FOUR).shapes if isinstance(each, Text) and each.text in "1234"]
    places = [(each.x, each.y) for each in numbers[:4]]
    for i, one in enumerate(places):
        for other in places[:i]:
            assert math.dist(one, other) > 10


def test_every_model_is_named_with_its_figures() -> None:
    said = "\n".join(texts(quality_chart(FOUR)))
    for part in ("two: 17.6 MB", "three, better", NAME, "KL 0.0433", "same token 95.7 %", "original 40.4", "MB"):
        assert part in said


@pytest.mark.parametrize("sizes", [(17.6e9,), (1e9, 1.0001e9), (5e8, 400e9)])
def test_one_model_or_alike_ones_still_have_axes(sizes: tuple[float, ...]) -> None:
    chart = quality_chart([(str(size), result(size, None, 5.61)) for size in sizes])
    assert len(dots(chart)) == len(sizes)
    assert "GB" in "\n".join(texts(chart))
    axis = [each for each in chart.shapes if isinstance(each, Text) and (each.role, each.anchor) == ("muted", "middle")]
    ticks = axis[:-1]  # the last one is the title
    assert len(ticks) >= 3
    assert all(one.x < other.x and one.text != other.text for one, other in pairwise(ticks))


def test_a_model_against_itself_has_no_logarithm() -> None:
    assert len(dots(quality_chart([("same", result(1e9, 0.0)), ("other", result(2e9, 0.1))]))) == 6


def test_svg_is_well_formed_and_follows_dark_mode() -> None:
    text = svg(quality_chart(FOUR))
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    shown = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert any(each is not None and each.startswith("a <b> & ü\N{REPLACEMENT CHARACTER}") for each in shown)
    assert "prefers-color-scheme: dark" in text
    for colours in (LIGHT, DARK):
        for role in ("ink", "muted", "accent"):
            assert contrast(colours[role], colours["paper"]) >= 4.5, (role, colours)  # type: ignore[index]


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_png_has_the_chart_in_it(tmp_path: Path) -> None:
    chart = quality_chart(FOUR)
    write_chart(tmp_path / "a.PNG", chart)
    image = Image.open(io.BytesIO((tmp_path / "a.PNG").read_bytes()))
    assert (image.format, image.size) == ("PNG", (2 * chart.width, 2 * chart.height))
    for dot in dots(chart)[:2]:
        assert image.getpixel((round(2 * dot.x), round(2 * dot.y))) == (0x1F, 0x6F, 0x43)
    assert image.getpixel((3, 3)) == (255, 255, 255)


def test_files_that_cannot_be_drawn_are_refused_beforehand(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "a.jpg", "neither"),
        (tmp_path / "none" / "a.svg", "does not exist"),
        (tmp_path / "d.svg", "folder"),
    ):
        (tmp_path / "d.svg").mkdir(exist_ok=True)
        with pytest.raises(InvalidRequestError, match=said):
            check_chart_file(path)
    with pytest.raises(EngineError, match="cannot be written"):
        write_chart(tmp_path / "none" / "a.svg", quality_chart(FOUR))
