"""What is read from a model's files about images, what is put in its place, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.vision.gemma3 import CropRules, GemmaImageRules
from engine.vision.pixtral import PixtralImageRules
from engine.vision.qwen_vl import QwenImageRules
from engine.vision.registry import read_image_settings
from engine.vision.settings import BILINEAR, Normalisation, PatchOrder
from tests.oracles.image_folders import CONFIGS, FAMILIES, PREPROCESSORS, write_folder


def test_published_settings_of_every_family(tmp_path: Path) -> None:
    rules = {}
    for family in FAMILIES:
        settings = read_image_settings(write_folder(tmp_path, family))
        assert settings is not None
        rules[family] = settings.rules
    assert rules == {
        "qwen2_5_vl": QwenImageRules(14, 2, 3136, 12845056),
        "qwen3_vl": QwenImageRules(16, 2, 65536, 16777216),
        "gemma3": GemmaImageRules(896, 896, 14, 16),
        "mistral3": PixtralImageRules(14, 2, 1540, 1540),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_the_file_gets_the_published_settings(family: str, tmp_path: Path) -> None:
    said = read_image_settings(write_folder(tmp_path, family))
    (tmp_path / "preprocessor_config.json").unlink()
    assert read_image_settings(tmp_path) == said


@pytest.mark.parametrize("family", FAMILIES)
def test_newer_folders_keep_the_settings_in_the_joint_file(family: str, tmp_path: Path) -> None:
    said = read_image_settings(write_folder(tmp_path, family, image_std=[0.1, 0.2, 0.3]))
    (tmp_path / "preprocessor_config.json").unlink()
    joint = {"image_processor": PREPROCESSORS[family] | {"image_std": [0.1, 0.2, 0.3]}, "image_seq_length": 256}
    (tmp_path / "processor_config.json").write_text(json.dumps(joint))
    assert said is not None
    assert said.normalisation.std == (0.1, 0.2, 0.3)
    assert read_image_settings(tmp_path) == said


def test_a_model_that_takes_no_images(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    assert read_image_settings(tmp_path) is None


def test_own_keys_of_qwen_go_before_size(tmp_path: Path) -> None:
    size = {"shortest_edge": 4096, "longest_edge": 8192}
    settings = read_image_settings(write_folder(tmp_path, "qwen3_vl", size=size, max_pixels=16384))
    assert settings is not None
    assert settings.rules == QwenImageRules(16, 2, 4096, 16384)
    assert settings.patch_order == PatchOrder(16, 2, 2)


def test_steps_can_be_left_out(tmp_path: Path) -> None:
    settings = read_image_settings(write_folder(tmp_path, "gemma3", do_rescale=False, do_normalize=False))
    assert settings is not None
    assert settings.normalisation == Normalisation(BILINEAR, 1.0, (0.0,) * 3, (1.0,) * 3)


def test_crops_of_gemma_are_as_asked(tmp_path: Path) -> None:
    plain = read_image_settings(write_folder(tmp_path, "gemma3", do_pan_and_scan=True))
    assert plain is not None
    assert isinstance(plain.rules, GemmaImageRules)
    assert plain.rules.crops == CropRules(256, 4, 1.2)
    own = {
        "pan_and_scan_min_crop_size": 100,
        "pan_and_scan_max_num_crops": 6,
        "pan_and_scan_min_ratio_to_activate": 1.5,
    }
    asked = read_image_settings(write_folder(tmp_path, "gemma3", do_pan_and_scan=True, **own))
    assert asked is not None
    assert isinstance(asked.rules, GemmaImageRules)
    assert asked.rules.crops == CropRules(100, 6, 1.5)


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("qwen2_5_vl", {"patch_size": 16}, "'patch_size' is 16, but config.json makes the vision tower with 14"),
        ("qwen2_5_vl", {"merge_size": 4}, "'merge_size' is 4, but config.json merges 2"),
        ("qwen2_5_vl", {"temporal_patch_size": 1}, "temporal_patch_size"),
        ("qwen2_5_vl", {"min_pixels": 0}, "'min_pixels' is 0"),
        ("qwen2_5_vl", {"max_pixels": 100}, "below the least number of pixels, 3136"),
        ("qwen3_vl", {"size": {"longest_edge": 10**12}}, "'size.longest_edge'"),
        ("gemma3", {"size": {"height": 448, "width": 896}}, "for 896 x 896"),
        ("gemma3", {"image_mean": [0.5]}, "not three numbers"),
        ("gemma3", {"image_std": [0.5, 0, 0.5]}, "not three positive numbers"),
        ("gemma3", {"resample": 9}, "not from 0 to 5"),
        ("mistral3", {"size": {"longest_edge": -1}}, "size.longest_edge"),
        ("mistral3", {"rescale_factor": "much"}, "not a finite number"),
    ],
)
def test_what_is_refused(family: str, changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError) as caught:
        read_image_settings(write_folder(tmp_path, family, **changes))
    assert message in caught.value.message
    assert "preprocessor_config.json" in caught.value.message


@pytest.mark.parametrize("changes", [{"do_resize": False}, {"do_center_crop": True}])
def test_what_is_not_supported(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="not supported for images"):
        read_image_settings(write_folder(tmp_path, "mistral3", **changes))


@pytest.mark.parametrize("tokens", [255, 81, 10000])
def test_gemma_cannot_pool_to_every_number(tokens: int, tmp_path: Path) -> None:
    write_folder(tmp_path, "gemma3")
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS["gemma3"] | {"mm_tokens_per_image": tokens}))
    with pytest.raises(ModelFormatError, match="mm_tokens_per_image"):
        read_image_settings(tmp_path)


def test_settings_and_costs_need_neither_torch_nor_numpy_nor_pillow(project_root: Path) -> None:
    code = (
        "import sys; import engine.vision.registry, engine.vision.prompt; "
        "print(sorted({'torch', 'numpy', 'PIL', 'numba'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_opening_files_needs_neither_torch_nor_numpy(project_root: Path) -> None:
    code = "import sys; import engine.vision.image_file; print(sorted({'torch', 'numpy', 'numba'} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
