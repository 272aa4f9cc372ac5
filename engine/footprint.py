"""What a loaded model really takes of a device's memory, beside the plan. Knows nothing of files or how it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import torch

from engine.fit.plan import MemoryPlan


@dataclass(frozen=True)
class MemoryUse:
    """The plan beside what a loaded model really takes.

    Attributes:
        weights_bytes: memory that holds the prepared weights.
        cache_bytes: memory of the pages of K and V.
        total_bytes: by how much the memory in use grew, as the device's driver or the system counts it.
    """

    plan: MemoryPlan
    weights_bytes: int
    cache_bytes: int
    total_bytes: int

    @property
    def working_bytes(self) -> int:
        """All that is neither weights nor cache."""
        return self.total_bytes - self.weights_bytes - self.cache_bytes

    @property
    def over_packed(self) -> float:
        """How much more the weights take than their packed size, as a fraction of it."""
        return self.weights_bytes / self.plan.weights_bytes - 1


def memory_of(handles: Iterable[Any]) -> int:
    """Bytes of the memory behind all tensors and arrays in a backend's handles; what is shared counts once."""
    sizes: dict[int, int] = {}
    waiting = list(handles)
    while waiting:
        each = waiting.pop()
        if isinstance(each, torch.Tensor):
            storage = each.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        elif isinstance(each, np.ndarray):
            address = int(each.ctypes.data)
            sizes[address] = max(each.nbytes, sizes.get(address, 0))
        elif isinstance(each, (list, tuple)):
            waiting += each
        elif is_dataclass(each):
            waiting += [getattr(each, field.name) for field in fields(each)]
    return sum(sizes.values())
