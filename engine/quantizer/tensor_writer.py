"""Writes tensors to safetensors files that are whole or not there.

Knows nothing of what the tensors mean.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch

from engine.atomic_file import beside_of, sync_folder
from engine.errors import EngineError

DTYPE_NAMES = {
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.int16: "I16", torch.int32: "I32",
    torch.int64: "I64", torch.uint8: "U8", torch.int8: "I8", torch.bool: "BOOL", torch.float64: "F64",
}  # fmt: skip
ALIGNMENT = 8  # of the data's start; other readers do without, but then cannot map the file


class WriteError(EngineError):
    """A file of the conversion cannot be written."""


def cannot_write(path: Path, error: OSError) -> WriteError:
    """What to raise when a file or folder cannot be written."""
    return WriteError(
        f"{path} cannot be written: {error.strerror or error}.", "Free some space, then go on with the option -r."
    )


def tensor_bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Writes beside the file, waits for the disk, and renames.

    Scalars go first: their many offsets are then short, and every tensor begins at a multiple of its element's size.

    Raises:
        WriteError: the disk is full or cannot be written.
    """
    ordered = dict(sorted(tensors.items(), key=lambda item: item[1].dim() > 0))
    beside = beside_of(path)
    try:
        with beside.open("wb") as file:
            file.write(_header(ordered))
            for tensor in ordered.values():
                file.write(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def _header(tensors: Mapping[str, torch.Tensor]) -> bytes:
    entries, offset = {}, 0
    for name, tensor in tensors.items():
        end = offset + tensor_bytes(tensor)
        entries[name] = {
            "dtype": DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, end]
        }  # fmt: skip
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
