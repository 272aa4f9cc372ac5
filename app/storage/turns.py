"""A message of the user as it is stored: a line for each of its pictures, then its words.

The lines are Markdown, `![words](attachment:NAME)`, so that exports show the pictures without knowing of turns. Knows
nothing of what is in a picture or where it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_WORDS = 120
_LINE = re.compile(r"!\[([^\]\n]*)\]\(attachment:([0-9a-f]{64}\.[0-9a-z]{1,5})\)(?:\n|\Z)")
_UNFIT = re.compile(r"[\[\]\x00-\x1f\x7f\u2028\u2029]+")


@dataclass(frozen=True)
class Attached:
    """A picture of a message.

    Attributes:
        name: of its file in the folder of pictures.
        words: what it is called, such as the name of the file it came from.
    """

    name: str
    words: str = ""


@dataclass(frozen=True)
class Turn:
    """What the user says.

    Attributes:
        pictures: in the order in which the model sees them.
        text: may be empty when there are pictures.
    """

    pictures: tuple[Attached, ...] = ()
    text: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.pictures and not self.text.strip()


def split_turn(content: str) -> Turn:
    """A stored message as pictures and words."""
    pictures: list[Attached] = []
    end = 0
    while content.startswith("![", end) and (line := _LINE.match(content, end)) is not None:
        pictures.append(Attached(line[2], line[1]))
        end = line.end()
    text = content[end:]
    return Turn(tuple(pictures), text.removeprefix("\n") if pictures else text)


def join_turn(pictures: Iterable[Attached], text: str) -> str:
    """The message as it is stored."""
    lines = "\n".join(f"![{_fitting(each.words)}](attachment:{each.name})" for each in pictures)
    return "\n\n".join(part for part in (lines, text) if part)


def words_of(content: str) -> str:
    """Only the words of a stored message."""
    return split_turn(content).text


def _fitting(words: str) -> str:
    """What can stand between brackets on one line."""
    return _UNFIT.sub(" ", words).strip()[:MAX_WORDS]
