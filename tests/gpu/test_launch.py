"""What the driver is given by a launch, read back from memory by a driver that launches nothing."""

from __future__ import annotations

import ctypes
import struct
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gpu import launch
from gpu.launch import DriverError, Kernel, KernelSource

STREAM = 0x7F0000001234


class FakeDriver:
    """Notes grid, threads, stream, attributes and argument values of every launch."""

    def __init__(self, signature: str) -> None:
        self._signature = signature
        self.calls: list[tuple[tuple[int, ...], int, int, int, list[float]]] = []
        self.code = 0

    def cuModuleLoadData(self, module: Any, image: bytes) -> int:
        return 0

    def cuModuleGetFunction(self, function: Any, module: Any, name: bytes) -> int:
        return 0

    def cuLaunchKernelEx(self, config: Any, function: Any, pointers: Any, extra: None) -> int:
        about = config._obj
        types = {"u": ctypes.c_uint64, "i": ctypes.c_int32, "f": ctypes.c_float}
        values = [types[kind].from_address(at).value for kind, at in zip(self._signature, pointers, strict=True)]
        grid = about.grid_x, about.grid_y, about.grid_z
        assert (about.block_y, about.block_z, about.shared_bytes) == (1, 1, 0)
        self.calls.append((grid, about.block_x, about.stream, about.num_attributes, values))
        return self.code


def _kernel(
    monkeypatch: pytest.MonkeyPatch, signature: str, *, overlaps: bool = False, capability: tuple[int, int] = (8, 6)
) -> tuple[Kernel, FakeDriver]:
    driver = FakeDriver(signature)
    monkeypatch.setattr(launch, "_driver", lambda: driver)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=0))
    streams = {3: STREAM}
    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", streams.__getitem__, raising=False)
    source = KernelSource("some_kernel", signature, lambda: None, overlaps)
    return Kernel(source, b"image", "entry", capability), driver


def test_arguments_arrive_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, driver = _kernel(monkeypatch, "iufiuuif")
    first = [-7, 2**63 + 5, 0.5, 2**31 - 1, 0, 1, -(2**31), -1.25]
    kernel((5, 65535, 2), 96, *first)
    kernel((1, 1, 1), 1024, *[0] * 8)
    assert driver.calls == [((5, 65535, 2), 96, STREAM, 0, first), ((1, 1, 1), 1024, STREAM, 0, [0] * 8)]


@pytest.mark.parametrize(
    ("overlaps", "capability", "count"), [(True, (9, 0), 1), (True, (8, 9), 0), (False, (9, 0), 0)]
)
def test_only_kernels_that_wait_start_early(
    monkeypatch: pytest.MonkeyPatch, overlaps: bool, capability: tuple[int, int], count: int
) -> None:
    kernel, driver = _kernel(monkeypatch, "u", overlaps=overlaps, capability=capability)
    kernel((1, 1, 1), 32, 1)
    assert driver.calls[0][3] == count


def test_arguments_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, driver = _kernel(monkeypatch, "iu")
    for wrong in ([1], [1, 2, 3], [2**31, 0], [0, -1], [0.5, 0]):
        with pytest.raises(struct.error):
            kernel((1, 1, 1), 32, *wrong)
    assert not driver.calls


def test_a_refused_launch_names_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, driver = _kernel(monkeypatch, "u")
    driver.code = 719
    with pytest.raises(DriverError, match=r"some_kernel.*719"):
        kernel((1, 1, 1), 32, 1)
