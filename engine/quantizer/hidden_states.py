"""The two streams of hidden states: where they lie, and how a batch of them comes to where the work is done.

They lie where the work is done when there is room for them, else in main memory, page-locked when a card works: then
copies need not be waited for. Knows nothing of what is done to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

CPU = torch.device("cpu")


@dataclass
class Streams:
    """Hidden states float32 [rows, T, E], of the original and of the quantized model; changed in place."""

    exact: torch.Tensor
    rounded: torch.Tensor

    def lie_on(self, device: torch.device) -> bool:
        """Whether they lie where the work is done."""
        return self.exact.device.type == device.type

    def drift(self, device: torch.device) -> float:
        """Square error over square, computed on a device."""
        wrong, whole = [], []
        for row in range(len(self.exact)):
            a, b = fetch(self.exact, row, device), fetch(self.rounded, row, device)
            wrong.append((a - b).square().sum())
            whole.append(a.square().sum())
        return float(torch.stack(wrong).double().sum() / torch.stack(whole).double().sum().clamp_min(1e-30))


def fetch(stream: torch.Tensor, at: slice | int, device: torch.device) -> torch.Tensor:
    """A part of a stream on a device; the part itself where it lies there."""
    return stream[at].to(device, non_blocking=True)


def put(stream: torch.Tensor, at: slice | int, values: torch.Tensor) -> None:
    """Writes a part of a stream. Before a processor reads it, `wait` is needed."""
    stream[at].copy_(values, non_blocking=True)


def wait(device: torch.device) -> None:
    """Until all that was put from a device is there."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def home_for(device: torch.device, streams_bytes: int, scratch_bytes: int) -> torch.device:
    """Where streams should lie: on the device if they fit there beside what the work needs, by what is free now."""
    free = free_bytes_of(device)
    return device if free is None or streams_bytes + scratch_bytes <= free else CPU


def free_bytes_of(device: torch.device) -> int | None:
    """Memory of a card that may be taken now; None for main memory, which the system manages."""
    if device.type != "cuda":
        return None
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, and free for us
    return int(torch.cuda.mem_get_info(device)[0]) + held


def placed(values: torch.Tensor, home: torch.device, device: torch.device) -> torch.Tensor:
    """A stream of its own with these values, at its home, for work on a device."""
    if home.type == device.type:
        return values.to(home, copy=True)
    held = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return held.copy_(values)
