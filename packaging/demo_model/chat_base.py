"""The chat model that learns to see: read from an EXL3 or plain folder, and what it says by itself.

What it says keeps it talking while it learns: it is shown its own words and held to its own predictions of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from picture_stream import IMAGE_PAD, VISION_END, VISION_START, Tokens
from seeing_network import TextModel, TextSizes, rotated
from torch.nn import functional
from torch.nn.attention import sdpa_kernel

from engine.quantizer.own_text import ATTENTION
from engine.quantizer.source import SourceModel

TEXTS_AT_ONCE = 1024
LONGEST_EXCHANGE = 64  # tokens
_EXCHANGE = re.compile(r"<\|im_start\|>user\n([^<]+)<\|im_end\|>\n<\|im_start\|>assistant\n([^<]+)<\|im_end\|>")


def read_chat_model(folder: Path) -> tuple[TextModel, dict[str, Any]]:
    """The text half of a model in float32, and its config.json."""
    config = json.loads((folder / "config.json").read_text())
    source = SourceModel.open(folder)
    spec = source.spec
    attention = spec.blocks[0].attention
    sizes = TextSizes(
        spec.vocab_size, spec.hidden_size, spec.blocks[0].mlp.gate_proj.out_features, len(spec.blocks),
        attention.num_heads, attention.num_kv_heads, float(config["rope_theta"]), spec.final_norm.eps,
    )  # fmt: skip
    model = TextModel(sizes)
    state = model.state_dict()
    state["embed_tokens.weight"].copy_(source.embedding())
    state["norm.weight"].copy_(source.final_norm())
    for number, block in enumerate(spec.blocks):
        weights = source.block(block)
        for key, matrix in weights.matrices.items():
            state[_own_name(key, number, "weight")].copy_(matrix.T)
        for key, bias in weights.biases.items():
            state[_own_name(key, number, "bias")].copy_(bias)
        for key, norm in weights.norms.items():
            state[_own_name(key, number, "weight")].copy_(norm)
        for name in ("q_proj", "k_proj", "v_proj"):
            key = f"layers.{number}.self_attn.{name}.bias"
            if not any(each.endswith(name) for each in weights.biases):
                state[key].zero_()
    return model, config


def _own_name(key: str, layer: int, part: str) -> str:
    name = key.partition(f"layers.{layer}.")[2].removesuffix(f".{part}")
    return f"layers.{layer}.{name}.{part}"


def tokenizer_for_pictures(source: Path) -> dict[str, Any]:
    """tokenizer.json in which the three rarest merges have made room for the tokens of pictures.

    The vocabulary stays as large as it is. A tokenizer that has the tokens comes back as it is.
    """
    content: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    if any(each["content"] == IMAGE_PAD for each in content["added_tokens"]):
        return content
    model = content["model"]
    size = len(model["vocab"])
    by_id = {number: token for token, number in model["vocab"].items()}
    for number, new in zip(range(size - 3, size), (VISION_START, VISION_END, IMAGE_PAD)):
        merge = model["merges"][-1 - (size - 1 - number)]
        joined = "".join(merge) if isinstance(merge, list) else merge.replace(" ", "")
        assert by_id[number] == joined, "the last merges are not the last tokens"
        del model["vocab"][joined]
        content["added_tokens"].append(
            {"id": number, "content": new, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
        )  # fmt: skip
        model["vocab"][new] = number
    del model["merges"][-3:]
    return content


@torch.inference_mode()
def write_texts(model: TextModel, openings: Sequence[Sequence[int]], length: int, seed: int) -> torch.Tensor:
    """Texts int64 [n, length] that begin as given and go on as the model draws them at temperature 1."""
    device = model.embed_tokens.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    forced = torch.full((len(openings), length), -1, dtype=torch.int64)
    for row, opening in zip(forced, openings):
        row[: len(opening)] = torch.tensor(opening[:length])
    with sdpa_kernel(ATTENTION):
        found = [_write(model, group.to(device), generator) for group in torch.split(forced, TEXTS_AT_ONCE)]
    return torch.cat(found)


def _write(model: TextModel, forced: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    sizes, (count, length) = model.sizes, forced.shape
    shape = (sizes.num_hidden_layers, count, sizes.num_key_value_heads, length, sizes.head_dim)
    dtype = torch.bfloat16 if forced.device.type == "cuda" else torch.float32
    keys, values = (torch.zeros(shape, device=forced.device, dtype=dtype) for _ in range(2))
    tokens = forced.clone()
    with torch.autocast(forced.device.type, torch.bfloat16, enabled=forced.device.type == "cuda"):
        for step in range(length - 1):
            hidden = _step(model, tokens[:, step], step, keys, values)
            chances = torch.softmax(model.logits(hidden).float(), -1)
            drawn = torch.multinomial(chances, 1, generator=generator)[:, 0]
            tokens[:, step + 1] = torch.where(forced[:, step + 1] < 0, drawn, forced[:, step + 1])
    return tokens


def _step(model: TextModel, ids: torch.Tensor, step: int, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Hidden states [n, E] of one more token of each text."""
    sizes, count = model.sizes, len(ids)
    x = model.embed_tokens(ids)[:, None]
    positions = torch.full((3, count, 1), step, device=ids.device)
    cosines, sines = model.turns(positions, x.dtype)
    for number, layer in enumerate(model.blocks()):
        normed, attention = layer.input_layernorm(x), layer.self_attn
        q, k, v = (
            linear(normed).view(count, 1, -1, sizes.head_dim).transpose(1, 2).float()
            for linear in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        q, k = (rotated(each, cosines, sines) for each in (q, k))
        keys[number, :, :, step : step + 1], values[number, :, :, step : step + 1] = k.to(keys.dtype), v.to(keys.dtype)
        seen_k, seen_v = keys[number, :, :, : step + 1], values[number, :, :, : step + 1]
        grouped = q.view(count, sizes.num_key_value_heads, -1, sizes.head_dim).to(keys.dtype)
        mixed = functional.scaled_dot_product_attention(grouped, seen_k, seen_v)
        x = x + attention.o_proj(mixed.reshape(count, 1, -1).to(x.dtype))
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return model.norm(x)[:, 0]


def short_exchanges(model: TextModel, tokens: Tokens, count: int, seed: int) -> list[tuple[str, str]]:
    """Questions and answers as the model draws them, where both together are short; `count` is of the tries."""
    openings = [tokens.encode("<|im_start|>user\n")] * count
    rows = write_texts(model, openings, LONGEST_EXCHANGE, seed).tolist()
    found = (_EXCHANGE.match(tokens.tokenizer.decode(row, skip_special_tokens=False)) for row in rows)
    return [(said[1], said[2]) for said in found if said is not None]
