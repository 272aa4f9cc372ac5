"""Vision towers on a card, in fp16, against themselves on the CPU in fp32; the CPU's against transformers elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch

from engine.models.registry import build_spec
from engine.vision.towers.registry import open_tower
from engine.weights.config_reader import ConfigReader
from engine.weights.shards import ShardIndex
from tests.oracles.tiny_models import make_plain, relative_error
from tests.oracles.tiny_seeing import SEEING, image_of

pytestmark = pytest.mark.gpu
TOLERANCE = 1e-2
SIZES = {"gemma3": [(1, 1), (3, 1)]}  # tiles; elsewhere merged cells


@pytest.mark.parametrize("family", SEEING)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_towers(tmp_path: Path, family: str, dtype: torch.dtype) -> None:
    folder = make_plain(tmp_path, SEEING[family](), dtype=dtype).folder
    index = ShardIndex.open(folder)
    spec = build_spec(ConfigReader.open(folder), index.entries).vision
    assert spec is not None
    here, there = (open_tower(spec, index, torch.device(name)) for name in ("cpu", "cuda"))
    for rows, columns in SIZES.get(family, [(4, 3), (9, 17)]):
        image = image_of(family, rows, columns)
        truth, found = here.encode(image), there.encode(image)
        assert found.embeddings.is_cuda
        assert found.embeddings.dtype == torch.float32
        assert relative_error(found.embeddings.cpu(), truth.embeddings) <= TOLERANCE
        for mine, theirs in zip(found.deepstack, truth.deepstack, strict=True):
            assert relative_error(mine.cpu(), theirs) <= TOLERANCE
