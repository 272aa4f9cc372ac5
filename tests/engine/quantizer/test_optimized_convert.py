"""Conversions that measure before they choose bits: the same bytes after an end at any moment, the rule's size."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig

from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import InvalidRequestError
from engine.models.registry import build_spec
from engine.quantizer.allocation import allocate, mean_bits
from engine.quantizer.command import convert_model
from engine.quantizer.converter import ConvertRequest, convert
from engine.quantizer.progress import Advance, BitsChosen, Estimate, Event
from engine.weights.config_reader import ConfigReader
from tests.oracles.exl3_rules import broken_rules, linears_of, read_folder
from tests.oracles.tiny_models import make_plain, random_ids, write_tokenizer

VOCAB = 200


@pytest.fixture
def request_of(tmp_path: Path) -> ConvertRequest:
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=128, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=128,
    )  # fmt: skip
    source, words = tmp_path / "source", tmp_path / "words.txt"
    source.mkdir()
    make_plain(source, config, dtype=torch.float16)
    write_tokenizer(source, VOCAB)
    words.write_text(" ".join(f"t{i}" for i in random_ids(2000, VOCAB, seed=5)))
    return ConvertRequest(
        source, tmp_path / "whole", 4.0, head_bits=16, calibration=words, rows=6, columns=64, optimize=True
    )


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_end_at_any_moment_leads_to_the_same_bytes(request_of: ConvertRequest, tmp_path: Path) -> None:
    events: list[Event] = []
    convert(request_of, CpuTrellisSearch(), events.append)
    request = replace(request_of, target=tmp_path / "broken")
    work = tmp_path / "broken.work"
    for count in (2, 2, 3):  # while it is measured; between; while blocks are quantized
        left = iter(range(count))
        with pytest.raises(StopIteration):
            convert(request, CpuTrellisSearch(), lambda _, left=left: next(left))  # type: ignore[misc]
        request = replace(request, resume=True)
    assert (work / "allocation.json").exists()
    assert not (work / "choosing").exists()
    with pytest.raises(InvalidRequestError, match="optimize = true, not false"):
        convert(replace(request, optimize=False), CpuTrellisSearch(), lambda _: None)
    convert(request, CpuTrellisSearch(), lambda _: None)
    assert bytes_of(tmp_path / "broken") == bytes_of(tmp_path / "whole")
    assert not work.exists()

    first, chosen = events[0], next(each for each in events if isinstance(each, BitsChosen))
    assert isinstance(first, Estimate)
    assert 0 < first.choosing_seconds < first.seconds
    assert chosen.expected < chosen.of_rule
    assert events.index(chosen) > next(i for i, each in enumerate(events) if isinstance(each, Advance))
    made = tmp_path / "whole"
    config = json.loads((made / "config.json").read_text())
    linears = {key: size for key, size in linears_of(config).items() if key != "lm_head"}
    assert broken_rules(made, linears) == []
    tensors, _ = read_folder(made)
    bits = {key: tensors[f"{key}.trellis"].shape[2] // 16 for key in linears}
    assert (min(bits.values()), max(bits.values())) == (chosen.lowest, chosen.highest)
    assert chosen.lowest < chosen.highest
    spec = build_spec(ConfigReader.open(made))
    assert mean_bits(spec, bits) <= mean_bits(spec, allocate(spec, 4.0))
    assert config["quantization_config"]["bits"] == round(mean_bits(spec, bits), 2)


def test_the_terminal_says_how_much_longer_it_takes(request_of: ConvertRequest) -> None:
    out = io.StringIO()
    convert_model(request_of, out, dry_run=True)
    assert "of it to choose bits" in out.getvalue()
    out = io.StringIO()
    convert_model(replace(request_of, optimize=False), out, dry_run=True)
    assert "choose" not in out.getvalue()
