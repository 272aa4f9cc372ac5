"""The loader rules of the format description's section 1, checked on a folder by its bytes. Imports no engine code.

`broken_rules` gives a sentence for each rule that a folder breaks, so that a test can show them all at once.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MOST_HEADER_BYTES = 100 * 1024**2
ELEMENT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "I16": 2, "I32": 4, "I64": 8, "U8": 1, "BOOL": 1}
TORCH_NAMES = {
    "F16": "torch.float16", "BF16": "torch.bfloat16", "F32": "torch.float32", "I16": "torch.int16",
    "I32": "torch.int32", "I64": "torch.int64", "U8": "torch.uint8", "BOOL": "torch.bool",
}  # fmt: skip
MULTIPLIERS = {"mul1": 0x83DCD12D, "mcg": 0xCBAC1FED}
SHARD = re.compile(r"model(-(\d{5})-of-(\d{5}))?\.safetensors")
VISION_PARTS = frozenset({"visual", "vision_tower", "multi_modal_projector"})  # copied as they are
OUTER_KEYS = {"quant_method", "version", "bits", "head_bits", "calibration", "out_scales", "codebook"}


@dataclass(frozen=True)
class Stored:
    """One tensor of a file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    def array(self, dtype: str) -> np.ndarray:
        with self.file.open("rb") as file:
            file.seek(self.start)
            return np.frombuffer(file.read(self.end - self.start), dtype)


def read_folder(folder: Path) -> tuple[dict[str, Stored], list[str]]:
    """All tensors of a folder's model files by name, and what is wrong with the files."""
    tensors: dict[str, Stored] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("model*.safetensors")):
        if not SHARD.fullmatch(path.name):
            problems.append(f"{path.name} is no name of a shard")
        problems += _read_file(path, tensors)
    return tensors, problems


def _read_file(path: Path, tensors: dict[str, Stored]) -> Iterator[str]:
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    if length > MOST_HEADER_BYTES:
        yield f"{path.name}: header of {length} bytes"
    header = json.loads(data[8 : 8 + length])
    reached = 0
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        size = math.prod(entry["shape"]) * ELEMENT_BYTES[entry["dtype"]]
        if start != reached:
            yield f"{name} does not begin where the tensor before it ends"
        if end - start != size:
            yield f"{name} has {end - start} bytes for a shape of {size}"
        if name in tensors:
            yield f"{name} is stored twice"
        reached = end
        begin = 8 + length
        tensors[name] = Stored(path, entry["dtype"], tuple(entry["shape"]), begin + start, begin + end)
    if 8 + length + reached != len(data):
        yield f"{path.name} has {len(data)} bytes, its tensors end at {8 + length + reached}"


def broken_rules(folder: Path, linears: Mapping[str, tuple[int, int]]) -> list[str]:
    """What a folder breaks.

    Args:
        linears: inputs and outputs, without padding, of every linear that is expected to be quantized, by key.
    """
    tensors, problems = read_folder(folder)
    config = json.loads((folder / "config.json").read_text())
    described = json.loads((folder / "quantization_config.json").read_text())
    problems += _outer(config.get("quantization_config", {}), described)
    problems += _storage(tensors, described.get("tensor_storage", {}))
    problems += _index(folder, tensors)
    found = {name.removesuffix(".trellis") for name in tensors if name.endswith(".trellis")}
    if found != set(linears):
        problems.append(f"quantized are {sorted(found ^ set(linears))} too many or too few")
    for key in sorted(found & set(linears)):
        problems += _linear(key, tensors, *linears[key])
    problems += [
        f"{name} is stored as {each.dtype}"
        for name, each in tensors.items()
        if name.endswith(".weight") and each.dtype not in ("F16", "BF16") and VISION_PARTS.isdisjoint(name.split("."))
    ]
    return problems


def _outer(inner: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    if {key: value for key, value in described.items() if key != "tensor_storage"} != inner:
        yield "both JSON files say different things"
    if set(inner) != OUTER_KEYS:
        yield f"quantization_config has the keys {sorted(inner)}"
        return
    if inner["quant_method"] != "exl3" or not re.fullmatch(r"\d+\.\d+\.\d+", inner["version"]):
        yield "quant_method or version"
    if type(inner["bits"]) is not float or round(inner["bits"], 2) != inner["bits"]:
        yield f"bits are {inner['bits']!r}"
    if type(inner["head_bits"]) is not int or inner["head_bits"] not in (*range(1, 9), 16):
        yield f"head_bits are {inner['head_bits']!r}"
    if {key: type(value) for key, value in inner["calibration"].items()} != {"rows": int, "cols": int}:
        yield f"calibration is {inner['calibration']!r}"
    if inner["out_scales"] not in ("always", "never", "auto") or inner["codebook"] not in ("mul1", "mcg", "3inst"):
        yield "out_scales or codebook"


def _storage(tensors: Mapping[str, Stored], storage: Mapping[str, Any]) -> Iterator[str]:
    listed = {name: each for entry in storage.values() for name, each in entry["stored_tensors"].items()}
    if set(listed) != set(tensors):
        yield f"tensor_storage and files differ in {sorted(set(listed) ^ set(tensors))}"
    for name in set(listed) & set(tensors):
        own = tensors[name]
        about = {"shape": list(own.shape), "n_bytes": own.end - own.start, "dtype": TORCH_NAMES[own.dtype]}
        if listed[name] != about:
            yield f"tensor_storage says of {name}: {listed[name]}"
    for key, entry in storage.items():
        wanted: dict[str, Any] = {}
        trellis = tensors.get(f"{key}.trellis")
        if trellis is not None:
            wanted = {"quant_format": "exl3", "bits_per_weight": trellis.shape[2] // 16}
            wanted |= {f"{kind}_multiplier": value for kind, value in MULTIPLIERS.items() if f"{key}.{kind}" in tensors}
        if {name: value for name, value in entry.items() if name != "stored_tensors"} != wanted:
            yield f"tensor_storage of {key}"
        if any(name.rpartition(".")[0] != key for name in entry["stored_tensors"]):
            yield f"tensor_storage of {key} lists other modules' tensors"


def _index(folder: Path, tensors: Mapping[str, Stored]) -> Iterator[str]:
    path, shards = folder / "model.safetensors.index.json", sorted({each.file.name for each in tensors.values()})
    if len(shards) == 1:
        if path.exists() or shards != ["model.safetensors"]:
            yield "a single shard needs no index and is called model.safetensors"
        return
    if shards != [f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]:
        yield f"shards are called {shards}"
    index = json.loads(path.read_text())
    if index["weight_map"] != {name: each.file.name for name, each in tensors.items()}:
        yield "the index places tensors elsewhere"
    if index["metadata"]["total_size"] != sum(each.end - each.start for each in tensors.values()):
        yield "the index has another total_size"


def _linear(key: str, tensors: Mapping[str, Stored], num_in: int, num_out: int) -> Iterator[str]:
    rows, columns, depth = tensors[f"{key}.trellis"].shape
    padded_in, padded_out = -(-num_in // 128) * 128, -(-num_out // 128) * 128
    if (16 * rows, 16 * columns) != (padded_in, padded_out):
        yield f"{key}: trellis of {16 * rows} x {16 * columns} for {num_in} x {num_out}"
    if tensors[f"{key}.trellis"].dtype != "I16" or depth % 16 or not 1 <= depth // 16 <= 8:
        yield f"{key}: trellis of depth {depth}"
    for part, size in (("suh", padded_in), ("svh", padded_out)):
        scale = tensors.get(f"{key}.{part}")
        if scale is None or scale.dtype != "F16" or scale.shape != (size,):
            yield f"{key}.{part} is missing or of another shape"
        elif not np.isfinite(scale.array("<f2").astype(np.float32)).all():
            yield f"{key}.{part} is not finite"
        elif part == "svh" and scale.array("<f2")[num_out:].any():
            yield f"{key}: padded outputs are not zero"
    markers = [kind for kind in MULTIPLIERS if f"{key}.{kind}" in tensors]
    if len(markers) > 1:
        yield f"{key} has two codebooks"
    for kind in markers:
        marker = tensors[f"{key}.{kind}"]
        if (marker.dtype, marker.shape) != ("I32", ()) or int(marker.array("<u4")[0]) != MULTIPLIERS[kind]:
            yield f"{key}.{kind} is no marker"
    bias = tensors.get(f"{key}.bias")
    if bias is not None and (bias.dtype, bias.shape) != ("F16", (padded_out,)):
        yield f"{key}.bias is {bias.dtype} {bias.shape}"
    if f"{key}.weight" in tensors:
        yield f"{key}.weight is stored beside the trellis"


def linears_of(config: Mapping[str, Any], prefix: str = "model.", head: str = "lm_head") -> dict[str, tuple[int, int]]:
    """Inputs and outputs of every linear of a plain decoder with its head, by its config.json.

    Args:
        prefix: of all tensors but the head's.
    """
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    width = config.get("head_dim") or hidden // heads
    key_width = width * (config.get("num_key_value_heads") or heads)
    sizes = {
        "self_attn.q_proj": (hidden, width * heads), "self_attn.k_proj": (hidden, key_width),
        "self_attn.v_proj": (hidden, key_width), "self_attn.o_proj": (width * heads, hidden),
        "mlp.gate_proj": (hidden, inner), "mlp.up_proj": (hidden, inner), "mlp.down_proj": (inner, hidden),
    }  # fmt: skip
    found = {
        f"{prefix}layers.{layer}.{name}": size
        for layer in range(config["num_hidden_layers"])
        for name, size in sizes.items()
    }
    return found | {head: (hidden, config["vocab_size"])}
