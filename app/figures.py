"""Figures as the window's language writes them: "12,345" and "6.2" are "12.345" and "6,2" in a German window.

Everything below the window writes figures as English does; they are changed where they are shown. Knows nothing of what
is counted.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QLocale

_FIGURE = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w.,]*\d)|(?<![\w.,])\d+\.\d+(?!\.?\d)")


def local(text: str) -> str:
    """A text of figures and units, such as "6.2 of 12.0 GB", with the language's own point and separator."""
    locale = QLocale()
    point, separator = locale.decimalPoint(), locale.groupSeparator()
    if (point, separator) == (".", ","):
        return text
    signs = str.maketrans({".": point, ",": separator})
    return _FIGURE.sub(lambda found: found.group().translate(signs), text)


def count(number: float, digits: int = 0) -> str:
    """A number with its thousands apart: "12,345", "0.7"."""
    return local(f"{number:,.{digits}f}")
