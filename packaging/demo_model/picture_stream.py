"""An endless stream of training batches: drawn pictures with conversations about them, made by processes of their own.

All pictures of a batch have one size. Knows nothing of models, and runs without torch.
"""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import random
import re
import sys
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from picture_marks import LABELS, Marks
from picture_painting import find_fonts, paint
from picture_questions import Turn, blind_question, turns_about
from picture_scenes import SQUARE, Canvas, Scene, draw_scene
from tokenizers import Tokenizer

VISION_START, VISION_END, IMAGE_PAD = "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"
LEAST_SQUARES, MOST_SQUARES = 16, 196  # tokens of a picture
TOKENS_PER_BATCH = 16_000
TEXT_ROOM = 144  # tokens of a talk besides its pictures
ANSWER_ROOM = 44  # of them to be predicted
MOST_ACROSS = 22  # squares of a side
TRAINED_SIZES = (  # columns, rows, pictures of a talk: few, for each is made ready once; other sizes are seen as well
    (4, 4, 1), (5, 5, 2), (6, 4, 1), (3, 8, 1), (5, 8, 1), (6, 6, 1), (7, 7, 1), (9, 6, 1), (11, 4, 1), (6, 10, 1),
    (8, 8, 2), (8, 8, 1), (12, 6, 1), (6, 17, 1), (10, 10, 1), (19, 7, 1), (13, 9, 1), (9, 13, 1), (12, 12, 1),
    (16, 8, 1), (8, 22, 1), (22, 8, 1), (15, 11, 1), (11, 16, 1), (18, 10, 1), (14, 14, 1),
)  # fmt: skip
BLIND_SHARE, TALK_BEFORE_SHARE, TALK_AFTER_SHARE = 0.04, 0.1, 0.4  # of the conversations
SWITCH_S = 0.0005  # threads that receive batches get their turns soon, though the trainer never sleeps
HELD_OUT_SEED = 1 << 40  # pictures from here on are never trained on


@dataclass(frozen=True)
class Tokens:
    """The ids that the stream needs to know, and the encoder."""

    tokenizer: Tokenizer
    image: int

    @classmethod
    def open(cls, path: Path) -> Tokens:
        tokenizer = Tokenizer.from_file(str(path))
        image = tokenizer.token_to_id(IMAGE_PAD)
        assert image is not None, "the tokenizer has no token for images"
        return cls(tokenizer, image)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)


@dataclass(frozen=True)
class Talk:
    """A conversation as ids, with the weight of each id as something to be predicted, and where its pictures begin."""

    ids: list[int]
    weights: list[float]
    starts: list[int]


@dataclass(frozen=True)
class PictureBatch:
    """Conversations of one number of pictures, all of one size.

    Attributes:
        pictures: uint8 [B, K, H, W, 3].
        ids: int32 [B, T], padded with zeros.
        weights: float32 [B, T], how much predicting this id counts.
        positions: int32 [3, B, T]: time, height and width.
        places: int32 [B, K], where each picture's first token stands.
        marks: uint8 [B, K, labels, rows * columns], what stands in each square (`picture_marks.Marks`).
    """

    pictures: np.ndarray
    ids: np.ndarray
    weights: np.ndarray
    positions: np.ndarray
    places: np.ndarray
    marks: np.ndarray


@dataclass(frozen=True)
class StreamSettings:
    """What a worker needs.

    Attributes:
        tokenizer: its file.
        words: to be printed in pictures.
        fonts: a folder with more fonts than Pillow's own.
    """

    tokenizer: Path
    words: tuple[str, ...]
    fonts: Path | None


def words_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Different words of two to eight letters."""
    found = {word.lower() for text in texts for word in re.findall(r"\b[A-Za-z]{2,8}\b", text)}
    return tuple(sorted(found))


def shape_of(rng: random.Random) -> tuple[Canvas, int]:
    """The size of a batch's pictures and how many a talk has."""
    columns, rows, pictures = rng.choice(TRAINED_SIZES)
    return Canvas(columns * SQUARE, rows * SQUARE), pictures


def make_talk(tokens: Tokens, parts: Sequence[tuple[int, Sequence[Turn]]]) -> Talk:
    """A conversation.

    Args:
        parts: for each picture the number of its tokens, 0 for none, and what is said about it.
    """
    ids: list[int] = []
    weights: list[float] = []
    starts: list[int] = []
    for squares, turns in parts:
        for number, turn in enumerate(turns):
            ids += tokens.encode("<|im_start|>user\n")
            if squares and number == 0:
                ids += tokens.encode(VISION_START)
                starts.append(len(ids))
                ids += [tokens.image] * squares + tokens.encode(VISION_END)
            ids += tokens.encode(f"{turn.question}<|im_end|>\n<|im_start|>assistant\n")
            weights += [0.0] * (len(ids) - len(weights))
            answer = tokens.encode(f"{turn.answer}<|im_end|>")
            ids += answer
            weights += [1.0] * len(answer)
            ids += tokens.encode("\n")
            weights.append(0.0)
    return Talk(ids, weights, starts)


def stacked(
    talks: Sequence[Talk], pictures: np.ndarray, canvas: Canvas, marks: np.ndarray | None = None, length: int = 0
) -> PictureBatch:
    """Conversations as arrays, at least `length` long.

    Args:
        pictures: uint8 [B, K, H, W, 3].
        marks: as in the batch; none where it only asks.
    """
    length = max(length, *(len(talk.ids) for talk in talks))
    count = len(talks)
    ids, weights = np.zeros((count, length), np.int32), np.zeros((count, length), np.float32)
    positions = np.zeros((3, count, length), np.int32)
    for row, talk in enumerate(talks):
        ids[row, : len(talk.ids)] = talk.ids
        weights[row, : len(talk.ids)] = talk.weights
        positions[:, row] = _positions(length, talk.starts, canvas)
    places = np.array([talk.starts for talk in talks], np.int32)
    return PictureBatch(pictures, ids, weights, positions, places, np.zeros(0, np.uint8) if marks is None else marks)


def _positions(length: int, starts: Sequence[int], canvas: Canvas) -> np.ndarray:
    """Text counts on; a picture's tokens share one time and spread over height and width. int32 [3, T]."""
    rows, columns = canvas.height // SQUARE, canvas.width // SQUARE
    found = np.zeros((3, length), np.int32)
    place = position = 0
    for start in (*starts, length):
        run = start - place
        found[:, place:start] = position + np.arange(run)
        position += run
        if start == length:
            break
        grid = np.arange(rows * columns)
        for axis, offsets in enumerate((0 * grid, grid // columns, grid % columns)):
            found[axis, start : start + rows * columns] = position + offsets
        position += max(rows, columns)
        place = start + rows * columns
    return found


class Drawer:
    """Makes batches, one after another, from a seed.

    Args:
        exchanges: questions and answers that have nothing to do with pictures, for some of the conversations.
    """

    def __init__(self, settings: StreamSettings, exchanges: Sequence[tuple[str, str]], seed: int) -> None:
        self._settings, self._exchanges, self._rng = settings, exchanges, random.Random(seed)
        self._tokens = Tokens.open(settings.tokenizer)
        self._fonts = find_fonts(settings.fonts)

    def batch(self) -> PictureBatch:
        """The next batch."""
        rng = self._rng
        canvas, per_talk = shape_of(rng)
        squares = canvas.width * canvas.height // SQUARE**2
        length = per_talk * squares + TEXT_ROOM
        count = TOKENS_PER_BATCH // length
        pictures = np.empty((count, per_talk, canvas.height, canvas.width, 3), np.uint8)
        marks = np.empty((count, per_talk, len(LABELS), squares), np.uint8)
        talks = []
        for row in range(count):
            parts: list[tuple[int, Sequence[Turn]]] = []
            for number in range(per_talk):
                scene = draw_scene(rng, self._settings.words, canvas)
                marked = Marks(canvas)
                pictures[row, number] = np.asarray(paint(scene, canvas, rng, self._fonts, marked))
                marks[row, number] = marked.labels.reshape(len(LABELS), squares)
                parts.append((squares, turns_about(scene, rng, rng.choice((1, 2, 3, 3, 4)) // per_talk + 1)))
            talks.append(self._talk(parts, length))
        return stacked(talks, pictures, canvas, marks, length)

    def _talk(self, parts: list[tuple[int, Sequence[Turn]]], length: int) -> Talk:
        """A conversation about the pictures, with as much else and as many questions as it has room for."""
        whole = self._with_more(parts)
        while len((talk := make_talk(self._tokens, whole)).ids) > length:
            if whole is parts:
                parts = [(squares, turns[: max(1, len(turns) - 1)]) for squares, turns in parts]
            whole = parts
        return talk

    def _with_more(self, parts: list[tuple[int, Sequence[Turn]]]) -> list[tuple[int, Sequence[Turn]]]:
        """Now and then somebody asks before there is a picture, or talks of something else before or after it."""
        rng, whole = self._rng, parts
        if rng.random() < BLIND_SHARE:
            whole = [(0, [blind_question(rng)]), *whole]
        if self._exchanges and rng.random() < TALK_BEFORE_SHARE:
            whole = [(0, [self._exchange()]), *whole]
        if self._exchanges and rng.random() < TALK_AFTER_SHARE:
            squares, turns = whole[-1]
            place = rng.randint(1, len(turns))
            whole = [*whole[:-1], (squares, [*turns[:place], self._exchange(), *turns[place:]])]
        return whole

    def _exchange(self) -> Turn:
        return Turn(*self._rng.choice(self._exchanges), "talk", ())


def draw_held_out(rng: random.Random, words: Sequence[str], canvas: Canvas) -> Scene:
    """A scene for scoring; one in six shows a pair of colour and shape that training never shows."""
    return draw_scene(rng, words, canvas, has_kept_out=rng.random() < 1 / 6)


def _send(pipe: Connection, batch: PictureBatch) -> None:
    # Drawings shrink to a twentieth: a pipe hands over little pieces, and each costs the trainer a switch. The arrays
    # travel apart from what describes them, so that nothing copies them while it holds the trainer's lock.
    arrays: list[pickle.PickleBuffer] = []
    about = pickle.dumps(batch, protocol=5, buffer_callback=arrays.append)
    pipe.send_bytes(pickle.dumps([about, *(zlib.compress(each.raw(), 1) for each in arrays)]))


def _received(pipe: Connection) -> PictureBatch:
    about, *arrays = pickle.loads(pipe.recv_bytes())
    batch: PictureBatch = pickle.loads(about, buffers=[zlib.decompress(each) for each in arrays])
    return batch


def _work(pipe: Connection, settings: StreamSettings, seed: int) -> None:
    try:
        drawer = Drawer(settings, pipe.recv(), seed)
        while True:
            _send(pipe, drawer.batch())
    except (BrokenPipeError, EOFError, KeyboardInterrupt):
        return


class PictureStream:
    """Batches from several processes, in the order in which they are ready.

    Make it before anything runs on a card: afterwards each process took three seconds to start.
    """

    def __init__(self, settings: StreamSettings, workers: int, seed: int) -> None:
        sys.setswitchinterval(SWITCH_S)
        context = multiprocessing.get_context("spawn")
        self._ready: queue.Queue[PictureBatch] = queue.Queue(maxsize=2 * workers)
        self._processes, self._pipes = [], []
        for number in range(workers):
            own, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, settings, seed + number), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(own)

    def begin(self, exchanges: Sequence[tuple[str, str]]) -> None:
        """Lets them draw; exchanges as for `Drawer`."""
        for pipe in self._pipes:
            pipe.send(exchanges)
            threading.Thread(target=self._receive, args=(pipe,), daemon=True).start()

    def _receive(self, pipe: Connection) -> None:
        try:
            while True:
                self._ready.put(_received(pipe))
        except (EOFError, OSError):
            return

    def next(self) -> PictureBatch:
        return self._ready.get()

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
