"""Positions in three streams, and which stream turns which frequency, against transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel, Qwen2_5_VLRotaryEmbedding
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLModel, Qwen3VLTextRotaryEmbedding

from engine.vision.mrope import chunked_streams, interleaved_streams, mrope_positions
from engine.vision.plan import ImagePlan
from engine.vision.prompt import find_images
from engine.vision.qwen_vl import MARKERS, QwenImageRules

IMAGE = 900  # the id of an embedding's place
RULES = QwenImageRules(patch_size=14, merge_size=2, min_pixels=56 * 56, max_pixels=10**7)
SIZES = {"wide": (280, 84), "tall": (84, 280), "square": (112, 112), "least": (28, 112)}


def prompt(pieces: Sequence[int | str]) -> tuple[list[int], list[ImagePlan]]:
    """Ids of a conversation: a number is so many tokens of text, a name an image in its two markers."""
    ids: list[int] = []
    plans: list[ImagePlan] = []
    for piece in pieces:
        if isinstance(piece, int):
            ids += range(10, 10 + piece)
        else:
            plans.append(RULES.plan(*SIZES[piece]))
            ids += [1, *[IMAGE] * plans[-1].num_tokens, 2]
    return ids, plans


def theirs(model: Any, ids: list[int], plans: list[ImagePlan]) -> tuple[torch.Tensor, int]:
    config = SimpleNamespace(vision_config=SimpleNamespace(spatial_merge_size=2, tokens_per_second=2))
    owner = SimpleNamespace(config=config)
    owner.get_vision_position_ids = partial(model.get_vision_position_ids, owner)
    kinds = [[int(token == IMAGE) for token in ids]]
    grids = torch.tensor([plan.grid for plan in plans])
    positions, offset = model.get_rope_index(owner, torch.tensor([ids]), torch.tensor(kinds), image_grid_thw=grids)
    return positions[:, 0], int(offset[0, 0])


@pytest.mark.parametrize("model", [Qwen2_5_VLModel, Qwen3VLModel])
@pytest.mark.parametrize(
    "pieces",
    [
        [5, "wide", 7],
        [5, "tall", 7],
        [0, "square"],
        [3, "wide", "tall", "square", 4],
        [12, "wide", 30, "least", 1, "tall", 25, "square", 60],  # over several turns
        [1, "wide", 2, "wide", 3],
    ],
)
def test_positions(model: Any, pieces: Sequence[int | str]) -> None:
    ids, plans = prompt(pieces)
    found = mrope_positions(len(ids), find_images(ids, IMAGE, MARKERS, plans))
    positions, offset = theirs(model, ids, plans)
    assert torch.equal(found.positions, positions)
    assert found.offset == offset


def test_text_alone_counts_up() -> None:
    found = mrope_positions(5, ())
    assert found.positions.tolist() == [[0, 1, 2, 3, 4]] * 3
    assert found.offset == 0


def test_behind_an_image_the_position_runs_behind_the_place() -> None:
    ids, plans = prompt([2, "wide", 1])  # 10 columns, 3 rows
    found = mrope_positions(len(ids), find_images(ids, IMAGE, MARKERS, plans))
    assert found.positions[:, 3].tolist() == [3, 3, 3]
    assert found.positions[:, 32].tolist() == [3, 5, 12]
    assert found.positions[:, -1].tolist() == [14, 14, 14]
    assert found.offset == 10 - 30


@pytest.mark.parametrize("sections", [(16, 24, 24), (24, 20, 20), (11, 11, 10), (2, 3, 3), (4, 2, 2)])
@pytest.mark.parametrize(
    ("streams_of", "rotary"),
    [(chunked_streams, Qwen2_5_VLRotaryEmbedding), (interleaved_streams, Qwen3VLTextRotaryEmbedding)],
)
def test_streams_of_both_layouts(streams_of: Any, rotary: Any, sections: tuple[int, int, int]) -> None:
    turned = torch.randn(3, 1, 7, sum(sections))  # cosines of each stream
    owner = SimpleNamespace(mrope_section=list(sections))
    expected = rotary.recomposition_frequencies(owner, turned.clone())[0, :, : sum(sections)]
    found = turned[streams_of(sections), 0, :, torch.arange(sum(sections))].T
    assert torch.equal(found, expected)


def test_the_layouts_differ() -> None:
    assert chunked_streams((1, 2, 2)).tolist() == [0, 1, 1, 2, 2]
    assert interleaved_streams((2, 2, 1)).tolist() == [0, 1, 2, 0, 1]
