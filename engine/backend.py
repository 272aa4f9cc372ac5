"""What a compute backend offers to the layers: the only way a layer reaches a device.

Tensors are torch tensors on the backend's device, allocated once per model (`Buffers` in `models/transformer.py`) and
reused by every step, so that a backend may capture a step in a graph. Every operation writes into an output it is
given and returns nothing. Weights are prepared once into opaque handles. T rows are tokens of a step in any mix of
sequences; B sequences; H query heads, KVH key/value heads, D head dim, E hidden, I intermediate, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from engine.budget import FP16_CACHE, DeviceBudget
from engine.features import Feature
from engine.quant.tensors import LinearWeights
from engine.weights.safetensors_header import FileStamp, TensorEntry
from engine.weights.shards import BulkReader

Linear = Any  # a backend's prepared linear
Norm = Any  # a backend's prepared norm weight with its epsilon
LayerCache = Any  # one layer's K and V pages
Sinks = Any  # a backend's prepared sinks
RopeTable = Any  # cosines and sines for every position


@dataclass(frozen=True, eq=False)
class ImageRows:
    """What images contribute to a step.

    Attributes:
        rows: int64 [N], rows of the step that stand for parts of images.
        embeddings: float32 [N, E], in place of their tokens' embeddings.
        deepstack: for the first layers of the model, float32 [N, E] that is added to those rows behind the layer.
    """

    rows: torch.Tensor
    embeddings: torch.Tensor
    deepstack: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True)
class Batch:
    """The rows of one step.

    Attributes:
        token_ids: int64 [T].
        positions: int32 [T], position of each row in its sequence.
        sequences: int32 [T], row of `page_table` each token belongs to.
        page_table: int32 [B, P], physical pages of each sequence in order; unused entries are never read.
        consecutive: all rows are of one sequence, at consecutive positions (a prefill chunk).
        first_position: of a chunk, position of its first row, where the host knows it.
        turns: int32 [3, T], positions in time, height and width, by which the rotary embeddings of models with such
            positions turn a row; None where all three are `positions`, or `turn_offsets` says otherwise.
        images: None where the step has no rows of images.
        image_spans: of a chunk, positions (first, end) of images whose tokens see each other, the later ones too; the
            end lies in the chunk.
        turn_offsets: of a captured step, int32 [T], what is added to each of `positions` to have the one by which
            rotary embeddings turn a row; None: nothing. Backends that capture no steps are not given it.
    """

    token_ids: torch.Tensor
    positions: torch.Tensor
    sequences: torch.Tensor
    page_table: torch.Tensor
    consecutive: bool
    first_position: int | None = None
    turns: torch.Tensor | None = None
    images: ImageRows | None = None
    image_spans: tuple[tuple[int, int], ...] = ()
    turn_offsets: torch.Tensor | None = None

    @property
    def num_rows(self) -> int:
        return int(self.token_ids.shape[0])


@dataclass(frozen=True)
class AttentionShape:
    """The geometry of one attention layer, and how its scores become weights.

    Attributes:
        window: keys a query sees, itself included.
        softcap: scores become softcap * tanh(score / softcap) before the mask; None: they stay.
        sinks: of `prepare_sinks`, a logit of each query head that takes part in its softmax and has no value.
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    scale: float
    window: int | None
    softcap: float | None = None
    sinks: Sinks | None = None


@dataclass(frozen=True)
class MlpBuffers:
    """Scratch of an MLP's largest step, float32: gate and up [R, I], hidden [R, E]."""

    gate: torch.Tensor
    up: torch.Tensor
    hidden: torch.Tensor


@dataclass(frozen=True)
class CacheShape:
    """The geometry of one layer's cache.

    Attributes:
        bits: of K and V; 16 is fp16.
        context_pages: pages of the longest sequence.
        has_softcap, has_sinks: of the attention that will read it, so that its kernels are made ready.
    """

    num_pages: int
    num_kv_heads: int
    head_dim: int
    bits: tuple[int, int] = FP16_CACHE
    context_pages: int = 0
    has_softcap: bool = False
    has_sinks: bool = False


class FusedBlocks(Protocol):
    """All blocks of a model as one operation of a backend."""

    def takes(self, rows: int) -> bool:
        """Whether a step of so many rows can be made this way."""

    def forward(self, residual: torch.Tensor, batch: Batch) -> None:
        """Updates residual [T, E] in place and appends to the cache."""


class Backend(Protocol):
    """Operations on one device."""

    device: torch.device
    device_name: str
    prefill_rows: int  # rows of a prefill chunk
    budget: DeviceBudget  # what a loaded model takes besides weights and cache
    missing: frozenset[Feature]  # what it cannot do

    def open_upload(self, plan: Sequence[TensorEntry], stamps: Mapping[Path, FileStamp]) -> BulkReader | None:
        """Reserves memory for the tensors of a model and begins to read the large ones.

        Args:
            plan: the tensors in the order in which they will be read.
            stamps: the state of each file when its header was read.

        Returns:
            What reads them straight to the device, to be closed; None where each is read to memory of its own.
        """

    def prepare_linear(self, weights: LinearWeights) -> Linear:
        """Takes over a linear's weights; the caller drops its own reference."""

    def prepare_norm(self, weight: torch.Tensor, eps: float) -> Norm: ...

    def prepare_sinks(self, logits: torch.Tensor) -> Sinks:
        """Takes the logits [H] of a layer's sinks."""

    def prepare_embedding(self, weight: torch.Tensor) -> torch.Tensor: ...

    def check_weights(self) -> None:
        """After the last weight: raises `UnsupportedModelError` where to know earlier would have meant to wait."""

    def prepare_rope(
        self, cosines: torch.Tensor, sines: torch.Tensor, streams: torch.Tensor | None = None
    ) -> RopeTable:
        """Takes float32 tables [positions, rotary_dim / 2].

        Args:
            streams: int64 [rotary_dim / 2], which of a row's three positions turns each frequency; None: it has one.
        """

    def allocate_cache(self, shape: CacheShape) -> LayerCache: ...

    def copy_page(self, cache: LayerCache, source: int, target: int) -> None:
        """Copies one page's K and V."""

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor: ...

    def embed(self, table: torch.Tensor, token_ids: torch.Tensor, out: torch.Tensor) -> None:
        """out [T, E] = rows of the table, as float32."""

    def rms_norm(self, x: torch.Tensor, norm: Norm, out: torch.Tensor) -> None:
        """out [T, E] = x / rms(x) * weight."""

    def linears(self, x: torch.Tensor, linears: Sequence[Linear], outs: Sequence[torch.Tensor]) -> None:
        """Each out [T, out_features] = x [T, in_features] W + bias; linears of one input come together."""

    def norm_linears(
        self,
        x: torch.Tensor,
        norm: Norm,
        linears: Sequence[Linear],
        outs: Sequence[torch.Tensor],
        normed: torch.Tensor,
    ) -> None:
        """As `linears`, of rms_norm(x); normed [T, E] is scratch that a backend may use."""

    def add_linear(self, x: torch.Tensor, linear: Linear, residual: torch.Tensor, product: torch.Tensor) -> None:
        """residual [T, out_features] += x W + bias; product, of the same shape, is scratch."""

    def rotate_and_append(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        norms: tuple[Norm, Norm] | None,
        rope: RopeTable,
        shape: AttentionShape,
        batch: Batch,
        cache: LayerCache,
    ) -> None:
        """Head norms, then rotation, of q [T, H*D] in place and of k [T, KVH*D]; appends k and v to the cache."""

    def attention(
        self, q: torch.Tensor, shape: AttentionShape, batch: Batch, cache: LayerCache, out: torch.Tensor
    ) -> None:
        """out [T, H*D]: each row attends to the cached keys of its sequence up to its own position."""

    def add_gated_mlp(
        self,
        residual: torch.Tensor,
        norm: Norm,
        gate_proj: Linear,
        up_proj: Linear,
        down_proj: Linear,
        buffers: MlpBuffers,
    ) -> None:
        """residual [T, E] += down(silu(gate(x)) * up(x)) of x = rms_norm(residual); the buffers are scratch."""

    def gated_silu(self, gate: torch.Tensor, up: torch.Tensor) -> None:
        """gate [T, I] = silu(gate) * up, in place."""

    def gated_gelu(self, gate: torch.Tensor, up: torch.Tensor) -> None:
        """gate [T, I] = gelu(gate) * up, in place, with the approximation by a hyperbolic tangent."""

    def fuse(self, blocks: Sequence[Any]) -> FusedBlocks | None:
        """All of a model's `layers.block.Block`s as one operation, if the backend has something better than each alone.

        Made once, after the last weight is prepared.
        """

    def gather_rows(self, x: torch.Tensor, rows: torch.Tensor, out: torch.Tensor) -> None:
        """out [N, E] = x[rows]."""

    def warm_up_tasks(self) -> list[Callable[[], None]]:
        """What makes the kernels of all prepared weights ready, in pieces of a few seconds at most."""

    def free_bytes(self) -> int:
        """Memory that a load may take now."""

    def trim(self) -> None:
        """Gives freed memory back to the system."""

    def memory_bytes(self) -> tuple[int, int]:
        """(used, total) of the device, as the status strip shows them."""
