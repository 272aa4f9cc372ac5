"""Where the parts of a model lie among the tensors of a checkpoint.

Models that see hold their text model under one of several prefixes, by the age of the program that wrote the files and
by who converted them; the names that are there decide, part by part. Knows nothing of what the tensors hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

TEXT_PREFIXES = ("model.language_model.", "language_model.model.", "model.")  # the newest first
HEADS = ("lm_head", "language_model.lm_head", "model.lm_head")
HEAD_PARTS = (".trellis", ".weight")


@dataclass(frozen=True)
class TextNames:
    """The text model's prefix, ending in a dot, and the name of its output head."""

    prefix: str = "model."
    head: str = "lm_head"

    @property
    def embedding(self) -> str:
        return self.prefix + "embed_tokens.weight"


PLAIN_NAMES = TextNames()
_LLAVA_TEXT = TextNames("language_model.model.", "language_model.lm_head")
_LLAVA_PARTS = {"model.vision_tower.": "vision_tower.", "model.multi_modal_projector.": "multi_modal_projector."}
_SIGLIP_PARTS = {  # which had one level more
    f"{tower}{part}": f"vision_tower.vision_model.{part}"
    for tower in ("vision_tower.", "model.vision_tower.")
    for part in ("embeddings.", "encoder.", "post_layernorm.")
}


@dataclass(frozen=True)
class _Layout:
    """Where a family's text must lie for all programs that read EXL3, and what prefixes of other parts become."""

    text: TextNames
    others: Mapping[str, str]


_EXL3_LAYOUTS: Mapping[str, _Layout] = MappingProxyType(
    {
        "Gemma3ForConditionalGeneration": _Layout(_LLAVA_TEXT, _SIGLIP_PARTS | _LLAVA_PARTS),
        "Mistral3ForConditionalGeneration": _Layout(_LLAVA_TEXT, _LLAVA_PARTS),
        "Qwen2_5_VLForConditionalGeneration": _Layout(
            TextNames("model.language_model.", "lm_head"), {"model.visual.": "visual."}
        ),
        "Qwen3VLForConditionalGeneration": _Layout(
            TextNames("model.language_model.", "lm_head"),
            {"visual.": "model.visual.", "model.visual.": "model.visual."},
        ),
    }
)


def find_text(names: Collection[str]) -> TextNames:
    """The text part of a model that sees; as the newest files have it where no names are known."""
    prefix = next((each for each in TEXT_PREFIXES if TextNames(each).embedding in names), TEXT_PREFIXES[0])
    head = next((each for each in HEADS if any(each + part in names for part in HEAD_PARTS)), HEADS[0])
    return TextNames(prefix, head)


def exl3_name(architecture: str, found: TextNames) -> Callable[[str], str]:
    """How an EXL3 folder calls a tensor of a checkpoint: ExLlamaV3 opens the parts of a model that sees in one place.

    Args:
        found: where the checkpoint has its text.
    """
    layout = _EXL3_LAYOUTS.get(architecture)
    if layout is None:
        return lambda name: name
    text = {found.head + ".": layout.text.head + ".", found.prefix: layout.text.prefix}

    def renamed(name: str) -> str:
        for prefix, wanted in (*layout.others.items(), *text.items()):
            if name.startswith(prefix):
                return wanted + name.removeprefix(prefix)
        return name

    return renamed
