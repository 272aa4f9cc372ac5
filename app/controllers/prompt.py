"""What a reply is asked for with: which stored messages the model is given, and which of them were left out.

Knows nothing of Qt or of the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.storage.pictures import PictureFolder
from app.storage.records import StoredMessage
from app.storage.turns import Turn, split_turn
from engine.requests import GenerateRequest, Message, SamplingSettings, WhenFull


@dataclass(frozen=True)
class ReplySetup:
    """With what a reply is made.

    Attributes:
        thinking: whether the model shall think first; None leaves it to the model.
        when_full: what becomes of a prompt that does not fit.
        pictures: where those of the messages lie; None shows the model none.
        image_pixels: the most pixels of one of them; None leaves it to the model.
    """

    system_prompt: str
    sampling: SamplingSettings
    thinking: bool | None
    when_full: WhenFull
    pictures: PictureFolder | None = None
    image_pixels: int | None = None


def reply_request(setup: ReplySetup, history: Iterable[StoredMessage], begun: str) -> GenerateRequest:
    """Asks for the reply to a history, which begins with the words `begun`; its id is still to be given."""
    prompt = prompt_messages(setup.system_prompt, history, setup.pictures)
    if begun:  # a request that ends with the assistant's words asks the model to go on from them
        prompt = (*prompt, Message("assistant", begun))
    return GenerateRequest(
        0, prompt, sampling=setup.sampling, thinking=setup.thinking, when_full=setup.when_full,
        image_pixels=setup.image_pixels,
    )  # fmt: skip


def prompt_messages(
    system_prompt: str, history: Iterable[StoredMessage], pictures: PictureFolder | None = None
) -> tuple[Message, ...]:
    """The turns that the model sees, with their pictures out of a folder; without one, none.

    Empty replies (failed or stopped at once) are left out, and user turns that follow each other because of that are
    joined, since chat templates want the roles to alternate.
    """
    turns = [_message(group, pictures) for group in _grouped(history)]
    return (*system_message(system_prompt), *turns)


def _message(group: Sequence[StoredMessage], pictures: PictureFolder | None) -> Message:
    said = [split_turn(each.content) if each.role == "user" else Turn((), each.content) for each in group]
    shown = [picture for turn in said for picture in turn.pictures] if pictures is not None else []
    paths = tuple(pictures.path(each.name) for each in shown) if pictures is not None else ()
    return Message(group[0].role, "\n\n".join(turn.text for turn in said if turn.text), paths)


def picture_words(history: Iterable[StoredMessage]) -> dict[str, str]:
    """What the pictures of a history are called, by the names of their files: for errors that name a file."""
    turns = (split_turn(each.content) for each in history if each.role == "user")
    return {picture.name: picture.words for turn in turns for picture in turn.pictures if picture.words}


def system_message(system_prompt: str) -> tuple[Message, ...]:
    """The system prompt as a turn; nothing when there is none."""
    return (Message("system", system_prompt.strip()),) if system_prompt.strip() else ()


def first_seen(history: Iterable[StoredMessage], dropped_messages: int) -> int | None:
    """The id of the first stored message that is in the prompt when so many of the oldest turns are left out."""
    groups = _grouped(history)
    return groups[dropped_messages][0].id if 0 < dropped_messages < len(groups) else None


def last_cut(branch: Sequence[StoredMessage]) -> int | None:
    """The id of the first message that the last reply of a branch was written with, when not all of them were."""
    for place in range(len(branch) - 1, -1, -1):
        stats = branch[place].stats
        if branch[place].role == "assistant" and stats is not None:
            return first_seen(branch[:place], stats.dropped_messages)
    return None


def _grouped(history: Iterable[StoredMessage]) -> list[list[StoredMessage]]:
    """The messages that say something; those of one role that follow each other are one turn."""
    groups: list[list[StoredMessage]] = []
    for each in history:
        if not each.content:
            continue
        if groups and groups[-1][-1].role == each.role:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups
