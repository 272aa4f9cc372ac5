"""The pages of the window by name, in the order of the rail. Knows nothing of what is on them."""

from __future__ import annotations

from enum import StrEnum


class Page(StrEnum):
    """One page; its value is the name of its icon too."""

    CHAT = "chat"
    MODELS = "models"
    DOWNLOADS = "downloads"
    CONVERT = "convert"
    SETTINGS = "settings"
