"""The model to be converted: checked by its headers before anything is read, then read one block at a time.

Knows nothing of quantization.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelFormatError
from engine.models.registry import build_spec
from engine.models.spec import BlockSpec, LinearSpec, ModelSpec, NormSpec
from engine.quant.exl3_decode import dequantize
from engine.quant.plain import read_tensor
from engine.quant.registry import read_linear
from engine.quant.tensors import Exl3Linear
from engine.quantizer.convertible import check_convertible, has_tied_head, unread_names
from engine.quantizer.streams import BlockWeights, block_linears, block_norms
from engine.weights.config_reader import ConfigReader
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, quoted
from engine.weights.shards import ShardIndex

CPU = torch.device("cpu")


@dataclass(frozen=True)
class SourceModel:
    """A model folder, plain or EXL3, whose blocks are read on demand as float32."""

    folder: Path
    spec: ModelSpec
    index: ShardIndex

    @classmethod
    def open(cls, folder: Path) -> SourceModel:
        """Reads config and headers.

        Raises:
            ModelFormatError: the folder holds no model, or a damaged one.
            UnsupportedModelError: the family is not known.
        """
        config, index = ConfigReader.open(folder), ShardIndex.open(folder)
        return cls(folder, build_spec(config, index.entries), index)

    def check_convertible(self) -> None:
        """Looks at every header entry that a conversion will read.

        Raises:
            ModelFormatError: a tensor is missing or has another shape than config.json says.
            UnsupportedModelError: a tensor is quantized already.
        """
        check_convertible(self.spec, self.folder, self.index.entries)

    @property
    def has_tied_head(self) -> bool:
        """Whether the head is the embedding."""
        return has_tied_head(self.spec, self.index.entries)

    def embedding(self) -> torch.Tensor:
        """As stored, [V, E]."""
        spec = self.spec
        size = (spec.vocab_size, spec.hidden_size)
        return read_tensor(self.index, spec.embedding_key, size, rows_may_be_padded=True)

    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        """What the first block is given for tokens, float32 [..., E]."""
        found = self.embedding()[rows].float()
        return found if self.spec.embedding_scale == 1 else found * self.spec.embedding_scale

    def final_norm(self) -> torch.Tensor:
        return self.norm(self.spec.final_norm)

    def head(self, device: torch.device = CPU) -> torch.Tensor:
        """float32 [E, V] on a device."""
        if self.has_tied_head:
            return self.embedding().to(device).float().T.contiguous()
        return self.linear(self.spec.head, device)[0]

    def block(self, block: BlockSpec, device: torch.device = CPU) -> BlockWeights:
        """A block's weights on a device."""
        weights = BlockWeights()
        for linear in block_linears(block):
            weights.matrices[linear.key], bias = self.linear(linear, device)
            if bias is not None:
                weights.biases[linear.key] = bias
        for norm in block_norms(block):
            weights.norms[norm.key] = self.norm(norm).to(device)
        return weights

    def norm(self, norm: NormSpec) -> torch.Tensor:
        """What it multiplies by, float32 [size]."""
        weight = read_tensor(self.index, norm.key, (norm.size,)).float()
        return weight + norm.offset if norm.offset else weight

    def linear(self, linear: LinearSpec, device: torch.device = CPU) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight float32 [in, out] and bias float32 [out], both of true size, on a device: they go there as stored."""
        found = read_linear(self.index, linear.key, linear.in_features, linear.out_features, linear.has_bias)
        if isinstance(found, Exl3Linear):
            weight = dequantize(found).to(device)
        else:
            weight = found.weight.to(device).float().T.contiguous()
        if not bool(torch.isfinite(weight).all()):
            raise ModelFormatError(
                f"{self.folder}: the weight of {quoted(linear.key)} has values that are not finite.", DOWNLOAD_AGAIN
            )
        return weight, None if found.bias is None else found.bias.to(device).float()[: linear.out_features]

    def unread_names(self) -> list[str]:
        """Tensors that the spec does not name: a vision tower, say."""
        return unread_names(self.spec, self.index.entries)
