"""Pixels, grids and token counts against the processors of transformers on Pillow and numpy."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from engine.errors import InvalidRequestError
from engine.vision.image_file import ImageFile, decode
from engine.vision.pixtral import PixtralImageRules
from engine.vision.plan import ImageRules, num_tokens
from engine.vision.processor import SettingsProcessor
from engine.vision.registry import read_image_settings
from tests.oracles.image_folders import CROPS, FAMILIES, oracle, oracle_pixels, write_folder

TOLERANCE = 1e-6  # the goal is 1 / 255, but what is computed the same way is the same

# Odd, tiny, one pixel, panorama, portrait, exactly one square, one more and one less, close to where rounding flips.
SIZES = [
    (333, 517), (640, 480), (1, 1), (3, 1), (5, 7), (27, 29), (28, 28), (32, 32), (33, 31), (42, 14), (14, 42),
    (70, 70), (1200, 11), (9, 1500), (2000, 300), (300, 1900), (1541, 1003), (1540, 1540), (897, 896),
]  # fmt: skip
SMALL = {"size": {"longest_edge": 400 * 400, "shortest_edge": 64 * 64}, "min_pixels": None, "max_pixels": None}


def noise(width: int, height: int) -> PIL.Image.Image:
    values = np.random.default_rng(width * 10007 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return PIL.Image.fromarray(values)


def processor(folder: Path, family: str, **changes: Any) -> SettingsProcessor:
    settings = read_image_settings(write_folder(folder, family, **changes))
    assert settings is not None
    return SettingsProcessor(settings)


def limits(family: str) -> dict[str, Any]:
    """Qwen's real limits make large tensors; lower ones go through the same arithmetic."""
    return SMALL if family.startswith("qwen") else {}


@pytest.mark.parametrize("family", FAMILIES)
def test_pixels_of_every_shape(family: str, tmp_path: Path) -> None:
    ours, theirs = processor(tmp_path, family, **limits(family)), oracle(family, **limits(family))
    for width, height in SIZES:
        image = noise(width, height)
        found = ours.process(image)
        expected = oracle_pixels(family, theirs, image)
        assert found.pixels.shape == expected.shape, (width, height)
        assert found.pixels.dtype == torch.float32
        assert found.pixels.is_contiguous()
        assert (found.pixels - expected).abs().max() <= TOLERANCE, (width, height)


@pytest.mark.parametrize("family", FAMILIES)
def test_pixels_of_photos(family: str, tmp_path: Path, shared: Path) -> None:
    ours, theirs = processor(tmp_path, family, **limits(family)), oracle(family, **limits(family))
    for name in ("photos/skimage_chelsea.png", "photos/skimage_rocket.jpg", "exif_orientation/Landscape_6.jpg"):
        opened = decode(ImageFile.read(shared / "data" / "images" / name))
        expected = oracle_pixels(family, theirs, opened.image)
        assert (ours.process(opened.image).pixels - expected).abs().max() <= TOLERANCE, name


def test_pixels_at_the_published_limits_of_qwen(tmp_path: Path) -> None:
    """A photo of a telephone, shrunk a little; large, so only once."""
    ours, theirs = processor(tmp_path, "qwen2_5_vl", max_pixels=1003520), oracle("qwen2_5_vl", max_pixels=1003520)
    image = noise(4031, 3023)
    found = ours.process(image)
    expected = theirs(image, return_tensors="pt")
    assert expected["image_grid_thw"].tolist() == [list(found.grid)]
    assert torch.equal(found.pixels, expected["pixel_values"])


@pytest.mark.parametrize("name", ["qwen2.5-vl-7b-instruct", "qwen3-vl-embedding"])
def test_published_settings(name: str, shared: Path) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    folder = shared / "data" / "tokenizers" / name
    settings = read_image_settings(folder)
    assert settings is not None
    image = noise(301, 402)
    expected = Qwen2VLImageProcessorPil.from_pretrained(folder)(image, return_tensors="pt")
    found = SettingsProcessor(settings).process(image)
    assert torch.equal(found.pixels, expected["pixel_values"])
    assert [list(found.grid)] == expected["image_grid_thw"].tolist()


@pytest.mark.parametrize(
    "size", [(600, 500), (601, 500), (1400, 500), (500, 1400), (5000, 300), (3001, 1999), (700, 256)]
)
def test_crops_of_gemma(size: tuple[int, int], tmp_path: Path) -> None:
    ours, theirs = processor(tmp_path, "gemma3", **CROPS), oracle("gemma3", **CROPS)
    image = noise(*size)
    found, expected = ours.process(image), theirs(image, return_tensors="pt")
    crops = int(expected["num_crops"][0])
    assert len(found.plan.tiles) == 1 + crops
    assert found.num_tokens == 256 * (1 + crops)
    assert found.grid == (1 + crops, 64, 64)
    assert torch.equal(found.pixels, expected["pixel_values"])


def test_crops_are_cut_in_all_these_shapes(tmp_path: Path) -> None:
    rules = processor(tmp_path, "gemma3", **CROPS).rules
    counts = {size: len(rules.plan(*size).tiles) - 1 for size in [(600, 500), (601, 500), (1400, 500), (9000, 600)]}
    assert counts == {(600, 500): 2, (601, 500): 2, (1400, 500): 3, (9000, 600): 4}
    assert len(rules.plan(512, 255).tiles) == 1


def random_sizes(count: int) -> list[tuple[int, int]]:
    rng = random.Random(3)
    return [(int(2 ** rng.uniform(0, 14)), int(2 ** rng.uniform(0, 14))) for _ in range(count)]


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_token_counts_of_qwen(family: str, tmp_path: Path) -> None:
    rules, theirs = processor(tmp_path, family).rules, oracle(family)
    compared = 0
    for width, height in random_sizes(2000):
        if max(width, height) > 200 * min(width, height):
            with pytest.raises(ValueError, match="aspect ratio"):
                theirs.get_number_of_image_patches(height, width)
            with pytest.raises(InvalidRequestError, match=f"{width} x {height}"):
                rules.plan(width, height)
            continue
        compared += 1
        assert rules.plan(width, height).num_tokens * 4 == theirs.get_number_of_image_patches(height, width)
    assert compared > 1000


def test_token_counts_of_mistral(tmp_path: Path) -> None:
    from transformers.models.pixtral.image_processing_pil_pixtral import get_resize_output_image_size

    rules = processor(tmp_path, "mistral3").rules
    compared = 0
    for width, height in random_sizes(2000):
        blank = np.broadcast_to(np.uint8(0), (3, height, width))
        resized = get_resize_output_image_size(blank, 1540, 28, "channels_first")
        if min(resized) < 1:  # theirs shrinks the short side to nothing
            continue
        compared += 1
        plan = rules.plan(width, height)
        assert (plan.grid[1] * 14, plan.grid[2] * 14) == resized, (width, height)
        assert plan.num_tokens == resized[0] // 28 * (resized[1] // 28 + 1)
        assert plan.num_embeddings == resized[0] // 28 * (resized[1] // 28)
    assert compared > 1500
    assert rules.plan(16000, 1).grid == (1, 2, 110)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl", "mistral3"])
def test_a_budget_bounds_the_resized_image(family: str, tmp_path: Path) -> None:
    rules = processor(tmp_path, family).rules
    for width, height in random_sizes(400):
        if max(width, height) > 20 * min(width, height):
            continue  # where one side is a single square, the other decides
        for budget in (100_000, 500_000):
            plan = rules.plan(width, height, budget)
            assert plan.tiles[0].width * plan.tiles[0].height <= budget, (width, height)
            assert plan.num_tokens <= rules.plan(width, height).num_tokens
    assert rules.plan(640, 480, 10**9) == rules.plan(640, 480)
    assert rules.plan(640, 480, 1).num_tokens > 0


def test_a_budget_is_the_limit_of_transformers(tmp_path: Path) -> None:
    budget = 300_000
    ours = processor(tmp_path, "qwen2_5_vl")
    theirs = oracle("qwen2_5_vl", max_pixels=budget)
    image = noise(1300, 900)
    assert torch.equal(ours.process(image, budget).pixels, theirs(image, return_tensors="pt")["pixel_values"])


def test_a_budget_of_mistral_is_a_lower_longest_edge(tmp_path: Path) -> None:
    ours = processor(tmp_path, "mistral3")
    image = noise(1300, 900)
    found = ours.process(image, 300_000)
    fitting = [edge for edge in range(400, 1300) if area(PixtralImageRules(14, 2, edge, edge), image.size) <= 300_000]
    theirs = oracle("mistral3", size={"longest_edge": max(fitting)})
    assert torch.equal(found.pixels, theirs(image, return_tensors="pt")["pixel_values"])


def area(rules: ImageRules, size: tuple[int, int]) -> int:
    tile = rules.plan(*size).tiles[0]
    return tile.width * tile.height


def test_a_budget_takes_the_crops_of_gemma(tmp_path: Path) -> None:
    rules = processor(tmp_path, "gemma3", **CROPS).rules
    assert rules.plan(2000, 600).num_tokens == 256 * 4
    assert rules.plan(2000, 600, 4 * 896 * 896).num_tokens == 256 * 4
    assert rules.plan(2000, 600, 4 * 896 * 896 - 1).num_tokens == 256
    assert rules.plan(2000, 600, 1).num_tokens == 256


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cost_is_known_before_the_pixels(family: str, tmp_path: Path) -> None:
    ours = processor(tmp_path, family)
    sizes = [(640, 480), (100, 1000)]
    processed = [ours.process(noise(*size), 200_000) for size in sizes]
    assert num_tokens(ours.rules, sizes, 200_000) == sum(each.num_tokens for each in processed)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_content_hash_tells_images_and_settings_apart(family: str, tmp_path: Path) -> None:
    ours = processor(tmp_path, family, **limits(family))
    image = noise(300, 200)
    changed = image.copy()
    changed.paste((0, 0, 0), (0, 0, 30, 30))
    same = [ours.process(image).content_hash, ours.process(image.copy()).content_hash]
    assert same[0] == same[1]
    assert len(same[0]) == 16
    others = {
        ours.process(changed).content_hash,
        ours.process(image.transpose(PIL.Image.Transpose.ROTATE_90)).content_hash,
    }
    others.add(processor(tmp_path, family, **limits(family), image_std=[0.25] * 3).process(image).content_hash)
    assert len(others | {same[0]}) == 4


def test_shapes_of_the_same_bytes_have_different_hashes(tmp_path: Path) -> None:
    ours = processor(tmp_path, "mistral3")
    grey = {ours.process(PIL.Image.new("RGB", size, (9, 9, 9))).content_hash for size in [(56, 28), (28, 56)]}
    assert len(grey) == 2


def test_animation_is_passed_on(tmp_path: Path) -> None:
    ours = processor(tmp_path, "mistral3")
    assert ours.process(noise(30, 30), is_animated=True).is_animated
    assert not ours.process(noise(30, 30)).is_animated
