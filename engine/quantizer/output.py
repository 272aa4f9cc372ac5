"""The finished folder: shards, index, both JSON files, and what else the source folder holds.

Source of the layout: sections 1.1 to 1.6 of the format description. Knows nothing of how tensors were made.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.atomic_file import replace_file
from engine.quant.exl3 import MCG_MULTIPLIER, MUL1_MULTIPLIER
from engine.quant.tensors import Codebook
from engine.quantizer.tensor_writer import cannot_write, tensor_bytes, write_tensors

FORMAT_VERSION = "1.4.1"  # of the converter whose files these are like
OTHER_WEIGHTS = (".bin", ".pth", ".pt", ".ckpt", ".safetensors", ".gguf")
MULTIPLIERS = {"mcg": MCG_MULTIPLIER, "mul1": MUL1_MULTIPLIER}

Module = Callable[[], dict[str, torch.Tensor]]  # reads a module's tensors


@dataclass(frozen=True)
class QuantizationRecord:
    """What both JSON files say of the conversion."""

    bits: float
    head_bits: int
    codebook: Codebook
    rows: int
    columns: int

    def as_json(self) -> dict[str, Any]:
        return {
            "quant_method": "exl3",
            "version": FORMAT_VERSION,
            "bits": round(self.bits, 2),
            "head_bits": self.head_bits,
            "calibration": {"rows": self.rows, "cols": self.columns},
            "out_scales": "always",
            "codebook": self.codebook,
        }


def marker(codebook: Codebook) -> torch.Tensor | None:
    """The scalar that names the codebook beside a trellis."""
    multiplier = MULTIPLIERS.get(codebook)
    return None if multiplier is None else torch.tensor(multiplier - (1 << 32), dtype=torch.int32)


def write_folder(
    source: Path, target: Path, modules: list[tuple[int, Module]], record: QuantizationRecord, shard_bytes: int
) -> int:
    """Writes the whole folder.

    Args:
        source: folder of the original model.
        target: made if it is not there.
        modules: bytes and tensors of each, in model order.
        shard_bytes: that no file is to exceed, unless a single module does.

    Returns:
        Bytes of all shards.

    Raises:
        WriteError: something cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        _copy_others(source, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    shards = list(_shards([size for size, _ in modules], shard_bytes))
    weight_map: dict[str, str] = {}
    storage: dict[str, Any] = {}
    total = 0
    for number, members in enumerate(shards, 1):
        name = "model.safetensors" if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {key: tensor for i in members for key, tensor in modules[i][1]().items()}
        write_tensors(target / name, tensors)
        weight_map |= dict.fromkeys(tensors, name)
        total += sum(map(tensor_bytes, tensors.values()))
        _describe(tensors, storage)
    _write_json(source, target, record, storage, {"metadata": {"total_size": total}, "weight_map": weight_map})
    if len(shards) == 1:
        (target / "model.safetensors.index.json").unlink(missing_ok=True)
    return sum(path.stat().st_size for path in target.glob("*.safetensors"))


def _shards(sizes: list[int], most: int) -> Iterator[list[int]]:
    """Modules of each shard: a module is never split."""
    members: list[int] = []
    filled = 0
    for i, size in enumerate(sizes):
        if members and filled + size > most:
            yield members
            members, filled = [], 0
        members.append(i)
        filled += size
    yield members


def _describe(tensors: Mapping[str, torch.Tensor], storage: dict[str, Any]) -> None:
    """Adds tensors to `tensor_storage`: by module, what is stored and in which format."""
    for name, tensor in tensors.items():
        key, _, part = name.rpartition(".")
        entry = storage.setdefault(key, {"stored_tensors": {}})
        entry["stored_tensors"][name] = {
            "shape": list(tensor.shape), "n_bytes": tensor_bytes(tensor), "dtype": str(tensor.dtype)
        }  # fmt: skip
        if part == "trellis":
            entry["quant_format"] = "exl3"
            entry["bits_per_weight"] = tensor.shape[2] // 16
        elif part in MULTIPLIERS:
            entry[f"{part}_multiplier"] = MULTIPLIERS[part]


def _write_json(
    source: Path, target: Path, record: QuantizationRecord, storage: Mapping[str, Any], index: Mapping[str, Any]
) -> None:
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    old = config.get("quantization_config")
    quantization = record.as_json()
    if old is not None:
        quantization["original_quantization_config"] = old
    config["quantization_config"] = quantization
    files = {
        "config.json": config,
        "model.safetensors.index.json": index,
        "quantization_config.json": {**quantization, "tensor_storage": storage},
    }
    try:
        for name, content in files.items():
            replace_file(target / name, (json.dumps(content, indent=4) + "\n").encode())
    except OSError as error:
        raise cannot_write(target, error) from error


def other_files(source: Path) -> list[Path]:
    """Files of the source that go along unchanged: all but weights and what describes them."""
    left_out = {"model.safetensors.index.json", "config.json", "quantization_config.json"}
    found = []
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not hidden and path.suffix not in OTHER_WEIGHTS and str(inside) not in left_out:
            found.append(inside)
    return [path for path in found if not path.name.endswith(".index.json")]


def _copy_others(source: Path, target: Path) -> None:
    for inside in other_files(source):
        (target / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / inside, target / inside)
