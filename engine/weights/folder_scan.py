"""Finds every tensor of a model folder by reading the headers of its shards.

The headers are the truth about what a shard contains; `model.safetensors.index.json`, when there is one, tells which
shards belong to the model. Knows nothing of torch, so that sizes can be shown before the engine is loaded, and nothing
of what the tensors mean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from engine.errors import ModelFormatError
from engine.weights.config_reader import ConfigReader, is_present
from engine.weights.safetensors_header import (
    DOWNLOAD_AGAIN,
    FileStamp,
    SafetensorsHeader,
    TensorEntry,
    quoted,
    read_header,
)

INDEX_NAME = "model.safetensors.index.json"
MAX_INDEX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class FolderScan:
    """What the shards of a folder hold.

    Attributes:
        entries: tensor name -> entry, in file order and then header order.
        stamps: the state of each file when its header was read.
    """

    entries: Mapping[str, TensorEntry]
    stamps: Mapping[Path, FileStamp]


def scan_folder(folder: Path) -> FolderScan:
    """Reads the headers of all `*.safetensors` of a folder; no file stays open.

    Raises:
        ModelFormatError: no such folder, no safetensors in it, a damaged header, a missing shard, or one tensor in two
            shards with nothing to tell which counts.
    """
    headers = [read_header(path) for path in _shard_paths(folder)]
    weight_map = _read_weight_map(folder)
    entries = _merge_by_map(folder, headers, weight_map) if weight_map else _merge(headers)
    stamps = {header.path: header.stamp for header in headers}
    return FolderScan(MappingProxyType(entries), MappingProxyType(stamps))


def _shard_paths(folder: Path) -> list[Path]:
    try:
        if folder.is_file():
            raise ModelFormatError(f"{folder} is a file.", "Choose the folder that holds config.json and the weights.")
        names = sorted(path.name for path in folder.iterdir())
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ModelFormatError(
            f"The folder {folder} cannot be read: {error}.", "Choose an existing model folder."
        ) from error
    # Names with a leading dot are what macOS leaves on foreign disks: no model data.
    shards = [name for name in names if name.endswith(".safetensors") and not name.startswith(".")]
    if not shards:
        _fail_without_shards(folder, names)
    return [folder / name for name in shards]


def _fail_without_shards(folder: Path, names: list[str]) -> NoReturn:
    others = [name for name in names if name.endswith((".gguf", ".bin", ".pth", ".pt", ".ckpt", ".part"))]
    if others:
        found = f"only {', '.join(quoted(name) for name in others[:3])}" + (" and more" if len(others) > 3 else "")
    else:
        found = f"none among its {len(names)} files" if names else "nothing at all"
    raise ModelFormatError(
        f"{folder} has no *.safetensors weights: found {found}.",
        "Choose the folder of an EXL3 model, or of a model in fp16 or bf16 safetensors.",
    )


def _read_weight_map(folder: Path) -> dict[str, str]:
    """Tensor name -> shard name by the index file, empty without one."""
    path = folder / INDEX_NAME
    if not is_present(path):
        return {}
    weight_map = ConfigReader.open(folder, INDEX_NAME, max_bytes=MAX_INDEX_BYTES).raw("weight_map")
    if not isinstance(weight_map, dict):
        raise ModelFormatError(f"{path}: weight_map is {quoted(weight_map)}, not an object.", DOWNLOAD_AGAIN)
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not shard.endswith(".safetensors") or "/" in shard or "\\" in shard:
            raise ModelFormatError(
                f"{path}: tensor {quoted(name)} is said to be in {quoted(shard)}, which is not a shard's name.",
                DOWNLOAD_AGAIN,
            )
    return weight_map


def _merge(headers: list[SafetensorsHeader]) -> dict[str, TensorEntry]:
    entries: dict[str, TensorEntry] = {}
    for header in headers:
        for entry in header.entries:
            first = entries.setdefault(entry.name, entry)
            if first is not entry:
                raise ModelFormatError(
                    f"The tensor {quoted(entry.name)} is both in {first.path} and in {entry.path.name}.",
                    "Keep the shards of one model only in the folder.",
                )
    return entries


def _merge_by_map(folder: Path, headers: list[SafetensorsHeader], weight_map: dict[str, str]) -> dict[str, TensorEntry]:
    present = {header.path.name for header in headers}
    missing = sorted(set(weight_map.values()) - present)
    if missing:
        raise ModelFormatError(
            f"{folder} lacks {', '.join(quoted(name) for name in missing[:5])}, named in {INDEX_NAME}"
            + (f", and {len(missing) - 5} more files." if len(missing) > 5 else "."),
            "Download the missing files.",
        )
    shards = set(weight_map.values())
    named = [header for header in headers if header.path.name in shards]
    # A tensor in several named shards counts where the index puts it; files it does not name only add new names.
    entries = _merge(_without_misplaced(named, weight_map))
    for name, shard in weight_map.items():
        if name not in entries:
            raise ModelFormatError(
                f"{folder}: no shard has the tensor {quoted(name)}, which {INDEX_NAME} puts in {quoted(shard)}.",
                "The files belong to different versions of the model; download it again.",
            )
    extra = [_keeping(header, lambda name: name not in entries) for header in headers if header.path.name not in shards]
    return entries | _merge(extra)


def _without_misplaced(headers: list[SafetensorsHeader], weight_map: dict[str, str]) -> list[SafetensorsHeader]:
    """Drops the copies of tensors that the index finds in another shard that truly has them."""
    owned = {header.path.name: {entry.name for entry in header.entries} for header in headers}

    def counts(name: str, shard: str) -> bool:
        owner = weight_map.get(name, shard)
        return owner == shard or name not in owned[owner]

    return [_keeping(header, partial(counts, shard=header.path.name)) for header in headers]


def _keeping(header: SafetensorsHeader, counts: Callable[[str], bool]) -> SafetensorsHeader:
    return dataclasses.replace(header, entries=tuple(each for each in header.entries if counts(each.name)))
