"""The recipe of the demo model that sees: what is drawn, asked, marked and tokenized, and the network it trains."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

RECIPE = Path(__file__).parents[2] / "packaging" / "demo_model"
sys.path.insert(0, str(RECIPE))  # its scripts import each other by bare names

import make  # noqa: E402
from chat_base import read_chat_model, short_exchanges, tokenizer_for_pictures, write_texts  # noqa: E402
from picture_marks import CHARACTERS, KINDS, Marks  # noqa: E402
from picture_painting import find_fonts, paint  # noqa: E402
from picture_questions import NUMBERS, Turn, blind_question, describe, turns_about  # noqa: E402
from picture_scenes import KEPT_OUT, SQUARE, Canvas, Shapes, Thing, Writing, draw_scene  # noqa: E402
from picture_stream import (  # noqa: E402
    TEXT_ROOM,
    Drawer,
    PictureBatch,
    PictureStream,
    StreamSettings,
    Talk,
    Tokens,
    make_talk,
    stacked,
)
from score_seeing import answered, canvas_of, is_right  # noqa: E402
from seeing_network import TextModel, TextSizes, TowerSizes, begun  # noqa: E402
from train_seeing import Trainer, TrainingSettings, loaded  # noqa: E402

WORDS = ("tree", "house", "hello", "lantern")
SIZES = TextSizes(8192, 64, 96, 2, 4, 2, 10000.0, 1e-5)
TOWER = TowerSizes(hidden_size=32, intermediate_size=48, depth=2, num_heads=2, out_size=64)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, demo_model: Path) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tokenizer.json"
    path.write_text(json.dumps(tokenizer_for_pictures(demo_model / "tokenizer.json")), encoding="utf-8")
    return path


def test_answers_are_what_the_scene_shows() -> None:
    rng = random.Random(4)
    asked = set()
    for _ in range(400):
        canvas = canvas_of(rng)
        scene = draw_scene(rng, WORDS, canvas)
        for turn in turns_about(scene, rng, 4):
            asked.add(turn.about)
            assert is_right(turn, turn.answer), turn
            if turn.about != "count":
                continue
            assert isinstance(scene, Shapes)
            words = turn.answer.removesuffix(".").split()[2:]  # behind "There are"
            wanted = [word.removesuffix("es") if word.startswith("cross") else word.removesuffix("s") for word in words]
            kinds = {"shape", "thing", "object"}
            shown = sum(
                all(word in (thing.colour, thing.shape) or word in kinds for word in wanted[1:])
                for thing in scene.things
            )
            assert NUMBERS.index(words[0]) == shown, (turn, scene)
    assert {"shape", "colour", "count", "position", "text", "chart", "whole"} <= asked


def test_wrong_answers_are_wrong() -> None:
    rng = random.Random(1)
    scene = Shapes((Thing("circle", "red", 0.5, 0.5, 0.3),), "white")
    for turn in turns_about(scene, rng, 6):
        wrong = {"shape": "It is a square.", "colour": "It is blue.", "count": "There are two circles."}.get(turn.about)
        assert wrong is None or not is_right(turn, wrong)
    corner = Turn("Where is the circle?", "The circle is at the top.", "position", ("at the top.",))
    assert is_right(corner, "The circle is at the top.")
    assert not is_right(corner, "The circle is at the top left.")
    assert describe(scene) == "I see a red circle."
    assert describe(Writing("HELLO", "blue", "white")) == 'I see the word "HELLO" in blue.'
    assert "picture" in blind_question(rng).answer


def test_pairs_that_are_kept_out() -> None:
    rng = random.Random(2)

    def pairs(*, has_kept_out: bool) -> set[tuple[str, str]]:
        scene = draw_scene(rng, WORDS, Canvas(224, 224), has_kept_out=has_kept_out)
        return {(thing.colour, thing.shape) for thing in scene.things} if isinstance(scene, Shapes) else set()

    assert not any(KEPT_OUT & pairs(has_kept_out=False) for _ in range(500))
    assert all(KEPT_OUT & pairs(has_kept_out=True) for _ in range(50))


def test_what_is_painted_is_marked() -> None:
    rng, canvas = random.Random(3), Canvas(10 * SQUARE, 6 * SQUARE)
    marks = Marks(canvas)
    picture = paint(Writing("Ab7", "red", "white"), canvas, rng, find_fonts(None), marks)
    assert picture.size == (280, 168)
    left = [CHARACTERS[each - 1] for each in dict.fromkeys(marks.labels[2:4].flatten().tolist()) if each]
    assert sorted(left) == sorted("Ab7")
    assert sorted({(left, int(place)) for left, place in zip(*_set(marks, 2, 4))}) == [("7", 3), ("A", 1), ("b", 2)]
    thing = Thing("star", "green", 0.5, 0.5, 0.4)
    marks = Marks(canvas)
    pixels = np.asarray(paint(Shapes((thing,), "white"), canvas, rng, [None], marks)).astype(int)
    rows, columns = np.nonzero(marks.labels[0] == KINDS.index("star"))
    assert len(rows) >= 4
    assert np.argwhere(marks.labels[6]).tolist() == [[3, 5]]  # one middle
    assert marks.labels[6, 3, 5] == KINDS.index("star")
    cells = pixels.reshape(6, SQUARE, 10, SQUARE, 3).mean((1, 3))
    greens = cells[..., 1] - cells[..., [0, 2]].mean(-1)
    inside = greens[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert inside.sum() > 0.8 * greens.clip(0).sum() > 0


def _set(marks: Marks, characters: int, places: int) -> tuple[list[str], list[int]]:
    found = marks.labels[characters] > 0
    return [CHARACTERS[each - 1] for each in marks.labels[characters][found]], marks.labels[places][found].tolist()


def test_the_tokenizer_makes_room_for_pictures(tokenizer: Path, demo_model: Path) -> None:
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (demo_model / "tokenizer.json", tokenizer))
    assert len(new["model"]["vocab"]) == len(old["model"]["vocab"])
    tokens = Tokens.open(tokenizer)
    text = "Once upon a time, a fox found a lantern. <|image_pad|>"
    ids = tokens.encode(text)
    assert ids[-1] == tokens.image
    assert tokens.tokenizer.decode(ids, skip_special_tokens=False) == text
    again = tokenizer.with_name("again.json")
    again.write_text(json.dumps(tokenizer_for_pictures(tokenizer)), encoding="utf-8")
    assert json.loads(again.read_text()) == new


def test_positions_and_places_of_a_talk(tokenizer: Path) -> None:
    tokens, rng, canvas = Tokens.open(tokenizer), random.Random(1), Canvas(4 * SQUARE, 3 * SQUARE)
    turns = turns_about(draw_scene(rng, WORDS, canvas), rng, 2)
    talk = make_talk(tokens, [(12, turns), (12, turns[:1])])
    assert [talk.ids[start : start + 12] for start in talk.starts] == [[tokens.image] * 12] * 2
    counted = [each for each, weight in zip(talk.ids, talk.weights) if weight]
    assert tokens.tokenizer.decode(counted) == "".join(turn.answer for turn in (*turns, turns[0]))
    batch = stacked([talk], np.zeros((1, 2, 84, 112, 3), np.uint8), canvas)
    first = talk.starts[0]
    assert batch.positions[:, 0, first : first + 5].T.tolist() == [
        [first, first, first + column] if column < 4 else [first, first + 1, first] for column in range(5)
    ]
    assert batch.positions[:, 0, first + 12].tolist() == [first + 4] * 3  # text goes on behind the longer side


def test_a_stream_makes_batches_that_can_be_learned(tokenizer: Path) -> None:
    torch.manual_seed(0)
    model = begun(TextModel(SIZES), TOWER, seed=1)
    batch = Drawer(StreamSettings(tokenizer, WORDS, None), (), seed=3).batch()
    assert batch.ids.shape[1] == batch.places.shape[1] * batch.marks.shape[3] + TEXT_ROOM
    ids, positions = batch.ids[:3], batch.positions[:, :3]
    few = PictureBatch(batch.pictures[:3], ids, batch.weights[:3], positions, batch.places[:3], batch.marks[:3])
    data = loaded(few)
    assert float(data.counts.sum()) == (few.weights[:, 1:] > 0).sum() > 10
    settings = TrainingSettings(1.0, tower_rate=3e-3, text_rate=3e-3, chat_rows=2, warmup_steps=1)
    trainer = Trainer(model, torch.randint(0, 8192, (4, 24)), settings, teacher=model.model)
    losses = []
    for number in range(9):
        trainer.step(data, 0.2, number)
        losses.append(trainer.sums.tolist())
        trainer.sums.zero_()
    assert losses[-1][0] < 0.7 * losses[0][0]  # answers
    assert losses[-1][1] < 0.9 * losses[0][1]  # squares
    assert losses[0][3] < 1e-4  # nothing has moved yet
    assert 0 < losses[-1][3] < 1


def test_processes_draw_what_their_seed_says(tokenizer: Path) -> None:
    settings, exchanges = StreamSettings(tokenizer, WORDS, None), [("How are you?", "Fine, thank you.")]
    stream = PictureStream(settings, workers=1, seed=8)
    try:
        stream.begin(exchanges)
        found = [stream.next() for _ in range(2)]
    finally:
        stream.close()
    drawer = Drawer(settings, exchanges, seed=8)
    for each in found:
        wanted = drawer.batch()
        for name in ("pictures", "ids", "weights", "positions", "places", "marks"):
            assert np.array_equal(getattr(each, name), getattr(wanted, name)), name


def test_talk_of_other_things_is_learned_around_pictures(tokenizer: Path) -> None:
    tokens = Tokens.open(tokenizer)
    drawer = Drawer(StreamSettings(tokenizer, WORDS, None), [("How are you?", "Fine, thank you.")], seed=4)
    places = []
    for _ in range(3):
        batch = drawer.batch()
        for ids, weights, starts in zip(batch.ids, batch.weights, batch.places):
            assert len(starts) == batch.pictures.shape[1]
            learned = "".join(tokens.tokenizer.decode([each]) for each, weight in zip(ids, weights) if weight)
            text = tokens.tokenizer.decode(ids, skip_special_tokens=False)
            said = text.find("How are you?")
            if said >= 0:
                assert "Fine, thank you." in learned
                places.append(said > text.index("<|vision_start|>"))
    assert any(places)
    assert not all(places)


def test_short_exchanges_are_whole(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens.open(tokenizer)
    texts = (
        "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nMore",
        "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\nHello and",
        "<|im_start|>user\nHi!<|endoftext|>",
    )
    rows = [tokens.encode(text) for text in texts]
    drawn = torch.tensor([row + [0] * (64 - len(row)) for row in rows])
    monkeypatch.setattr("chat_base.write_texts", lambda *_: drawn)
    assert short_exchanges(TextModel(SIZES), tokens, 3, seed=1) == [("Hi!", "Hello.")]
    monkeypatch.undo()
    torch.manual_seed(0)
    assert isinstance(short_exchanges(TextModel(SIZES), tokens, 2, seed=1), list)  # drawn by the model itself


def test_the_network_is_that_of_transformers(tokenizer: Path, demo_model: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokens, rng, canvas = Tokens.open(tokenizer), random.Random(5), Canvas(5 * SQUARE, 4 * SQUARE)
    torch.manual_seed(3)
    model = begun(TextModel(SIZES), TOWER, seed=2)
    base = json.loads((demo_model / "config.json").read_text())
    make._write_plain(model, tokens, base, demo_model, tmp_path)
    pictures, parts = [], []
    for _ in range(2):
        scene = draw_scene(rng, WORDS, canvas)
        pictures.append(np.asarray(paint(scene, canvas, rng, [None])))
        parts.append((20, turns_about(scene, rng, 2)))
    talk: Talk = make_talk(tokens, parts)
    batch = stacked([talk], np.stack(pictures)[None], canvas)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    theirs = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids = torch.tensor([talk.ids])
    with torch.inference_mode():
        images = processor(list(pictures), return_tensors="pt")
        wanted = theirs(input_ids=ids, mm_token_type_ids=(ids == tokens.image).int(), **images).logits[0]
        for each in model.parameters():
            each.copy_(each.half().float())
        seen = model.visual(torch.from_numpy(batch.pictures).flatten(0, 1))
        places = torch.from_numpy(batch.places).long()
        hidden = model(torch.from_numpy(batch.ids).long(), torch.from_numpy(batch.positions), seen, places)
        found = model.model.logits(hidden)[0, : len(talk.ids)]
    assert float((found - wanted).norm() / wanted.norm()) < 1e-4


def test_answers_are_the_same_alone_and_in_a_batch(tokenizer: Path) -> None:
    tokens, rng, canvas = Tokens.open(tokenizer), random.Random(6), Canvas(4 * SQUARE, 4 * SQUARE)
    torch.manual_seed(5)
    model = begun(TextModel(SIZES), TOWER, seed=3)
    scenes = [draw_scene(rng, WORDS, canvas) for _ in range(2)]
    turns = [turns_about(scene, rng, 1)[0] for scene in scenes]
    pictures = np.stack([np.asarray(paint(scene, canvas, rng, [None])) for scene in scenes])[:, None]
    with torch.inference_mode():
        together = answered(model, tokens, turns, pictures, canvas)
        alone = [answered(model, tokens, turns[i : i + 1], pictures[i : i + 1], canvas)[0] for i in range(2)]
    assert together == alone
    assert all(len(tokens.encode(answer)) > 10 for answer in alone)  # an untrained model does not stop


def test_a_chat_model_is_read_and_writes_what_it_predicts(
    tokenizer: Path, demo_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(4)
    model = begun(TextModel(SIZES), TOWER, seed=2)
    base = json.loads((demo_model / "config.json").read_text())
    make._write_plain(model, Tokens.open(tokenizer), base, demo_model, tmp_path)
    text, config = read_chat_model(tmp_path)
    assert config["model_type"] == "qwen2_5_vl"
    for name, value in model.model.state_dict().items():
        assert torch.equal(text.state_dict()[name], value.half().float()), name
    whole = make._read(tmp_path, TOWER, torch.device("cpu")).state_dict()  # what --from goes on with
    for name, value in model.state_dict().items():
        assert torch.equal(whole[name], value.half().float()), name
    monkeypatch.setattr(torch, "multinomial", lambda chances, count, **_: chances.argmax(-1, keepdim=True))
    openings = [[5, 6, 7], [8, 9, 10, 11]]
    written = write_texts(text, openings, 12, seed=1)
    assert [row[: len(opening)] for row, opening in zip(written.tolist(), openings)] == openings
    with torch.inference_mode():
        hidden = text(text.embed_tokens(written), torch.arange(12).expand(3, 2, 12))
        likeliest = text.logits(hidden).argmax(-1)
    for row, opening in enumerate(openings):
        assert written[row, len(opening) :].tolist() == likeliest[row, len(opening) - 1 : -1].tolist()
