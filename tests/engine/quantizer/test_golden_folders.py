"""Folders of the reference, read and written again; and folders that we write, by the rules of the format's loader."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3TextConfig,
    LlamaConfig,
    Ministral3Config,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from engine import load_model
from engine.cpu.trellis_search import CpuTrellisSearch
from engine.quant.exl3_decode import dequantize
from engine.quant.registry import read_linear
from engine.quant.tensors import Exl3Linear
from engine.quantizer.converter import ConvertRequest, convert
from engine.quantizer.output import QuantizationRecord, write_folder
from engine.quantizer.tensor_writer import tensor_bytes
from engine.weights.shards import ShardIndex
from tests.oracles.exl3_rules import broken_rules, linears_of, read_folder
from tests.oracles.tiny_models import make_plain, random_ids, relative_error, write_tokenizer

GOLDEN = ("llama", "mistral", "qwen2", "qwen3")
VOCAB = 300  # padded to 384
SIZES: dict[str, Any] = {  # hidden and intermediate sizes are padded as well
    "vocab_size": VOCAB, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 2,
    "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 256,
}  # fmt: skip
FAMILIES: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SIZES),
    "llama with biases": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
    "llama, tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "mistral": MistralConfig(**SIZES, sliding_window=24),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=32),
    "gemma3": Gemma3TextConfig(
        **SIZES, head_dim=16, sliding_window=24, query_pre_attn_scalar=16, final_logit_softcapping=3.0,
        tie_word_embeddings=False, layer_types=["sliding_attention", "full_attention"],
    ),
    "ministral3": Ministral3Config(
        **SIZES, head_dim=16, sliding_window=None, tie_word_embeddings=False,
        rope_parameters={
            "rope_type": "yarn", "rope_theta": 1e4, "factor": 16.0, "original_max_position_embeddings": 24,
            "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.5,
        },
    ),
}  # fmt: skip
LOGITS_TOLERANCE = 3e-3


@pytest.fixture(params=GOLDEN)
def golden(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Path:
    """A conversion of the reference's, without the file of expected logits that lies beside it."""
    folder = tmp_path / request.param
    shutil.copytree(shared / "golden" / f"{request.param}-exl3", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    (folder / "golden.safetensors").unlink()
    return folder


def json_of(folder: Path, name: str = "config.json") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    index = ShardIndex.open(folder)
    return {name: index.read(name) for name in index.entries}


def bits_of(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.reshape(-1).view(torch.uint8)


def write_again(folder: Path, target: Path, shard_bytes: int = 1 << 33) -> None:
    """Every tensor through our reader and our writer, module by module, as if the rest came from a plain source."""
    modules: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors_of(folder).items():
        modules.setdefault(name.partition(".self_attn")[0].partition(".mlp")[0], {})[name] = tensor
    said = json_of(folder)["quantization_config"]
    source = target.with_name("source")
    shutil.copytree(folder, source)
    (source / "config.json").write_text(
        json.dumps({key: value for key, value in json_of(folder).items() if key != "quantization_config"})
    )
    record = QuantizationRecord(
        said["bits"], said["head_bits"], said["codebook"], said["calibration"]["rows"], said["calibration"]["cols"]
    )
    write_folder(
        source, target, [(sum(map(tensor_bytes, each.values())), lambda each=each: each) for each in modules.values()],
        record, shard_bytes,
    )  # fmt: skip


def test_the_reference_keeps_the_rules(golden: Path) -> None:
    assert broken_rules(golden, linears_of(json_of(golden))) == []


def test_what_is_read_is_written_again(golden: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_again(golden, again)
    first, second = tensors_of(golden), tensors_of(again)
    assert set(first) == set(second)
    for name, tensor in first.items():
        assert (tensor.dtype, tensor.shape) == (second[name].dtype, second[name].shape), name
        assert torch.equal(bits_of(tensor), bits_of(second[name])), name
    for name in ("quantization_config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        assert json_of(golden, name) == json_of(again, name), name
    assert json_of(golden) == json_of(again)
    assert broken_rules(again, linears_of(json_of(golden))) == []


def test_several_shards_have_an_index(golden: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_again(golden, again, shard_bytes=400_000)
    assert len(list(again.glob("*.safetensors"))) > 2
    assert broken_rules(again, linears_of(json_of(golden))) == []


Spoil = Callable[[dict[str, Any]], object]
SPOILED: dict[str, tuple[Spoil, str]] = {
    "other bits": (lambda q: q["tensor_storage"]["lm_head"].update(bits_per_weight=5), "tensor_storage of lm_head"),
    "no entry": (lambda q: q["tensor_storage"].pop("model.norm"), "differ in"),
    "an int": (lambda q: q.update(bits=4), "different things"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_the_rules_see_what_is_wrong(name: str, shared: Path, tmp_path: Path) -> None:
    spoil, said = SPOILED[name]
    folder = tmp_path / "spoiled"
    shutil.copytree(shared / "golden" / "llama-exl3", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    described = json_of(folder, "quantization_config.json")
    if name == "an int":
        described["bits"] = 5.0
    else:
        spoil(described)
    (folder / "quantization_config.json").write_text(json.dumps(described))
    assert any(said in each for each in broken_rules(folder, linears_of(json_of(folder))))


@pytest.mark.parametrize("family", FAMILIES)
def test_conversions_keep_the_rules_and_mean_their_decoded_weights(family: str, tmp_path: Path) -> None:
    config, source, made = FAMILIES[family], tmp_path / "source", tmp_path / "made"
    source.mkdir()
    model = make_plain(source, config, dtype=torch.bfloat16 if family == "qwen2" else torch.float16)
    write_tokenizer(source, VOCAB)
    words = tmp_path / "words.txt"
    words.write_text(" ".join(f"t{i}" for i in random_ids(2000, VOCAB, seed=5)))
    codebook = {"mistral": "3inst", "qwen3": "mcg"}.get(family, "mul1")
    convert(
        ConvertRequest(source, made, 3.5, codebook=codebook, calibration=words, rows=4, columns=64),  # type: ignore[arg-type]
        CpuTrellisSearch(), lambda _: None,
    )  # fmt: skip
    linears = linears_of(json_of(made))
    assert broken_rules(made, linears) == []
    kept = {name: each.dtype for name, each in read_folder(made)[0].items() if name.endswith("norm.weight")}
    assert set(kept.values()) == {"BF16" if family == "qwen2" else "F16"}
    oracle = with_decoded_weights(model.oracle, made, linears)
    ids = random_ids(70, VOCAB, seed=9)
    with torch.no_grad():
        truth = oracle(torch.tensor([ids])).logits[0]
    logits = load_model(made, device="cpu", cache_tokens=256).logits(ids)
    assert relative_error(logits, truth) <= LOGITS_TOLERANCE
    drift = relative_error(truth, load_model(source, device="cpu", cache_tokens=256).logits(ids))
    assert 1e-3 < drift < 0.6  # it is the quantized model, and near its source


def with_decoded_weights(oracle: Any, folder: Path, linears: dict[str, tuple[int, int]]) -> Any:
    """The transformers model with the matrices that a folder's tensors decode to."""
    index = ShardIndex.open(folder)
    modules = dict(oracle.named_modules())
    oracle.config.tie_word_embeddings = False
    for key, (num_in, num_out) in linears.items():
        found = read_linear(index, key, num_in, num_out, None)
        assert isinstance(found, Exl3Linear)
        modules[key].weight = torch.nn.Parameter(dequantize(found)[:num_in, :num_out].T.contiguous())
        if modules[key].bias is not None:
            assert found.bias is not None
            modules[key].bias = torch.nn.Parameter(found.bias.float()[:num_out])
    return oracle
