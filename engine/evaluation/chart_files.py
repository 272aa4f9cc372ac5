"""Draws a chart into a file: SVG, which follows the viewer's light or dark mode, or PNG.

Knows nothing of what the chart is about.
"""

from __future__ import annotations

import io
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from engine.atomic_file import replace_file
from engine.errors import EngineError, InvalidRequestError
from engine.evaluation.chart import Chart, Dot, Line, Role, Shape, Text

SUFFIXES = (".png", ".svg")
LIGHT: dict[Role, str] = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "muted": "#57606a",
    "grid": "#e2e6ea",
    "accent": "#1f6f43",
}
DARK: dict[Role, str] = {
    "paper": "#15191d",
    "ink": "#e8ecef",
    "muted": "#a2abb4",
    "grid": "#2b3238",
    "accent": "#7fcf9f",
}
FONTS = "system-ui, 'Segoe UI', 'Helvetica Neue', 'Noto Sans', sans-serif"
PNG_SCALE, SMOOTHING = 2, 2  # pixels of the file for one of the chart; and drawn so many times larger still
SYSTEM_FONTS = ("segoeui.ttf", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial.ttf")
PNG_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
DASH = 6


def check_chart_file(path: Path) -> None:
    """Raises `InvalidRequestError` for a file that could not be drawn to; for before the work begins."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidRequestError(
            f"{path} is neither a .png nor a .svg file.", "Name the chart's file so that it ends in .png or .svg."
        )
    if not path.resolve().parent.is_dir():
        raise InvalidRequestError(f"The folder of {path} does not exist.", "Make it, or name another file.")
    if path.is_dir():
        raise InvalidRequestError(f"{path} is a folder.", "Name a file for the chart.")


def write_chart(path: Path, chart: Chart) -> None:
    """Writes the chart in the format of the file's name.

    Raises:
        EngineError: the file cannot be written.
    """
    data = svg(chart).encode() if path.suffix.lower() == ".svg" else _png(chart)
    try:
        replace_file(path, data)
    except OSError as error:
        raise EngineError(
            f"The chart {path} cannot be written: {error.strerror or error}.", "Name another file with --plot."
        ) from error


def svg(chart: Chart) -> str:
    """The chart as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{chart.width}" height="{chart.height}" '
        f'viewBox="0 0 {chart.width} {chart.height}" font-family="{FONTS}">',
        f"<style>{_rules(LIGHT)} @media (prefers-color-scheme: dark) {{ {_rules(DARK)} }}</style>",
        f'<rect class="paper" width="{chart.width}" height="{chart.height}" rx="8"/>',
        *map(_element, chart.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _rules(colours: dict[Role, str]) -> str:
    return " ".join(
        f".{role} {{ fill: {colour}; }} line.{role} {{ stroke: {colour}; }}" for role, colour in colours.items()
    )


def _element(shape: Shape) -> str:
    if isinstance(shape, Line):
        dash = f' stroke-dasharray="{DASH} {DASH}"' if shape.is_dashed else ""
        ends = f'x1="{shape.x1:.1f}" y1="{shape.y1:.1f}" x2="{shape.x2:.1f}" y2="{shape.y2:.1f}"'
        return f'<line class="{shape.role}" {ends}{dash}/>'
    if isinstance(shape, Dot):
        return f'<circle class="{shape.role}" cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius}"/>'
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size}" text-anchor="{shape.anchor}"'
    return f'<text class="{shape.role}" {place}>{escape(_printable(shape.text))}</text>'


def _printable(text: str) -> str:
    """Without what XML does not have; a folder's name may be anything."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _png(chart: Chart) -> bytes:
    scale = PNG_SCALE * SMOOTHING
    image = Image.new("RGB", (chart.width * scale, chart.height * scale), LIGHT["paper"])
    draw = ImageDraw.Draw(image)
    for shape in chart.shapes:
        if isinstance(shape, Line):
            _draw_line(draw, shape, scale)
        elif isinstance(shape, Dot):
            draw.circle((shape.x * scale, shape.y * scale), shape.radius * scale, fill=LIGHT[shape.role])
        else:
            _draw_text(draw, shape, scale)
    file = io.BytesIO()
    image.resize((chart.width * PNG_SCALE, chart.height * PNG_SCALE), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def _draw_line(draw: ImageDraw.ImageDraw, line: Line, scale: int) -> None:
    """Dashed lines are level."""
    pieces = [(line.x1, line.x2)]
    if line.is_dashed:
        count = int((line.x2 - line.x1) // (2 * DASH)) + 1
        starts = [line.x1 + 2 * DASH * i for i in range(count)]
        pieces = [(start, min(start + DASH, line.x2)) for start in starts if start < line.x2]
    for x1, x2 in pieces:
        ends = (x1 * scale, line.y1 * scale, x2 * scale, line.y2 * scale)
        draw.line(ends, fill=LIGHT[line.role], width=scale)


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own letters, which are English; the system's for a name with others."""
    if not text.isascii():
        for name in SYSTEM_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return ImageFont.load_default(size)


def _draw_text(draw: ImageDraw.ImageDraw, text: Text, scale: int) -> None:
    font = _font(text.text, text.size * scale)
    place = (text.x * scale, text.y * scale)
    draw.text(place, _printable(text.text), fill=LIGHT[text.role], font=font, anchor=PNG_ANCHORS[text.anchor])
