"""The text model's part of the `config.json` of a model that sees, with the meaning of missing keys.

Such files keep it in a section of its own, or, when older, beside everything else; they leave out what the family's
published program takes for granted. Knows nothing of tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.models.rope_config import read_rope, rope_section
from engine.models.spec import RopeSpec
from engine.weights.config_reader import ConfigReader

STREAMS = 3  # time, height, width


def text_config(config: ConfigReader, defaults: Mapping[str, Any], *, tied: bool) -> ConfigReader:
    """The text model's settings.

    Args:
        config: the whole file.
        defaults: values of keys that are missing or null.
        tied: whether the embedding is the output head where neither place says.
    """
    section = config.section("text_config")
    text = section if section is not None else config
    said = [reader.optional_bool("tie_word_embeddings") for reader in (config, text)]
    is_tied = True in said or (tied and False not in said)
    return text.with_defaults(defaults).with_values({"tie_word_embeddings": is_tied})


def read_mrope(text: ConfigReader, head_dim: int, default: tuple[int, ...], *, interleaved: bool) -> RopeSpec:
    """A rotary embedding of three positions. Raises as `read_rope` does.

    Args:
        default: frequencies of time, height and width where the file does not say.
    """
    section = rope_section(text)
    values = {key: section.raw(key) for key in section}
    if section.str("rope_type", section.str("type", "default")) == "mrope":  # as older files call it
        values["rope_type"] = "default"
    own = text.with_values({"rope_scaling": values})
    rope = read_rope(own, head_dim, text.int("max_position_embeddings"))
    sections = section.int_list("mrope_section", default)
    if len(sections) != STREAMS or 2 * sum(sections) != rope.rotary_dim:
        section.fail("mrope_section", f"not three numbers whose sum is {rope.rotary_dim // 2}")
    return replace(rope, sections=sections, interleaved=interleaved)
