"""Placeholders become the tokens of their images, and are found again among the ids."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

from engine.errors import InvalidRequestError
from engine.vision import gemma3, pixtral, qwen_vl
from engine.vision.gemma3 import CropRules, GemmaImageRules
from engine.vision.plan import ImageMarkers, written_out
from engine.vision.prompt import ImageSpan, find_images, with_images
from engine.vision.qwen_vl import QwenImageRules
from engine.vision.registry import read_image_settings

GEMMA = GemmaImageRules(896, 896, 14, 16, CropRules())
QWEN = QwenImageRules(14, 2, 56 * 56, 10**7)
PIXTRAL = pixtral.PixtralImageRules(14, 2, 1540, 1540)


def tokenizer(*special: str) -> Tokenizer:
    """Bytes, and special tokens whose ids follow those."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    library = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    library.add_special_tokens([AddedToken(each, special=True, normalized=False) for each in special])
    return library


def test_gemma_writes_what_transformers_writes() -> None:
    owner = SimpleNamespace(
        full_image_sequence="\n\n<start_of_image>" + "<image_soft_token>" * 256 + "<end_of_image>\n\n"
    )
    for size in [(500, 500), (2000, 600), (600, 1400)]:
        plan = GEMMA.plan(*size)
        expected = Gemma3Processor.replace_image_token(owner, {"num_crops": [len(plan.tiles) - 1]}, 0)
        assert written_out(gemma3.MARKERS, plan) == expected


def test_qwen_writes_what_transformers_writes() -> None:
    import torch

    owner = SimpleNamespace(image_processor=SimpleNamespace(merge_size=2), image_token="<|image_pad|>")
    for size in [(500, 500), (2000, 600), (600, 1400)]:
        plan = QWEN.plan(*size)
        expected = Qwen3VLProcessor.replace_image_token(owner, {"image_grid_thw": torch.tensor([plan.grid])}, 0)
        assert written_out(qwen_vl.MARKERS, plan) == expected


def test_mistral_ends_rows_and_the_last_one_with_the_image() -> None:
    plan = PIXTRAL.plan(84, 56)
    row = "[IMG][IMG][IMG]"
    assert written_out(pixtral.MARKERS, plan) == row + "[IMG_BREAK]" + row + "[IMG_END]"
    assert plan.num_tokens == 8
    assert plan.num_embeddings == 6
    long = PIXTRAL.plan(1540, 1000)
    assert long.num_tokens == written_out(pixtral.MARKERS, long).count("[")


@pytest.mark.parametrize(
    ("markers", "rules", "sizes"),
    [
        (qwen_vl.MARKERS, QWEN, [(100, 60), (60, 100), (100, 60)]),
        (pixtral.MARKERS, PIXTRAL, [(84, 56), (28, 28), (56, 200)]),
        (gemma3.MARKERS, GEMMA, [(500, 500), (2000, 600)]),
    ],
)
def test_images_are_found_among_the_ids(
    markers: ImageMarkers, rules: QwenImageRules, sizes: list[tuple[int, int]]
) -> None:
    names = (markers.image_token, markers.row_end, markers.image_end, markers.before.strip(), markers.after.strip())
    library = tokenizer(*dict.fromkeys(name for name in names if name))
    token_id = library.token_to_id(markers.image_token)
    plans = [rules.plan(*size) for size in sizes]
    text = "user: " + " and ".join([markers.placeholder] * len(plans)) + "\nWhat is this?"
    ids = library.encode(with_images(text, markers, plans)).ids
    spans = find_images(ids, token_id, markers, plans)
    assert [(span.image, span.tile) for span in spans] == [
        (image, tile) for image, plan in enumerate(plans) for tile in range(len(plan.tiles))
    ]
    places = [place for span in spans for place in span.places()]
    assert places == [place for place, each in enumerate(ids) if each == token_id]
    assert [span.num_embeddings for span in spans] == [t.rows * t.columns for plan in plans for t in plan.tiles]
    assert all(span.places()[-1] == span.end - 1 for span in spans)


def test_a_span_counts_rows_with_ends() -> None:
    assert ImageSpan(0, 0, start=5, rows=2, columns=3, stride=4).places() == [5, 6, 7, 9, 10, 11]
    assert ImageSpan(0, 0, start=5, rows=2, columns=3, stride=4).end == 12


@pytest.mark.parametrize("text", ["", "one <|image_pad|>", "<|image_pad|> two <|image_pad|> three <|image_pad|>"])
def test_placeholders_must_be_as_many_as_images(text: str) -> None:
    plans = [QWEN.plan(100, 60)] * 2
    with pytest.raises(InvalidRequestError) as caught:
        with_images(text, qwen_vl.MARKERS, plans)
    assert f"“<|image_pad|>” {text.count('<')} times where its images need 2" in caught.value.message
    assert "Take the text" in caught.value.way_out


@pytest.mark.parametrize(
    "ids",
    [
        [1, 1, 1, 1],  # no image at all
        [7, 7, 7],  # cut off
        [7, 7, 0, 7, 7],  # torn
        [7, 7, 7, 7, 7],  # one more
        [7, 7, 7, 7, 0, 7],  # one more elsewhere
    ],
)
def test_ids_must_be_those_of_the_images(ids: list[int]) -> None:
    plan = QWEN.plan(56, 56)
    assert plan.num_tokens == 4
    assert find_images([0, 7, 7, 7, 7, 0], 7, qwen_vl.MARKERS, [plan])[0].start == 1
    with pytest.raises(InvalidRequestError, match="where its images need 4"):
        find_images(ids, 7, qwen_vl.MARKERS, [plan])


def test_the_published_tokenizer_gives_the_tokens_back(shared: Path) -> None:
    folder = shared / "data" / "tokenizers" / "qwen2.5-vl-7b-instruct"
    settings = read_image_settings(folder)
    assert settings is not None
    library = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plans = [settings.rules.plan(300, 200), settings.rules.plan(64, 640)]
    turn = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>And this?<|im_end|>\n"
    ids = library.encode(with_images(turn * 2, settings.markers, plans)).ids
    token_id = library.token_to_id("<|image_pad|>")
    spans = find_images(ids, token_id, settings.markers, plans)
    assert [span.num_embeddings for span in spans] == [plan.num_tokens for plan in plans]
    assert ids.count(token_id) == sum(plan.num_tokens for plan in plans)
    assert [ids[span.start - 1] for span in spans] == [library.token_to_id("<|vision_start|>")] * 2
