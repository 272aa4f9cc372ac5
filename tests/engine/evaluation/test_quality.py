"""Perplexity and divergence against what transformers and plain arithmetic say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig

from engine.errors import InvalidRequestError
from engine.evaluation.quality import measure, text_rows
from engine.evaluation.quality_command import EvalRequest, evaluate
from tests.oracles.tiny_models import TinyModel, make_plain, random_ids, write_tokenizer

VOCAB = 128


def tiny(folder: Path, seed: int, vocab: int = VOCAB) -> TinyModel:
    folder.mkdir()
    config = LlamaConfig(
        vocab_size=vocab, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256,
    )  # fmt: skip
    model = make_plain(folder, config, seed=seed)
    write_tokenizer(folder, vocab)
    return model


def test_figures_are_those_of_transformers(tmp_path: Path) -> None:
    model, other = tiny(tmp_path / "a", 1), tiny(tmp_path / "b", 2)
    rows = torch.tensor(random_ids(120, VOCAB)).view(2, 60)
    result = measure(model.folder, other.folder, rows, lambda *_: None)
    logs = [
        torch.stack([torch.log_softmax(each.truth(row.tolist()).double(), -1) for row in rows])
        for each in (model, other)
    ]
    loss = -logs[0][:, :-1].gather(2, rows[:, 1:, None]).mean()
    assert result.perplexity == pytest.approx(math.exp(loss), rel=1e-3)
    divergences = (logs[1].exp() * (logs[1] - logs[0])).sum(-1).flatten()
    assert result.against is not None
    assert result.against.mean_kl == pytest.approx(float(divergences.mean()), rel=1e-3)
    assert result.against.p99_kl == pytest.approx(float(divergences.sort().values[118]), rel=1e-3)
    assert result.against.top1 == pytest.approx(float((logs[0].argmax(-1) == logs[1].argmax(-1)).double().mean()))


def test_a_model_agrees_with_itself(tmp_path: Path) -> None:
    model = tiny(tmp_path / "a", 1)
    result = measure(model.folder, model.folder, torch.tensor([random_ids(50, VOCAB)]), lambda *_: None)
    assert result.against is not None
    assert result.against.mean_kl < 1e-6
    assert result.against.top1 == 1.0


def test_models_of_other_vocabularies_are_refused(tmp_path: Path) -> None:
    one, two = tiny(tmp_path / "a", 1), tiny(tmp_path / "b", 1, 256)
    with pytest.raises(InvalidRequestError, match="different sizes"):
        measure(one.folder, two.folder, torch.tensor([[1, 2, 3]]), lambda *_: None)


def test_the_command_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    one, two = tiny(tmp_path / "a", 1), tiny(tmp_path / "b", 2)
    text = tmp_path / "text.txt"
    text.write_text(" ".join(f"t{i}" for i in random_ids(100, VOCAB)))
    request = EvalRequest((one.folder, two.folder), one.folder, text, None, tmp_path / "out.json", tmp_path / "o.svg")
    assert evaluate(request, sys.stdout) == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert found[str(one.folder)]["against"]["top1"] == 1.0
    assert found[str(two.folder)]["against"]["mean_kl"] > 0.1
    assert "mean KL" in capsys.readouterr().out
    assert "b: " in (tmp_path / "o.svg").read_text()


def test_texts_that_cannot_serve_are_refused(tmp_path: Path) -> None:
    folder = tiny(tmp_path / "a", 1).folder
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        text_rows(folder, tmp_path / "nothing.txt", None)
    short = tmp_path / "short.txt"
    short.write_text("t1 t2")
    with pytest.raises(InvalidRequestError, match="only 2 tokens"):
        text_rows(folder, short, None)
