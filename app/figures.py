"""Figures as the window's language writes them: "12,345" and "6.2" are "12.345" and "6,2" in a German window.

Everything below the window writes figures as English does; they are changed here, where they are shown. So is the
processor's name with the number of its cores. Knows nothing of what is counted.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication, QLocale

from engine import units
from engine.units import MEMORY_GB

_FIGURE = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w.,]*\d)|(?<![\w.,])\d+\.\d+(?!\.?\d)")
_PROCESSOR = re.compile(r"CPU, (\d+) cores?")


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


def memory_amount(num_bytes: float) -> str:
    """Memory with its unit: "6.2 GB"."""
    return local(units.memory_amount(num_bytes))


def memory_of_total(used_bytes: float, total_bytes: float) -> str:
    """Used and total memory: "6.2 of 12.0 GB"."""
    words = QCoreApplication.translate("Figures", "{0} of {1} GB")
    return words.format(count(used_bytes / MEMORY_GB, 1), count(total_bytes / MEMORY_GB, 1))


def file_amount(num_bytes: float) -> str:
    """A size of files: "7.4 GB", "118 MB"."""
    return local(units.file_amount(num_bytes))


def device_words(name: str) -> str:
    """What a model runs on, as the engine names it: a card by its name, "CPU, 8 cores" in the window's language."""
    found = _PROCESSOR.fullmatch(name)
    if found is None:
        return name
    if found[1] == "1":
        return QCoreApplication.translate("Figures", "CPU, 1 core")
    return QCoreApplication.translate("Figures", "CPU, {0} cores").format(found[1])
