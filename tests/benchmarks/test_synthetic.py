"""The made-up models are whole: the engine opens and runs them, and their logits have a usual size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine import load_model
from tests.benchmarks.model import Figure, UnknownModelError, line_of, subject_of
from tests.benchmarks.published import MODELS
from tests.benchmarks.synthetic import DONE, SHAPES, RandomBits, Recipe, Shape, main, random_linear, write_model

TINY = Shape(256, 512, 4, 2, 64, 2, 384)
CPU = torch.device("cpu")


def test_the_engine_opens_and_runs_a_made_up_model(tmp_path: Path) -> None:
    write_model(tmp_path, Recipe(TINY, 3, "mcg", 5), CPU)
    model = load_model(tmp_path, "cpu")
    try:
        assert model.vocab_size == TINY.vocab_size
        assert model.tokenizer.decode(model.tokenizer.encode("Hello")) == "Hello"
        logits = model.logits([5, 300, 7, 11, 200, 42])
        assert logits.shape == (6, TINY.vocab_size)
        assert torch.isfinite(logits).all()
        assert 0.5 < float(logits.std()) < 6.0
        assert not torch.equal(logits[0], logits[1])
    finally:
        model.unload()


def test_the_same_recipe_gives_the_same_file_and_is_not_made_twice(tmp_path: Path) -> None:
    first, second, other = tmp_path / "first", tmp_path / "second", tmp_path / "other"
    for folder, seed in ((first, 0), (second, 0), (other, 1)):
        write_model(folder, Recipe(TINY, 2, "3inst", 2, seed), CPU)
    file = "model.safetensors"
    assert (first / file).read_bytes() == (second / file).read_bytes() != (other / file).read_bytes()
    (first / file).write_bytes(b"")
    write_model(first, Recipe(TINY, 2, "3inst", 2, 0), CPU)
    assert (first / file).read_bytes() == b""  # taken as it is
    write_model(first, Recipe(TINY, 2, "3inst", 2, 1), CPU)
    assert (first / file).read_bytes() == (other / file).read_bytes()  # another recipe is made anew


def test_an_interrupted_folder_is_made_anew(tmp_path: Path) -> None:
    recipe = Recipe(TINY, 2, "mul1", 2)
    write_model(tmp_path, recipe, CPU)
    (tmp_path / DONE).unlink()
    (tmp_path / "model.safetensors").write_bytes(b"half")
    write_model(tmp_path, recipe, CPU)
    assert (tmp_path / "model.safetensors").stat().st_size > 100_000


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_a_random_linear_keeps_the_size_of_its_input(bits: int) -> None:
    from tests.benchmarks.products import product_reference

    random = RandomBits(0, CPU)
    weights = random_linear(random, "", 512, 256, bits, "mul1", gain=0.5)
    assert weights.trellis.shape == (32, 16, 16 * bits)
    assert 0.4 < float(product_reference(weights, random.normal(20, 512)).std()) < 0.6


def test_the_shapes_have_their_names_sizes() -> None:
    def weights(shape: Shape) -> float:
        attention = 2 * shape.hidden_size * shape.head_dim * (shape.num_attention_heads + shape.num_key_value_heads)
        return shape.num_hidden_layers * (attention + 3 * shape.hidden_size * shape.intermediate_size)

    assert weights(SHAPES["llama-1b"]) == pytest.approx(0.97e9, rel=0.02)
    assert weights(SHAPES["llama-8b"]) == pytest.approx(6.98e9, rel=0.02)
    assert weights(SHAPES["llama-70b-8layers"]) * 10 == pytest.approx(68.5e9, rel=0.02)


def test_the_command_line_takes_names_of_models(tmp_path: Path) -> None:
    subject = subject_of("llama-8b:2", tmp_path, 6)
    assert subject.recipe == Recipe(SHAPES["llama-8b"], 2, "mul1", 6)
    assert subject.published is not None
    assert subject.published.decode(0, 16) == 832
    assert subject.published.decode(4096, 1) == 149
    assert subject.published.decode(4096, 4) is None
    assert subject_of("llama-8b:4:mcg", tmp_path, 6).published is MODELS[1]
    assert subject_of("llama-8b", tmp_path, 8).published is None  # the published ones have a 6-bit head
    assert subject_of(str(tmp_path), tmp_path, 6).recipe is None
    for wrong in ("llama-9b", "llama-8b:9", "llama-8b:four", "llama-8b:4:mul2", str(tmp_path / "none")):
        with pytest.raises(UnknownModelError):
            subject_of(wrong, tmp_path, 6)


def test_the_published_figure_stands_beside_ours() -> None:
    line = line_of(Figure("m", "card", "decode at context 0, batch 1", 336.0, 168.0))
    assert line.split()[6:10] == ["336.0", "tokens/s", "168", "2.00x"]
    assert "x" not in line_of(Figure("m", "card", "decode", 336.0, None)).split()[-1]


def test_every_published_model_can_be_made() -> None:
    assert {each.shape for each in MODELS} <= set(SHAPES)


def test_the_command_refuses_other_shapes(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--shape", "llama-2b"])
