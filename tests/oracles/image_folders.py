"""Folders with the settings of models that see, as the published models have them, and a processor of transformers.

The oracle's processors are those on Pillow and numpy. Imports nothing from the engine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers.image_processing_utils import BaseImageProcessor
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
STEPS = {"do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255}

CONFIGS: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "vision_config": {"patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2},
    },
    "qwen3_vl": {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "vision_config": {"patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2},
    },
    "gemma3": {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "mm_tokens_per_image": 256,
        "vision_config": {"image_size": 896, "patch_size": 14},
    },
    "mistral3": {
        "architectures": ["Mistral3ForConditionalGeneration"],
        "spatial_merge_size": 2,
        "vision_config": {"image_size": 1540, "patch_size": 14},
    },
}
PREPROCESSORS: dict[str, dict[str, Any]] = {
    "qwen2_5_vl": {
        "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2, **CLIP,
        "image_processor_type": "Qwen2VLImageProcessor",
    },
    "qwen3_vl": {
        "size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16, "temporal_patch_size": 2,
        "merge_size": 2, **HALF, "image_processor_type": "Qwen2VLImageProcessorFast",
    },
    "gemma3": {
        **STEPS, **HALF, "resample": 2, "size": {"height": 896, "width": 896}, "do_convert_rgb": None,
        "do_pan_and_scan": None, "pan_and_scan_max_num_crops": None, "pan_and_scan_min_crop_size": None,
        "pan_and_scan_min_ratio_to_activate": None, "image_seq_length": 256,
        "image_processor_type": "Gemma3ImageProcessor",
    },
    "mistral3": {
        **STEPS, **CLIP, "resample": 3, "size": {"longest_edge": 1540}, "patch_size": 14, "do_convert_rgb": True,
        "image_processor_type": "PixtralImageProcessor",
    },
}  # fmt: skip
FAMILIES = tuple(CONFIGS)
CROPS = {
    "do_pan_and_scan": True, "pan_and_scan_min_crop_size": 256, "pan_and_scan_max_num_crops": 4,
    "pan_and_scan_min_ratio_to_activate": 1.2,
}  # fmt: skip


def write_folder(folder: Path, family: str, **changes: Any) -> Path:
    """Writes config.json and preprocessor_config.json; `changes` go into the latter."""
    (folder / "config.json").write_text(json.dumps(CONFIGS[family]))
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSORS[family] | changes))
    return folder


def oracle(family: str, **changes: Any) -> BaseImageProcessor:
    """The processor of transformers with the same settings.

    For Mistral 3 the patch is the one that its joint processor hands on: a merged square.
    """
    settings = {key: value for key, value in (PREPROCESSORS[family] | changes).items() if key != "image_processor_type"}
    if family == "gemma3":
        return Gemma3ImageProcessorPil(**{key: value for key, value in settings.items() if value is not None})
    if family == "mistral3":
        return PixtralImageProcessorPil(**(settings | {"patch_size": {"height": 28, "width": 28}}))
    return Qwen2VLImageProcessorPil(**settings)


def oracle_pixels(family: str, processor: BaseImageProcessor, image: object) -> torch.Tensor:
    """What transformers makes of one RGB image: patches, or [tiles, 3, H, W]."""
    pixels: torch.Tensor = processor(image, return_tensors="pt")["pixel_values"]
    return pixels
