"""How many held-out pictures a network answers right, by what is asked.

An answer is right if it has each word that the true answer must have, and no other colour, shape or number than it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np
import torch
from picture_painting import find_fonts, paint
from picture_questions import NUMBERS, Turn, turn_about
from picture_scenes import COLOURS, SHAPES, SQUARE, Canvas
from picture_stream import (
    HELD_OUT_SEED,
    LEAST_SQUARES,
    MOST_ACROSS,
    MOST_SQUARES,
    StreamSettings,
    Tokens,
    draw_held_out,
    make_talk,
    stacked,
)
from seeing_network import SeeingModel

KINDS = ("shape", "colour", "count", "position", "text", "chart", "whole")
LONGEST_ANSWER = 40
LONGEST_SIDE = 3  # times the other
_NAMES = frozenset((*COLOURS, *SHAPES, *NUMBERS))


def canvas_of(rng: random.Random) -> Canvas:
    """A size that the model takes, whether trained or not; files are often as large as that or larger."""
    least, most = (110, MOST_SQUARES) if rng.random() < 0.3 else (LEAST_SQUARES, MOST_SQUARES)
    while True:
        columns, rows = rng.randint(2, MOST_ACROSS), rng.randint(2, MOST_ACROSS)
        if least <= columns * rows <= most and max(columns, rows) <= LONGEST_SIDE * min(columns, rows):
            return Canvas(columns * SQUARE, rows * SQUARE)


def is_right(turn: Turn, answer: str) -> bool:
    """Whether an answer says what the scene shows."""
    words = _words(answer)
    if not all(key.lower() in answer.lower() if not key.isalpha() else key.lower() in words for key in turn.key):
        return False
    if turn.about == "text" or (turn.about == "whole" and turn.key and turn.key[0].startswith('"')):
        return turn.key[0] in answer  # letters in their case
    return words & _NAMES <= _words(turn.answer)


def _words(text: str) -> set[str]:
    """The words of a text; a shape in its plural is that shape."""
    found = set(re.findall(r"\w+", text.lower()))
    return found | {each.removesuffix("es") for each in found} | {each.removesuffix("s") for each in found}


@torch.inference_mode()
def score(
    model: SeeingModel, settings: StreamSettings, per_kind: int, seed: int = HELD_OUT_SEED
) -> tuple[dict[str, float], list[str]]:
    """The share of right answers by kind, and some of the wrong ones as text."""
    rng, tokens, fonts = random.Random(seed), Tokens.open(settings.tokenizer), find_fonts(settings.fonts)
    right: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    wrong: list[str] = []
    for _ in range(12):
        canvas = canvas_of(rng)
        asked: list[Turn] = []
        pictures = []
        for kind in KINDS:
            for _ in range(-(-per_kind // 12)):
                turn, picture = _asked(kind, canvas, rng, settings.words, fonts)
                asked.append(turn)
                pictures.append(picture)
        answers = []
        for first in range(0, len(asked), 64):
            part = slice(first, first + 64)
            answers += answered(model, tokens, asked[part], np.stack(pictures[part])[:, None], canvas)
        for turn, answer in zip(asked, answers):
            right[turn.about].append(is_right(turn, answer))
            if not right[turn.about][-1] and len(wrong) < 120:
                wrong.append(
                    f"{canvas.width}x{canvas.height} {turn.about}: {turn.question} -> {answer} ({turn.answer})"
                )
    return {kind: sum(found) / len(found) for kind, found in right.items()}, wrong


def _asked(
    kind: str, canvas: Canvas, rng: random.Random, words: Sequence[str], fonts: Sequence[str | None]
) -> tuple[Turn, np.ndarray]:
    while True:
        scene = draw_held_out(rng, words, canvas)
        turn = turn_about(scene, kind, rng)
        if turn is not None:
            return turn, np.asarray(paint(scene, canvas, rng, fonts))


def answered(
    model: SeeingModel, tokens: Tokens, turns: Sequence[Turn], pictures: np.ndarray, canvas: Canvas
) -> list[str]:
    """The likeliest answer to each question about its picture."""
    device = next(model.parameters()).device
    squares = canvas.width * canvas.height // SQUARE**2
    talks = [make_talk(tokens, [(squares, [Turn(turn.question, "", "", ())])]) for turn in turns]
    behind = len(tokens.encode("<|im_end|>\n"))
    lengths = [len(talk.ids) - behind for talk in talks]
    batch = stacked(talks, pictures, canvas, length=max(lengths) + LONGEST_ANSWER)
    ids, positions, places = (
        torch.from_numpy(each).to(device) for each in (batch.ids.astype(np.int64), batch.positions, batch.places)
    )
    ends, rows = torch.tensor(lengths, device=device), torch.arange(len(talks), device=device)
    end_id = tokens.encode("<|im_end|>")[0]
    said = []
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        seen = model.visual(torch.from_numpy(pictures).to(device).flatten(0, 1))
        for _ in range(LONGEST_ANSWER):
            hidden = model(ids, positions, seen, places)[rows, ends - 1]
            best = model.model.logits(hidden).argmax(-1)
            ids[rows, ends] = best
            ends = ends + 1
            said.append(best)
            if bool((torch.stack(said, 1) == end_id).any(1).all()):
                break
    rows_said = torch.stack(said, 1).tolist()
    return [tokens.tokenizer.decode(row[: row.index(end_id)] if end_id in row else row) for row in rows_said]
