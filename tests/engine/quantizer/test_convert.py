"""Whole conversions of tiny random models: what is written reads back, and ended runs go on to the same bytes."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, MistralConfig, PreTrainedConfig, Qwen2Config, Qwen3Config

from engine import load_model
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.errors import (
    EngineError,
    InvalidRequestError,
    ModelFormatError,
    NotEnoughMemoryError,
    UnsupportedModelError,
)
from engine.evaluation.quality import measure
from engine.quantizer import converter, estimate
from engine.quantizer.command import convert_model
from engine.quantizer.converter import ConvertRequest, convert
from engine.quantizer.progress import Advance, Estimate, Event, Finished, ModuleReport
from tests.oracles.tiny_models import make_plain, random_ids, relative_error, write_tokenizer

VOCAB = 320
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 128, "intermediate_size": 96, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 256,
}  # fmt: skip


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(" ".join(f"t{i}" for i in random_ids(3000, VOCAB, seed=5)))
    return path


def source_of(folder: Path, config: PreTrainedConfig | None = None, dtype: torch.dtype = torch.float16) -> Any:
    folder.mkdir()
    model = make_plain(folder, config or LlamaConfig(**SIZES), dtype=dtype)
    write_tokenizer(folder, VOCAB)
    return model


def request_for(folder: Path, target: Path, words: Path, **changes: Any) -> ConvertRequest:
    values = {"bits": 4.0, "head_bits": 6, "calibration": words, "rows": 6, "columns": 64} | changes
    return ConvertRequest(folder, target, **values)


def run(request: ConvertRequest) -> list[Event]:
    events: list[Event] = []
    convert(request, CpuTrellisSearch(), events.append)
    return events


CONFIGS = {
    "llama": LlamaConfig(**SIZES, attention_bias=True),
    "tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "mistral": MistralConfig(**SIZES, sliding_window=40),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_converted_model_means_what_the_original_means(name: str, tmp_path: Path, words: Path) -> None:
    model = source_of(tmp_path / "source", CONFIGS[name], torch.bfloat16 if name == "qwen3" else torch.float16)
    events = run(request_for(model.folder, tmp_path / "made", words))
    ids = random_ids(60, VOCAB, seed=9)
    logits = load_model(tmp_path / "made", device="cpu", cache_tokens=256).logits(ids)[:, :VOCAB]
    assert relative_error(logits, model.truth(ids)) < 0.25
    quality = measure(tmp_path / "made", model.folder, torch.tensor([ids]), lambda *_: None)
    assert quality.against is not None
    assert quality.against.top1 > 0.5
    assert isinstance(events[0], Estimate)
    assert not (tmp_path / "made.work").exists()
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.bits == 4.0
    advances = [each for each in events if isinstance(each, Advance)]
    assert advances[-1].done == advances[-1].total


def test_files_say_what_is_in_them(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    (source / "notes.md").write_text("kept")
    (source / "pytorch_model.bin").write_text("left out")
    (source / ".cache").mkdir()
    (source / ".cache" / "junk").write_text("left out")
    made = tmp_path / "made"
    run(request_for(source, made, words, bits=3.5, codebook="mcg"))
    names = {path.name for path in made.iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "notes.md", "quantization_config.json",
        "tokenizer.json",
    } & (names | {"model.safetensors", "notes.md", "quantization_config.json", "tokenizer.json"})  # fmt: skip
    config = json.loads((made / "config.json").read_text())["quantization_config"]
    assert (config["quant_method"], config["head_bits"], config["codebook"]) == ("exl3", 6, "mcg")
    assert 3.3 < config["bits"] <= 3.5
    storage = json.loads((made / "quantization_config.json").read_text())["tensor_storage"]
    entry = storage["model.layers.1.mlp.down_proj"]
    assert entry["quant_format"] == "exl3"
    assert entry["mcg_multiplier"] == 0xCBAC1FED
    bits = entry["bits_per_weight"]
    assert entry["stored_tensors"]["model.layers.1.mlp.down_proj.trellis"] == {
        "shape": [8, 8, 16 * bits], "n_bytes": 128 * 16 * bits, "dtype": "torch.int16"
    }  # fmt: skip
    assert storage["model.norm"] == {
        "stored_tensors": {"model.norm.weight": {"shape": [128], "n_bytes": 256, "dtype": "torch.float16"}}
    }


def test_files_of_weights_stay_below_a_size(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    run(request_for(source, tmp_path / "made", words, bits=2.0, shard_bytes=100_000))
    run(request_for(source, tmp_path / "whole", words, bits=2.0))
    sizes = [path.stat().st_size for path in (tmp_path / "made").glob("model-*-of-*.safetensors")]
    assert len(sizes) > 2, sizes
    assert sorted(sizes)[-2] < 110_000  # a single module may be larger
    logits = [load_model(tmp_path / name, cache_tokens=256).logits([5, 6, 7]) for name in ("made", "whole")]
    assert torch.equal(*logits)


def test_a_head_of_16_bits_stays_as_it_is(tmp_path: Path, words: Path) -> None:
    model = source_of(tmp_path / "source")
    run(request_for(model.folder, tmp_path / "made", words, head_bits=16, bits=2.0))
    session = load_model(tmp_path / "made", device="cpu", cache_tokens=256)
    assert session.logits([1, 2, 3]).shape == (3, VOCAB)


def test_a_run_that_was_broken_off_goes_on_to_the_same_bytes(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    search = CpuTrellisSearch()
    convert(request_for(source, tmp_path / "whole", words, bits=2.0), search, lambda _: None)
    request = request_for(source, tmp_path / "broken", words, bits=2.0)
    for count in (5, 40, 20):
        left = iter(range(count))
        with pytest.raises(StopIteration):
            convert(request, search, lambda _, left=left: next(left))  # type: ignore[misc]
        request = replace(request, resume=True)
    convert(request, search, lambda _: None)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


@pytest.mark.parametrize("blocks", [2, 3])
def test_blocks_behind_the_last_state_are_passed_again_to_the_same_bytes(
    blocks: int, tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converter, "blocks_per_state", lambda _: blocks)
    source = source_of(tmp_path / "source", LlamaConfig(**SIZES | {"num_hidden_layers": 4, "hidden_size": 64})).folder
    size = {"bits": 2.0, "head_bits": 2, "rows": 2, "columns": 24}
    search, whole = CpuTrellisSearch(), list[Event]()
    convert(request_for(source, tmp_path / "whole", words, **size), search, whole.append)
    request = request_for(source, tmp_path / "broken", words, **size)
    work = tmp_path / "broken.work"
    for ended in ("block 0", "block 1", "block 1 again", "block 2", "block 3"):

        def stop(event: Event, ended: str = ended) -> None:
            is_done = isinstance(event, ModuleReport) and not event.is_resumed and event.name == ended
            if is_done or (isinstance(event, Advance) and event.module == ended and ended.endswith("again")):
                raise _Stopped

        before = len(list(work.glob("module-*.json")))
        if ended.endswith("again") and blocks == 2:
            continue  # a state stands behind that block
        with pytest.raises(_Stopped):
            convert(request, search, stop)
        done = len(list(work.glob("module-*.json")))
        assert done == before + (not ended.endswith("again"))
        states = [path.name for path in work.glob("state-*")]
        assert states == ([f"state-{done // blocks * blocks:05d}.safetensors"] if done >= blocks else [])
        request = replace(request, resume=True)
    convert(request, search, lambda _: None)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_large_states_are_stored_seldom() -> None:
    found = [converter.blocks_per_state(size) for size in (1000, 10**9, 3 * 10**9, 8 * 10**9, 10**12)]
    assert found == [1, 1, 3, 8, 8]


class _Stopped(Exception):
    pass


COMMAND = """
import sys
from pathlib import Path
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.quantizer.converter import ConvertRequest, convert
source, target, words, resume = sys.argv[1:]
convert(ConvertRequest(Path(source), Path(target), 2.5, calibration=Path(words), rows=6, columns=64,
                       resume=resume == "1"), CpuTrellisSearch(), lambda event: print(type(event).__name__, flush=True))
"""


def run_apart(source: Path, target: Path, words: Path, *, kill_after: int | None) -> bool:
    """Runs a conversion in a process of its own and kills it after so many events. Returns whether it finished."""
    work = target.with_name(target.name + ".work")
    resume = (work / "job.json").exists()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(source), str(target), str(words), str(int(resume))],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert process.stdout is not None
    for count, _ in enumerate(process.stdout, 1):
        if count == kill_after:
            time.sleep(random.Random(count).random() / 20)
            os.kill(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    is_whole = (target / "quantization_config.json").exists() and not work.exists()
    return process.wait() == 0 or is_whole


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_killed_conversion_goes_on_to_the_same_bytes(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    assert run_apart(source, tmp_path / "whole", words, kill_after=None)
    chance = random.Random(3)
    kills = 0
    for _ in range(3):
        if run_apart(source, tmp_path / "killed", words, kill_after=chance.randint(2, 45)):
            break
        kills += 1
    else:
        assert run_apart(source, tmp_path / "killed", words, kill_after=None)
    assert kills >= 1
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_the_seed_alone_decides(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(request_for(source, tmp_path / name, words, bits=2.0, seed=seed))
    same, other = (contents(tmp_path / name)["model.safetensors"] for name in ("b", "c"))
    assert contents(tmp_path / "a")["model.safetensors"] == same
    assert same != other


def test_another_job_is_not_taken_up(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    request = request_for(source, tmp_path / "made", words, bits=2.0, work=tmp_path / "work")
    with pytest.raises(InvalidRequestError, match="holds no conversion"):
        run(replace(request, resume=True))
    run(request)
    shutil.rmtree(tmp_path / "made")
    with pytest.raises(InvalidRequestError, match="was begun"):
        run(request)
    with pytest.raises(InvalidRequestError, match=r"seed = 1, not 4"):
        run(replace(request, resume=True, seed=4))
    events = run(replace(request, resume=True))
    assert not any(isinstance(each, Advance) for each in events)  # everything was done: it is only put together
    assert (tmp_path / "made" / "model.safetensors").exists()


@pytest.mark.parametrize("bits", [0.5, 9.0, float("nan")])
def test_a_bitrate_that_does_not_exist_is_refused(bits: float, tmp_path: Path, words: Path) -> None:
    with pytest.raises(InvalidRequestError, match="bits per weight is outside"):
        run(request_for(tmp_path, tmp_path / "made", words, bits=bits))


def test_a_missing_tensor_is_named_before_anything_is_written(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    path = source / "model.safetensors"
    header, name = path.read_bytes(), b"model.layers.1.self_attn.v_proj.weight"
    path.write_bytes(header.replace(name, name.replace(b"v_proj", b"w_proj")))
    with pytest.raises(ModelFormatError, match=r"layers\.1\.self_attn\.v_proj"):
        run(request_for(source, tmp_path / "made", words))
    assert not (tmp_path / "made.work").exists()


def test_an_unknown_family_is_refused(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"architectures": ["StrangeForCausalLM"]}))
    with pytest.raises(UnsupportedModelError, match="Strange"):
        run(request_for(source, tmp_path / "made", words))


def test_a_quantized_source_is_refused(demo_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="quantized already"):
        run(ConvertRequest(demo_model, tmp_path / "made", 3.0))


def test_a_full_disk_is_noticed_beforehand(tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(tmp_path / "source").folder
    nothing = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda _: nothing)
    with pytest.raises(NotEnoughMemoryError, match="free"):
        run(request_for(source, tmp_path / "made", words))
    assert not (tmp_path / "made.work").exists()


def test_the_output_folder_must_be_free(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    for target in (source, source / "inside"):
        with pytest.raises(InvalidRequestError, match="lies in the source folder"):
            run(request_for(source, target, words))
    other = source_of(tmp_path / "other").folder
    with pytest.raises(InvalidRequestError, match="holds a model already"):
        run(request_for(source, other, words))


def test_the_terminal_tells_everything(tmp_path: Path, words: Path) -> None:
    source = source_of(tmp_path / "source").folder
    out = io.StringIO()
    assert convert_model(request_for(source, tmp_path / "made", words, bits=2.0), out) == 0
    text = out.getvalue()
    for part in ("GB of memory", "block 0: q 2 b", "head: ", "model.layers.1.mlp.down_proj", "2.00 bits per weight"):
        assert part in text, part


def test_a_text_that_is_too_short_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path / "source").folder
    short = tmp_path / "short.txt"
    short.write_text("t1 t2")
    with pytest.raises(EngineError, match="less than"):
        run(request_for(source, tmp_path / "made", short))
