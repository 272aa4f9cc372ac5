"""What messages are written with: fonts, colours and distances taken from the theme. Knows nothing of Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QFont, QFontMetricsF

from app.theme.theme import Theme
from app.theme.tokens import LINE_HEIGHT, mix

PARAGRAPH_SPACE = 10
QUOTE_PX = 16
CURSOR_TEXT = "\u258d"
LINE_SEPARATOR = "\u2028"


@dataclass(frozen=True)
class TextStyle:
    """What a message is written with."""

    font: QFont
    code_font: QFont
    text: QColor
    muted: QColor
    accent: QColor
    code_ground: QColor
    border: QColor
    found: QColor
    indent_px: float

    @property
    def line_percent(self) -> float:
        """The line height as Qt counts it: in percent of the font's own line."""
        metrics = QFontMetricsF(self.font)
        return 100 * max(1.0, LINE_HEIGHT * self.font_px / metrics.lineSpacing())

    @property
    def font_px(self) -> float:
        """The size of the text in logical pixels."""
        return self.font.pointSizeF() * 96 / 72


def text_style(theme: Theme) -> TextStyle:
    """The style of messages in a theme."""
    font = theme.font("message")
    return TextStyle(
        font=font,
        code_font=theme.font("message_code"),
        text=theme.colour("text"),
        muted=theme.colour("muted"),
        accent=theme.colour("accent"),
        code_ground=QColor(mix(theme.colours.background, theme.colours.text, 0.09)),
        border=theme.colour("border"),
        found=QColor(mix(theme.colours.background, theme.colours.warning, 0.35)),
        indent_px=round(font.pointSizeF() * 2.4),
    )
