"""Decodes slices of EXL3 matrices to fp16 for cuBLAS: in line, or the next slice while the present one is multiplied.

cuBLAS leaves multiprocessors idle at the end of a product, and small kernels between products leave most of the card
idle; with a second buffer, a second stream decodes there. Which slice comes next is known from the chunk before, for
every chunk takes the same way through a model. Knows nothing of rotations or rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.cuda.exl3 import CudaExl3Linear
from gpu.kernels import catalogue
from gpu.launch import KernelCache

THREADS = 256
WARPS = THREADS // 32

Key = tuple[int, int, int]


@dataclass(frozen=True)
class Slice:
    """Columns of a matrix, from `first` on."""

    linear: CudaExl3Linear
    first: int
    columns: int

    @property
    def key(self) -> Key:
        return id(self.linear), self.first, self.columns


class Decoder:
    """The buffers of decoded slices.

    Attributes:
        is_ahead: the slice that is expected next is decoded meanwhile; needs `allow_ahead`.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffers = [torch.empty(0, dtype=torch.float16, device=device)]
        self._side: torch.cuda.Stream | None = None
        self._events: list[torch.cuda.Event] = []  # the product that reads each buffer, then the decoding ahead
        self._following: dict[Key, Slice] = {}
        self._start: Key | None = None  # of a chunk: nothing is decoded ahead of it
        self._last: Key | None = None
        self._expected: Key | None = None  # what the other buffer holds or is about to hold
        self._present = 0  # the buffer of the slice that is multiplied
        self.is_ahead = False

    @property
    def values(self) -> int:
        """fp16 values of the largest slice."""
        return self._buffers[0].numel()

    def reserve(self, values: int) -> None:
        """Makes room for slices of so many values."""
        if values > self.values:
            self._buffers = [torch.empty(values, dtype=torch.float16, device=self._device) for _ in self._buffers]
            if self._side is not None:
                for buffer in self._buffers:
                    buffer.record_stream(self._side)

    def allow_ahead(self) -> None:
        """Has two buffers, and decodes ahead, from now on; before the first `reserve`."""
        self._buffers.append(torch.empty_like(self._buffers[0]))
        self._side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._events = [torch.cuda.Event() for _ in range(3)]  # type: ignore[no-untyped-call]
        self.is_ahead = True

    def decode(self, part: Slice, kernels: KernelCache) -> torch.Tensor:
        """The slice, fp16 [columns, padded_in], for what is launched next; `was_multiplied` ends its use."""
        key, expected = part.key, self._expected
        if self.is_ahead:
            self._learn(part)
        if expected is not None:
            torch.cuda.current_stream(self._device).wait_event(self._events[2])
            self._expected = None
            self._present = 1 - self._present
        if expected is None or expected != key:
            self._launch(part, self._present, kernels, torch.cuda.current_stream(self._device).cuda_stream)
        return self._view(part, self._present)

    def was_multiplied(self, part: Slice, kernels: KernelCache) -> None:
        """Says that the product of the last slice is launched; begins to decode the one that will follow."""
        if not self.is_ahead or self._side is None:
            return
        following = self._following.get(part.key)
        other = 1 - self._present
        self._events[self._present].record(torch.cuda.current_stream(self._device))
        if following is None:
            return
        self._side.wait_event(self._events[other])
        self._launch(following, other, kernels, self._side.cuda_stream)
        self._events[2].record(self._side)
        self._expected = following.key

    def _learn(self, part: Slice) -> None:
        if self._start is None:
            self._start = part.key
        if self._last is not None and part.key != self._start:
            self._following[self._last] = part
        self._last = part.key

    def _view(self, part: Slice, number: int) -> torch.Tensor:
        size = part.linear.padded_in
        return self._buffers[number][: size * part.columns].view(part.columns, size)

    def _launch(self, part: Slice, number: int, kernels: KernelCache, stream: int) -> None:
        linear, tiles = part.linear, part.columns // 16
        kernels.get(catalogue.exl3_decode(linear.bits, linear.codebook)).launch_on(
            stream, (-(-tiles // WARPS), linear.padded_in // 128, 1), THREADS,
            linear.words.data_ptr() + part.first // 16 * 32 * linear.bits, self._buffers[number].data_ptr(),
            tiles, linear.padded_out // 16, linear.padded_in,
        )  # fmt: skip
