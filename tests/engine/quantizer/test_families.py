"""Conversions of families beyond Llama's shape, and of models that see: what is computed, named, copied, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma3TextConfig, Ministral3Config, PreTrainedConfig

from engine import load_model
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import UnsupportedModelError
from engine.evaluation.quality import measure
from engine.fit.estimate import CardMemory
from engine.models.tensor_names import exl3_name, find_text
from engine.quantizer import convertible
from engine.quantizer.converter import ConvertRequest, convert
from engine.quantizer.convertible import ConvertibleModel
from engine.quantizer.progress import Estimate, Event
from engine.quantizer.source import SourceModel
from engine.quantizer.streams import Ropes, Stages, rms_norm, softcapped
from engine.weights.shards import ShardIndex
from tests.oracles.exl3_rules import broken_rules, linears_of
from tests.oracles.tiny_models import Rename, TinyModel, make_plain, random_ids, relative_error
from tests.oracles.tiny_seeing import GEMMA_TEXT, MISTRAL_TEXT, SEEING, VOCAB, as_old_llava, as_old_qwen

STREAMS_TOLERANCE = 1e-4
BITS = 6
OLD = {"gemma3": as_old_llava, "mistral3": as_old_llava, "qwen2_5_vl": as_old_qwen, "qwen3_vl": as_old_qwen}
PUBLISHED: dict[str, Rename | None] = {**OLD, "qwen3_vl": None}
PLACES = {  # of the text model and of its head, where ExLlamaV3 opens them
    "gemma3": ("language_model.model.", "language_model.lm_head"),
    "mistral3": ("language_model.model.", "language_model.lm_head"),
    "qwen2_5_vl": ("model.language_model.", "lm_head"),
    "qwen3_vl": ("model.language_model.", "lm_head"),
}
SMALL: dict[str, Any] = {"hidden_size": 128, "intermediate_size": 96, "num_hidden_layers": 2}
KINDS = ["sliding_attention", "full_attention"]


def gemma(**changes: Any) -> Gemma3TextConfig:
    return Gemma3TextConfig(**(GEMMA_TEXT | changes))


def ministral() -> Ministral3Config:
    """Queries grow within the rows of the tests."""
    sizes = {key: value for key, value in MISTRAL_TEXT.items() if key not in ("model_type", "rope_parameters")}
    rope = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 16.0, "original_max_position_embeddings": 24,
            "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.5}  # fmt: skip
    return Ministral3Config(**sizes, rope_parameters=rope)


TEXTS: dict[str, PreTrainedConfig] = {
    "gemma3_text": gemma(),
    "gemma3_text, capped": gemma(final_logit_softcapping=3.0, attention_bias=True, query_pre_attn_scalar=5),
    "ministral3": ministral(),
}


def logits_of(folder: Path, ids: list[int]) -> torch.Tensor:
    """Logits [T, V] of the forward pass that conversions and evaluations are made of."""
    model = SourceModel.open(folder)
    x, ropes = model.embedded(torch.tensor([ids])), Ropes(len(ids))
    for block in model.spec.blocks:
        weights = model.block(block)
        x = Stages.after_mlp(block, weights, Stages(block, weights, x, ropes).after_attention())
    normed = rms_norm(x[0], model.final_norm(), model.spec.final_norm.eps)
    return softcapped(normed @ model.head(), model.spec.logit_softcap)


def with_files(folder: Path) -> dict[str, bytes]:
    """Writes what the folders of models that see have besides; what is in the files by name."""
    files = {
        "preprocessor_config.json": b'{"image_processor_type": "Some"}', "processor_config.json": b"{}",
        "chat_template.jinja": b"{{ messages }}", "chat_template.json": b'{"chat_template": "x"}',
        "special_tokens_map.json": b"{}", "tekken.json": b"{}",
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


def converted(model: TinyModel, target: Path) -> list[Event]:
    words = target.with_suffix(".txt")
    words.write_text(" ".join(f"t{i}" for i in random_ids(2000, VOCAB, seed=5)))
    events: list[Event] = []
    request = ConvertRequest(model.folder, target, BITS, head_bits=BITS, calibration=words, rows=12, columns=64)
    convert(request, CpuTrellisSearch(), events.append)
    return events


def model_architecture(folder: Path) -> str:
    return str(json.loads((folder / "config.json").read_text())["architectures"][0])


def small(family: str) -> PreTrainedConfig:
    heads = {"num_attention_heads": 8} if family == "qwen2_5_vl" else {}  # whose size follows from their number
    kinds = {"layer_types": KINDS} if family == "gemma3" else {}
    return SEEING[family](**SMALL, **heads, **kinds)


@pytest.mark.parametrize("name", TEXTS)
def test_streams_are_what_the_model_computes(name: str, tmp_path: Path) -> None:
    model, ids = make_plain(tmp_path, TEXTS[name]), random_ids(100, VOCAB)
    assert relative_error(logits_of(tmp_path, ids), model.truth(ids)) <= STREAMS_TOLERANCE


@pytest.mark.parametrize("family", SEEING)
@pytest.mark.parametrize("is_old", [False, True])
def test_streams_of_models_that_see(family: str, is_old: bool, tmp_path: Path) -> None:
    rename: Rename | None = OLD[family] if is_old else None
    model, ids = make_plain(tmp_path, SEEING[family](), rename=rename), random_ids(100, VOCAB)
    assert relative_error(logits_of(tmp_path, ids), model.truth(ids)) <= STREAMS_TOLERANCE


@pytest.mark.parametrize("family", SEEING)
def test_a_conversion_of_a_model_that_sees(family: str, tmp_path: Path) -> None:
    """From published files, and with their tower as it was."""
    dtype, kept_as = (torch.float32, "F32") if family == "qwen3_vl" else (torch.bfloat16, "BF16")
    model = make_plain(tmp_path / "source", small(family), dtype=dtype, rename=PUBLISHED[family])
    files = with_files(model.folder)
    made = tmp_path / "made"
    events = converted(model, made)
    text = json.loads((made / "config.json").read_text())["text_config"]
    linears = linears_of(text, *PLACES[family])
    assert broken_rules(made, linears) == []
    source, result = ShardIndex.open(model.folder), ShardIndex.open(made)
    rename = exl3_name(model_architecture(made), find_text(source.entries))
    names = {rename(name): name for name in source.entries}
    kept = set(names) - {f"{key}.weight" for key in linears}
    parts = ("trellis", "suh", "svh", "mul1", "bias")
    assert set(result.entries) - {f"{key}.{part}" for key in linears for part in parts} == {
        name for name in kept if not name.endswith("_proj.bias") or "visual" in name or "vision_tower" in name
    }
    for name in kept & set(result.entries):
        if "visual" in name or "vision_tower" in name or "projector" in name:
            assert result.entry(name).dtype == kept_as
            assert torch.equal(source.read(names[name]), result.read(name)), name
    assert {name: (made / name).read_bytes() for name in files} == files
    ids = random_ids(60, VOCAB, seed=9)
    session = load_model(made, device="cpu", cache_tokens=256)
    assert relative_error(session.logits(ids)[:, :VOCAB], model.truth(ids)) < 0.05
    assert session.sees
    quality = measure(made, model.folder, torch.tensor([ids]), lambda *_: None)
    assert quality.against is not None
    assert quality.against.top1 > 0.9
    planned = ConvertibleModel.open(model.folder)
    assert planned.vision_bytes > 0
    tensors = sum(entry.num_bytes for entry in result.entries.values())
    assert 0.99 <= planned.output_bytes(BITS, BITS) / tensors < 1.02
    assert isinstance(events[0], Estimate)
    assert events[0].output_bytes >= 0.99 * tensors


@pytest.mark.parametrize("family", SEEING)
def test_names_are_the_same_whatever_the_source_calls_them(family: str, tmp_path: Path) -> None:
    """Those by which ExLlamaV3 opens text, head, tower and projector."""
    made = []
    for number, rename in enumerate((None, OLD[family])):
        model = make_plain(tmp_path / str(number), small(family), rename=rename)
        names = exl3_name(model_architecture(model.folder), find_text(model.tensors))
        made.append({names(name) for name in model.tensors})
    assert made[0] == made[1]
    text, head = PLACES[family]
    others = {
        "gemma3": ("vision_tower.vision_model.", "multi_modal_projector."),
        "mistral3": ("vision_tower.", "multi_modal_projector."),
        "qwen2_5_vl": ("visual.",),
        "qwen3_vl": ("model.visual.",),
    }[family]
    assert all(name.startswith((text, head, *others)) for name in made[0])
    assert all(any(name.startswith(prefix) for name in made[0]) for prefix in (text, *others))


@pytest.mark.parametrize("family", SEEING)
def test_the_tower_counts_in_the_fit(family: str, tmp_path: Path) -> None:
    model = make_plain(tmp_path, small(family), dtype=torch.float16, rename=PUBLISHED[family])
    parts = ("visual.", "vision_tower.", "projector.")
    tower = sum(2 * value.numel() for name, value in model.tensors.items() if any(part in name for part in parts))
    planned = ConvertibleModel.open(model.folder)
    estimate = planned.result(4.0, 6).estimate(CardMemory(8_000_000_000), 256)
    assert {part.name: part.num_bytes for part in estimate.parts}["vision"] == tower > 0
    assert estimate.plan.weights_bytes == planned.output_bytes(4.0, 6)


def test_what_the_streams_do_not_know_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_plain(tmp_path, gemma()).folder
    assert ConvertibleModel.open(folder).num_blocks == 3
    monkeypatch.setattr(convertible, "KNOWN_FEATURES", frozenset())
    with pytest.raises(UnsupportedModelError, match="cannot be converted yet"):
        ConvertibleModel.open(folder)
