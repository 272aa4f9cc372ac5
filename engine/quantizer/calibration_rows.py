"""What the rows of a calibration are made of: text that the model writes itself, and text that is given.

Knows nothing of how either comes about, nor of Hessians.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from engine.chat.template import ChatTemplate
from engine.errors import InvalidRequestError
from engine.quantizer.calibration import CalibrationText, make_rows
from engine.quantizer.own_text import TEXT_TOKENS, OnStep, Writing, fits, openings_of, write_texts
from engine.quantizer.source import SourceModel
from engine.tokenizer.tokenizer import Tokenizer

OWN_SHARE = 0.875  # of the rows


@dataclass(frozen=True)
class RowsRecipe:
    """What rows are made from.

    Attributes:
        template: None if the model has none.
        size: rows and tokens of each.
    """

    source: SourceModel
    tokenizer: Tokenizer
    template: ChatTemplate | None
    texts: CalibrationText
    size: tuple[int, int]
    seed: int

    @property
    def text_tokens(self) -> int:
        """Of a text that the model writes."""
        return min(TEXT_TOKENS, self.size[1])

    @property
    def num_texts(self) -> int:
        """That the model is to write."""
        rows, columns = self.size
        return math.ceil(round(rows * OWN_SHARE) * columns / self.text_tokens)

    def can_write(self, device: torch.device) -> bool:
        """Whether the model can write text by itself, there and now."""
        return bool(openings_of(self.tokenizer, self.template)) and fits(self.source.spec, device)


def gather_rows(recipe: RowsRecipe, device: torch.device | None, on_step: OnStep) -> torch.Tensor:
    """The rows, int64 [rows, tokens]: first those that the model wrote, then those of the given texts.

    Args:
        recipe: what to make them from.
        device: where the model writes its share; None: it writes nothing.
        on_step: told while it writes.

    Raises:
        InvalidRequestError: the texts give no tokens, or the model has nothing to begin its own with.
    """
    rows, columns = recipe.size
    own = torch.empty(0, columns, dtype=torch.int64)
    if device is not None:
        openings = openings_of(recipe.tokenizer, recipe.template)
        if not openings:
            raise InvalidRequestError(
                f"{recipe.source.folder} has neither a token that begins a text nor a chat template: it cannot write "
                "text to calibrate with.",
                "Calibrate with given text alone.",
            )
        writing = Writing(openings, recipe.num_texts, recipe.text_tokens, recipe.seed)
        tokens = write_texts(recipe.source, writing, device, on_step).flatten()
        own = tokens[: len(tokens) // columns * columns].view(-1, columns)[: round(rows * OWN_SHARE)]
    given = make_rows(recipe.texts, recipe.tokenizer, recipe.template, (rows - len(own), columns), recipe.seed)
    return torch.cat((own, given)).clamp_max(recipe.source.spec.vocab_size - 1)
