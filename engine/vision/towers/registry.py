"""Opens the tower of a family. Knows neither text models nor prompts."""

from __future__ import annotations

import torch

from engine.vision.towers.parts import TowerReader
from engine.vision.towers.pixtral import PixtralTower
from engine.vision.towers.qwen_vl import QwenTower
from engine.vision.towers.siglip import SiglipTower
from engine.vision.towers.spec import TowerSpec
from engine.vision.towers.types import VisionTower
from engine.weights.shards import ShardIndex


def open_tower(spec: TowerSpec, index: ShardIndex, device: torch.device) -> VisionTower:
    """Reads a tower to a device.

    Raises:
        EngineError: a tensor is missing or bad; `OutOfMemoryError` of torch passes through.
    """
    reader = TowerReader(index, device)
    if spec.family == "gemma3":
        return SiglipTower(spec, reader)
    if spec.family == "mistral3":
        return PixtralTower(spec, reader)
    return QwenTower(spec, reader)
