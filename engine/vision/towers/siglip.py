"""Gemma 3's tower, SigLIP, and what joins it to the text model: mean of squares of patches, norm, one matrix."""

from __future__ import annotations

import torch

from engine.vision.towers.parts import Stretches, TowerBlock, TowerReader, activation, cut_patches, run
from engine.vision.towers.spec import TowerSpec
from engine.vision.towers.types import ImageFeatures
from engine.vision.types import ProcessedImage


class SiglipTower:
    """Fulfils `VisionTower`; every tile is encoded by itself."""

    def __init__(self, spec: TowerSpec, reader: TowerReader) -> None:
        self._spec, self._reader = spec, reader
        prefix, hidden, side = spec.prefix, spec.hidden_size, spec.grid_side
        self._patches = reader.patches(prefix + "embeddings.patch_embedding", spec, bias=True)
        self._positions = reader.tensor(prefix + "embeddings.position_embedding.weight", (side * side, hidden))
        self._blocks = [self._block(f"{prefix}encoder.layers.{i}.") for i in range(spec.num_layers)]
        self._last_norm = reader.norm(prefix + "post_layernorm", hidden, spec.eps, bias=True)
        self._soft_norm = reader.norm(spec.projector + "mm_soft_emb_norm", hidden, spec.projector_eps, offset=1.0)
        # Stored [in, out], other than every linear.
        names = (
            spec.projector + "mm_input_projection" + end for end in ("_weight", ".weight")
        )  # the second: ExLlamaV3's
        self._projection = reader.matrix(reader.named(*names), (hidden, spec.out_size))

    @property
    def weights(self) -> list[torch.Tensor]:
        return self._reader.weights

    @torch.inference_mode()
    def encode(self, image: ProcessedImage) -> ImageFeatures:
        """See `VisionTower.encode`."""
        spec, compute = self._spec, self._reader.compute
        tiles = image.pixels.shape[0]
        side, merge = spec.grid_side, spec.merge_size
        x = self._patches(cut_patches(image.pixels.to(self._reader.device), spec.patch_size)).float()
        x = (x + self._positions).flatten(0, 1)
        run(self._blocks, x, [Stretches.whole(side * side, tiles)] * spec.num_layers, None)
        squares = self._last_norm(x).view(tiles, side // merge, merge, side // merge, merge, -1)
        pooled = self._soft_norm(squares.mean(dim=(2, 4)).flatten(0, 2))
        return ImageFeatures(torch.matmul(pooled.to(compute), self._projection.to(compute)).float())

    def _block(self, key: str) -> TowerBlock:
        spec, reader = self._spec, self._reader
        hidden, inner = spec.hidden_size, spec.intermediate_size
        return TowerBlock(
            attention_norm=reader.norm(key + "layer_norm1", hidden, spec.eps, bias=True),
            qkv=reader.joined([f"{key}self_attn.{each}_proj" for each in "qkv"], hidden, hidden, bias=True),
            out=reader.linear(key + "self_attn.out_proj", hidden, hidden, bias=True),
            mlp_norm=reader.norm(key + "layer_norm2", hidden, spec.eps, bias=True),
            gate=None,
            up=reader.linear(key + "mlp.fc1", hidden, inner, bias=True),
            down=reader.linear(key + "mlp.fc2", inner, hidden, bias=True),
            act=activation(spec.activation),
            num_heads=spec.num_heads,
        )
