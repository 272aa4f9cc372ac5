"""The text models of the families that see, against transformers on random weights, under all prefixes of files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    Gemma3Config,
    Gemma3TextConfig,
    Ministral3Config,
)

from engine import load_model
from engine.errors import EngineError, UnsupportedModelError
from engine.features import Feature
from engine.models.features import check_runs
from engine.models.registry import build_spec
from engine.weights.config_reader import ConfigReader
from tests.oracles.tiny_models import TinyModel, make_exl3, make_plain, random_ids, relative_error
from tests.oracles.tiny_seeing import GEMMA_TEXT, MISTRAL_TEXT, SEEING, VOCAB, as_old_llava, as_old_qwen

TOLERANCE = 5e-4  # K and V are fp16 in the cache
EXL3_TOLERANCE = 3e-3


def error_of(model: TinyModel, num_tokens: int, **load: Any) -> float:
    ids = random_ids(num_tokens, VOCAB)
    session = load_model(model.folder, device="cpu", cache_tokens=1024, **load)
    return relative_error(session.logits(ids), model.truth(ids))


def gemma(**changes: Any) -> Gemma3TextConfig:
    return Gemma3TextConfig(**(GEMMA_TEXT | changes))


@pytest.mark.parametrize("num_tokens", [1, 70, 600])
def test_gemma3_text(tmp_path: Path, num_tokens: int) -> None:
    assert error_of(make_plain(tmp_path, gemma()), num_tokens) <= TOLERANCE


def test_gemma3_token_by_token_equals_chunks(tmp_path: Path) -> None:
    model, ids = make_plain(tmp_path, gemma(sliding_window=20)), random_ids(90, VOCAB)
    session = load_model(tmp_path, device="cpu", cache_tokens=512)
    assert relative_error(session.logits(ids, by_token=True), model.truth(ids)) <= TOLERANCE


def old_gemma_keys(values: dict[str, Any]) -> None:
    """As files of 2025 have it: one factor, two bases, a pattern, and next to nothing else."""
    ropes = values.pop("rope_parameters")
    values["rope_theta"] = ropes["full_attention"]["rope_theta"]
    values["rope_local_base_freq"] = ropes["sliding_attention"]["rope_theta"]
    values["rope_scaling"] = {"rope_type": "linear", "factor": ropes["full_attention"]["factor"]}
    del values["layer_types"]
    values["sliding_window_pattern"] = 3


def test_gemma3_old_keys(tmp_path: Path) -> None:
    model = make_plain(tmp_path, gemma(), change=old_gemma_keys)
    assert "rope_local_base_freq" in (tmp_path / "config.json").read_text()
    assert error_of(model, 300) <= TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"query_pre_attn_scalar": 5}, {"final_logit_softcapping": 3.0}, {"attn_logit_softcapping": 2.0},
        {"tie_word_embeddings": False}, {"attention_bias": True}, {"num_attention_heads": 8, "num_key_value_heads": 1},
    ],
    ids=str,
)  # fmt: skip
def test_gemma3_variants(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert error_of(make_plain(tmp_path, gemma(**changes)), 100) <= TOLERANCE


def test_gemma3_sparse_config(tmp_path: Path) -> None:
    """The files of the 4B model say six things of the text model; the rest is the family's."""
    text = {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}  # fmt: skip
    values = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "text_config": text}
    spec = build_spec(ConfigReader(tmp_path / "config.json", values))
    theirs = Gemma3Config(text_config=text).text_config
    first, sixth = spec.blocks[0].attention, spec.blocks[5].attention
    assert (spec.vocab_size, spec.tied, len(spec.blocks)) == (262208, True, 34)
    assert (first.num_heads, first.num_kv_heads, first.head_dim, first.scale) == (8, 4, 256, 1 / 16)
    assert (first.window, first.rope.theta, first.rope.kind) == (1024, 1e4, "default")
    assert (sixth.window, sixth.rope.theta, sixth.rope.kind, sixth.rope.factor) == (None, 1e6, "linear", 8.0)
    windows = [block.attention.window is not None for block in spec.blocks]
    assert windows == [kind == "sliding_attention" for kind in theirs.layer_types]


def test_ministral3(tmp_path: Path) -> None:
    rope = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 16.0, "original_max_position_embeddings": 64,
            "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.5}  # fmt: skip
    sizes = {key: value for key, value in MISTRAL_TEXT.items() if key not in ("model_type", "rope_parameters")}
    config = Ministral3Config(**sizes, rope_parameters=dict(rope))
    model = make_plain(tmp_path / "scaled", config)
    assert error_of(model, 300) <= TOLERANCE
    plain = make_plain(
        tmp_path / "plain", Ministral3Config(**sizes, rope_parameters=rope | {"llama_4_scaling_beta": 0.0})
    )
    ids = random_ids(300, VOCAB)
    assert relative_error(plain.truth(ids), model.truth(ids)) > 20 * TOLERANCE


RENAMES: dict[str, list[Callable[[str], str] | None]] = {
    "gemma3": [None, as_old_llava], "mistral3": [None, as_old_llava], "qwen2_5_vl": [None, as_old_qwen],
    "qwen3_vl": [None, as_old_qwen],
}  # fmt: skip


@pytest.mark.parametrize(("family", "old"), [(family, old) for family in SEEING for old in (False, True)])
def test_text_of_models_that_see(tmp_path: Path, family: str, old: bool) -> None:
    model = make_plain(tmp_path, SEEING[family](), rename=RENAMES[family][old])
    assert ("model.language_model.embed_tokens.weight" in model.tensors) is not old
    assert error_of(model, 300) <= TOLERANCE


def flat(values: dict[str, Any]) -> None:
    """Qwen2.5-VL as published: the text model's settings beside everything else."""
    text = values.pop("text_config")
    rope = text.pop("rope_parameters")
    values |= {key: value for key, value in text.items() if key not in ("model_type", "architectures", "layer_types")}
    values["rope_theta"] = rope["rope_theta"]
    values["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}


def test_qwen2_5_vl_flat_config(tmp_path: Path) -> None:
    model = make_plain(tmp_path, SEEING["qwen2_5_vl"](), rename=as_old_qwen, change=flat)
    assert "text_config" not in json.loads((tmp_path / "config.json").read_text())
    assert error_of(model, 100) <= TOLERANCE


@pytest.mark.parametrize("family", ["gemma3_text", *SEEING])
def test_exl3(tmp_path: Path, family: str) -> None:
    sizes = {"hidden_size": 128, "intermediate_size": 256}
    if family == "qwen2_5_vl":
        sizes["num_attention_heads"] = 8  # heads of 16 as before
    config = gemma(**sizes) if family == "gemma3_text" else SEEING[family](**sizes)
    model = make_exl3(tmp_path, config)
    for num_tokens in (1, 70):
        assert error_of(model, num_tokens) <= EXL3_TOLERANCE


@pytest.mark.parametrize("bits", [(8, 8), (4, 4)])
def test_quantized_cache(tmp_path: Path, bits: tuple[int, int]) -> None:
    model = make_plain(tmp_path, gemma())
    assert error_of(model, 300, cache_bits=bits) <= (0.02 if bits == (8, 8) else 0.3)


@pytest.mark.parametrize(
    ("family", "changes", "named"),
    [
        ("gemma3", {"layer_types": ["full_attention"]}, "layer_types"),
        ("gemma3", {"layer_types": ["full_attention", "linear", "linear"]}, "layer_types"),
        ("gemma3", {"hidden_activation": "relu"}, "hidden_activation"),
        ("gemma3", {"use_bidirectional_attention": True}, "both directions"),
        ("gemma3", {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar"),
        ("mistral3", {"model_type": "mistral4"}, "mistral4"),
        ("qwen2_5_vl", {"rope_scaling": {"type": "mrope", "mrope_section": [1, 1]}}, "mrope_section"),
        ("qwen3_vl", {"rope_scaling": {"mrope_section": [4, 4, 4]}}, "mrope_section"),
        ("qwen3_vl", {"num_key_value_heads": 3}, "num_key_value_heads"),
    ],
)
def test_refusals(tmp_path: Path, family: str, changes: dict[str, Any], named: str) -> None:
    values = SEEING[family]().to_dict()
    values["text_config"] |= changes
    with pytest.raises(EngineError, match=named):
        build_spec(ConfigReader(tmp_path / "config.json", values))


class CardLike:
    """As much of a backend as is asked before a load."""

    device_name = "Some card"
    missing = frozenset(Feature)


def test_what_a_backend_lacks_is_said(tmp_path: Path) -> None:
    values = gemma().to_dict() | {"architectures": ["Gemma3ForCausalLM"]}
    spec = build_spec(ConfigReader(tmp_path / "config.json", values))
    with pytest.raises(UnsupportedModelError, match=r"Some card cannot run Gemma3ForCausalLM yet.*norms") as caught:
        check_runs(spec, CardLike())
    assert "CPU" in caught.value.way_out
    for family in ("mistral3", "qwen2_5_vl", "qwen3_vl"):
        check_runs(build_spec(ConfigReader(tmp_path / "config.json", SEEING[family]().to_dict())), CardLike())
