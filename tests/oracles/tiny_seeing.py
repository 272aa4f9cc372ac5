"""Tiny models of the families that see, as transformers has them, and noise for them to look at.

Imports nothing from the engine but the records that hold an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import Gemma3Config, Mistral3Config, PreTrainedConfig, Qwen2_5_VLConfig, Qwen3VLConfig

from engine.vision.plan import ImagePlan, Tile
from engine.vision.types import ProcessedImage
from tests.oracles.tiny_models import TinyModel

VOCAB = 320
PATCH = {"mistral3": 7, "qwen2_5_vl": 7, "qwen3_vl": 8}
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip
IMAGE, START, END, ROW_END = 310, 311, 312, 313  # token ids

GEMMA_TEXT: dict[str, Any] = {
    **SIZES, "head_dim": 16, "sliding_window": 40, "query_pre_attn_scalar": 16,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    },
}  # fmt: skip
MISTRAL_TEXT: dict[str, Any] = {
    **SIZES, "head_dim": 24, "model_type": "mistral", "sliding_window": None, "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e9},
}  # fmt: skip
QWEN2_5_TEXT: dict[str, Any] = {
    **SIZES, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
}  # fmt: skip
QWEN3_TEXT: dict[str, Any] = {
    **SIZES, "head_dim": 32,
    "rope_parameters": {
        "rope_type": "default", "rope_theta": 1e4, "mrope_section": [6, 5, 5], "mrope_interleaved": True,
    },
}  # fmt: skip

GEMMA_VISION: dict[str, Any] = {
    "model_type": "siglip_vision_model", "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2,
    "num_attention_heads": 4, "image_size": 56, "patch_size": 7, "vision_use_head": False,
}  # fmt: skip
MISTRAL_VISION: dict[str, Any] = {
    "model_type": "pixtral", "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2,
    "num_attention_heads": 4, "image_size": 112, "patch_size": 7, "hidden_act": "silu",
}  # fmt: skip
QWEN2_5_VISION: dict[str, Any] = {
    "depth": 4, "hidden_size": 48, "intermediate_size": 80, "num_heads": 4, "patch_size": 7, "window_size": 56,
    "fullatt_block_indexes": [1, 3],
}  # fmt: skip
QWEN3_VISION: dict[str, Any] = {
    "depth": 4, "hidden_size": 48, "intermediate_size": 80, "num_heads": 4, "patch_size": 8,
    "num_position_embeddings": 36, "deepstack_visual_indexes": [0, 2],
}  # fmt: skip


def gemma3(**text: Any) -> Gemma3Config:
    """16 tokens an image."""
    return Gemma3Config(
        text_config={**GEMMA_TEXT, **text}, vision_config=dict(GEMMA_VISION), mm_tokens_per_image=16,
        image_token_index=IMAGE, boi_token_index=START, eoi_token_index=END,
    )  # fmt: skip


def mistral3(**text: Any) -> Mistral3Config:
    """Untied, as the published models are."""
    return Mistral3Config(
        text_config={**MISTRAL_TEXT, **text}, vision_config=dict(MISTRAL_VISION), image_token_index=IMAGE,
        tie_word_embeddings=False,
    )  # fmt: skip


def qwen2_5_vl(**text: Any) -> Qwen2_5_VLConfig:
    values = {**QWEN2_5_TEXT, **text}
    return Qwen2_5_VLConfig(
        text_config=values, vision_config={**QWEN2_5_VISION, "out_hidden_size": values["hidden_size"]},
        image_token_id=IMAGE, vision_start_token_id=START, vision_end_token_id=END, video_token_id=ROW_END,
    )  # fmt: skip


def qwen3_vl(**text: Any) -> Qwen3VLConfig:
    values = {**QWEN3_TEXT, **text}
    return Qwen3VLConfig(
        text_config=values, vision_config={**QWEN3_VISION, "out_hidden_size": values["hidden_size"]},
        image_token_id=IMAGE, vision_start_token_id=START, vision_end_token_id=END, video_token_id=ROW_END,
    )  # fmt: skip


SEEING: dict[str, Callable[..., PreTrainedConfig]] = {
    "gemma3": gemma3, "mistral3": mistral3, "qwen2_5_vl": qwen2_5_vl, "qwen3_vl": qwen3_vl,
}  # fmt: skip


def as_old_llava(name: str) -> str:
    """The prefixes of files before 2025's summer: Gemma 3 and Mistral 3."""
    if name.startswith("lm_head"):
        return "language_model." + name
    name = name.replace("model.language_model.", "language_model.model.", 1).removeprefix("model.")
    inner = ("embeddings", "encoder", "post_layernorm")  # SigLIP's, which had one level more
    return name.replace("vision_tower.", "vision_tower.vision_model.") if name.split(".")[1] in inner else name


def as_old_qwen(name: str) -> str:
    """The prefixes of the published Qwen2.5-VL."""
    return name.replace("model.language_model.", "model.", 1).replace("model.visual.", "visual.", 1)


def image_of(family: str, rows: int, columns: int, seed: int = 0) -> ProcessedImage:
    """Noise as large as a grid of merged cells; for Gemma 3, which has one size, so many tiles."""
    generator = torch.Generator().manual_seed(seed)
    if family == "gemma3":
        tiles = (Tile((0, 0, 56, 56), 56, 56, 4, 4),) * rows
        plan = ImagePlan(tiles, (rows, 8, 8), 2, 16 * rows, 16 * rows)
        pixels = torch.randn(rows, 3, 56, 56, generator=generator)
        return ProcessedImage(pixels, plan, bytes([seed % 256]) * 16)
    size = PATCH[family]
    grid = (1, 2 * rows, 2 * columns)
    tile = Tile((0, 0, 1, 1), grid[2] * size, grid[1] * size, columns, rows)
    breaks = rows if family == "mistral3" else 0
    plan = ImagePlan((tile,), grid, 2, rows * columns, rows * columns + breaks)
    shape = (1, 3, tile.height, tile.width) if family == "mistral3" else (grid[1] * grid[2], 6 * size * size)
    return ProcessedImage(torch.randn(*shape, generator=generator), plan, bytes([seed % 256]) * 16)


def features(model: TinyModel, image: ProcessedImage) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """What transformers makes of an image: rows of the text model, and those for its early layers."""
    oracle = model.oracle.model
    with torch.no_grad():
        if type(oracle).__name__.startswith("Gemma3"):
            return oracle.get_image_features(image.pixels).pooler_output.flatten(0, 1), []
        if type(oracle).__name__.startswith("Mistral3"):
            sizes = torch.tensor([image.pixels.shape[2:]])
            return oracle.get_image_features(image.pixels, image_sizes=sizes).pooler_output[0], []
        found = oracle.visual(image.pixels, grid_thw=torch.tensor([image.grid]))
        return found.pooler_output, list(getattr(found, "deepstack_features", None) or [])


def whole_truth(model: TinyModel, ids: Sequence[int], images: Sequence[ProcessedImage]) -> torch.Tensor:
    """Logits float32 [T, V] of a prompt with the image token at the places of images."""
    if not images:
        return model.truth(ids)
    tokens = torch.tensor([list(ids)])
    seen = (tokens == IMAGE).long()
    name = type(model.oracle).__name__
    given: dict[str, Any]
    if name.startswith("Gemma3"):
        given = {"pixel_values": torch.cat([image.pixels for image in images]), "token_type_ids": seen}
    elif name.startswith("Mistral3"):
        sizes = torch.tensor([image.pixels.shape[2:] for image in images])
        height, width = (int(each) for each in sizes.max(dim=0).values)
        pixels = torch.zeros(len(images), 3, height, width)
        for number, image in enumerate(images):
            pixels[number, :, : sizes[number, 0], : sizes[number, 1]] = image.pixels[0]
        given = {"pixel_values": pixels, "image_sizes": sizes}
    else:
        grids = torch.tensor([image.grid for image in images])
        pixels = torch.cat([image.pixels for image in images])
        given = {"pixel_values": pixels, "image_grid_thw": grids, "mm_token_type_ids": seen}
    with torch.no_grad():
        logits: torch.Tensor = model.oracle(tokens, **given).logits[0]
    return logits
