"""A kernel cache that launches nothing: for tests of what would be launched, on tensors of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gpu.launch import KernelSource

Grid = tuple[int, int, int]


@dataclass
class FakeKernels:
    """Notes name, grid and arguments of every launch, and refuses arguments that the kernel does not take."""

    calls: list[tuple[str, Grid, list[float]]] = field(default_factory=list)

    def get(self, source: KernelSource) -> Callable[..., None]:
        def launch(grid: Grid, threads: int, *arguments: float) -> None:
            assert threads % 32 == 0
            assert min(grid) > 0
            for letter, value in zip(source.signature, arguments, strict=True):
                assert isinstance(value, float if letter == "f" else int), f"{source.name} takes {source.signature}"
            self.calls.append((source.name, grid, list(arguments)))

        return launch

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]
