"""Which model architectures take images here, and who reads their settings.

Knows neither torch nor numpy nor Pillow: the window asks here whether a model can see and what an image costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from engine.vision.gemma3 import read_gemma3
from engine.vision.pixtral import read_pixtral
from engine.vision.qwen_vl import read_qwen2_5_vl, read_qwen3_vl
from engine.vision.settings import ImageSettings, open_preprocessor
from engine.weights.config_reader import ConfigReader

_READERS: Mapping[str, Callable[[ConfigReader, ConfigReader], ImageSettings]] = MappingProxyType(
    {
        "Qwen2_5_VLForConditionalGeneration": read_qwen2_5_vl,
        "Qwen3VLForConditionalGeneration": read_qwen3_vl,
        "Gemma3ForConditionalGeneration": read_gemma3,
        "Mistral3ForConditionalGeneration": read_pixtral,
    }
)


def read_image_settings(folder: Path) -> ImageSettings | None:
    """How the model in a folder wants its images; None for a model that takes none.

    Raises:
        ModelFormatError: a file is damaged, or the image processor contradicts the vision tower.
        UnsupportedModelError: the settings ask for something that this program does not do.
    """
    config = ConfigReader.open(folder)
    for architecture in config.str_list("architectures", ()):
        reader = _READERS.get(architecture)
        if reader is not None:
            return reader(config, open_preprocessor(folder))
    return None
