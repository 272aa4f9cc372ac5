"""Weights on their way to a card: disk, a ring of pinned buffers, memory reserved on the card.

A thread reads ahead into the ring while earlier pieces are copied; a buffer is filled again only when the event behind
its copy has passed. The tensors of the plan lie close together in a few large blocks, allocated before the first byte
is read, so that they take their packed size and a full card is noticed at once. Pinned host memory: `RING_BUFFERS`
times `PIECE_BYTES`, 128 MiB, and one buffer more when a tensor is read out of order; `close` gives all of it back.
Knows nothing of what the tensors mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from engine.weights.read_ahead import ReadAhead
from engine.weights.safetensors_header import FileStamp, TensorEntry
from engine.weights.shards import BULK_BYTES, OnBytes

PIECE_BYTES = 16 * 1024 * 1024
RING_BUFFERS = 8
BLOCK_BYTES = 512 * 1024 * 1024  # the allocator rounds a block up to 2 MiB: at most 0.4 percent
ALIGNMENT = 256  # of every tensor in a block: what the card's widest loads and the libraries like
KEPT_DTYPES = ("I16", "F16")  # stay on the card as stored; others are converted, and their bytes go back


class UploadBuffer:
    """One buffer of the ring.

    Args:
        num_bytes: its size.
        device: the card that copies from it. None: copies from it are done when they return.
    """

    def __init__(self, num_bytes: int, device: torch.device | None) -> None:
        self.tensor = _host_memory(num_bytes, pinned=device is not None)
        self._memory = self.tensor.numpy().data
        self._device = device
        self._copied: torch.cuda.Event | None = None

    @property
    def memory(self) -> memoryview:
        return self._memory

    def note_copy(self) -> None:
        """Remembers that everything asked of the card so far has to pass before the memory changes."""
        if self._device is None:
            return
        if self._copied is None:
            # Blocking: the reader sleeps instead of spinning beside the thread that loads.
            self._copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self._copied.record(torch.cuda.current_stream(self._device))

    def wait(self) -> None:
        if self._copied is not None:
            # A thread starts on card 0: a call from there must not open a context on a card that is not in use.
            with torch.cuda.device(self._device):
                self._copied.synchronize()


def _host_memory(num_bytes: int, *, pinned: bool) -> torch.Tensor:
    try:
        return torch.empty(num_bytes, dtype=torch.uint8, pin_memory=pinned)
    except RuntimeError:  # the system lets this process lock no more memory: copies are slower then, nothing else
        return torch.empty(num_bytes, dtype=torch.uint8)


@dataclass(frozen=True)
class _Place:
    block: int
    offset: int


class Arena:
    """Blocks on a device that hold the tensors of a plan one behind another.

    Args:
        entries: the tensors, in any order.
    """

    def __init__(self, entries: Sequence[TensorEntry], device: torch.device, block_bytes: int = BLOCK_BYTES) -> None:
        self._device = device
        self._places: dict[str, _Place] = {}
        sizes = [0]
        for entry in entries:
            padded = -(-entry.num_bytes // ALIGNMENT) * ALIGNMENT
            if sizes[-1] and sizes[-1] + padded > block_bytes:
                sizes.append(0)
            self._places[entry.name] = _Place(len(sizes) - 1, sizes[-1])
            sizes[-1] += padded
        self._blocks = [torch.empty(size, dtype=torch.uint8, device=device) for size in sizes]

    def take(self, entry: TensorEntry) -> torch.Tensor:
        """Memory for a tensor, uint8 [num_bytes]: its place in a block the first time, else memory of its own."""
        place = self._places.pop(entry.name, None)
        if place is None:
            return torch.empty(entry.num_bytes, dtype=torch.uint8, device=self._device)
        return self._blocks[place.block][place.offset : place.offset + entry.num_bytes]


class Upload:
    """Fulfils `engine.weights.shards.BulkReader` for one load.

    Args:
        plan: the tensors of the model in the order in which they will be asked for, small ones too.
        stamps: the state of each file when its header was read.
        make_buffer: makes a buffer of the ring; by default pinned memory for the device.
    """

    def __init__(
        self,
        device: torch.device,
        plan: Sequence[TensorEntry],
        stamps: Mapping[Path, FileStamp],
        make_buffer: Callable[[], UploadBuffer] | None = None,
    ) -> None:
        make = make_buffer or partial(UploadBuffer, PIECE_BYTES, device)
        bulk = [entry for entry in plan if entry.num_bytes >= BULK_BYTES]
        self._device = device
        self._arena = Arena([entry for entry in bulk if entry.dtype in KEPT_DTYPES], device)
        self._ahead = ReadAhead(bulk, stamps, [make() for _ in range(RING_BUFFERS)], make)

    def read(self, entry: TensorEntry, on_bytes: OnBytes) -> torch.Tensor:
        """The tensor's bytes on the device, uint8 [num_bytes]; copies run on the current stream and may still run."""
        target = self._arena.take(entry)
        for piece in self._ahead.pieces(entry, partial(on_bytes, 0)):
            source = piece.buffer.tensor[: piece.num_bytes]
            target[piece.start : piece.start + piece.num_bytes].copy_(source, non_blocking=True)
            piece.buffer.note_copy()
            on_bytes(piece.num_bytes)
        return target

    def close(self) -> None:
        """Ends the reader and unpins the ring."""
        self._ahead.close()
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()  # copies still read the ring
            release_pinned()
            torch.cuda.empty_cache()  # what was converted on the way left memory behind


def release_pinned() -> None:
    """Gives freed pinned memory back to the system; torch would keep it."""
    # torch has a public name for this in its newer releases only.
    release = getattr(torch.accelerator, "empty_host_cache", None) or getattr(torch._C, "_host_emptyCache", None)
    if release is not None:
        release()
