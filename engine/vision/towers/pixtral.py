"""Mistral 3's tower, Pixtral, and what joins it to the text model: norm, squares merged by a matrix, two linears."""

from __future__ import annotations

import torch
from torch.nn import functional

from engine.vision.towers.parts import Stretches, TowerBlock, TowerReader, Turns, activation, cut_patches, run
from engine.vision.towers.spec import TowerSpec
from engine.vision.towers.types import ImageFeatures
from engine.vision.types import ProcessedImage


class PixtralTower:
    """Fulfils `VisionTower`."""

    def __init__(self, spec: TowerSpec, reader: TowerReader) -> None:
        self._spec, self._reader = spec, reader
        prefix, projector, hidden, out = spec.prefix, spec.projector, spec.hidden_size, spec.out_size
        self._patches = reader.patches(prefix + "patch_conv", spec, bias=False)
        self._first_norm = reader.norm(prefix + "ln_pre", hidden, spec.eps)
        self._blocks = [self._block(f"{prefix}transformer.layers.{i}.") for i in range(spec.num_layers)]
        self._last_norm = reader.norm(projector + "norm", hidden, spec.projector_eps)
        wide = hidden * spec.merge_size**2
        self._merging = reader.linear(projector + "patch_merger.merging_layer", wide, hidden, bias=None)
        self._first = reader.linear(projector + "linear_1", hidden, out, bias=None)
        self._second = reader.linear(projector + "linear_2", out, out, bias=None)

    @property
    def weights(self) -> list[torch.Tensor]:
        return self._reader.weights

    @torch.inference_mode()
    def encode(self, image: ProcessedImage) -> ImageFeatures:
        """See `VisionTower.encode`."""
        spec = self._spec
        _, rows, columns = image.grid
        pixels = image.pixels.to(self._reader.device)
        x = self._first_norm(self._patches(cut_patches(pixels, spec.patch_size)[0]))
        run(self._blocks, x, [Stretches.whole(rows * columns)] * spec.num_layers, self._turns(rows, columns))
        merge = spec.merge_size
        squares = self._last_norm(x).view(rows // merge, merge, columns // merge, merge, -1)
        merged = self._merging(squares.permute(0, 2, 4, 1, 3).flatten(2).flatten(0, 1))  # channel, y, x
        return ImageFeatures(self._second(functional.gelu(self._first(merged))).float())

    def _block(self, key: str) -> TowerBlock:
        spec, reader = self._spec, self._reader
        hidden, inner = spec.hidden_size, spec.intermediate_size
        return TowerBlock(
            attention_norm=reader.norm(key + "attention_norm", hidden, spec.eps),
            qkv=reader.joined([f"{key}attention.{each}_proj" for each in "qkv"], hidden, hidden, bias=False),
            out=reader.linear(key + "attention.o_proj", hidden, hidden, bias=False),
            mlp_norm=reader.norm(key + "ffn_norm", hidden, spec.eps),
            gate=reader.linear(key + "feed_forward.gate_proj", hidden, inner, bias=False),
            up=reader.linear(key + "feed_forward.up_proj", hidden, inner, bias=False),
            down=reader.linear(key + "feed_forward.down_proj", inner, hidden, bias=False),
            act=activation(spec.activation),
            num_heads=spec.num_heads,
        )

    def _turns(self, rows: int, columns: int) -> Turns:
        """Frequencies with an even number turn by the row, those with an odd one by the column."""
        size, device = self._spec.head_dim, self._reader.device
        frequencies = 1.0 / (self._spec.theta ** (torch.arange(0, size, 2, dtype=torch.float32, device=device) / size))
        row = torch.arange(rows, device=device).repeat_interleave(columns)
        column = torch.arange(columns, device=device).repeat(rows)
        pairs = ((row, frequencies[0::2]), (column, frequencies[1::2]))
        return Turns.of(torch.cat([torch.outer(places.float(), own) for places, own in pairs], dim=1))
