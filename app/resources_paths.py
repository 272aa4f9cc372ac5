"""Where the files that come with the program lie. Knows nothing of what is in them."""

from __future__ import annotations

from pathlib import Path

_RESOURCES = Path(__file__).resolve().parent.parent / "resources"


def demo_model_path() -> Path:
    """The folder of the embedded demo model; it may be missing in a stripped copy."""
    return _RESOURCES / "demo_model"


def example_picture_path() -> Path:
    """A drawn picture to ask a model about that sees."""
    return _RESOURCES / "examples" / "shapes.png"


def icon_path(name: str) -> Path:
    """The SVG file of an icon."""
    return _RESOURCES / "icons" / f"{name}.svg"


def starter_models_path() -> Path:
    """The list of models to start with."""
    return _RESOURCES / "starter_models.json"


def translation_path(language: str) -> Path:
    """The compiled texts of a language, such as "de"."""
    return _RESOURCES / "translations" / f"espalier_{language}.qm"


def error_texts_path() -> Path:
    """The templates of all errors that the window may show."""
    return _RESOURCES / "translations" / "error_texts.json"
