"""What the towers of all families are made of, in torch: linears, norms, blocks, attention within stretches of rows.

Weights keep their stored precision on the CPU, where they are widened as they are used, and are fp16 on a card. The
stream between blocks is float32. Knows nothing of families or files beyond the names of tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from engine.errors import UnsupportedModelError
from engine.quant.exl3_decode import dequantize
from engine.quant.plain import read_tensor
from engine.quant.registry import read_linear
from engine.quant.tensors import Exl3Linear
from engine.vision.towers.spec import MLP_ROWS, Activation, TowerSpec
from engine.weights.shards import ShardIndex

Act = Callable[[torch.Tensor], torch.Tensor]


def activation(name: Activation) -> Act:
    """The function of that name."""
    if name == "silu":
        return functional.silu
    approximate = "tanh" if name == "gelu_tanh" else "none"
    return lambda x: functional.gelu(x, approximate=approximate)


@dataclass(frozen=True, eq=False)
class TowerLinear:
    """y = x W^T + b in the precision that a tower computes with; `weight` is [out, in]."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    compute: torch.dtype

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        bias = None if self.bias is None else self.bias.to(self.compute)
        return functional.linear(x.to(self.compute), self.weight.to(self.compute), bias)


@dataclass(frozen=True, eq=False)
class TowerNorm:
    """An RMS norm, or with a bias a layer norm, of float32 rows."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    eps: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.bias is not None:
            return functional.layer_norm(x.float(), self.weight.shape, self.weight, self.bias, self.eps)
        return functional.rms_norm(x.float(), self.weight.shape, self.weight, self.eps)


class TowerReader:
    """Reads a tower's tensors to where it will run.

    Args:
        device: of the tower.

    Attributes:
        weights: all that was read.
    """

    def __init__(self, index: ShardIndex, device: torch.device) -> None:
        self._index, self.device = index, device
        self.compute = torch.float32 if device.type == "cpu" else torch.float16
        self.weights: list[torch.Tensor] = []

    def linear(self, key: str, inputs: int, outputs: int, *, bias: bool | None) -> TowerLinear:
        """`bias` None takes one if the file has it. Raises `ModelFormatError`, `UnsupportedModelError`."""
        found = read_linear(self._index, key, inputs, outputs, bias)
        weight = dequantize(found).T.contiguous().half() if isinstance(found, Exl3Linear) else found.weight
        own_bias = None if found.bias is None else self._placed(found.bias[:outputs])
        return TowerLinear(self._placed(weight), own_bias, self.compute)

    def joined(self, keys: Sequence[str], inputs: int, outputs: int, *, bias: bool) -> TowerLinear:
        """Linears of one input as one, each with so many outputs."""
        parts = [self.linear(key, inputs, outputs, bias=bias) for key in keys]
        del self.weights[-len(parts) * (2 if bias else 1) :]
        biases = [part.bias for part in parts if part.bias is not None]
        weight = self._kept(torch.cat([part.weight for part in parts]))
        return TowerLinear(weight, self._kept(torch.cat(biases)) if biases else None, self.compute)

    def patches(self, key: str, spec: TowerSpec, *, bias: bool) -> TowerLinear:
        """A convolution whose steps are as long as its kernel is wide, as a linear of whole patches."""
        size, frames = spec.patch_size, spec.temporal_patch_size
        depth = () if spec.family in ("gemma3", "mistral3") else (frames,)
        weight = read_tensor(self._index, key + ".weight", (spec.hidden_size, 3, *depth, size, size))
        own_bias = self._placed(read_tensor(self._index, key + ".bias", (spec.hidden_size,))) if bias else None
        return TowerLinear(self._placed(weight.flatten(1)), own_bias, self.compute)

    def norm(self, key: str, size: int, eps: float, *, bias: bool = False, offset: float = 0.0) -> TowerNorm:
        weight = self.tensor(key + ".weight", (size,)) + offset
        return TowerNorm(weight, self.tensor(key + ".bias", (size,)) if bias else None, eps)

    def tensor(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """A small tensor as float32."""
        return self._kept(read_tensor(self._index, name, shape).to(self.device, torch.float32))

    def named(self, *names: str) -> str:
        """The first of the names that a tensor has; the first where none has one."""
        return next((name for name in names if name in self._index.entries), names[0])

    def matrix(self, name: str, shape: tuple[int, int]) -> torch.Tensor:
        """A tensor in the precision of linears."""
        return self._placed(read_tensor(self._index, name, shape))

    def _placed(self, stored: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cpu":
            return self._kept(stored)
        placed = stored.to(self.device, self.compute)
        if not bool(torch.isfinite(placed).all()):
            raise UnsupportedModelError(
                "The vision tower has weights beyond the range of fp16.", "Load the model on the CPU (device cpu)."
            )
        return self._kept(placed)

    def _kept(self, tensor: torch.Tensor) -> torch.Tensor:
        self.weights.append(tensor)
        return tensor


@dataclass(frozen=True, eq=False)
class Stretches:
    """Who sees whom: equally long stretches of rows, each of which sees itself.

    Attributes:
        groups: (first row, number of stretches, rows of each), which together are all rows in order.
    """

    groups: tuple[tuple[int, int, int], ...]

    @classmethod
    def whole(cls, rows: int, count: int = 1) -> Stretches:
        """So many stretches of `rows` rows."""
        return cls(((0, count, rows),))


@dataclass(frozen=True, eq=False)
class Turns:
    """A rotary embedding of rows and columns: cosines and sines float32 [N, 1, head_dim / 2]."""

    cosines: torch.Tensor
    sines: torch.Tensor

    @classmethod
    def of(cls, angles: torch.Tensor) -> Turns:
        """From angles [N, head_dim / 2]."""
        return cls(angles.cos()[:, None], angles.sin()[:, None])

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        """Rotates x [N, H, head_dim], value i with value i + head_dim / 2, in float32."""
        first, second = x.float().chunk(2, dim=-1)
        turned = (first * self.cosines - second * self.sines, second * self.cosines + first * self.sines)
        return torch.cat(turned, dim=-1).to(x.dtype)


@dataclass(frozen=True, eq=False)
class TowerBlock:
    """A pre-norm block; `gate` is None where the MLP has none."""

    attention_norm: TowerNorm
    qkv: TowerLinear
    out: TowerLinear
    mlp_norm: TowerNorm
    gate: TowerLinear | None
    up: TowerLinear
    down: TowerLinear
    act: Act
    num_heads: int

    def forward(self, x: torch.Tensor, stretches: Stretches, turns: Turns | None) -> None:
        """Updates the stream x float32 [N, hidden] in place."""
        x += self.out(self._attention(self.attention_norm(x), stretches, turns))
        for first in range(0, x.shape[0], MLP_ROWS):
            part = x[first : first + MLP_ROWS]
            normed = self.mlp_norm(part)
            inner = self.act(self.up(normed)) if self.gate is None else self.act(self.gate(normed)) * self.up(normed)
            part += self.down(inner)

    def _attention(self, x: torch.Tensor, stretches: Stretches, turns: Turns | None) -> torch.Tensor:
        """[N, hidden] of softmax(q k^T / sqrt(head_dim)) v within each stretch."""
        q, k, v = self.qkv(x).view(x.shape[0], 3, self.num_heads, -1).unbind(1)
        if turns is not None:
            q, k = turns.turn(q), turns.turn(k)
        mixed = torch.empty_like(v, memory_format=torch.contiguous_format)
        for first, count, rows in stretches.groups:
            part = slice(first, first + count * rows)
            cut = [each[part].view(count, rows, self.num_heads, -1).transpose(1, 2) for each in (q, k, v)]
            seen = functional.scaled_dot_product_attention(cut[0], cut[1], cut[2])
            mixed[part] = seen.transpose(1, 2).flatten(0, 1)
        return mixed.flatten(1)


def run(
    blocks: Sequence[TowerBlock],
    x: torch.Tensor,
    stretches: Sequence[Stretches],
    turns: Turns | None,
    tapped: Callable[[int, torch.Tensor], None] | None = None,
) -> None:
    """Runs blocks over the stream x in place.

    Args:
        stretches: for each block, who sees whom.
        tapped: given each layer's number and the stream behind it.
    """
    for layer, (block, own) in enumerate(zip(blocks, stretches, strict=True)):
        block.forward(x, own, turns)
        if tapped is not None:
            tapped(layer, x)


def cut_patches(pixels: torch.Tensor, patch_size: int) -> torch.Tensor:
    """Whole images [B, 3, H, W] as patches [B, H / p * W / p, 3 * p * p], each (channel, y, x)."""
    batch, _, height, width = pixels.shape
    assert height % patch_size == width % patch_size == 0, pixels.shape
    rows, columns = height // patch_size, width // patch_size
    cut = pixels.view(batch, 3, rows, patch_size, columns, patch_size)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, 3 * patch_size**2)
