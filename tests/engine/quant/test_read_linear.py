"""Reading linears and other tensors: which format is chosen, what is trimmed, expanded and converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.quant.plain import read_tensor
from engine.quant.registry import FOREIGN_PARTS, read_linear
from engine.quant.tensors import Exl3Linear, PlainLinear
from engine.weights.config_reader import ConfigReader
from engine.weights.shards import ShardIndex
from tests.oracles.exl3_numpy import Bf16, expand_signs, make_exl3_linear, with_prefix, write_safetensors

GOLDEN = Path(__file__).resolve().parents[3] / ".." / "shared" / "golden"
GOLDEN_MODELS = ("llama-exl3", "mistral-exl3", "qwen2-exl3", "qwen3-exl3")


def opened(folder: Path, tensors: dict[str, Any], pad_header: int = 0) -> ShardIndex:
    write_safetensors(folder / "model.safetensors", tensors, pad_header=pad_header)
    return ShardIndex.open(folder)


@pytest.mark.parametrize("codebook", ["3inst", "mcg", "mul1"])
@pytest.mark.parametrize("bits", range(1, 9))
def test_every_k_and_codebook_reads(tmp_path: Path, bits: int, codebook: str) -> None:
    parts = make_exl3_linear(200, 100, bits, codebook, seed=bits, bias=True)
    index = opened(tmp_path, with_prefix("a.b", parts), pad_header=bits)
    linear = read_linear(index, "a.b", 200, 100)
    assert isinstance(linear, Exl3Linear)
    assert (linear.bits, linear.codebook) == (bits, codebook)
    assert (linear.in_features, linear.out_features, linear.padded_in, linear.padded_out) == (200, 100, 256, 128)
    for name in ("trellis", "suh", "svh", "bias"):
        np.testing.assert_array_equal(getattr(linear, name).numpy(), parts[name])
    assert linear.num_bytes == 256 * 128 * bits // 8 + 2 * (256 + 128 + 128)


def test_a_marker_may_have_one_dimension(tmp_path: Path) -> None:
    parts = make_exl3_linear(128, 128, 2, "mcg", seed=0)
    parts["mcg"] = parts["mcg"].reshape(1)
    linear = read_linear(opened(tmp_path, with_prefix("x", parts)), "x", 128, 128)
    assert isinstance(linear, Exl3Linear)
    assert linear.codebook == "mcg"


def test_packed_signs_are_expanded(tmp_path: Path) -> None:
    parts = make_exl3_linear(256, 128, 3, "3inst", seed=1, legacy_signs=True)
    linear = read_linear(opened(tmp_path, with_prefix("x", parts)), "x", 256, 128)
    assert isinstance(linear, Exl3Linear)
    np.testing.assert_array_equal(linear.suh.numpy(), expand_signs(parts["su"]))
    np.testing.assert_array_equal(linear.svh.numpy(), expand_signs(parts["sv"]))
    word = int(parts["su"][0]) & 0xFFFF
    assert linear.suh[:16].tolist() == [-1.0 if word >> bit & 1 else 1.0 for bit in range(16)]
    assert linear.suh.dtype == torch.float16


@pytest.mark.parametrize("has_bias", [True, False, None])
def test_a_float32_bias_becomes_fp16_and_can_be_left_out(tmp_path: Path, has_bias: bool | None) -> None:
    parts = make_exl3_linear(128, 128, 2, "mul1", seed=0)
    parts["bias"] = np.linspace(-1, 1, 128, dtype=np.float32)
    linear = read_linear(opened(tmp_path, with_prefix("x", parts)), "x", 128, 128, has_bias)
    if has_bias is False:
        assert linear.bias is None
    else:
        assert linear.bias is not None
        np.testing.assert_array_equal(linear.bias.numpy(), parts["bias"].astype(np.float16))


@pytest.mark.parametrize("kind", ["exl3", "plain"])
def test_a_bias_that_is_required_and_missing_is_an_error(tmp_path: Path, kind: str) -> None:
    parts = {"weight": np.ones((128, 128), np.float16)}
    index = opened(tmp_path, with_prefix("x", parts if kind == "plain" else make_exl3_linear(128, 128, 2, "mcg", 0)))
    assert read_linear(index, "x", 128, 128).bias is None
    with pytest.raises(ModelFormatError, match=r"x\.bias"):
        read_linear(index, "x", 128, 128, has_bias=True)


def test_the_trellis_wins_over_a_weight_and_the_json_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "gptq", "bits": 9}}))
    parts = make_exl3_linear(128, 128, 2, "mcg", 0) | {"weight": np.ones((128, 128), np.float16)}
    tensors = with_prefix("x", parts) | {"y.weight": np.ones((128, 128), np.float16)}
    index = opened(tmp_path, tensors)
    assert isinstance(read_linear(index, "x", 128, 128), Exl3Linear)
    assert isinstance(read_linear(index, "y", 128, 128), PlainLinear)


@pytest.mark.parametrize("kind", ["f16", "f32", "bf16"])
@pytest.mark.parametrize("stored", [(100, 72), (128, 72), (100, 128), (128, 128)])
def test_plain_weights_keep_their_dtype_and_lose_their_padding(
    tmp_path: Path, kind: str, stored: tuple[int, int]
) -> None:
    values = np.arange(stored[0] * stored[1], dtype=np.float32).reshape(stored) % 127
    weight = {"f16": values.astype(np.float16), "f32": values, "bf16": Bf16.of(values)}[kind]
    bias = np.arange(stored[0], dtype=np.float16)
    linear = read_linear(opened(tmp_path, {"x.weight": weight, "x.bias": bias}), "x", 72, 100)
    assert isinstance(linear, PlainLinear)
    assert linear.weight.dtype == {"f16": torch.float16, "f32": torch.float32, "bf16": torch.bfloat16}[kind]
    np.testing.assert_array_equal(linear.weight.float().numpy(), values[:100, :72])
    assert linear.weight.is_contiguous()
    assert linear.weight.untyped_storage().nbytes() == linear.weight.numel() * linear.weight.element_size()
    assert linear.bias is not None
    assert linear.bias.tolist() == list(range(100))


@pytest.mark.parametrize("part", FOREIGN_PARTS)
def test_other_formats_are_refused_by_name(tmp_path: Path, part: str) -> None:
    tensors = {"x.weight": np.ones((16, 16), np.float16), f"x.{part}": np.zeros((2, 2), np.int32)}
    with pytest.raises(UnsupportedModelError) as caught:
        read_linear(opened(tmp_path, tensors), "x", 16, 16)
    assert FOREIGN_PARTS[part] in caught.value.message
    assert f"x.{part}" in caught.value.message
    assert "EXL3" in caught.value.way_out


def test_read_tensor_trims_rows_only_when_told(tmp_path: Path) -> None:
    tensors = {"embed.weight": np.arange(256 * 4, dtype=np.float16).reshape(256, 4), "norm.weight": np.ones(4, "f4")}
    index = opened(tmp_path, tensors)
    assert read_tensor(index, "norm.weight", (4,)).dtype == torch.float32
    embedding = read_tensor(index, "embed.weight", (200, 4), rows_may_be_padded=True)
    assert embedding.shape == (200, 4)
    np.testing.assert_array_equal(embedding.numpy(), tensors["embed.weight"][:200])
    for wrong in ((200, 4), (256, 8), (256,)):
        with pytest.raises(ModelFormatError, match=r"embed\.weight"):
            read_tensor(index, "embed.weight", wrong)
    with pytest.raises(ModelFormatError, match="dtype F32"):
        read_tensor(index, "norm.weight", (4,), ("F16",))


@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_every_linear_of_the_reference_conversions_reads(name: str) -> None:
    if not GOLDEN.is_dir():
        pytest.skip("the reference's own data is not beside the project")
    folder = GOLDEN / name
    index, config = ShardIndex.open(folder), ConfigReader.open(folder)
    hidden, inner, heads = (config.int(key) for key in ("hidden_size", "intermediate_size", "num_attention_heads"))
    head_dim = config.int("head_dim", hidden // heads)
    sizes = {
        "q_proj": (hidden, heads * head_dim),
        "k_proj": (hidden, config.int("num_key_value_heads") * head_dim),
        "o_proj": (heads * head_dim, hidden),
        "gate_proj": (hidden, inner),
        "down_proj": (inner, hidden),
        "lm_head": (hidden, config.int("vocab_size")),
    }
    sizes |= {"v_proj": sizes["k_proj"], "up_proj": sizes["gate_proj"]}
    keys = [key.removesuffix(".trellis") for key in index.entries if key.endswith(".trellis")]
    assert len(keys) == 7 * config.int("num_hidden_layers") + 1
    for key in keys:
        part = key.rpartition(".")[2]
        biased = name == "qwen2-exl3" and part in ("q_proj", "k_proj", "v_proj")
        linear = read_linear(index, key, *sizes[part], has_bias=biased or None)
        assert isinstance(linear, Exl3Linear)
        assert linear.codebook == ("3inst" if name == "mistral-exl3" else "mul1")
        assert (linear.bias is not None) == biased


def test_the_unquantized_golden_model_reads() -> None:
    if not GOLDEN.is_dir():
        pytest.skip("the reference's own data is not beside the project")
    index = ShardIndex.open(GOLDEN / "llama-hf")
    assert isinstance(read_linear(index, "model.layers.0.mlp.up_proj", 256, 512, False), PlainLinear)
