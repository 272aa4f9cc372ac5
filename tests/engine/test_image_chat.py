"""Chats with images, from files to replies: what transformers would say, what caches give back, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from transformers import LlamaConfig

from engine import Message, SamplingSettings, load_model, terminal
from engine.budget import CPU_BUDGET
from engine.chat.parts import MessageReader
from engine.errors import ContextTooLongError, EngineError, InvalidRequestError, NotEnoughMemoryError
from engine.events import (
    EncodingImages,
    GenerationEvent,
    GenerationFinished,
    GenerationStarted,
    RequestFailed,
    TextDelta,
)
from engine.requests import GenerateRequest
from engine.session import Session
from engine.vision import reading
from engine.vision.image_file import ImageFile, decode
from engine.vision.processor import SettingsProcessor
from engine.vision.registry import read_image_settings
from engine.vision.towers.types import ImageFeatures
from engine.vision.types import ProcessedImage
from tests.oracles.chatting_models import TEXT_ONLY, make_chatting
from tests.oracles.tiny_models import TinyModel, make_plain
from tests.oracles.tiny_seeing import SEEING, image_of, whole_truth
from tests.oracles.tiny_seeing import SIZES as TEXT_SIZES

GREEDY = SamplingSettings(temperature=0.0, max_new_tokens=5, ignore_eos=True)
FAMILIES = list(SEEING)
SIZES = [(60, 40), (35, 90), (101, 77), (30, 30)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"picture {i}.png" for i in range(len(SIZES))]
    for number, (path, size) in enumerate(zip(paths, SIZES, strict=True)):
        channels = [PIL.Image.effect_noise(size, 60 + 10 * number + channel) for channel in range(3)]
        PIL.Image.merge("RGB", channels).save(path)
    return paths


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyModel]:
    root = tmp_path_factory.mktemp("chatting")
    return {family: make_chatting(root / family, family) for family in FAMILIES}


@pytest.fixture(scope="module")
def sessions(models: dict[str, TinyModel]) -> dict[str, Session]:
    return {family: load_model(model.folder, device="cpu", cache_tokens=2048) for family, model in models.items()}


@pytest.fixture
def session(models: dict[str, TinyModel]) -> Session:
    """With empty caches."""
    return load_model(models["qwen2_5_vl"].folder, device="cpu", cache_tokens=1024)


class CountedTower:
    """Counts what goes to a session's tower."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        tower = session._sight.tower
        assert tower is not None
        self.calls = 0
        self._encode = tower.encode
        monkeypatch.setattr(tower, "encode", self.encode)

    def encode(self, image: ProcessedImage) -> ImageFeatures:
        self.calls += 1
        return self._encode(image)


def words(first: int, count: int) -> str:
    return " ".join(f"t{10 + (first + i) % 280}" for i in range(count))


def run(session: Session, *requests: GenerateRequest) -> list[GenerationEvent]:
    for request in requests:
        session.submit(request)
    events = []
    while session.has_work:
        events += session.step()
    return events


def ask(session: Session, messages: Sequence[Message], number: int = 1, **more: int) -> list[GenerationEvent]:
    return run(session, GenerateRequest(number, tuple(messages), sampling=GREEDY, **more))  # type: ignore[arg-type]


def ids_of(events: Sequence[GenerationEvent]) -> list[int]:
    return [each for event in events if isinstance(event, TextDelta) for each in event.token_ids]


def started(events: Sequence[GenerationEvent]) -> GenerationStarted:
    return next(event for event in events if isinstance(event, GenerationStarted))


def processed(model: TinyModel, paths: Sequence[Path], most: int | None = None) -> list[ProcessedImage]:
    settings = read_image_settings(model.folder)
    assert settings is not None
    return [SettingsProcessor(settings).process(decode(ImageFile.read(path)).image, most) for path in paths]


def conversation(pictures: Sequence[Path], count: int) -> list[Message]:
    """No image, one, or three over two turns."""
    first, second = tuple(pictures[: min(count, 2)]), tuple(pictures[2:count])
    return [
        Message("system", words(0, 5)), Message("user", words(20, 12), first),
        Message("assistant", words(40, 9)), Message("user", words(60, 7), second),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_replies_are_those_of_transformers(
    models: dict[str, TinyModel], sessions: dict[str, Session], pictures: list[Path], family: str, count: int
) -> None:
    session, messages = sessions[family], conversation(pictures, count)
    request = GenerateRequest(1, tuple(messages), sampling=GREEDY)
    prompt = session.prompt_ids(request)
    images = processed(models[family], pictures[:count])
    counted = session.count(request)
    assert counted.prompt_tokens == len(prompt)
    assert counted.image_tokens == sum(image.num_tokens for image in images)
    events = ask(session, messages)
    told = [(event.done, event.total) for event in events if isinstance(event, EncodingImages)]
    if count:
        assert (told[0], told[-1]) == ((0, count), (count, count))
        assert told == sorted(set(told))
    else:
        assert not told
    kinds = [type(event) for event in events]
    assert EncodingImages not in kinds[kinds.index(GenerationStarted) :]
    reply = ids_of(events)
    assert len(reply) == 4
    assert whole_truth(models[family], prompt + reply, images)[len(prompt) - 1 : -1].argmax(-1).tolist() == reply


@pytest.mark.parametrize("family", FAMILIES)
def test_the_next_turn_looks_at_nothing_again(
    models: dict[str, TinyModel], pictures: list[Path], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = load_model(models[family].folder, device="cpu", cache_tokens=2048)
    tower = CountedTower(session, monkeypatch)
    asked = [Message("user", words(5, 300), (pictures[0],))]
    first = ask(session, asked)
    assert tower.calls == 1
    said = session.tokenizer.decode(ids_of(first))
    told = GenerateRequest(2, (*asked, Message("assistant", said), Message("user", words(30, 4))), sampling=GREEDY)
    second = run(session, told)
    tokens = session.count(told).image_tokens
    assert tokens > 0
    assert started(second).cached_tokens >= started(first).prompt_tokens > tokens
    assert tower.calls == 1
    assert not any(isinstance(event, EncodingImages) for event in second)
    prompt, reply = session.prompt_ids(told), ids_of(second)
    truth = whole_truth(models[family], prompt + reply, processed(models[family], pictures[:1]))
    assert truth[len(prompt) - 1 : -1].argmax(-1).tolist() == reply


def test_the_same_picture_is_looked_at_once(
    session: Session, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower = CountedTower(session, monkeypatch)
    copy = tmp_path / "copy.bmp"  # other bytes, the same pixels
    PIL.Image.open(pictures[0]).save(copy)
    ask(session, [Message("user", words(5, 9), (pictures[0], copy, pictures[0]))])
    assert tower.calls == 1
    events = ask(session, [Message("system", words(200, 3)), Message("user", words(90, 9), (copy,))], 2)
    assert tower.calls == 1
    assert started(events).cached_tokens < 5
    ask(session, [Message("user", words(5, 9), (pictures[1],))], 3)
    assert tower.calls == 2


def test_what_both_caches_forgot_is_read_again(
    session: Session, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the file's pixels is known, and nothing else."""
    tower = CountedTower(session, monkeypatch)
    eyes = session._sight.eyes
    assert eyes is not None
    eyes.seen.max_bytes = 0
    first = ask(session, [Message("user", words(5, 9), (pictures[0],))])
    assert (tower.calls, len(eyes.seen)) == (1, 0)
    again = ask(session, [Message("system", words(77, 3)), Message("user", words(5, 9), (pictures[0],))], 2)
    assert tower.calls == 2
    assert [(event.done, event.total) for event in again if isinstance(event, EncodingImages)][-1] == (1, 1)
    assert ids_of(first)
    assert ids_of(again)


def test_many_pixels_are_read_one_image_after_another(
    models: dict[str, TinyModel], session: Session, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "HELD_BYTES", 1)
    tower = CountedTower(session, monkeypatch)
    messages = [Message("user", words(5, 9), tuple(pictures[:3]))]
    events = ask(session, messages)
    assert tower.calls == 3
    told = [(event.done, event.total) for event in events if isinstance(event, EncodingImages)]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    prompt, reply = session.prompt_ids(GenerateRequest(1, tuple(messages))), ids_of(events)
    truth = whole_truth(models["qwen2_5_vl"], prompt + reply, processed(models["qwen2_5_vl"], pictures[:3]))
    assert truth[len(prompt) - 1 : -1].argmax(-1).tolist() == reply


def test_the_limit_of_what_is_kept(session: Session, pictures: list[Path]) -> None:
    eyes = session._sight.eyes
    assert eyes is not None
    ask(session, [Message("user", "t9", tuple(pictures[:3]))])
    assert len(eyes.seen) == 3
    eyes.seen.max_bytes = eyes.seen.num_bytes
    other = Message("system", words(200, 3))  # so that it is not found with its place in the prompt
    ask(session, [other, Message("user", "t9", (pictures[0],))], 2)  # asked for: now the second is the oldest
    ask(session, [Message("user", "t9", (pictures[3],))], 3)
    assert 0 < eyes.seen.num_bytes <= eyes.seen.max_bytes
    kept = [eyes.seen.find(image.content_hash) is not None for image in eyes_images(session, pictures)]
    assert kept == [True, False, True, True]


def eyes_images(session: Session, pictures: Sequence[Path]) -> list[ProcessedImage]:
    settings = read_image_settings(session.info.path)
    assert settings is not None
    return [SettingsProcessor(settings).process(decode(ImageFile.read(path)).image) for path in pictures]


def test_names_differ_for_other_weights(
    models: dict[str, TinyModel], session: Session, pictures: list[Path], tmp_path: Path
) -> None:
    other = load_model(make_chatting(tmp_path, "qwen2_5_vl", seed=1).folder, device="cpu", cache_tokens=512)
    again = load_model(models["qwen2_5_vl"].folder, device="cpu", cache_tokens=512)
    assert session._sight.fingerprint == again._sight.fingerprint != other._sight.fingerprint
    assert len(session._sight.fingerprint) == 16


def test_others_go_on_and_cancelling_works(
    session: Session, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply begins and gets tokens while another's images are looked at, which is then given up."""
    tower = CountedTower(session, monkeypatch)
    long = SamplingSettings(temperature=0.0, max_new_tokens=400, ignore_eos=True)
    session.submit(GenerateRequest(1, (Message("user", words(1, 8)),), sampling=long))
    session.submit(GenerateRequest(2, (Message("user", words(9, 8), tuple(pictures[:3])),), sampling=GREEDY))
    events: list[GenerationEvent] = []
    while tower.calls < 2:
        events += session.step()
    tokens = [event for event in events if isinstance(event, TextDelta) and event.request_id == 1]
    assert tokens
    session.cancel(2)
    events = session.step()
    finished = [event for event in events if isinstance(event, GenerationFinished)]
    assert [(event.request_id, event.reason, event.new_tokens) for event in finished] == [(2, "cancelled", 0)]
    session.cancel(1)
    while session.has_work:
        session.step()
    assert tower.calls == 2
    assert session._pages.num_free == session._pages.num_pages


def test_a_reply_does_not_hold_what_was_seen(session: Session, pictures: list[Path]) -> None:
    session.submit(GenerateRequest(1, (Message("user", "t9", (pictures[0],)),), sampling=GREEDY))
    held = []
    while session.has_work:
        session.step()
        held += [len(job.images.features) for job in session._generator._running if job.images is not None]
    assert held[-1] == 0


def test_cancelling_while_files_are_read(session: Session, pictures: list[Path]) -> None:
    session.submit(GenerateRequest(1, (Message("user", "t9", tuple(pictures)),), sampling=GREEDY))
    session.cancel(1)
    events = session.step()
    assert [type(event) for event in events] == [GenerationFinished]
    assert not session.has_work
    assert ids_of(ask(session, [Message("user", "t9", (pictures[0],))], 2))


def damaged(pictures: Sequence[Path], folder: Path) -> Path:
    """Its header is whole, its pixels are not."""
    path = folder / "half.png"
    data = pictures[2].read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def test_files_that_are_no_images(session: Session, pictures: list[Path], tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    noise.write_bytes(b"no image at all")
    for path in (noise, tmp_path / "missing.png", tmp_path):
        request = GenerateRequest(1, (Message("user", "t9", (pictures[0], path)),), sampling=GREEDY)
        for refusing in (session.submit, session.count):
            with pytest.raises(EngineError, match=path.name) as caught:
                refusing(request)
            assert caught.value.way_out
        assert not session.has_work
    half = damaged(pictures, tmp_path)
    events = run(
        session,
        GenerateRequest(1, (Message("user", "t9", (half,)),), sampling=GREEDY),
        GenerateRequest(2, (Message("user", "t9", (pictures[0],)),), sampling=GREEDY),
    )
    failed = [event for event in events if isinstance(event, RequestFailed)]
    assert [event.request_id for event in failed] == [1]
    assert "half.png" in failed[0].error.message
    assert failed[0].error.way_out
    assert {event.request_id for event in events if isinstance(event, TextDelta)} == {2}
    assert session._pages.num_free == session._pages.num_pages


def test_a_file_that_becomes_another(session: Session, pictures: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "changing.png"
    path.write_bytes(pictures[0].read_bytes())
    session.count(GenerateRequest(1, (Message("user", "t9", (path,)),), sampling=GREEDY))
    eyes = session._sight.eyes
    assert eyes is not None
    planned = eyes.plan(path)
    path.write_bytes(pictures[2].read_bytes())
    with pytest.raises(InvalidRequestError, match=r"changing\.png has changed"):
        eyes.read([planned]).poll(60)


def test_a_tower_that_fails(session: Session, pictures: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    tower = session._sight.tower
    assert tower is not None

    def failing(image: ProcessedImage) -> ImageFeatures:
        raise NotEnoughMemoryError("No memory.", "Close something.")

    with monkeypatch.context() as patch:
        patch.setattr(tower, "encode", failing)
        events = ask(session, [Message("user", words(3, 20), (pictures[0],))])
    assert isinstance(events[-1], RequestFailed)
    assert not any(isinstance(event, GenerationStarted) for event in events)
    assert session._pages.num_free == session._pages.num_pages
    assert ids_of(ask(session, [Message("user", words(3, 20), (pictures[0],))], 2))


@pytest.mark.parametrize("family", FAMILIES)
def test_budget(models: dict[str, TinyModel], sessions: dict[str, Session], pictures: list[Path], family: str) -> None:
    session = sessions[family]
    messages = (Message("user", "t9", (pictures[2],)),)
    budget = session.info.image_budget
    whole = session.count(GenerateRequest(1, messages))
    if budget is None:
        assert family == "gemma3"
        assert session.count(GenerateRequest(1, messages, image_pixels=1)).image_tokens == whole.image_tokens
        return
    half = budget.pixels_per_token * whole.image_tokens // 2
    assert budget.least < half < budget.most
    less = session.count(GenerateRequest(1, messages, image_pixels=half))
    least = session.count(GenerateRequest(1, messages, image_pixels=1))
    assert least.image_tokens <= less.image_tokens < whole.image_tokens
    events = ask(session, messages, image_pixels=half)
    assert started(events).prompt_tokens == less.prompt_tokens
    prompt, reply = session.prompt_ids(GenerateRequest(1, messages, image_pixels=half)), ids_of(events)
    truth = whole_truth(models[family], prompt + reply, processed(models[family], [pictures[2]], half))
    assert truth[len(prompt) - 1 : -1].argmax(-1).tolist() == reply


def test_images_go_with_the_turns_that_do_not_fit(models: dict[str, TinyModel], pictures: list[Path]) -> None:
    session = load_model(models["qwen2_5_vl"].folder, device="cpu", cache_tokens=256)
    turns = [
        Message("user", words(1, 100), (pictures[2],)), Message("assistant", words(7, 60)),
        Message("user", words(2, 60), (pictures[0],)),
    ]  # fmt: skip
    request = GenerateRequest(1, tuple(turns), sampling=GREEDY, when_full="drop_oldest")
    counted = session.count(request)
    one = session.count(replace_messages(request, turns[2:]))
    assert (counted.fits, counted.can_be_cut, counted.dropped_messages) == (False, True, 2)
    assert counted.kept_tokens == one.prompt_tokens
    assert counted.image_tokens > one.image_tokens > 0
    events = run(session, request)
    assert started(events).dropped_messages == 2
    assert started(events).left_out_images == 0
    assert started(events).prompt_tokens == one.prompt_tokens
    with pytest.raises(ContextTooLongError, match="for images"):
        session.submit(replace_messages(request, [Message("user", "t9", (pictures[2],) * 6)], "refuse"))
    with pytest.raises(ContextTooLongError):
        session.submit(replace_messages(request, [Message("user", "t9", (pictures[2],) * 6)]))
    assert not session.has_work


def replace_messages(
    request: GenerateRequest, messages: Sequence[Message], when_full: str = "drop_oldest"
) -> GenerateRequest:
    return GenerateRequest(2, tuple(messages), sampling=request.sampling, when_full=when_full)  # type: ignore[arg-type]


def test_a_blind_model(tmp_path: Path, pictures: list[Path]) -> None:
    blind = make_chatting(tmp_path, "mistral3", only="language_model")
    session = load_model(blind.folder, device="cpu", cache_tokens=512)
    assert not session.info.sees
    assert "hold no vision tower" in session.info.why_blind
    assert session.info.image_budget is None
    shown, later = Message("user", words(1, 9), (pictures[0],)), Message("user", words(30, 9))
    for messages in ([shown], [later, Message("assistant", "t7"), shown, Message("assistant", "t9")]):
        for refusing in (session.submit, session.count):
            with pytest.raises(InvalidRequestError) as caught:
                refusing(GenerateRequest(1, tuple(messages), sampling=GREEDY))
            assert caught.value.message == session.info.why_blind
            assert "take the image out" in caught.value.way_out
    events = ask(session, [shown, Message("assistant", "t7"), later])
    plain = ask(session, [Message("user", words(1, 9)), Message("assistant", "t7"), later], 2)
    assert started(events).left_out_images == 1
    assert started(plain).left_out_images == 0
    assert ids_of(events) == ids_of(plain) != []


def test_a_device_that_does_not_see(models: dict[str, TinyModel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cpu.backend.CPU_BUDGET", replace(CPU_BUDGET, sees=False))
    session = load_model(models["gemma3"].folder, device="cpu", cache_tokens=256)
    assert not session.sees
    assert session.info.why_blind == f"Images cannot be seen on {session.info.device_name} yet."
    with pytest.raises(EngineError, match="cannot see images"):
        session.encode_image(image_of("gemma3", 1, 1))


def test_a_tower_of_an_unknown_family(tmp_path: Path) -> None:
    def add_tower(config: dict[str, Any]) -> None:
        config["vision_config"] = {"hidden_size": 64}

    model = make_plain(tmp_path, LlamaConfig(**TEXT_SIZES), change=add_tower)
    info = load_model(model.folder, device="cpu", cache_tokens=256).info
    assert "of a family that is not known here" in info.why_blind


def test_why_blind(tmp_path: Path) -> None:
    def loaded(folder: Path) -> Session:
        return load_model(folder, device="cpu", cache_tokens=256)

    bare = loaded(make_plain(tmp_path / "bare", SEEING["gemma3"]()).folder)
    assert (bare.sees, bare.info.sees) == (True, False)  # it sees, but not in chats
    assert "no token “<image_soft_token>”" in bare.info.why_blind
    folder = make_chatting(tmp_path / "chatting", "mistral3").folder
    assert loaded(folder).info.why_blind == ""
    (folder / "chat_template.jinja").write_text(TEXT_ONLY)
    assert "template shows no images" in loaded(folder).info.why_blind
    (folder / "chat_template.jinja").unlink()
    assert "no chat template" in loaded(folder).info.why_blind
    (folder / "preprocessor_config.json").write_text('{"do_center_crop": true}')
    assert "do_center_crop" in loaded(folder).info.why_blind


def test_models_that_read_text_only_say_so(tmp_path: Path) -> None:
    model = make_plain(tmp_path, LlamaConfig(**TEXT_SIZES))
    info = load_model(model.folder, device="cpu", cache_tokens=256).info
    assert not info.sees
    assert "no vision tower" in info.why_blind


def test_parts_of_scripts(session: Session, pictures: list[Path]) -> None:
    parts: list[dict[str, object]] = [{"type": "image", "path": pictures[0]}, {"type": "text", "text": words(5, 9)}]
    said = [event.text for event in session.chat([{"role": "user", "content": parts}], GREEDY)]
    again = [event.text for event in session.chat([Message("user", words(5, 9), (pictures[0],))], GREEDY)]
    assert "".join(said) == "".join(again) != ""
    parts[0] = {"type": "image", "image": PIL.Image.open(pictures[0])}
    events = list(session.chat([{"role": "user", "content": parts}], GREEDY))
    assert "".join(event.text for event in events) == "".join(said)
    assert started(events).cached_tokens == started(events).prompt_tokens - 1  # the same pixels
    parts[0] = {"type": "image", "image": PIL.Image.new("CMYK", (40, 50), (9, 80, 70, 6))}
    assert "".join(event.text for event in session.chat([{"role": "user", "content": parts}], GREEDY))
    folder = session._messages._folder
    assert folder is not None
    assert len(list(folder.iterdir())) == 2
    session._messages = MessageReader()
    assert not folder.exists()  # they last as long as their reader
    for wrong in ([{"type": "image"}], [{"type": "video", "path": "x"}], ["text"], [{"type": "text", "text": 3}]):
        with pytest.raises(InvalidRequestError):
            session.chat([{"role": "user", "content": wrong}], GREEDY)
    with pytest.raises(InvalidRequestError, match="role assistant"):
        session.chat([{"role": "assistant", "content": parts}], GREEDY)
    assert not session.has_work


def test_words_that_stand_for_images(session: Session, pictures: list[Path]) -> None:
    messages = (Message("user", "t9 <|image_pad|>", (pictures[0],)),)
    with pytest.raises(InvalidRequestError, match="image_pad"):
        session.submit(GenerateRequest(1, messages, sampling=GREEDY))


def test_counting_still_works_after_an_unload(session: Session, pictures: list[Path], tmp_path: Path) -> None:
    """Another thread may be in the middle of it; the tower is gone then."""
    writer, request = session._writer, GenerateRequest(1, (Message("user", "t9", (pictures[0],)),))
    tokens = len(writer.write(request))
    session.unload()
    assert len(writer.write(request)) == tokens
    assert not session.sees


def test_in_the_terminal(
    session: Session, pictures: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = iter([words(1, 4), "/image", f"/image {pictures[2]}", "/image nowhere.png", words(9, 3), "/quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(said))
    asked: list[GenerateRequest] = []
    served = session._served
    monkeypatch.setattr(session, "_served", lambda request: (asked.append(request), served(request))[1])
    assert terminal.chat(session, "", {"temperature": 0.0, "max_new_tokens": 3}, pictures[:2]) == 0
    shown = [[message.images for message in request.messages if message.role == "user"] for request in asked]
    assert shown == [[tuple(pictures[:2])], [tuple(pictures[:2]), (pictures[2],)]]
    out, errors = capsys.readouterr()
    assert f"shows {pictures[2].name}, " in out
    assert "nowhere.png cannot be read" in errors


def test_the_terminal_of_a_blind_model(demo_model: Path, pictures: list[Path]) -> None:
    session = load_model(demo_model, device="cpu", cache_tokens=256)
    session.info = replace(session.info, sees=False, why_blind="It is blind.")
    with pytest.raises(InvalidRequestError, match="It is blind"):
        terminal.chat(session, "", {}, pictures[:1])
