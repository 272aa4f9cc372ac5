"""Calibration rows: what the model is shown while Hessians are gathered.

The shipped texts are prose, code, markup, several languages and conversations; conversations go through the model's
own template. Random tokens join them, so that no token's direction is without data. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.chat.template import ChatTemplate
from engine.errors import InvalidRequestError, ModelFormatError
from engine.requests import Message
from engine.tokenizer.tokenizer import Tokenizer

SHIPPED = Path(__file__).resolve().parents[2] / "resources" / "calibration"
CHATS = "conversations.json"
SCENES = "scenes.txt"  # put together by chance: less like what people write, so it only fills what the others leave
RANDOM_SHARE = 0.03  # more of them draws Hessians and repairs away from what people write
LEAST_TEXT = 1000  # characters
TEXT_SUFFIXES = (".txt", ".md", ".py", ".json", ".html", ".jsonl")


@dataclass(frozen=True)
class CalibrationText:
    """Passages of plain text, conversations as lists of turns, and passages for when the others are used up."""

    passages: tuple[str, ...]
    conversations: tuple[tuple[Message, ...], ...] = ()
    fillers: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Tells one set of texts from another."""
        turns = [[(turn.role, turn.content) for turn in chat] for chat in self.conversations]
        return hashlib.sha256(
            json.dumps([self.passages, turns, self.fillers]).encode("utf-8", "surrogatepass")
        ).hexdigest()[:16]


def read_texts(path: Path | None) -> CalibrationText:
    """The shipped texts, or a file, or all text files of a folder.

    Raises:
        InvalidRequestError: nothing there can be read as text, or it is too little.
    """
    if path is None:
        path = SHIPPED
    if not path.exists():
        raise InvalidRequestError(f"The calibration text {path} does not exist.", "Name a text file or a folder.")
    chats = path / CHATS if path.is_dir() else None
    files = [path]
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in TEXT_SUFFIXES and each != chats)
    scenes = path / SCENES if path == SHIPPED else None
    passages = [passage for file in files if file != scenes for passage in _passages(file)]
    if sum(map(len, passages)) < LEAST_TEXT:
        raise InvalidRequestError(
            f"{path} holds less than {LEAST_TEXT} characters of text to calibrate with.",
            "Name a longer text file, or a folder of text files.",
        )
    chats_found = _conversations(chats) if chats is not None and chats.exists() else ()
    return CalibrationText(tuple(passages), chats_found, () if scenes is None else tuple(_passages(scenes)))


def make_rows(
    texts: CalibrationText, tokenizer: Tokenizer, template: ChatTemplate | None, size: tuple[int, int], seed: int
) -> torch.Tensor:
    """Token rows of one length.

    Passages and conversations come in an order drawn by the seed, then the fillers, over and over until the rows are
    full.

    Args:
        size: rows and tokens of each.

    Returns:
        int64 [rows, tokens].

    Raises:
        InvalidRequestError: the texts give no tokens.
    """
    rows, length = size
    generator = torch.Generator().manual_seed(seed)
    documents = [tokenizer.encode(passage, parse_special=False) for passage in texts.passages]
    if template is not None:
        documents += [tokenizer.encode_rendered(template.render(chat, False)) for chat in texts.conversations]
    documents = [each for each in documents if each]
    fillers = [tokenizer.encode(passage, parse_special=False) for passage in texts.fillers]
    if not documents:
        raise InvalidRequestError("The calibration text has no tokens.", "Name another text with --calibration.")
    num_random = int(rows * RANDOM_SHARE)
    wanted = (rows - num_random) * length
    stream: list[int] = []
    while len(stream) < wanted:
        for group in (documents, fillers):
            for i in torch.randperm(len(group), generator=generator).tolist():
                stream += group[i]
    text_rows = torch.tensor(stream[:wanted], dtype=torch.int64).view(-1, length)
    random_rows = torch.randint(0, tokenizer.vocab_size, (num_random, length), generator=generator)
    return torch.cat((text_rows, random_rows))


def _passages(file: Path) -> list[str]:
    """A file's text, cut at lines of three dashes or more, which the shipped files put between passages."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"The calibration text {file} cannot be read as UTF-8 text.", "Name another text file or a folder."
        ) from error
    return [part.strip() for part in text.split("\n-----\n") if part.strip()]


def _conversations(file: Path) -> tuple[tuple[Message, ...], ...]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return tuple(tuple(Message(turn["role"], turn["content"]) for turn in chat) for chat in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFormatError(
            f"{file} is not a list of conversations with role and content.", "Mend or remove the file."
        ) from error
