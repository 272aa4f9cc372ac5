"""A whole conversion on a card: the model writes its text there, and what is made means what the original means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

for _package in ("jinja2", "platformdirs", "tokenizers", "transformers"):
    pytest.importorskip(_package, reason=f"without {_package} no model can be made and loaded")

import transformers  # noqa: E402

from engine.cuda.trellis_search import CudaTrellisSearch  # noqa: E402
from engine.evaluation.quality import measure  # noqa: E402
from engine.quantizer import converter  # noqa: E402
from engine.quantizer.converter import ConvertRequest, convert  # noqa: E402
from engine.quantizer.progress import Advance, Event, ModuleReport  # noqa: E402
from gpu.launch import KernelCache  # noqa: E402
from tests.oracles.tiny_models import make_plain  # noqa: E402

VOCAB = 320
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 128, "intermediate_size": 192, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 256,
    "bos_token_id": 7,
}  # fmt: skip


@pytest.mark.gpu
def test_a_model_is_converted_with_its_own_text(tmp_path: Path) -> None:
    model = make_plain(tmp_path / "source", transformers.LlamaConfig(**SIZES), dtype=torch.float16)
    search = CudaTrellisSearch(KernelCache(None, torch.cuda.get_device_capability()), torch.device("cuda"))
    made, told = tmp_path / "made", list[Event]()
    convert(ConvertRequest(model.folder, made, 4.0, rows=12, columns=64), search, told.append)
    assert "calibration text" in [each.module for each in told if isinstance(each, Advance)]
    ids = torch.randint(0, VOCAB, (1, 60), generator=torch.Generator().manual_seed(9))
    quality = measure(made, model.folder, ids, lambda *_: None)
    assert quality.against is not None
    assert quality.against.top1 > 0.5


class _Stopped(Exception):
    pass


@pytest.mark.gpu
def test_where_streams_lie_and_when_a_run_ended_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_plain(tmp_path / "source", transformers.LlamaConfig(**SIZES), dtype=torch.bfloat16)
    words = tmp_path / "words.txt"
    words.write_text(" ".join(f"t{i % VOCAB}" for i in range(4000)))
    search = CudaTrellisSearch(KernelCache(None, torch.cuda.get_device_capability()), torch.device("cuda"))
    request = ConvertRequest(model.folder, tmp_path / "whole", 3.0, rows=12, columns=64, calibration=words)
    convert(request, search, lambda _: None)

    def stop(event: Event) -> None:
        if isinstance(event, ModuleReport) and event.name == "block 0":
            raise _Stopped

    monkeypatch.setattr(converter, "home_for", lambda *_: torch.device("cpu"))
    monkeypatch.setattr(converter, "blocks_per_state", lambda _: 8)
    ended = replace(request, target=tmp_path / "ended")
    with pytest.raises(_Stopped):
        convert(ended, search, stop)
    convert(replace(ended, resume=True), search, lambda _: None)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "ended")]
    assert weights[0] == weights[1]
