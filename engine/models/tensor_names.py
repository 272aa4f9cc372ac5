"""Where the parts of a model lie among the tensors of a checkpoint.

Models that see hold their text model under one of several prefixes, by the age of the program that wrote the files and
by who converted them; the names that are there decide, part by part. Knows nothing of what the tensors hold.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

TEXT_PREFIXES = ("model.language_model.", "language_model.model.", "model.")  # the newest first
HEADS = ("lm_head", "language_model.lm_head", "model.lm_head")
TIED_HEADS = {"language_model.model.": "language_model.lm_head"}  # where a conversion puts a head of its own
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


def find_text(names: Collection[str]) -> TextNames:
    """The text part of a model that sees; as the newest files have it where no names are known."""
    prefix = next((each for each in TEXT_PREFIXES if TextNames(each).embedding in names), TEXT_PREFIXES[0])
    tied = TIED_HEADS.get(prefix, HEADS[0])
    head = next((each for each in HEADS if any(each + part in names for part in HEAD_PARTS)), tied)
    return TextNames(prefix, head)
