"""What a layer asks of a weight format, and what each format answers to.

Knows nothing of any particular format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.quant.foreign import padded as padded
from engine.quant.tensors import LinearWeights
from engine.weights.shards import ShardIndex


@dataclass(frozen=True)
class LinearRequest:
    """One linear as the model's config describes it.

    Attributes:
        key: checkpoint name without the last part, "model.layers.0.mlp.up_proj".
        in_features: true input size, without padding.
        out_features: true output size, without padding.
        has_bias: True needs a bias, False ignores one, None reads one if the file has it.
    """

    key: str
    in_features: int
    out_features: int
    has_bias: bool | None = None


class QuantFormat(Protocol):
    """A weight format that can be read. Implementations hold no state."""

    def claims(self, index: ShardIndex, key: str) -> bool:
        """Whether the tensors present under `key` are, or were meant to be, of this format."""
        ...

    def read(self, index: ShardIndex, request: LinearRequest) -> LinearWeights:
        """Reads and checks one linear; raises `ModelFormatError` or `UnsupportedModelError`."""
        ...
