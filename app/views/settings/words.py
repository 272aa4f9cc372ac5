"""The table of settings in the user's language. Knows nothing of widgets.

The texts stand in the table; packaging/translations.py collects them from there under this context.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.storage.setting_spec import About

CONTEXT = "Settings"


def shown(text: str) -> str:
    """A text of the table as the user reads it."""
    return QCoreApplication.translate(CONTEXT, text) if text else ""


def search_text(about: About) -> str:
    """Everything that a search for a setting may name, in the user's language."""
    options = (shown(option.label) for option in about.options)
    return " ".join((shown(about.group.value), shown(about.label), shown(about.help), *options))


def matches(wanted: str, text: str) -> bool:
    """Whether every word that is looked for stands in the text."""
    found = text.casefold()
    return all(word in found for word in wanted.casefold().split())
