"""Reads the tensors of a model folder, one by one, into memory of their own.

Large tensors can be left to a `BulkReader`, which reads ahead and puts them where a backend wants them. Knows nothing
of what the tensors mean or of where they go. What needs sizes only, and no torch, uses `folder_scan`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

import torch

from engine.errors import ModelFormatError, NotEnoughMemoryError, UnsupportedModelError
from engine.weights.folder_scan import scan_folder
from engine.weights.safetensors_header import FileStamp, TensorEntry, quoted
from engine.weights.tensor_file import opened_at, read_piece

PIECE_BYTES = 4 * 1024 * 1024  # read at a time, and between two looks at whether to go on
BULK_BYTES = 256 * 1024  # from this size on a tensor is left to the bulk reader, if there is one

OnBytes = Callable[[int], None]

_TORCH_DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
    "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
}  # fmt: skip


class BulkReader(Protocol):
    """Reads large tensors to where a backend wants them."""

    def read(self, entry: TensorEntry, on_bytes: OnBytes) -> torch.Tensor:
        """The tensor's bytes, uint8 [num_bytes], on any device; raises what `ShardIndex.read` does."""

    def close(self) -> None:
        """Ends its threads and gives back its buffers; the tensors it read stay."""


@dataclass(frozen=True)
class ShardIndex:
    """Every tensor of a model folder, by name.

    Attributes:
        folder: where the shards lie.
        entries: name -> entry, in file order and then header order.
        stamps: the state of each file when its header was read.
        on_bytes: called by `read` with the number of bytes of each piece read; what it raises stops the reading, so
            this is also how a load is cancelled. Called with 0 while a slow disk is waited for.
        bulk: reads tensors of at least `BULK_BYTES`.
    """

    folder: Path
    entries: Mapping[str, TensorEntry]
    stamps: Mapping[Path, FileStamp]
    on_bytes: OnBytes | None = None
    bulk: BulkReader | None = None

    @classmethod
    def open(cls, folder: Path, on_bytes: OnBytes | None = None) -> ShardIndex:
        """Reads the headers of all `*.safetensors` of a folder; no file stays open.

        Raises:
            ModelFormatError: no such folder, no safetensors in it, a damaged header, a missing shard, or one tensor in
                two shards with nothing to tell which counts.
        """
        scan = scan_folder(folder)
        return cls(folder, scan.entries, scan.stamps, on_bytes)

    def reporting_to(self, on_bytes: OnBytes | None) -> ShardIndex:
        """The same index, whose reads report to `on_bytes`."""
        return dataclasses.replace(self, on_bytes=on_bytes)

    def through(self, bulk: BulkReader | None) -> ShardIndex:
        """The same index, whose large tensors come through `bulk`."""
        return dataclasses.replace(self, bulk=bulk)

    def entries_of(self, keys: Sequence[str]) -> list[TensorEntry]:
        """The tensors of a model's parts, in the order of the parts.

        Args:
            keys: full tensor names, or names without the last part, "model.layers.0.mlp.up_proj"; unknown ones count
                for nothing.
        """
        parts: dict[str, list[TensorEntry]] = {}
        for name, entry in self.entries.items():
            parts.setdefault(name.rpartition(".")[0], []).append(entry)
        found: list[TensorEntry] = []
        for key in keys:
            found += [self.entries[key]] if key in self.entries else parts.get(key, [])
        return list(dict.fromkeys(found))

    @property
    def total_bytes(self) -> int:
        """Bytes of all tensors together, without headers."""
        return sum(entry.num_bytes for entry in self.entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def entry(self, name: str) -> TensorEntry:
        """Raises `ModelFormatError` when no shard has the tensor."""
        found = self.entries.get(name)
        if found is None:
            raise ModelFormatError(
                f"{self.folder} has no tensor {quoted(name)}.",
                "A shard may be missing or the files may belong to different models; download the model again.",
            )
        return found

    def read(self, name: str, on_bytes: OnBytes | None = None) -> torch.Tensor:
        """Reads one tensor into memory of its own, of exactly its size, or through the bulk reader.

        Args:
            name: the tensor's full name.
            on_bytes: called with the size of each piece once it is read, in place of the index's own `on_bytes`.

        Raises:
            ModelFormatError: no such tensor, or the file became unreadable, shorter or another since `open`.
            UnsupportedModelError: its dtype has no counterpart here.
            NotEnoughMemoryError: it does not fit in memory.
        """
        entry = self.entry(name)
        dtype = _TORCH_DTYPES.get(entry.dtype)
        if dtype is None:
            raise UnsupportedModelError(
                f"{entry.path}: tensor {quoted(name)} has the dtype {entry.dtype}, which this program cannot read.",
                "Choose an EXL3 or an fp16 or bf16 version of the model.",
            )
        report = on_bytes or self.on_bytes or _ignore
        if self.bulk is not None and entry.num_bytes >= BULK_BYTES:
            target = self.bulk.read(entry, report)
        else:
            target = _allocate(entry)
            with opened_at(entry, self.stamps[entry.path]) as file:
                _fill(entry, file, target, report)
        return target.view(dtype).reshape(entry.shape)


def _ignore(_: int) -> None:
    pass


def _allocate(entry: TensorEntry) -> torch.Tensor:
    try:
        return torch.empty(entry.num_bytes, dtype=torch.uint8)
    except RuntimeError as error:  # torch's way to say that the allocation failed
        raise NotEnoughMemoryError(
            f"No memory for the {entry.num_bytes} bytes of tensor {quoted(entry.name)} of {entry.path}.",
            "Close other programs or choose a smaller model.",
        ) from error


def _fill(entry: TensorEntry, file: FileIO, target: torch.Tensor, on_bytes: OnBytes) -> None:
    view = target.numpy().data
    done = 0
    while done < entry.num_bytes:
        count = read_piece(entry, file, view[done : done + PIECE_BYTES], done)
        done += count
        on_bytes(count)
