"""Whole models that see, against transformers: images in several turns, split over chunks, and replies behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine import SamplingSettings, load_model
from engine.budget import CARD_BUDGET, CPU_BUDGET
from engine.errors import EngineError, InvalidRequestError
from engine.fit.estimate import CardMemory, FitModel
from engine.fit.plan import plan_load
from engine.models.registry import build_spec
from engine.session import Session
from engine.vision.prompt import ImageSpan
from engine.vision.towers.placed import FIRST_VIRTUAL, PlacedImages
from engine.weights.config_reader import ConfigReader
from tests.oracles.seeing_prompts import IMAGE_SIZES, Prompt, logits_error, prompt_of, reply
from tests.oracles.tiny_models import TinyModel, make_exl3, make_plain, random_ids, relative_error
from tests.oracles.tiny_seeing import SEEING, image_of, whole_truth

TOLERANCE = 1e-3  # K and V are fp16 in the cache
GREEDY = SamplingSettings(temperature=0.0, max_new_tokens=6, ignore_eos=True)
FAMILIES = list(SEEING)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyModel]:
    root = tmp_path_factory.mktemp("seeing")
    return {family: make_plain(root / family, config()) for family, config in SEEING.items()}


@pytest.fixture(scope="module")
def sessions(models: dict[str, TinyModel]) -> dict[str, Session]:
    return {family: load_model(model.folder, device="cpu", cache_tokens=1024) for family, model in models.items()}


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits(models: dict[str, TinyModel], sessions: dict[str, Session], family: str, count: int) -> None:
    session = sessions[family]
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:count])
    truth = whole_truth(models[family], prompt.ids, prompt.images)
    found = session.logits(prompt.named, images=prompt.placed)
    assert relative_error(found, truth) <= TOLERANCE
    if count:  # the images matter to what is said behind them
        others = [image_of(family, *size, seed=99) for size in IMAGE_SIZES[family][:count]]
        assert relative_error(whole_truth(models[family], prompt.ids, others)[-1], truth[-1]) > 0.05


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("most", [18, 37])
def test_images_over_chunks(
    models: dict[str, TinyModel], sessions: dict[str, Session], family: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions[family]
    prompt = prompt_of(session, family, IMAGE_SIZES[family])
    monkeypatch.setattr(session._executor, "max_prefill", most)
    assert logits_error(session, models[family], prompt) <= TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_token_by_token(models: dict[str, TinyModel], sessions: dict[str, Session], family: str) -> None:
    prompt = prompt_of(sessions[family], family, IMAGE_SIZES[family][:2], text=9)
    assert logits_error(sessions[family], models[family], prompt, by_token=True) <= TOLERANCE


@pytest.mark.parametrize("window", [10, 40])
def test_gemma_sees_both_ways(tmp_path: Path, window: int) -> None:
    """Within the window from their own place, which may begin inside the image."""
    model = make_plain(tmp_path, SEEING["gemma3"](sliding_window=window))
    session = load_model(tmp_path, device="cpu", cache_tokens=512)
    prompt = prompt_of(session, "gemma3", [(1, 1)])
    truth = whole_truth(model, prompt.ids, prompt.images)
    assert relative_error(session.logits(prompt.named, images=prompt.placed), truth) <= TOLERANCE
    one_way = session.logits(prompt.named, images=replace(prompt.placed, sees_both_ways=False))
    assert relative_error(one_way, truth) > 20 * TOLERANCE


def test_gemma_splits_no_image() -> None:
    """By arithmetic alone: chunks end before an image that they cannot hold, and images are whole."""
    session_free = [(5, 21), (23, 39)]
    placed = placed_at(session_free, both_ways=True)
    assert [placed.chunk_end(0, end) for end in (5, 6, 20, 21, 22, 24)] == [5, 5, 5, 21, 22, 23]
    assert [placed.chunk_end(5, end) for end in (6, 20, 30)] == [21, 21, 23]
    assert placed.chunk_end(9, 12) == 21  # the first part came out of the cache
    assert placed_at(session_free, both_ways=False).chunk_end(0, 6) == 6


def placed_at(spans: list[tuple[int, int]], *, both_ways: bool) -> PlacedImages:
    return PlacedImages(
        tuple(ImageSpan(i, 0, start, 1, end - start, end - start) for i, (start, end) in enumerate(spans)), (),
        sees_both_ways=both_ways,
    )  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_replies(models: dict[str, TinyModel], sessions: dict[str, Session], family: str) -> None:
    session = sessions[family]
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2])
    _, ids = reply(session, prompt, GREEDY)
    assert len(ids) == 5  # the last token comes with the final event
    truth = whole_truth(models[family], prompt.ids + ids, prompt.images)
    assert truth[len(prompt.ids) - 1 : -1].argmax(-1).tolist() == ids


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_images_again_come_from_the_cache(models: dict[str, TinyModel], family: str) -> None:
    session = load_model(models[family].folder, device="cpu", cache_tokens=2048)
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2], text=120)
    fresh, ids = reply(session, prompt, GREEDY)
    assert fresh.cached_tokens == 0
    again, same = reply(session, prompt_of(session, family, IMAGE_SIZES[family][:2], text=120), GREEDY, 2)
    assert again.cached_tokens == len(prompt.ids) - 1
    assert same == ids
    start = prompt.placed.spans[0].start
    assert prompt.named[start] >= FIRST_VIRTUAL
    changed = [image_of(family, *size, seed=40) for size in IMAGE_SIZES[family][:2]]
    named, placed = session.place_images(
        prompt.ids, prompt.placed.spans, changed, [session.encode_image(image) for image in changed]
    )
    other, others = reply(session, Prompt(prompt.ids, changed, named, placed), GREEDY, 3)
    assert other.cached_tokens <= start
    truth = whole_truth(models[family], prompt.ids + others, changed)
    assert truth[len(prompt.ids) - 1 : -1].argmax(-1).tolist() == others


@pytest.mark.parametrize("family", ["gemma3", "qwen3_vl"])
@pytest.mark.parametrize("bits", [(16, 16), (8, 8)])
def test_exl3_and_quantized_cache(tmp_path: Path, family: str, bits: tuple[int, int]) -> None:
    model = make_exl3(tmp_path, SEEING[family](hidden_size=128, intermediate_size=256))
    session = load_model(tmp_path, device="cpu", cache_tokens=1024, cache_bits=bits)
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2])
    truth = whole_truth(model, prompt.ids, prompt.images)
    assert relative_error(session.logits(prompt.named, images=prompt.placed), truth) <= (
        3e-3 if bits[0] == 16 else 0.02
    )


def test_company_of_other_replies(models: dict[str, TinyModel], sessions: dict[str, Session]) -> None:
    """A reply behind images, whose positions run behind, in one batch with a reply to text alone."""
    session = sessions["qwen2_5_vl"]
    prompt = prompt_of(session, "qwen2_5_vl", IMAGE_SIZES["qwen2_5_vl"][:1])
    assert prompt.placed.offset < 0
    text = random_ids(25, 300, seed=7)
    session.submit_tokens(1, prompt.named, GREEDY, images=prompt.placed)
    session.submit_tokens(2, text, GREEDY)
    ids: dict[int, list[int]] = {1: [], 2: []}
    while session.has_work:
        for event in session.step():
            ids[event.request_id] += getattr(event, "token_ids", ())
    for number, own, images in ((1, prompt.ids, prompt.images), (2, text, [])):
        truth = whole_truth(models["qwen2_5_vl"], own + ids[number], images)
        assert truth[len(own) - 1 : -1].argmax(-1).tolist() == ids[number]


def test_too_large_for_a_step(sessions: dict[str, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    session = sessions["gemma3"]
    monkeypatch.setattr(session._executor, "max_prefill", 15)
    with pytest.raises(EngineError, match="16 tokens that belong in one step"):
        prompt_of(session, "gemma3", [(1, 1)])


def test_models_without_eyes(tmp_path: Path, models: dict[str, TinyModel]) -> None:
    model = models["mistral3"]
    session = load_model(model.folder, device="cpu", cache_tokens=512)
    assert session.sees
    blind = make_plain(tmp_path, SEEING["mistral3"](), only="language_model")
    session = load_model(blind.folder, device="cpu", cache_tokens=512)
    assert not session.sees
    with pytest.raises(InvalidRequestError, match="cannot see images on CPU"):
        session.encode_image(image_of("mistral3", 2, 2))
    ids = random_ids(20, 300)
    assert relative_error(session.logits(ids), blind.truth(ids)) <= TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_memory(models: dict[str, TinyModel], family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What sees counts where it is loaded; on a device that loads no towers it stays on the disk."""
    model = models[family]
    session = load_model(model.folder, device="cpu", cache_tokens=512)
    sizes = {name: tensor.numel() * 4 for name, tensor in model.tensors.items()}
    eyes = sum(size for name, size in sizes.items() if "language_model" not in name and "lm_head" not in name)
    assert session.memory.plan.weights_bytes == sum(sizes.values())
    assert sum(sizes.values()) <= session.memory.weights_bytes <= 1.02 * sum(sizes.values())  # with biases of zeros
    spec = build_spec(ConfigReader.open(model.folder), sizes)
    blind = replace(CARD_BUDGET, sees=False)
    for budget, bytes_there in ((CARD_BUDGET, sum(sizes.values())), (CPU_BUDGET, sum(sizes.values())),
                                (blind, sum(sizes.values()) - eyes)):  # fmt: skip
        assert plan_load(spec, sizes, budget, 512).weights_bytes == bytes_there
    seeing = FitModel.of_folder(model.folder).estimate(CardMemory(24 * 10**9), 512)
    assert not seeing.reason
    vision = next(part for part in seeing.parts if part.name == "vision")
    assert (vision.num_bytes, vision.left_out_bytes) == (eyes, 0)
    assert sum(part.num_bytes for part in seeing.parts) == 24 * 10**9
    monkeypatch.setattr("engine.budget.CARD_BUDGET", blind)
    found = FitModel.of_folder(model.folder).estimate(CardMemory(24 * 10**9), 512)
    vision = next(part for part in found.parts if part.name == "vision")
    assert (vision.num_bytes, vision.left_out_bytes) == (0, eyes)
    assert seeing.plan.working_bytes > found.plan.working_bytes + 10**6
