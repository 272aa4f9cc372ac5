"""Whether a chat with a model may have images, and why not; and which images of a chat a model can be shown.

All that must come together: a tower that was loaded, an image processor that is known, a token that stands for images
and a template that shows them. Knows nothing of devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.chat.template import ChatTemplate
from engine.errors import EngineError, InvalidRequestError, UnsupportedModelError
from engine.requests import Message
from engine.tokenizer.tokenizer import Tokenizer
from engine.vision.eyes import Eyes
from engine.vision.registry import read_image_settings
from engine.vision.towers.fingerprint import tower_fingerprint
from engine.vision.towers.spec import TowerSpec
from engine.vision.towers.types import VisionTower
from engine.weights.config_reader import ConfigReader

_ANOTHER = "Load a model that sees."
VISION_SECTIONS = ("vision_config", "vision_tower_config", "vit_config", "visual")


@dataclass(frozen=True)
class LoadedTower:
    """What there is of a vision tower.

    Attributes:
        spec: of the tower that config and files have; None where they have none of a kind that is known here.
        tower: what was loaded of it; None where the device runs none.
        device_name: for a sentence.
    """

    spec: TowerSpec | None
    tower: VisionTower | None
    device_name: str


@dataclass(frozen=True)
class Sight:
    """What a loaded model has for images.

    Attributes:
        tower: None where none was loaded.
        fingerprint: a name for the tower's weights.
        eyes: None where chats may have no images.
        why_blind: a sentence then.
    """

    tower: VisionTower | None
    fingerprint: bytes
    eyes: Eyes | None
    why_blind: str


def open_sight(folder: Path, tokenizer: Tokenizer, template: ChatTemplate | None, loaded: LoadedTower) -> Sight:
    """What a loaded model has for images. A model that cannot see in chats still reads text, so nothing is raised."""
    spec, tower, eyes, why_blind = loaded.spec, loaded.tower, None, ""
    try:
        eyes = _open_eyes(folder, tokenizer, template, loaded)
    except EngineError as error:
        why_blind = error.message
    return Sight(tower, tower_fingerprint(spec, tower) if spec and tower else b"", eyes, why_blind)


def _open_eyes(folder: Path, tokenizer: Tokenizer, template: ChatTemplate | None, loaded: LoadedTower) -> Eyes:
    """Raises `EngineError`, whose message says why the model is blind in chats."""
    if loaded.spec is None:
        raise _without_tower(folder)
    if loaded.tower is None:
        raise UnsupportedModelError(
            f"Images cannot be seen on {loaded.device_name} yet.", "Load the model on the CPU (device cpu)."
        )
    settings = read_image_settings(folder)
    if settings is None:
        raise UnsupportedModelError("How this model wants its images is not known here.", _ANOTHER)
    token = settings.markers.image_token
    ids = tokenizer.encode(token, add_bos=False)
    if len(ids) != 1:
        raise UnsupportedModelError(f"The model's tokenizer has no token “{token}” for images.", _ANOTHER)
    if template is None:
        raise UnsupportedModelError("The model has no chat template, so it does not say how it shows images.", _ANOTHER)
    if not template.shows_images(settings.markers.placeholder):
        raise UnsupportedModelError(
            "The model's chat template shows no images.",
            "Put the chat_template.jinja of the original model into the model's folder.",
        )
    return Eyes(loaded.tower, settings, ids[0])


def visible(messages: Sequence[Message], why_blind: str) -> tuple[Message, ...]:
    """A conversation as a blind model can be asked it: without the images of earlier turns.

    Raises:
        InvalidRequestError: what is asked last has an image.
    """
    asked = max((i for i, each in enumerate(messages) if each.role == "user"), default=0)
    if any(each.images for each in messages[asked:]):
        raise InvalidRequestError(why_blind, "Load a model that sees, or take the image out of the message.")
    return tuple(replace(each, images=()) if each.images else each for each in messages)


def _without_tower(folder: Path) -> UnsupportedModelError:
    config = ConfigReader.open(folder)
    if not any(isinstance(config.raw(key), dict) for key in VISION_SECTIONS):
        return UnsupportedModelError("This model reads text only: it has no vision tower.", _ANOTHER)
    if read_image_settings(folder) is None:
        return UnsupportedModelError("This model's vision tower is of a family that is not known here.", _ANOTHER)
    return UnsupportedModelError(
        "This model's files hold no vision tower: it was left out when they were made.",
        "Load a version of the model with its vision tower.",
    )
