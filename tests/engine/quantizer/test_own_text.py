"""Text that the model writes itself: from its own predictions, repeatable, without what runs in circles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from transformers import Gemma3TextConfig, LlamaConfig, Ministral3Config, MistralConfig, Qwen3Config

from engine.chat.template import ChatTemplate
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import InvalidRequestError
from engine.quantizer import own_text
from engine.quantizer.calibration import CalibrationText
from engine.quantizer.calibration_rows import OWN_SHARE, RowsRecipe, gather_rows
from engine.quantizer.converter import ConvertRequest, convert
from engine.quantizer.own_text import Writing, fits, held_bytes, openings_of, write_texts
from engine.quantizer.progress import Advance, Event
from engine.quantizer.source import SourceModel
from engine.tokenizer.tokenizer import Tokenizer
from tests.oracles.tiny_models import make_plain

CPU = torch.device("cpu")
VOCAB = 96
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256,
    "bos_token_id": 7,
}  # fmt: skip


def nothing(done: int, total: int) -> None:
    assert 0 <= done < total


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SIZES, attention_bias=True),
        MistralConfig(**SIZES, sliding_window=9),
        Qwen3Config(**SIZES, tie_word_embeddings=True),
        Gemma3TextConfig(
            **SIZES, sliding_window=9, layer_types=["sliding_attention", "full_attention"], final_logit_softcapping=3.0
        ),
        Ministral3Config(
            **SIZES,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 1e4,
                "llama_4_scaling_beta": 0.5,
                "original_max_position_embeddings": 6,
            },
        ),
    ],
    ids=["llama", "mistral", "qwen3", "gemma3", "ministral3"],
)
def test_tokens_are_drawn_from_the_models_predictions(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_plain(tmp_path / "model", config)
    seen: list[torch.Tensor] = []

    def likeliest(probabilities: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        seen.append(probabilities)
        return probabilities.argmax(-1)

    monkeypatch.setattr(own_text, "_varied", lambda texts: texts)
    monkeypatch.setattr(own_text, "_drawn", likeliest)
    writing = Writing(((7,), (3, 5, 4)), count=3, length=24, seed=1)
    texts = write_texts(SourceModel.open(model.folder), writing, CPU, nothing)
    assert texts[:, :3].tolist()[1] == [3, 5, 4]
    assert texts[0, 0] == texts[2, 0] == 7
    for row, text in enumerate(texts.tolist()):
        truth = torch.softmax(model.truth(text), -1)[:-1]
        own = torch.stack([each[row] for each in seen])
        assert float((own - truth).abs().max()) < 1e-4


def test_the_seed_decides_what_is_written(tmp_path: Path) -> None:
    source = SourceModel.open(make_plain(tmp_path / "model", LlamaConfig(**SIZES)).folder)
    writing = Writing(((7,),), count=5, length=40, seed=1)
    first, again = (write_texts(source, writing, CPU, nothing) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, write_texts(source, replace(writing, seed=2), CPU, nothing))
    assert len({tuple(text) for text in first.tolist()}) == 5


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    wanted = torch.tensor([0.5, 0.0, 0.3, 0.2])
    drawn = own_text._drawn(wanted.repeat(20000, 1), torch.Generator().manual_seed(2))
    found = torch.bincount(drawn, minlength=4) / len(drawn)
    assert float((found - wanted).abs().max()) < 0.015
    assert found[1] == 0


def test_a_card_writes_as_many_texts_at_once_as_it_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = SourceModel.open(make_plain(tmp_path / "model", LlamaConfig(**SIZES)).folder).spec
    writing, card = Writing(((7,),), count=1, length=512, seed=1), torch.device("cuda")
    for room, count in ((64, 64), (127, 64), (128, 128), (1000, 256), (1, 64)):
        free = held_bytes(spec, 512, card, room) / own_text.MEMORY_SHARE + 1
        monkeypatch.setattr(own_text, "_free_bytes", lambda _, free=free: free)
        assert own_text.texts_at_once(spec, writing, card) == count
    assert own_text.texts_at_once(spec, writing, CPU) == 64


def test_what_runs_in_circles_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SourceModel.open(make_plain(tmp_path / "model", LlamaConfig(**SIZES)).folder)

    def one_circles(probabilities: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        drawn = torch.randint(0, VOCAB, (len(probabilities),), generator=generator)
        drawn[0] = 11
        return drawn

    monkeypatch.setattr(own_text, "_drawn", one_circles)
    texts = write_texts(source, Writing(((7,),), count=4, length=64, seed=1), CPU, nothing)
    assert texts.shape == (3, 64)
    assert not bool((texts[:, 1:] == 11).all(1).any())


def test_texts_begin_as_documents_and_as_turns_do(demo_model: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.open(demo_model)
    template = ChatTemplate.open(demo_model, tokenizer)
    document, *more, turn = openings_of(tokenizer, template)
    assert set(more) == {document}
    assert document == (tokenizer.bos_id,)
    assert tokenizer.decode(turn, skip_special=False) == "<|im_start|>user\n"
    assert set(openings_of(tokenizer, None)) == {document}
    plain = make_plain(tmp_path / "model", LlamaConfig(**{**SIZES, "bos_token_id": None})).folder
    assert openings_of(Tokenizer.open(plain), None) == ()


def test_a_model_without_room_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = SourceModel.open(make_plain(tmp_path / "model", LlamaConfig(**SIZES)).folder)
    assert held_bytes(source.spec, 512, CPU) > 0.9 * source.index.total_bytes
    assert fits(source.spec, CPU)
    none = psutil.virtual_memory()._replace(available=1000)
    monkeypatch.setattr(own_text.psutil, "virtual_memory", lambda: none)
    assert not fits(source.spec, CPU)


def recipe_of(folder: Path, size: tuple[int, int]) -> RowsRecipe:
    texts = CalibrationText((" ".join(f"t{i % VOCAB}" for i in range(900)),))
    return RowsRecipe(SourceModel.open(folder), Tokenizer.open(folder), None, texts, size, 1)


def test_rows_are_of_both_kinds(tmp_path: Path) -> None:
    folder = make_plain(tmp_path / "model", LlamaConfig(**SIZES)).folder
    given = gather_rows(recipe_of(folder, (16, 32)), None, nothing)
    both = gather_rows(recipe_of(folder, (16, 32)), CPU, nothing)
    assert given.shape == both.shape == (16, 32)
    own = round(16 * OWN_SHARE)
    assert bool((both[:own, 0] == 7).all())  # each begins as a document does
    assert both[own:].tolist() == gather_rows(recipe_of(folder, (16 - own, 32)), None, nothing).tolist()
    assert int(both.max()) < VOCAB


def test_a_model_with_nothing_to_begin_with_is_told(tmp_path: Path) -> None:
    folder = make_plain(tmp_path / "model", LlamaConfig(**{**SIZES, "bos_token_id": None})).folder
    recipe = recipe_of(folder, (16, 32))
    assert not recipe.can_write(CPU)
    with pytest.raises(InvalidRequestError, match="neither a token that begins"):
        gather_rows(recipe, CPU, nothing)


class _Stopped(Exception):
    pass


def test_a_conversion_that_goes_on_takes_the_text_that_was_written(tmp_path: Path) -> None:
    folder = make_plain(tmp_path / "model", LlamaConfig(**SIZES), dtype=torch.float16).folder
    request = ConvertRequest(folder, tmp_path / "a", 2.0, rows=8, columns=32)
    told: list[Event] = []
    convert(request, CpuTrellisSearch(), told.append)
    assert next(each.module for each in told if isinstance(each, Advance)) == "calibration text"

    def stop(event: Event) -> None:
        if isinstance(event, Advance) and event.module == "block 1":
            raise _Stopped

    stopped = replace(request, target=tmp_path / "b")
    with pytest.raises(_Stopped):
        convert(stopped, CpuTrellisSearch(), stop)
    told.clear()
    convert(replace(stopped, resume=True), CpuTrellisSearch(), told.append)
    assert "calibration text" not in [each.module for each in told if isinstance(each, Advance)]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "b.work").exists()


def test_given_text_is_calibrated_with_alone(tmp_path: Path) -> None:
    folder = make_plain(tmp_path / "model", LlamaConfig(**SIZES), dtype=torch.float16).folder
    words = tmp_path / "words.txt"
    words.write_text(" ".join(f"t{i % VOCAB}" for i in range(900)))
    for name, text, own in (("a", words, None), ("b", words, True), ("c", None, False)):
        told: list[Event] = []
        request = ConvertRequest(folder, tmp_path / name, 2.0, rows=8, columns=32, calibration=text, own_text=own)
        convert(request, CpuTrellisSearch(), told.append)
        assert any(isinstance(each, Advance) and each.module == "calibration text" for each in told) == (own is True)
