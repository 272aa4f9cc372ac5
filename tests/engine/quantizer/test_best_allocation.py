"""The choice of bits by measured losses: the least sum of all allocations of the size; what the losses mean."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from engine.cpu.trellis_search import CpuTrellisSearch
from engine.models.decoder_spec import FamilyTraits, decoder_spec
from engine.models.spec import ModelSpec
from engine.quant.exl3_decode import codebook_table
from engine.quant.tensors import Codebook
from engine.quantizer import best_allocation as module
from engine.quantizer.allocation import allocate, groups_of, mean_bits
from engine.quantizer.best_allocation import Loss, best_allocation, expected_loss
from engine.quantizer.ldlq import Rounding
from engine.quantizer.measuring import Measurement, num_measured_rows
from engine.quantizer.noise_search import ERRORS, NoiseSearch
from engine.quantizer.scale_search import usual_scale
from engine.quantizer.source import SourceModel
from engine.quantizer.work_store import WorkStore
from engine.weights.config_reader import ConfigReader
from tests.oracles.tiny_models import TinyModel, make_plain, random_ids

VOCAB = 200


def spec_of(layers: int, intermediate: int = 640) -> ModelSpec:
    values = {
        "hidden_size": 256, "intermediate_size": intermediate, "num_hidden_layers": layers, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 512,
    }  # fmt: skip
    return decoder_spec(ConfigReader(Path("config.json"), values), "LlamaForCausalLM", FamilyTraits())


def losses_of(spec: ModelSpec, seed: int) -> list[Loss]:
    drawn = np.random.default_rng(seed)
    return [Loss(float(drawn.lognormal(-6, 1.5)), 3) for _ in groups_of(spec)]


@pytest.mark.parametrize("target", [1.0, 1.6, 2.5, 3.0, 7.9, 8.0])
def test_no_allocation_of_the_size_loses_less(target: float) -> None:
    spec = spec_of(1)
    losses, groups = losses_of(spec, 1), groups_of(spec)
    rule = allocate(spec, target)
    room = sum(group.weights * rule[group.linears[0].key] for group in groups)
    least = min(
        sum(loss.at(bits) for loss, bits in zip(losses, each))
        for each in product(range(1, 9), repeat=len(groups))
        if sum(group.weights * bits for group, bits in zip(groups, each)) <= room
    )
    chosen = best_allocation(spec, losses, target)
    assert expected_loss(spec, losses, chosen) == pytest.approx(least, rel=1e-12)
    assert mean_bits(spec, chosen) <= mean_bits(spec, rule)
    for group in groups:
        assert len({chosen[linear.key] for linear in group.linears}) == 1


def test_sizes_without_a_common_divisor_keep_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNITS", 1500)
    spec = spec_of(6, 896)
    losses = losses_of(spec, 2)
    rule = allocate(spec, 3.3)
    chosen = best_allocation(spec, losses, 3.3)
    assert mean_bits(spec, chosen) <= mean_bits(spec, rule)
    assert expected_loss(spec, losses, chosen) < 0.8 * expected_loss(spec, losses, rule)
    monkeypatch.setattr(module, "MOST_UNITS", 20)  # each size rounded up to a whole unit is more than there is
    assert best_allocation(spec, losses, 1.0) == allocate(spec, 1.0)


def test_what_loses_nothing_gets_the_fewest_bits() -> None:
    spec = spec_of(3)
    losses = [Loss(1e-2, 3) if i % 2 else Loss(0.0, 3) for i, _ in enumerate(groups_of(spec))]
    chosen = best_allocation(spec, losses, 3.0)
    assert {chosen[group.linears[0].key] for group in groups_of(spec)[::2]} == {1}


@pytest.mark.parametrize("codebook", ["mul1", "mcg", "3inst"])
@pytest.mark.parametrize("bits", [2, 4])
def test_the_noise_is_as_large_as_a_searchs_errors(codebook: Codebook, bits: int) -> None:
    table = codebook_table(codebook)
    search = CpuTrellisSearch()
    scale = usual_scale(Rounding(search, bits, table))
    tiles = scale * torch.randn(32, 256, generator=torch.Generator().manual_seed(0))
    real = (search.search(tiles, bits, table)[1] - tiles).square().mean() / scale**2
    noisy = (NoiseSearch(torch.device("cpu"), 1).search(tiles, bits, table)[1] - tiles).square().mean() / scale**2
    assert float(noisy) == pytest.approx(ERRORS[bits], rel=0.06)
    assert float(real) == pytest.approx(ERRORS[bits], rel=0.06)


def model_with_a_deaf_block(folder: Path) -> TinyModel:
    """Three blocks, of which the middle one's MLP adds next to nothing."""
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=128, intermediate_size=192, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128,
    )  # fmt: skip
    folder.mkdir()
    model = make_plain(folder, config, dtype=torch.float16)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.down_proj.weight"] *= 1e-3
    save_file(tensors, folder / "model.safetensors")
    return model


def measurement(folder: Path, told: list[tuple[int, int]]) -> Measurement:
    rows = torch.tensor(random_ids(12 * 64, VOCAB, seed=3)).view(12, 64)
    return Measurement(
        SourceModel.open(folder), rows, "mul1", 1, torch.device("cpu"), lambda *done: told.append(done)
    )  # fmt: skip


def test_losses_tell_what_matters_and_resume_to_the_same(tmp_path: Path) -> None:
    folder = model_with_a_deaf_block(tmp_path / "source").folder
    told: list[tuple[int, int]] = []
    whole = measurement(folder, told).run(WorkStore(tmp_path / "whole"))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    values = [each.value for each in whole]
    assert len(values) == 12
    assert all(value > 0 for value in values)
    assert max(values[6], values[7]) < 0.05 * min(values[2], values[3], values[10], values[11])  # gate, up; down

    class Stopped(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise Stopped

    store = WorkStore(tmp_path / "broken")
    with pytest.raises(Stopped):
        replace(measurement(folder, []), on_block=stop).run(store)
    told.clear()
    assert measurement(folder, told).run(store) == whole
    assert told == [(3, 4), (4, 4)]


def test_variants_take_no_more_memory_than_the_streams() -> None:
    spec = spec_of(40)
    for size in ((32, 1024), (256, 1024), (4, 64), (1, 32)):
        tokens = num_measured_rows(spec, size) * min(512, size[1])
        least = min(512, size[1])  # of one row
        assert least <= tokens <= max(2 * size[0] * size[1] / len(groups_of(spec)), least)
