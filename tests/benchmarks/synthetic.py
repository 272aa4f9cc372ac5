"""Makes EXL3 models of random weights: as large and as much work as real ones, and nonsense to read.

Any trellis decodes to weights of about unit variance, so random words with scales of 1 / sqrt(inputs) make a linear
that keeps the size of what goes through it. Random bits come from the card where there is one. The same seed gives the
same model on the same kind of device. Knows nothing of measuring.

    python -m tests.benchmarks.synthetic FOLDER --shape llama-8b --bits 4 --codebook mul1
"""

from __future__ import annotations

import argparse
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
import torch

from engine.quant.exl3 import MCG_MULTIPLIER, MUL1_MULTIPLIER
from engine.quant.tensors import Codebook, Exl3Linear

DTYPES = {torch.float16: "F16", torch.int16: "I16", torch.int32: "I32"}
MARKERS = {"mcg": MCG_MULTIPLIER, "mul1": MUL1_MULTIPLIER}
RESIDUAL_GAIN = 0.5  # of what is added to the residual: so that it grows slowly over many layers
HEAD_GAIN = 2.0  # standard deviation of the logits, as of a model that is unsure
DONE = "synthetic.json"  # written last: a folder with it is whole


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama model, under the names of config.json."""

    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    num_hidden_layers: int
    vocab_size: int


SHAPES = {
    "llama-1b": Shape(2048, 8192, 32, 8, 64, 16, 128256),
    "llama-8b": Shape(4096, 14336, 32, 8, 128, 32, 128256),
    "llama-70b-8layers": Shape(8192, 28672, 64, 8, 128, 8, 128256),
}


@dataclass(frozen=True)
class Recipe:
    """What a model is made of; bits of its linears, and of its head."""

    shape: Shape
    bits: int
    codebook: Codebook
    head_bits: int
    seed: int = 0


class RandomBits:
    """Random tensors of one device, by a seed."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self._torch = torch.Generator(device=device).manual_seed(seed)
        self._numpy = np.random.Generator(np.random.SFC64(seed))

    def words(self, *shape: int) -> torch.Tensor:
        """int16, every pattern equally likely."""
        count = math.prod(shape)
        if self.device.type == "cpu":  # numpy's generator is several times as fast as torch's here
            values = self._numpy.integers(0, 2**64, -(-count // 4), dtype=np.uint64)
            return torch.from_numpy(values.view(np.int16)[:count]).reshape(shape)
        whole = torch.randint(
            -(2**31), 2**31, (-(-count // 2),), dtype=torch.int32, device=self.device, generator=self._torch
        )
        return whole.view(torch.int16)[:count].view(shape)

    def signs(self, count: int, scale: float = 1.0) -> torch.Tensor:
        """fp16 values of one size and either sign."""
        positive = torch.randint(0, 2, (count,), device=self.device, generator=self._torch)
        return ((2.0 * positive - 1.0) * scale).half()

    def normal(self, *shape: int, scale: float = 1.0) -> torch.Tensor:
        """float32."""
        return torch.randn(shape, device=self.device, generator=self._torch) * scale


def random_linear(
    random: RandomBits, key: str, in_features: int, out_features: int, bits: int, codebook: Codebook, gain: float = 1.0
) -> Exl3Linear:
    """A linear whose outputs are `gain` times as large as its inputs; sizes are multiples of 128."""
    assert in_features % 128 == out_features % 128 == 0
    return Exl3Linear(
        key, in_features, out_features, bits, codebook,
        trellis=random.words(in_features // 16, out_features // 16, 16 * bits),
        suh=random.signs(in_features), svh=random.signs(out_features, gain / in_features**0.5), bias=None,
    )  # fmt: skip


def write_model(folder: Path, recipe: Recipe, device: torch.device | None = None) -> None:
    """Writes a model's folder, unless it is there already from the same recipe."""
    about = json.dumps(asdict(recipe))
    done = folder / DONE
    if done.is_file() and done.read_text(encoding="utf-8") == about:
        return
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _write_tensors(folder / "model.safetensors", recipe, device)
    (folder / "config.json").write_text(json.dumps(_config(recipe), indent=1), encoding="utf-8")
    _write_tokenizer(folder, recipe.shape.vocab_size)
    done.write_text(about, encoding="utf-8")
    if device.type == "cuda":
        torch.cuda.empty_cache()  # who loads the model next asks the driver what is free


@dataclass(frozen=True)
class _Part:
    """A tensor that is made when its turn to be written comes."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    kind: Literal["words", "signs", "normal", "ones", "marker"]
    value: float = 1.0  # of signs and normal: their scale; of a marker: itself

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def make(self, random: RandomBits) -> torch.Tensor:
        if self.kind == "words":
            return random.words(*self.shape)
        if self.kind == "signs":
            return random.signs(math.prod(self.shape), self.value)
        if self.kind == "normal":
            return random.normal(*self.shape, scale=self.value).to(self.dtype)
        if self.kind == "ones":
            return torch.ones(self.shape, dtype=self.dtype)
        return torch.from_numpy(np.array(int(self.value), np.uint32).view(np.int32))


def _linear_parts(
    key: str, in_features: int, out_features: int, bits: int, codebook: str, gain: float = 1.0
) -> Iterator[_Part]:
    yield _Part(f"{key}.trellis", torch.int16, (in_features // 16, out_features // 16, 16 * bits), "words")
    yield _Part(f"{key}.suh", torch.float16, (in_features,), "signs")
    yield _Part(f"{key}.svh", torch.float16, (out_features,), "signs", gain / in_features**0.5)
    if codebook in MARKERS:
        yield _Part(f"{key}.{codebook}", torch.int32, (), "marker", MARKERS[codebook])


def _parts(recipe: Recipe) -> Iterator[_Part]:
    shape, kind = recipe.shape, (recipe.bits, recipe.codebook)
    hidden, inner = shape.hidden_size, shape.intermediate_size
    queries, keys = shape.num_attention_heads * shape.head_dim, shape.num_key_value_heads * shape.head_dim
    yield _Part("model.embed_tokens.weight", torch.float16, (shape.vocab_size, hidden), "normal", 0.5)
    for number in range(shape.num_hidden_layers):
        layer = f"model.layers.{number}"
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield _Part(f"{layer}.{name}.weight", torch.float16, (hidden,), "ones")
        yield from _linear_parts(f"{layer}.self_attn.q_proj", hidden, queries, *kind)
        yield from _linear_parts(f"{layer}.self_attn.k_proj", hidden, keys, *kind)
        yield from _linear_parts(f"{layer}.self_attn.v_proj", hidden, keys, *kind)
        yield from _linear_parts(f"{layer}.self_attn.o_proj", queries, hidden, *kind, gain=RESIDUAL_GAIN)
        yield from _linear_parts(f"{layer}.mlp.gate_proj", hidden, inner, *kind)
        yield from _linear_parts(f"{layer}.mlp.up_proj", hidden, inner, *kind)
        yield from _linear_parts(f"{layer}.mlp.down_proj", inner, hidden, *kind, gain=RESIDUAL_GAIN)
    yield _Part("model.norm.weight", torch.float16, (hidden,), "ones")
    yield from _linear_parts("lm_head", hidden, shape.vocab_size, recipe.head_bits, recipe.codebook, HEAD_GAIN)


def _write_tensors(path: Path, recipe: Recipe, device: torch.device) -> None:
    """One file, tensor after tensor, so that no more than one is in memory."""
    parts, random = list(_parts(recipe)), RandomBits(recipe.seed, device)
    with path.open("wb") as file:
        _write_header(file, parts)
        for part in parts:
            file.write(part.make(random).cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def _write_header(file: BinaryIO, parts: list[_Part]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for part in parts:
        offsets = [position, position + part.num_bytes]
        header[part.name] = {"dtype": DTYPES[part.dtype], "shape": list(part.shape), "data_offsets": offsets}
        position = offsets[1]
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)


def _config(recipe: Recipe) -> dict[str, Any]:
    return asdict(recipe.shape) | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "max_position_embeddings": 131072,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": "float16",
        "quantization_config": {
            "quant_method": "exl3", "version": "1.4.1", "bits": float(recipe.bits), "head_bits": recipe.head_bits,
            "codebook": recipe.codebook,
        },
    }  # fmt: skip


def _write_tokenizer(folder: Path, vocab_size: int) -> None:
    """Bytes as in real models, then made-up words up to the model's vocabulary, so that any token has a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    texts = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    texts += [f"Ġword{number}" for number in range(len(texts), vocab_size)]
    library = Tokenizer(models.BPE(vocab={text: i for i, text in enumerate(texts)}, merges=[]))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.save(str(folder / "tokenizer.json"), pretty=False)
    names = {"bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Writes one folder."""
    parser = argparse.ArgumentParser(description="Write an EXL3 model of random weights.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="llama-8b")
    parser.add_argument("--bits", type=int, choices=range(1, 9), default=4)
    parser.add_argument("--codebook", choices=get_args(Codebook), default="mul1")
    parser.add_argument("--head-bits", type=int, choices=range(1, 9), default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    shape = SHAPES[options.shape]
    write_model(options.folder, Recipe(shape, options.bits, options.codebook, options.head_bits, options.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
