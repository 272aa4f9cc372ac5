"""Towers against those of transformers on tiny random weights: grids of all shapes, both spellings of names, fp16."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import EngineError, ModelFormatError
from engine.models.registry import build_spec
from engine.vision.towers import parts
from engine.vision.towers.registry import open_tower
from engine.vision.towers.types import VisionTower
from engine.weights.config_reader import ConfigReader
from engine.weights.shards import ShardIndex
from tests.oracles.tiny_models import TinyModel, make_plain, relative_error
from tests.oracles.tiny_seeing import SEEING, as_old_llava, as_old_qwen, features, image_of

TOLERANCE = 2e-5
OLD = {"gemma3": as_old_llava, "mistral3": as_old_llava, "qwen2_5_vl": as_old_qwen, "qwen3_vl": as_old_qwen}
# Merged cells: one, a row, a column, whole windows, more than windows, much wider than high.
GRIDS = [(1, 1), (1, 5), (6, 1), (4, 4), (8, 12), (7, 9), (5, 13)]


def opened(folder: Path) -> VisionTower:
    index = ShardIndex.open(folder)
    spec = build_spec(ConfigReader.open(folder), index.entries)
    assert spec.vision is not None
    return open_tower(spec.vision, index, torch.device("cpu"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyModel]:
    root = tmp_path_factory.mktemp("towers")
    return {family: make_plain(root / family, config()) for family, config in SEEING.items()}


@pytest.mark.parametrize("family", ["mistral3", "qwen2_5_vl", "qwen3_vl"])
def test_grids(models: dict[str, TinyModel], family: str) -> None:
    model = models[family]
    tower = opened(model.folder)
    for rows, columns in GRIDS[1:] if family == "mistral3" else GRIDS:  # the oracle fails at a single cell
        image = image_of(family, rows, columns, seed=rows)
        truth, deepstack = features(model, image)
        found = tower.encode(image)
        assert found.embeddings.shape == truth.shape == (rows * columns, 64)
        assert found.embeddings.dtype == torch.float32
        assert relative_error(found.embeddings, truth) <= TOLERANCE, (rows, columns)
        assert len(found.deepstack) == len(deepstack) == (2 if family == "qwen3_vl" else 0)
        for mine, theirs in zip(found.deepstack, deepstack, strict=True):
            assert relative_error(mine, theirs) <= TOLERANCE, (rows, columns)


@pytest.mark.parametrize("tiles", [1, 3])
def test_gemma(models: dict[str, TinyModel], tiles: int) -> None:
    model = models["gemma3"]
    image = image_of("gemma3", tiles, 1)
    truth, _ = features(model, image)
    found = opened(model.folder).encode(image)
    assert found.embeddings.shape == (16 * tiles, 64)
    assert relative_error(found.embeddings, truth) <= TOLERANCE


@pytest.mark.parametrize("family", SEEING)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_old_names_and_half_precision(tmp_path: Path, family: str, dtype: torch.dtype) -> None:
    model = make_plain(tmp_path, SEEING[family](), rename=OLD[family], dtype=dtype)
    assert not any(name.startswith(("model.visual", "model.vision_tower")) for name in model.tensors)
    image = image_of(family, 3, 1 if family == "gemma3" else 4)
    truth, _ = features(model, image)
    tower = opened(tmp_path)
    assert relative_error(tower.encode(image).embeddings, truth) <= TOLERANCE
    stored = sum(tensor.numel() for name, tensor in model.tensors.items() if name.startswith(("vis", "multi")))
    assert sum(tensor.numel() for tensor in tower.weights) == stored


def test_a_projection_named_by_exllamav3(tmp_path: Path, models: dict[str, TinyModel]) -> None:
    renamed = make_plain(tmp_path, SEEING["gemma3"](), rename=lambda name: name.replace("projection_w", "projection.w"))
    assert any(name.endswith("mm_input_projection.weight") for name in renamed.tensors)
    image = image_of("gemma3", 1, 1)
    assert torch.equal(
        opened(tmp_path).encode(image).embeddings, opened(models["gemma3"].folder).encode(image).embeddings
    )


@pytest.mark.parametrize("family", SEEING)
def test_large_images_go_through_mlps_in_slices(
    models: dict[str, TinyModel], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = image_of(family, 3, 1 if family == "gemma3" else 4)
    tower = opened(models[family].folder)
    whole = tower.encode(image).embeddings
    monkeypatch.setattr(parts, "MLP_ROWS", 7)
    assert relative_error(tower.encode(image).embeddings, whole) <= 1e-6


@pytest.mark.parametrize("family", SEEING)
def test_no_tower_in_the_files(models: dict[str, TinyModel], family: str) -> None:
    folder = models[family].folder
    names = [name for name in models[family].tensors if "language_model" in name]
    spec = build_spec(ConfigReader.open(folder), names)
    assert spec.vision is None
    assert build_spec(ConfigReader.open(folder)).vision is not None  # where no names are known, there will be one


def changed(values: dict[str, Any], section: str, **changes: Any) -> dict[str, Any]:
    own = values if not section else values[section]
    own.update(changes)
    return values


@pytest.mark.parametrize(
    ("family", "section", "changes", "named"),
    [
        ("qwen2_5_vl", "vision_config", {"out_hidden_size": 65}, "out_hidden_size"),
        ("qwen2_5_vl", "vision_config", {"window_size": 3}, "window_size"),
        ("qwen2_5_vl", "vision_config", {"hidden_size": 50}, "hidden_size"),
        ("qwen2_5_vl", "vision_config", {"hidden_act": "tanh"}, "hidden_act"),
        ("qwen3_vl", "vision_config", {"num_position_embeddings": 35}, "num_position_embeddings"),
        ("qwen3_vl", "vision_config", {"deepstack_visual_indexes": [2, 0]}, "deepstack_visual_indexes"),
        ("qwen3_vl", "vision_config", {"deepstack_visual_indexes": [4]}, "deepstack_visual_indexes"),
        ("qwen3_vl", "vision_config", {"depth": -1}, "depth"),
        ("gemma3", "", {"mm_tokens_per_image": 15}, "mm_tokens_per_image"),
        ("gemma3", "", {"mm_tokens_per_image": 9}, "mm_tokens_per_image"),
        ("mistral3", "", {"projector_hidden_act": "relu"}, "projector_hidden_act"),
        ("mistral3", "", {"vision_feature_layer": -9}, "vision_feature_layer"),
    ],
)
def test_refusals(tmp_path: Path, family: str, section: str, changes: dict[str, Any], named: str) -> None:
    values = changed(SEEING[family]().to_dict(), section, **changes)
    with pytest.raises(EngineError, match=named):
        build_spec(ConfigReader(tmp_path / "config.json", values))


def test_a_tensor_of_another_shape_is_named(models: dict[str, TinyModel]) -> None:
    folder = models["qwen3_vl"].folder
    index = ShardIndex.open(folder)
    spec = build_spec(ConfigReader.open(folder), index.entries).vision
    assert spec is not None
    with pytest.raises(ModelFormatError, match="pos_embed"):
        open_tower(replace(spec, grid_side=5), index, torch.device("cpu"))


def test_what_an_image_takes_is_counted(models: dict[str, TinyModel]) -> None:
    spec = build_spec(ConfigReader.open(models["qwen3_vl"].folder)).vision
    assert spec is not None
    few, many = spec.image_bytes(100), spec.image_bytes(10_000)
    assert 50 * few < many < 100 * few
    # Seven streams of 48 numbers and one of 384 for each patch, and three slices of the MLP.
    assert spec.image_bytes(100) == 100 * (48 * (8 + 32) + 384 * 4) + 100 * 80 * 3 * 4
