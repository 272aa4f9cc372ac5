"""Small folders that count as models: a config and one file of weights with a true header."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from engine.hub.transfer.manifest import Manifest, write_manifest
from engine.hub.transfer.plan import DownloadPlan

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "quantization_config": {"quant_method": "exl3", "bits": 4.0, "head_bits": 6},
}


def config_bytes() -> bytes:
    return json.dumps(CONFIG).encode()


def weights_bytes(num_values: int = 4096) -> bytes:
    header = {"model.norm.weight": {"dtype": "F16", "shape": [num_values], "data_offsets": [0, 2 * num_values]}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(2 * num_values)


def make_folder(folder: Path) -> Path:
    """A model as a user puts it somewhere."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(config_bytes())
    (folder / "model.safetensors").write_bytes(weights_bytes())
    return folder


def make_original(folder: Path, num_blocks: int = 8, left_out: str = "", **changes: object) -> Path:
    """A model as its makers publish it, in fp16, of which only the headers are true; `left_out` names a tensor."""
    config = CONFIG | {
        "hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 64, "num_hidden_layers": num_blocks, "vocab_size": 1024, "max_position_embeddings": 8192,
    }  # fmt: skip
    del config["quantization_config"]
    shapes: dict[str, list[int]] = {"model.embed_tokens.weight": [1024, 256], "lm_head.weight": [1024, 256]}
    parts = {
        "self_attn.q_proj": [256, 256], "self_attn.k_proj": [128, 256], "self_attn.v_proj": [128, 256],
        "self_attn.o_proj": [256, 256], "mlp.gate_proj": [512, 256], "mlp.up_proj": [512, 256],
        "mlp.down_proj": [256, 512], "input_layernorm": [256], "post_attention_layernorm": [256],
    }  # fmt: skip
    for number in range(num_blocks):
        shapes |= {f"model.layers.{number}.{name}.weight": shape for name, shape in parts.items()}
    shapes["model.norm.weight"] = [256]
    shapes.pop(left_out, None)
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config | changes))
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    return folder


def make_downloaded(plan: DownloadPlan, files: dict[str, bytes]) -> Path:
    """A model as a finished download leaves it."""
    plan.folder.mkdir(parents=True)
    for file in plan.files:
        plan.path_of(file).write_bytes(files[file.path])
    write_manifest(Manifest(plan, {file.path: file.sha256 or file.blob_id or "" for file in plan.files}))
    return plan.folder


def make_cached(cache: Path, owner: str, name: str) -> Path:
    """A model as the hub's own library keeps it."""
    repo = cache / f"models--{owner}--{name}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("f" * 40)
    return make_folder(repo / "snapshots" / ("f" * 40))
