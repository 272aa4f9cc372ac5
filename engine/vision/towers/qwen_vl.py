"""The towers of Qwen2.5-VL and Qwen3-VL: patches two frames deep, rotation by row and column, squares that merge.

Qwen2.5-VL attends in windows in most blocks. Qwen3-VL adds learned positions, resampled to the image's grid, and
delivers the stream of some blocks besides, for early layers of the text model. Section C.1 of the engine notes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from engine.vision.towers.parts import (
    Stretches,
    TowerBlock,
    TowerLinear,
    TowerNorm,
    TowerReader,
    Turns,
    activation,
    run,
)
from engine.vision.towers.spec import TowerSpec
from engine.vision.towers.types import ImageFeatures
from engine.vision.types import ProcessedImage


@dataclass(frozen=True, eq=False)
class Merger:
    """Squares of patches as rows of the text model: norm of each patch or of the square, linear, gelu, linear."""

    norm: TowerNorm
    first: TowerLinear
    second: TowerLinear
    square: int
    norms_squares: bool

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [N / square, E] of x [N, hidden]."""
        squares = x.view(-1, self.square * x.shape[1])
        normed = self.norm(squares) if self.norms_squares else self.norm(x).view_as(squares)
        return self.second(functional.gelu(self.first(normed))).float()


class QwenTower:
    """Fulfils `VisionTower`."""

    def __init__(self, spec: TowerSpec, reader: TowerReader) -> None:
        self._spec, self._reader, self._is_second = spec, reader, spec.family == "qwen2_5_vl"
        prefix = spec.prefix
        self._patches = reader.patches(prefix + "patch_embed.proj", spec, bias=not self._is_second)
        self._positions = None
        if spec.grid_side:
            self._positions = reader.tensor(prefix + "pos_embed.weight", (spec.grid_side**2, spec.hidden_size))
        self._blocks = [self._block(f"{prefix}blocks.{i}.") for i in range(spec.num_layers)]
        self._merger = self._read_merger(prefix + "merger.", norms_squares=False)
        self._deepstack = [
            self._read_merger(f"{prefix}deepstack_merger_list.{i}.", norms_squares=True)
            for i in range(spec.num_deepstack)
        ]

    @property
    def weights(self) -> list[torch.Tensor]:
        return self._reader.weights

    @torch.inference_mode()
    def encode(self, image: ProcessedImage) -> ImageFeatures:
        """See `VisionTower.encode`."""
        spec, device = self._spec, self._reader.device
        frames, rows, columns = image.grid
        assert frames == 1, "an image is one frame"
        rows_of, columns_of = _places(rows, columns, spec.merge_size, device)
        x = self._patches(image.pixels.to(device)).float()
        if self._positions is not None:
            x += _resampled(self._positions, spec.grid_side, (rows_of, rows), (columns_of, columns))
        order, windows = None, Stretches.whole(rows * columns)
        if self._is_second:
            order, windows = self._windows(rows // spec.merge_size, columns // spec.merge_size)
            patches = (order[:, None] * spec.merge_size**2 + torch.arange(spec.merge_size**2, device=device)).flatten()
            x, rows_of, columns_of = x[patches], rows_of[patches], columns_of[patches]
        whole, taps = Stretches.whole(rows * columns), dict(zip(spec.deepstack_layers, self._deepstack, strict=True))
        extra: list[torch.Tensor] = []

        def tapped(layer: int, stream: torch.Tensor) -> None:
            if layer in taps:
                extra.append(taps[layer](stream))

        stretches = [
            whole if layer in spec.full_layers or not self._is_second else windows for layer in range(spec.num_layers)
        ]
        run(self._blocks, x, stretches, self._turns(rows_of, columns_of), tapped)
        merged = self._merger(x)
        if order is not None:
            restored = torch.empty_like(merged)
            restored[order] = merged
            merged = restored
        return ImageFeatures(merged, tuple(extra))

    def _block(self, key: str) -> TowerBlock:
        spec, reader, has_bias = self._spec, self._reader, not self._is_second
        hidden, inner = spec.hidden_size, spec.intermediate_size
        up, down = ("mlp.up_proj", "mlp.down_proj") if self._is_second else ("mlp.linear_fc1", "mlp.linear_fc2")
        return TowerBlock(
            attention_norm=reader.norm(key + "norm1", hidden, spec.eps, bias=has_bias),
            qkv=reader.linear(key + "attn.qkv", hidden, 3 * hidden, bias=True),
            out=reader.linear(key + "attn.proj", hidden, hidden, bias=True),
            mlp_norm=reader.norm(key + "norm2", hidden, spec.eps, bias=has_bias),
            gate=reader.linear(key + "mlp.gate_proj", hidden, inner, bias=True) if self._is_second else None,
            up=reader.linear(key + up, hidden, inner, bias=True),
            down=reader.linear(key + down, inner, hidden, bias=True),
            act=activation(spec.activation),
            num_heads=spec.num_heads,
        )

    def _read_merger(self, key: str, *, norms_squares: bool) -> Merger:
        spec, reader = self._spec, self._reader
        square = spec.merge_size**2
        wide = spec.hidden_size * square
        norm, first, second = ("ln_q", "mlp.0", "mlp.2") if self._is_second else ("norm", "linear_fc1", "linear_fc2")
        size = wide if norms_squares else spec.hidden_size
        return Merger(
            norm=reader.norm(key + norm, size, 1e-6, bias=not self._is_second),
            first=reader.linear(key + first, wide, wide, bias=True),
            second=reader.linear(key + second, wide, spec.out_size, bias=True),
            square=square,
            norms_squares=norms_squares,
        )

    def _turns(self, rows_of: torch.Tensor, columns_of: torch.Tensor) -> Turns:
        """Half of the frequencies turn by the row, half by the column."""
        half = self._spec.head_dim // 2
        exponents = torch.arange(0, half, 2, dtype=torch.float32, device=rows_of.device) / half
        frequencies = 1.0 / (self._spec.theta**exponents)
        return Turns.of(torch.cat([torch.outer(each.float(), frequencies) for each in (rows_of, columns_of)], dim=1))

    def _windows(self, rows: int, columns: int) -> tuple[torch.Tensor, Stretches]:
        """Merged squares in an order that puts those of a window beside each other, windows of one size together."""
        spec, device = self._spec, self._reader.device
        side = spec.window_size // spec.merge_size // spec.patch_size
        grid = torch.arange(rows * columns, device=device).view(rows, columns)
        windows: dict[int, list[torch.Tensor]] = {}
        for top in range(0, rows, side):
            for left in range(0, columns, side):
                window = grid[top : top + side, left : left + side].flatten()
                windows.setdefault(window.numel(), []).append(window)
        groups, first, square = [], 0, spec.merge_size**2
        for size, alike in windows.items():
            groups.append((first, len(alike), size * square))
            first += len(alike) * size * square
        return torch.cat([window for alike in windows.values() for window in alike]), Stretches(tuple(groups))


def _places(rows: int, columns: int, merge: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column of every patch, int64 [rows * columns], those of one merged square beside each other."""
    grid = torch.arange(rows * columns, device=device).view(rows // merge, merge, columns // merge, merge)
    order = grid.transpose(1, 2).flatten()
    return order // columns, order % columns


def _resampled(
    table: torch.Tensor, side: int, rows: tuple[torch.Tensor, int], columns: tuple[torch.Tensor, int]
) -> torch.Tensor:
    """Learned positions [side * side, hidden] at the places of a grid whose corners lie on the table's corners.

    Args:
        rows, columns: of every patch, and how many there are.
    """
    row_taps, column_taps = _taps(*rows, side), _taps(*columns, side)
    total = torch.zeros(rows[0].shape[0], table.shape[1], device=table.device)
    for row, row_weight in row_taps:
        for column, column_weight in column_taps:
            total += table[row * side + column] * (row_weight * column_weight)[:, None]
    return total


def _taps(places: torch.Tensor, count: int, side: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The two neighbours of each place in a table of `side`, with their weights."""
    exact = places.float() * (side - 1) / max(count - 1, 1)
    below = exact.floor()
    share = exact - below
    low = below.long().clamp(max=side - 1)
    return [(low, 1 - share), ((low + 1).clamp(max=side - 1), share)]
