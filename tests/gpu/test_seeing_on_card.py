"""Whole models that see, on a card, against transformers on the CPU: chunks, single steps, graphs, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Without them no model that sees can be loaded; the kernels' tests need none of them.
pytest.importorskip("jinja2")
pytest.importorskip("platformdirs")
pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
pytest.importorskip("PIL")

import torch
from transformers import Ministral3Config, PreTrainedConfig

from engine import SamplingSettings, load_model
from engine.session import Session
from engine.vision.towers.placed import FIRST_VIRTUAL
from tests.oracles.seeing_prompts import IMAGE_SIZES, Prompt, logits_error, placed_prompt, prompt_of, reply
from tests.oracles.tiny_models import TinyModel, make_exl3, make_plain, random_ids, relative_error
from tests.oracles.tiny_seeing import END, IMAGE, ROW_END, SEEING, SIZES, START, image_of, whole_truth

pytestmark = pytest.mark.gpu

DEVICE = "cuda:0"
TOLERANCE = 1e-2
QUANTIZED_TOLERANCE = 4e-2  # what keys and values of 8 bits cost: 2e-2 on the CPU
NEAR_TIE = 0.05  # of the logits' deviation: two tokens this close may change places between fp32 and fp16
GREEDY = SamplingSettings(temperature=0.0, max_new_tokens=20, ignore_eos=True)
FAMILIES = list(SEEING)
WIDE: dict[str, Callable[[], PreTrainedConfig]] = {  # heads of 64 values, as the fused step and cuDNN take them
    "gemma3": lambda: SEEING["gemma3"](
        hidden_size=128, intermediate_size=256, head_dim=64, query_pre_attn_scalar=64
    ),
    "mistral3": lambda: SEEING["mistral3"](hidden_size=128, intermediate_size=256, head_dim=64),
    "qwen2_5_vl": lambda: SEEING["qwen2_5_vl"](
        hidden_size=256, intermediate_size=384,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": [8, 12, 12]},
    ),
    "qwen3_vl": lambda: SEEING["qwen3_vl"](
        hidden_size=128, intermediate_size=256, head_dim=64,
        rope_parameters={
            "rope_type": "default", "rope_theta": 1e4, "mrope_section": [12, 10, 10], "mrope_interleaved": True,
        },
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyModel]:
    root = tmp_path_factory.mktemp("seeing")
    return {family: make_plain(root / family, config()) for family, config in SEEING.items()}


@pytest.fixture(scope="module")
def sessions(models: dict[str, TinyModel]) -> Iterator[dict[str, Session]]:
    opened = {family: load_model(model.folder, device=DEVICE, cache_tokens=1024) for family, model in models.items()}
    yield opened
    for session in opened.values():
        session.unload()


def check_reply(session: Session, model: TinyModel, family: str, prompt: Prompt, ids: list[int]) -> None:
    """Every token is the likeliest for transformers, and for the same card step by step."""
    special = [place for place, token in enumerate(ids) if token in (IMAGE, START, END, ROW_END)]
    ids = ids[: special[0]] if special else ids  # behind one the truth would look for images of its own
    whole = placed_prompt(session, family, prompt.ids + ids, prompt.images)
    truth = whole_truth(model, whole.ids, prompt.images)
    steps = session.logits(whole.named, images=whole.placed, by_token=True)
    for logits in (truth[len(prompt.ids) - 1 : -1], steps[len(prompt.ids) - 1 : -1]):
        chosen = logits.gather(1, torch.tensor(ids, dtype=torch.int64)[:, None])[:, 0]
        assert float((logits.max(dim=1).values - chosen).max()) <= NEAR_TIE * float(logits.std())


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits(models: dict[str, TinyModel], sessions: dict[str, Session], family: str, count: int) -> None:
    prompt = prompt_of(sessions[family], family, IMAGE_SIZES[family][:count])
    assert logits_error(sessions[family], models[family], prompt) <= TOLERANCE


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


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("most", [37, 4096])
def test_replies_in_graphs(
    models: dict[str, TinyModel], sessions: dict[str, Session], family: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = sessions[family]
    monkeypatch.setattr(session._executor, "max_prefill", most)
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2])
    _, ids = reply(session, prompt, GREEDY)
    assert len(ids) == 19
    check_reply(session, models[family], family, prompt, ids)


@pytest.mark.parametrize("family", FAMILIES)
def test_company(models: dict[str, TinyModel], sessions: dict[str, Session], family: str) -> None:
    """Replies behind images, whose positions may run behind, in one batch with a reply to text alone."""
    session = sessions[family]
    prompts = [prompt_of(session, family, IMAGE_SIZES[family][:count], text=20 + count) for count in (1, 0, 2)]
    ids: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for number, prompt in enumerate(prompts):
        session.submit_tokens(number, prompt.named, GREEDY, images=prompt.placed)
    while session.has_work:
        for event in session.step():
            ids[event.request_id] += getattr(event, "token_ids", ())
    for number, prompt in enumerate(prompts):
        assert len(ids[number]) == 19
        check_reply(session, models[family], family, prompt, ids[number])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_images_again_come_from_the_cache(models: dict[str, TinyModel], family: str) -> None:
    session = load_model(models[family].folder, device=DEVICE, cache_tokens=2048)
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2], text=120)
    assert prompt.named[prompt.placed.spans[0].start] >= FIRST_VIRTUAL
    fresh, ids = reply(session, prompt, GREEDY)
    again, same = reply(session, prompt_of(session, family, IMAGE_SIZES[family][:2], text=120), GREEDY, 2)
    assert (fresh.cached_tokens, again.cached_tokens) == (0, len(prompt.ids) - 1)
    for found in (ids, same):
        check_reply(session, models[family], family, prompt, found)
    session.unload()


@pytest.mark.parametrize("changed", [{"sliding_window": 10}, {"sliding_window": 40},
                                     {"head_dim": 256, "query_pre_attn_scalar": 256}])  # fmt: skip
def test_gemma_sees_both_ways(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Within the window from their own place, which may begin inside the image; heads as wide as those published."""
    model = make_plain(tmp_path, SEEING["gemma3"](**changed))
    session = load_model(tmp_path, device=DEVICE, cache_tokens=512)
    prompt = prompt_of(session, "gemma3", [(1, 1), (2, 1)])
    truth = whole_truth(model, prompt.ids, prompt.images)
    assert relative_error(session.logits(prompt.named, images=prompt.placed), truth) <= TOLERANCE
    session.unload()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bits", [(16, 16), (8, 8)])
def test_exl3_and_quantized_cache(tmp_path: Path, family: str, bits: tuple[int, int]) -> None:
    """With one codebook, so that the fused step takes the blocks of all but Gemma."""
    model = make_exl3(tmp_path, WIDE[family](), kinds=((4, "mcg"), (5, "mcg")))
    session = load_model(tmp_path, device=DEVICE, cache_tokens=1024, cache_bits=bits)
    assert (session._model._fused is None) is (family == "gemma3")
    tolerance = TOLERANCE if bits[0] == 16 else QUANTIZED_TOLERANCE
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2])
    truth = whole_truth(model, prompt.ids, prompt.images)
    assert relative_error(session.logits(prompt.named, images=prompt.placed), truth) <= tolerance
    assert relative_error(session.logits(prompt.named, images=prompt.placed, by_token=True), truth) <= tolerance
    if bits[0] == 16:
        check_reply(session, model, family, prompt, reply(session, prompt, GREEDY)[1])
    session.unload()


@pytest.mark.parametrize("family", FAMILIES)
def test_long_prompts(tmp_path: Path, family: str) -> None:
    """As long as cuDNN takes them on the cards where it does."""
    model = make_plain(tmp_path, WIDE[family]())
    session = load_model(tmp_path, device=DEVICE, cache_tokens=2048)
    prompt = prompt_of(session, family, IMAGE_SIZES[family][:2], text=600)
    truth = whole_truth(model, prompt.ids, prompt.images)
    assert relative_error(session.logits(prompt.named, images=prompt.placed), truth) <= TOLERANCE
    session.unload()


@pytest.mark.parametrize("make", ["plain", "exl3"])
def test_queries_that_grow(tmp_path: Path, make: str) -> None:
    """Ministral 3: in chunks of all lengths, step by step, and in graphs."""
    rope = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 16.0, "original_max_position_embeddings": 64,
            "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.5}  # fmt: skip
    sizes = SIZES | {"hidden_size": 128, "intermediate_size": 256, "head_dim": 64}
    config = Ministral3Config(**sizes, sliding_window=None, rms_norm_eps=1e-5, rope_parameters=rope)
    model = make_exl3(tmp_path, config, kinds=((4, "mcg"),)) if make == "exl3" else make_plain(tmp_path, config)
    session = load_model(tmp_path, device=DEVICE, cache_tokens=1024)
    ids = random_ids(900, 300, seed=4)
    truth = model.truth(ids)
    for count, by_token in ((900, False), (100, False), (200, True)):
        assert relative_error(session.logits(ids[:count], by_token=by_token), truth[:count]) <= TOLERANCE
    prompt = Prompt(ids[:130], [], ids[:130], placed_prompt(session, "mistral3", ids[:130], []).placed)
    check_reply(session, model, "mistral3", prompt, reply(session, prompt, GREEDY)[1])
    session.unload()


def test_an_image_too_large_for_the_card_leaves_the_model_usable(
    models: dict[str, TinyModel], sessions: dict[str, Session]
) -> None:
    session, huge = sessions["qwen2_5_vl"], image_of("qwen2_5_vl", 200, 200)
    prompt = prompt_of(session, "qwen2_5_vl", IMAGE_SIZES["qwen2_5_vl"][:1])
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    hog = torch.empty(torch.cuda.mem_get_info()[0] - 120_000_000, dtype=torch.uint8, device=DEVICE)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            session.encode_image(huge)
        _, ids = reply(session, prompt, GREEDY)
    finally:
        del hog
        torch.cuda.empty_cache()
    check_reply(session, models["qwen2_5_vl"], "qwen2_5_vl", prompt, ids)
