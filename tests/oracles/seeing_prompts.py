"""Prompts with images for tiny models that see, as a session takes them, and what it replies to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.events import GenerationFinished, GenerationStarted, TextDelta
from engine.requests import SamplingSettings
from engine.session import Session
from engine.vision.plan import ImageMarkers
from engine.vision.prompt import find_images
from engine.vision.towers.placed import PlacedImages
from engine.vision.types import ProcessedImage
from tests.oracles.tiny_models import TinyModel, random_ids, relative_error
from tests.oracles.tiny_seeing import END, IMAGE, ROW_END, START, image_of, whole_truth

IMAGE_SIZES = {
    "gemma3": [(1, 1), (2, 1), (1, 1)],  # tiles
    "mistral3": [(4, 3), (2, 7), (5, 5)],
    "qwen2_5_vl": [(4, 3), (2, 7), (9, 5)],
    "qwen3_vl": [(4, 3), (2, 7), (9, 5)],
}


@dataclass(frozen=True)
class Prompt:
    """Ids with the image token, the images, and both as the session takes them."""

    ids: list[int]
    images: list[ProcessedImage]
    named: list[int]
    placed: PlacedImages


def written(family: str, image: ProcessedImage) -> list[int]:
    """An image in the prompt."""
    ids: list[int] = []
    for tile in image.plan.tiles:
        if family == "mistral3":
            ids += ([IMAGE] * tile.columns + [ROW_END]) * tile.rows
            ids[-1] = END
        else:
            ids += [START, *[IMAGE] * (tile.rows * tile.columns), END]
    return ids


def prompt_of(session: Session, family: str, sizes: Sequence[tuple[int, int]], text: int = 30) -> Prompt:
    """Text, then for each image the image and text again."""
    images = [image_of(family, *size, seed=number) for number, size in enumerate(sizes)]
    ids = random_ids(text, 300, seed=50)
    for number, image in enumerate(images):
        ids += written(family, image) + random_ids(text + number, 300, seed=60 + number)
    return placed_prompt(session, family, ids, images)


def placed_prompt(session: Session, family: str, ids: list[int], images: list[ProcessedImage]) -> Prompt:
    """Ids with the image token at the places of images, and the images looked at."""
    markers = ImageMarkers("", "image", row_end="row" if family == "mistral3" else "")
    spans = find_images(ids, IMAGE, markers, [image.plan for image in images])
    named, placed = session.place_images(ids, spans, images, [session.encode_image(image) for image in images])
    return Prompt(ids, images, named, placed)


def logits_error(session: Session, model: TinyModel, prompt: Prompt, *, by_token: bool = False) -> float:
    """Of a session's logits for a prompt, against those of transformers."""
    truth = whole_truth(model, prompt.ids, prompt.images)
    return relative_error(session.logits(prompt.named, images=prompt.placed, by_token=by_token), truth)


def reply(
    session: Session, prompt: Prompt, settings: SamplingSettings, request_id: int = 1
) -> tuple[GenerationStarted, list[int]]:
    """The event that a reply starts with, and its tokens but the last, which comes with the final event."""
    session.submit_tokens(request_id, prompt.named, settings, images=prompt.placed)
    started, ids = None, []
    while session.has_work:
        for event in session.step():
            started = event if isinstance(event, GenerationStarted) else started
            if isinstance(event, TextDelta):
                ids += event.token_ids
            assert isinstance(event, GenerationFinished) or not hasattr(event, "error"), event
    assert started is not None
    return started, ids
