"""The model to be converted: checked by its headers before anything is read, then read one block at a time.

Knows nothing of quantization.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import ModelFormatError, UnsupportedModelError
from engine.models.registry import build_spec
from engine.models.sizes import tensor_keys
from engine.models.spec import BlockSpec, LinearSpec, ModelSpec, NormSpec
from engine.quant.exl3_decode import dequantize
from engine.quant.plain import read_tensor
from engine.quant.registry import FOREIGN_PARTS, read_linear
from engine.quant.tensors import Exl3Linear
from engine.quantizer.streams import BlockWeights, block_linears, block_norms
from engine.weights.config_reader import ConfigReader
from engine.weights.safetensors_header import DOWNLOAD_AGAIN, quoted
from engine.weights.shards import ShardIndex

_PLAIN_DTYPES = ("F16", "BF16", "F32")


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
        return cls(folder, build_spec(ConfigReader.open(folder)), ShardIndex.open(folder))

    def check_convertible(self) -> None:
        """Looks at every header entry that a conversion will read.

        Raises:
            ModelFormatError: a tensor is missing or has another shape than config.json says.
            UnsupportedModelError: a tensor is quantized already.
        """
        spec = self.spec
        for block in spec.blocks:
            for linear in block_linears(block):
                self._check_linear(linear)
            for norm in block_norms(block):
                self._check(norm.key, (norm.size,))
        self._check(spec.embedding_key, (spec.vocab_size, spec.hidden_size))
        self._check(spec.final_norm.key, (spec.hidden_size,))
        if not self.has_tied_head:
            self._check_linear(spec.head)

    @property
    def has_tied_head(self) -> bool:
        """Whether the head is the embedding."""
        key = self.spec.head.key
        return self.spec.tied and f"{key}.weight" not in self.index and f"{key}.trellis" not in self.index

    def embedding(self) -> torch.Tensor:
        """As stored, [V, E]."""
        spec = self.spec
        size = (spec.vocab_size, spec.hidden_size)
        return read_tensor(self.index, spec.embedding_key, size, rows_may_be_padded=True)

    def final_norm(self) -> torch.Tensor:
        return read_tensor(self.index, self.spec.final_norm.key, (self.spec.hidden_size,)).float()

    def head(self) -> torch.Tensor:
        """float32 [E, V]."""
        if self.has_tied_head:
            return self.embedding().float().T.contiguous()
        return self.linear(self.spec.head)[0]

    def block(self, block: BlockSpec) -> BlockWeights:
        weights = BlockWeights()
        for linear in block_linears(block):
            weights.matrices[linear.key], bias = self.linear(linear)
            if bias is not None:
                weights.biases[linear.key] = bias
        for norm in block_norms(block):
            weights.norms[norm.key] = self.norm(norm)
        return weights

    def norm(self, norm: NormSpec) -> torch.Tensor:
        return read_tensor(self.index, norm.key, (norm.size,)).float()

    def linear(self, linear: LinearSpec) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Weight float32 [in, out] and bias float32 [out], both of true size."""
        found = read_linear(self.index, linear.key, linear.in_features, linear.out_features, linear.has_bias)
        weight = dequantize(found) if isinstance(found, Exl3Linear) else found.weight.float().T.contiguous()
        if not bool(torch.isfinite(weight).all()):
            raise ModelFormatError(
                f"{self.folder}: the weight of {quoted(linear.key)} has values that are not finite.", DOWNLOAD_AGAIN
            )
        return weight, None if found.bias is None else found.bias.float()[: linear.out_features]

    def unread_names(self) -> list[str]:
        """Tensors that the spec does not name: a vision tower, say."""
        keys = set(tensor_keys(self.spec))
        return [
            name
            for name in self.index.entries
            if name not in keys and name.rpartition(".")[0] not in keys and "rotary_emb" not in name
        ]

    def _check_linear(self, linear: LinearSpec) -> None:
        key = linear.key
        for part, kind in {**FOREIGN_PARTS, "trellis": "EXL3"}.items():
            if f"{key}.{part}" in self.index:
                raise UnsupportedModelError(
                    f"{self.folder}: {quoted(key)} is quantized already ({kind}).",
                    "Convert from the original model in fp16, bf16 or fp32.",
                )
        self._check(f"{key}.weight", (linear.out_features, linear.in_features))
        if linear.has_bias:
            self._check(f"{key}.bias", (linear.out_features,))

    def _check(self, name: str, shape: tuple[int, ...]) -> None:
        entry = self.index.entry(name)
        if entry.shape != shape:
            raise ModelFormatError(
                f"{entry.path}: tensor {quoted(name)} has shape {list(entry.shape)}, expected {list(shape)}.",
                "config.json and the weights belong to different models; download the model again.",
            )
        if entry.dtype not in _PLAIN_DTYPES:
            raise UnsupportedModelError(
                f"{entry.path}: tensor {quoted(name)} is stored as {entry.dtype}.",
                "Convert from the original model in fp16, bf16 or fp32.",
            )
