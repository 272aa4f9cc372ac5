"""Draws TeX as a picture, without network and without the GUI thread. Knows nothing of Markdown or of documents.

ziamath turns TeX into SVG, Qt's SVG reader into pixels. What it cannot read gives None, and the source stays on view.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

MAX_SOURCE_CHARS = 2000
MAX_SIDE_PX = 4000
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)  # all of these come out of ziamath for TeX that it does not know
_PAD_PX = 1.0  # that ziamath leaves around a formula
_ONE_AT_A_TIME = threading.Lock()  # ziamath keeps what it is drawing in places that all threads share


@dataclass(frozen=True)
class FormulaKey:
    """What a formula's picture depends on.

    Attributes:
        tex: the source.
        display: large operators, limits above and below.
        size_px: height of the font in logical pixels.
        descent_px: how far the font reaches below the line.
        colour: "#rrggbb".
        ratio: device pixels per logical pixel.
    """

    tex: str
    display: bool
    size_px: float
    descent_px: float
    colour: str
    ratio: float


@dataclass(frozen=True)
class DrawnFormula:
    """The pixels, and whether their middle or their foot stands at the text's line."""

    image: QImage
    middle: bool


def draw_formula(key: FormulaKey) -> DrawnFormula | None:
    """Draws a formula; None when it cannot be read."""
    import ziamath  # here: only chats with formulas should pay for it
    from latex2mathml import exceptions as unreadable

    if len(key.tex) > MAX_SOURCE_CHARS:
        return None
    ziamath.config.svg2 = False  # Qt draws no <symbol>
    known = [each for each in vars(unreadable).values() if isinstance(each, type) and issubclass(each, Exception)]
    faults: tuple[type[Exception], ...] = (*_FAULTS, *known)
    try:
        with _ONE_AT_A_TIME:
            made = ziamath.Latex(key.tex, size=key.size_px, color=key.colour, inline=not key.display)
            svg = made.svg()
            below_px = max(0.0, -made.getyofst()) + _PAD_PX
    except faults:
        return None
    renderer = QSvgRenderer(QByteArray(svg.encode("utf-8")))
    box = renderer.viewBoxF()
    if not renderer.isValid() or box.isEmpty() or max(box.width(), box.height()) > MAX_SIDE_PX:
        return None
    return _on_line(renderer, box, below_px, key)


def _on_line(renderer: QSvgRenderer, box: QRectF, below_px: float, key: FormulaKey) -> DrawnFormula:
    """Pads the picture so that Qt's alignments put its base line on that of the text."""
    above_px = box.height() - below_px
    middle = below_px > key.descent_px + 0.5
    if middle:  # Qt centres it on the base line
        half = max(above_px, below_px)
        height, top = 2 * half, half - above_px
    else:  # Qt puts its foot where the font's descent ends
        height, top = above_px + key.descent_px, 0.0
    width_px, height_px = round(box.width() * key.ratio), round(height * key.ratio)
    image = QImage(max(1, width_px), max(1, height_px), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, top * key.ratio, width_px, box.height() * key.ratio))
    painter.end()
    return DrawnFormula(image, middle)
