"""Tiny random models in folders of their own, each with a transformers model of the same weights as its truth.

`make_plain` writes unquantized tensors; `make_exl3` replaces every linear by random EXL3 tensors and gives the truth
their dequantized matrices. Weights are sized so that attention, biases and norms all matter to the logits: a rope or a
window that is a little wrong shows. Imports nothing from the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedConfig, PreTrainedModel

from tests.oracles.exl3_numpy import dequantize, make_exl3_linear, with_prefix, write_safetensors

Kind = tuple[int, str]  # K and codebook
# A third of all kinds: every K and every codebook, so that few kernels are compiled.
SOME_KINDS: tuple[Kind, ...] = tuple((bits, ("3inst", "mcg", "mul1")[bits % 3]) for bits in range(1, 9))
VISION_PARTS = frozenset({"visual", "vision_tower", "multi_modal_projector"})
ChangeConfig = Callable[[dict[str, Any]], None]
Rename = Callable[[str], str]


@dataclass(frozen=True)
class Layout:
    """How the tensors lie in files.

    Attributes:
        shards: number of files.
        index: write model.safetensors.index.json.
        odd_offsets: the data section starts at an odd offset.
    """

    shards: int = 1
    index: bool = False
    odd_offsets: bool = False


@dataclass(frozen=True)
class TinyModel:
    """A folder that the engine can load and a float32 model that means the same."""

    folder: Path
    oracle: PreTrainedModel
    tensors: dict[str, Any] = field(repr=False)

    def truth(self, token_ids: Sequence[int]) -> torch.Tensor:
        """Logits float32 [T, V]."""
        with torch.no_grad():
            logits: torch.Tensor = self.oracle(torch.tensor([list(token_ids)])).logits[0]
        return logits


def random_ids(count: int, vocab_size: int, seed: int = 0) -> list[int]:
    """Token ids of a random prompt."""
    return [int(each) for each in np.random.default_rng(seed).integers(0, vocab_size, count)]


def relative_error(got: torch.Tensor, truth: torch.Tensor) -> float:
    """L2 norm of the difference over that of the truth; NaN counts as infinite."""
    error = float((got.double() - truth.double()).norm() / truth.double().norm())
    return error if error == error else float("inf")


def make_plain(
    folder: Path,
    config: PreTrainedConfig,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    layout: Layout | None = None,
    change: ChangeConfig | None = None,
    rename: Rename | None = None,
    only: str = "",
) -> TinyModel:
    """A model of plain tensors.

    Args:
        dtype: of the file; the truth has the rounded weights as float32.
        change: edits the dictionary that becomes config.json; the truth keeps the unedited configuration.
        rename: of a tensor's name, as the newest files have it, to the name in the file.
        only: tensors without this in their name are not written; heads are.
    """
    oracle = _random_oracle(config, seed, dtype)
    tied = bool(config.tie_word_embeddings)
    stored = {name: value for name, value in oracle.state_dict().items() if not (tied and name == "lm_head.weight")}
    kept = {name: value for name, value in stored.items() if only in name or name == "lm_head.weight"}
    tensors = {(rename(name) if rename else name): value.to(dtype) for name, value in kept.items()}
    _write(folder, oracle, tensors, layout or Layout(), change)
    return TinyModel(folder, oracle, tensors)


def make_exl3(
    folder: Path,
    config: PreTrainedConfig,
    *,
    seed: int = 0,
    kinds: Sequence[Kind] = SOME_KINDS,
    legacy_signs: bool = False,
    layout: Layout | None = None,
    change: ChangeConfig | None = None,
) -> TinyModel:
    """A model whose linears, the head included and those of a vision tower left out, are random EXL3 tensors.

    Args:
        kinds: taken in turn, so that one block mixes bit widths and codebooks.
        legacy_signs: packed `su`/`sv`; norms then carry the scale that such tensors cannot.
    """
    tied = bool(config.tie_word_embeddings)
    oracle = _random_oracle(config, seed, torch.float16)
    if tied:  # the quantized head has a matrix of its own
        oracle.config.tie_word_embeddings = False
        oracle.lm_head.weight = torch.nn.Parameter(oracle.lm_head.weight.detach().clone())
    tensors: dict[str, Any] = {}
    linears = {
        name: module
        for name, module in oracle.named_modules()
        if isinstance(module, torch.nn.Linear) and VISION_PARTS.isdisjoint(name.split("."))
    }
    for number, (name, module) in enumerate(linears.items()):
        sizes = (module.in_features, module.out_features)
        bits, codebook = kinds[number % len(kinds)]
        parts = make_exl3_linear(*sizes, bits, codebook, 1000 * seed + number, legacy_signs, module.bias is not None)
        tensors |= with_prefix(name, parts)
        module.weight.data = torch.from_numpy(dequantize(parts, *sizes).T.copy()).float()
        if module.bias is not None:
            module.bias.data = torch.from_numpy(parts["bias"][: sizes[1]].copy()).float()
    for name, value in oracle.state_dict().items():
        if name.rpartition(".")[0] not in linears:
            if legacy_signs and name.endswith("layernorm.weight"):
                value.div_(config.hidden_size**0.5)
                value.copy_(value.half())
            tensors[name] = value.half()

    def finished(values: dict[str, Any]) -> None:
        values["tie_word_embeddings"] = tied
        values["quantization_config"] = {"quant_method": "exl3", "version": "1.4.1", "bits": 4.0}
        if change is not None:
            change(values)

    _write(folder, oracle, tensors, layout or Layout(), finished)
    return TinyModel(folder, oracle, tensors)


def old_rope_keys(values: dict[str, Any]) -> None:
    """Rewrites `rope_parameters` into the spelling of older configs: `rope_theta` and `rope_scaling`."""
    rope = dict(values.pop("rope_parameters"))
    values["rope_theta"] = rope.pop("rope_theta")
    values["rope_scaling"] = rope if rope["rope_type"] != "default" else None


def _random_oracle(config: PreTrainedConfig, seed: int, dtype: torch.dtype) -> PreTrainedModel:
    config._attn_implementation = "eager"
    sees = getattr(config, "vision_config", None) is not None
    auto = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    oracle = auto.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in oracle.named_parameters():
            value.copy_(_random_value(name, value, generator).to(dtype))
    return oracle


def _random_value(name: str, value: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    random = torch.randn(value.shape, generator=generator)
    if "norm" in name or "ln_" in name:
        return 0.3 * random if name.endswith("bias") else 1.0 + 0.2 * random
    if name.endswith("bias"):
        return 0.3 * random
    if "embed_tokens" in name or "pos_embed" in name or "position_embedding" in name:
        return random
    inputs = value.shape[0] if name.endswith("projection_weight") else value[0].numel()  # stored the other way round
    return random * inputs**-0.5


def _write(
    folder: Path, oracle: PreTrainedModel, tensors: dict[str, Any], layout: Layout, change: ChangeConfig | None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = oracle.config.to_dict()
    values["architectures"] = [type(oracle).__name__]
    if change is not None:
        change(values)
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    write_tokenizer(folder, oracle.config.get_text_config().vocab_size)
    names = list(tensors)
    weight_map = {}
    for shard in range(layout.shards):
        many = layout.shards > 1
        file = f"model-{shard + 1:05}-of-{layout.shards:05}.safetensors" if many else "model.safetensors"
        part = {name: tensors[name] for name in names[shard :: layout.shards]}
        weight_map |= dict.fromkeys(part, file)
        _write_file(folder / file, part, layout.odd_offsets)
    if layout.index:
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _write_file(path: Path, tensors: dict[str, Any], odd: bool) -> None:
    write_safetensors(path, tensors)
    if odd and int.from_bytes(path.read_bytes()[:8], "little") % 2 == 0:
        write_safetensors(path, tensors, pad_header=1)


def write_tokenizer(folder: Path, vocab_size: int) -> None:
    """One word for each token: "t0 t1 ..."."""
    library = Tokenizer(models.WordLevel({f"t{i}": i for i in range(vocab_size)}, unk_token="t0"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.save(str(folder / "tokenizer.json"))
