"""The driver's management library with cards that need no driver: what `engine.fit.cards` calls of pynvml."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

GIB = 1024**3
MEMORY_V2 = 0x02000028


class NVMLError(Exception):
    """As the real one: the base of all failures."""


@dataclass
class FakeCard:
    """A card; tests change it while it is watched."""

    name: str = "NVIDIA GeForce RTX 4070"
    uuid: str = "GPU-4070"
    capability: tuple[int, int] = (8, 9)
    total_bytes: int = 12 * GIB - 6 * 1024**2
    used_bytes: int = 3 * GIB
    own_bytes: int | None = None  # of this process, which is not listed when None
    reserved_bytes: int = GIB // 4  # which the first form of the question counts as used
    load_percent: int = 7
    bus: int | None = None  # where it is plugged in; None: in the order of the list
    error: str = ""  # every question about this card fails with it


@dataclass
class _Memory:
    total: int
    used: int
    reserved: int


@dataclass
class _Place:
    domain: int
    bus: int
    device: int


@dataclass
class _Rates:
    gpu: int
    memory: int


@dataclass
class _Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 - the library's own spelling


@dataclass
class FakeDriver:
    """The state behind the fake library."""

    cards: list[FakeCard] = field(default_factory=list)
    version: str = "580.65.06"
    init_error: str = ""
    hides_processes: bool = False
    hides_load: bool = False
    opened: int = 0  # nvmlInit minus nvmlShutdown
    calls: int = 0
    threads: set[int] = field(default_factory=set)
    hold: threading.Event | None = None  # until it is set, no question is answered

    def as_module(self) -> ModuleType:
        """A stand-in for `pynvml`, for `sys.modules`."""
        module: Any = ModuleType("pynvml")
        module.NVMLError = NVMLError
        module.nvmlMemory_v2 = MEMORY_V2
        names = (
            "nvmlInit", "nvmlShutdown", "nvmlSystemGetDriverVersion", "nvmlDeviceGetCount", "nvmlDeviceGetName",
            "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetUUID",
            "nvmlDeviceGetCudaComputeCapability", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetUtilizationRates",
            "nvmlDeviceGetPciInfo", "nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses",
        )  # fmt: skip
        for name in names:
            setattr(module, name, self._counting(getattr(self, f"_{name}")))
        return module

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            self.threads.add(threading.get_ident())
            if self.hold is not None:
                self.hold.wait(5)
            if function.__name__ not in ("_nvmlInit", "_nvmlShutdown") and self.opened < 1:
                raise NVMLError("Uninitialized")
            return function(*arguments, **named)

        return call

    def _card(self, handle: FakeCard) -> FakeCard:
        if handle.error:
            raise NVMLError(handle.error)
        return handle

    def _nvmlInit(self) -> None:
        if self.init_error:
            raise NVMLError(self.init_error)
        self.opened += 1

    def _nvmlShutdown(self) -> None:
        if self.opened < 1:
            raise NVMLError("Uninitialized")
        self.opened -= 1

    def _nvmlSystemGetDriverVersion(self) -> str:
        return self.version

    def _nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def _nvmlDeviceGetHandleByIndex(self, index: int) -> FakeCard:
        return self._card(self.cards[index])

    def _nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeCard:
        found = [card for card in self.cards if card.uuid == uuid]
        if not found:
            raise NVMLError("Not Found")
        return self._card(found[0])

    def _nvmlDeviceGetName(self, handle: FakeCard) -> str:
        return self._card(handle).name

    def _nvmlDeviceGetUUID(self, handle: FakeCard) -> str:
        return self._card(handle).uuid

    def _nvmlDeviceGetCudaComputeCapability(self, handle: FakeCard) -> tuple[int, int]:
        return self._card(handle).capability

    def _nvmlDeviceGetPciInfo(self, handle: FakeCard) -> _Place:
        card = self._card(handle)
        return _Place(0, self.cards.index(card) + 1 if card.bus is None else card.bus, 0)

    def _nvmlDeviceGetMemoryInfo(self, handle: FakeCard, version: int | None = None) -> _Memory:
        card = self._card(handle)
        if version == MEMORY_V2:
            return _Memory(card.total_bytes, card.used_bytes, card.reserved_bytes)
        return _Memory(card.total_bytes, card.used_bytes + card.reserved_bytes, 0)

    def _nvmlDeviceGetUtilizationRates(self, handle: FakeCard) -> _Rates:
        if self.hides_load:
            raise NVMLError("Not Supported")
        return _Rates(self._card(handle).load_percent, 0)

    def _nvmlDeviceGetComputeRunningProcesses(self, handle: FakeCard) -> list[_Process]:
        if self.hides_processes:
            raise NVMLError("Not Supported")
        own = self._card(handle).own_bytes
        others = [_Process(os.getpid() + 1, GIB), _Process(os.getpid() + 2, None)]
        return others if own is None else [*others, _Process(os.getpid(), own)]

    def _nvmlDeviceGetGraphicsRunningProcesses(self, handle: FakeCard) -> list[_Process]:
        own = self._card(handle).own_bytes
        return [] if own is None else [_Process(os.getpid(), own)]
