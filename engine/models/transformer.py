"""Runs any `ModelSpec` on a backend: loads the tensors a spec names and makes steps over static buffers.

File to device: the spec's keys -> shard index -> quant format by the tensors present -> the backend's handles.
Knows nothing of jobs, sampling or text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from engine.backend import AttentionShape, Backend, Batch, LayerCache, Linear, Norm
from engine.layers.attention import Attention
from engine.layers.block import Block
from engine.layers.mlp import GatedMlp
from engine.models.reservation import Reservation
from engine.models.spec import AttentionSpec, BlockSpec, LinearSpec, ModelSpec, NormSpec
from engine.quant.plain import read_tensor
from engine.quant.registry import read_linear
from engine.quant.tensors import LinearWeights, PlainLinear
from engine.weights.shards import ShardIndex


@dataclass(frozen=True)
class LoadedSize:
    """What loading found: bytes as stored and, for the format's name, the mean bits of the quantized weights."""

    weights_bytes: int
    num_parameters: int
    bits_per_weight: float | None  # None: nothing is quantized
    plain_dtype: str


class Transformer:
    """A loaded model with its cache.

    Args:
        reservation: made for the same spec on the same backend.

    Raises:
        EngineError: a tensor is missing or bad; `OutOfMemoryError` of torch passes through.
    """

    def __init__(self, spec: ModelSpec, index: ShardIndex, backend: Backend, reservation: Reservation) -> None:
        self.spec, self.backend = spec, backend
        self.num_pages, self.num_positions = reservation.num_pages, reservation.num_positions
        self.caches: list[LayerCache] = reservation.caches
        self.buffers = reservation.step
        loader = _Loader(spec, index, backend, reservation)
        # In the order of `sizes.tensor_keys`.
        embedding = read_tensor(index, spec.embedding_key, (spec.vocab_size, spec.hidden_size), rows_may_be_padded=True)
        self.embedding = backend.prepare_embedding(embedding)
        self.blocks = [loader.block(*pair) for pair in zip(spec.blocks, self.caches, strict=True)]
        self.final_norm = loader.norm(spec.final_norm)
        self.head = loader.head(embedding)
        self.size = loader.size(self.embedding)
        self._fused = backend.fuse(self.blocks)

    @property
    def max_rows(self) -> int:
        """The most rows `forward` takes."""
        return int(self.buffers.residual.shape[0])

    @property
    def has_three_positions(self) -> bool:
        """Whether rotary embeddings turn tokens of images by time, height and width."""
        return any(block.attention.rope.sections for block in self.spec.blocks)

    @property
    def weights(self) -> list[Any]:
        """The backend's handles of all weights."""
        handles = [self.embedding, self.final_norm, self.head]
        for block in self.blocks:
            attention, mlp = block.attention, block.mlp
            handles += [block.attention_norm, block.mlp_norm, attention.head_norms]
            handles += [block.attention_post_norm, block.mlp_post_norm]
            handles += [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
            handles += [mlp.gate_proj, mlp.up_proj, mlp.down_proj]
        return handles

    def forward(self, batch: Batch) -> torch.Tensor:
        """Runs all blocks over the batch and appends to the cache.

        Returns:
            The residual stream [T, E], a view of a static buffer that the next call overwrites.
        """
        rows = batch.num_rows
        residual, scratch = self.buffers.residual[:rows], self.buffers.scratch[:rows]
        self.backend.embed(self.embedding, batch.token_ids, residual)
        if self.spec.embedding_scale != 1:
            residual.mul_(self.spec.embedding_scale)
        images = batch.images
        if images is not None:
            residual.index_copy_(0, images.rows, images.embeddings)
        elif self._fused is not None and self._fused.takes(rows):
            self._fused.forward(residual, batch)
            return residual
        for layer, block in enumerate(self.blocks):
            block.forward(residual, batch, scratch)
            if images is not None and layer < len(images.deepstack):
                residual.index_add_(0, images.rows, images.deepstack[layer])
        return residual

    def logits(self, residual: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Logits float32 [N, V] of N <= MAX_LOGIT_ROWS rows, or all, of a residual stream; views of static buffers."""
        count = residual.shape[0] if rows is None else rows.shape[0]
        scratch, out = self.buffers.logit_rows[:count], self.buffers.logits[:count]
        picked = residual
        if rows is not None:
            picked = scratch
            self.backend.gather_rows(residual, rows, picked)
        self.backend.norm_linears(picked, self.final_norm, (self.head,), (out,), scratch)
        softcap = self.spec.logit_softcap
        if softcap is not None:
            out.div_(softcap).tanh_().mul_(softcap)
        return out

    def copy_page(self, source: int, target: int) -> None:
        """Copies one page of every layer's cache."""
        for cache in self.caches:
            self.backend.copy_page(cache, source, target)


class _Loader:
    """Reads what a spec names and counts what it read."""

    def __init__(self, spec: ModelSpec, index: ShardIndex, backend: Backend, reservation: Reservation) -> None:
        self.spec, self.index, self.backend, self._reservation = spec, index, backend, reservation
        self._bytes = self._quantized_bits = self._quantized_weights = self._num_parameters = 0
        self._plain_dtype = "float16"

    def size(self, embedding: torch.Tensor) -> LoadedSize:
        quantized = self._quantized_weights
        return LoadedSize(
            weights_bytes=self._bytes + embedding.numel() * embedding.element_size(),
            num_parameters=self._num_parameters + embedding.numel(),
            bits_per_weight=self._quantized_bits / quantized if quantized else None,
            plain_dtype=self._plain_dtype,
        )

    def linear(self, spec: LinearSpec) -> Linear:
        weights = read_linear(self.index, spec.key, spec.in_features, spec.out_features, spec.has_bias)
        self._count(weights)
        return self.backend.prepare_linear(weights)

    def head(self, embedding: torch.Tensor) -> Linear:
        """The output head: its own tensors win over tying, by the format's rule; a tied one shares the embedding's."""
        spec = self.spec
        if spec.tied and not any(f"{spec.head.key}.{part}" in self.index for part in ("trellis", "weight")):
            return self.backend.prepare_linear(
                PlainLinear(spec.head.key, spec.hidden_size, spec.vocab_size, embedding, None)
            )
        return self.linear(spec.head)

    def norm(self, spec: NormSpec) -> Norm:
        weight = read_tensor(self.index, spec.key, (spec.size,))
        self._bytes += weight.numel() * weight.element_size()
        self._num_parameters += weight.numel()
        return self.backend.prepare_norm(weight.float() + spec.offset if spec.offset else weight, spec.eps)

    def block(self, spec: BlockSpec, cache: LayerCache) -> Block:
        mlp = spec.mlp
        return Block(
            attention_norm=self.norm(spec.attention_norm),
            attention=self._attention(spec.attention, cache),
            mlp_norm=self.norm(spec.mlp_norm),
            mlp=GatedMlp(
                backend=self.backend,
                gate_proj=self.linear(mlp.gate_proj),
                up_proj=self.linear(mlp.up_proj),
                down_proj=self.linear(mlp.down_proj),
                buffers=self._reservation.mlp(mlp.gate_proj.out_features),
                activation=mlp.activation,
            ),
            attention_post_norm=self._optional_norm(spec.attention_post_norm),
            mlp_post_norm=self._optional_norm(spec.mlp_post_norm),
        )

    def _optional_norm(self, spec: NormSpec | None) -> Norm | None:
        return None if spec is None else self.norm(spec)

    def _attention(self, spec: AttentionSpec, cache: LayerCache) -> Attention:
        norms = None
        if spec.q_norm is not None and spec.k_norm is not None:
            norms = (self.norm(spec.q_norm), self.norm(spec.k_norm))
        return Attention(
            backend=self.backend,
            q_proj=self.linear(spec.q_proj),
            k_proj=self.linear(spec.k_proj),
            v_proj=self.linear(spec.v_proj),
            o_proj=self.linear(spec.o_proj),
            head_norms=norms,
            rope=self._reservation.rope(spec.rope),
            shape=AttentionShape(spec.num_heads, spec.num_kv_heads, spec.head_dim, spec.scale, spec.window),
            cache=cache,
            buffers=self._reservation.attention(spec),
            query_factors=self._reservation.query_factors(spec.query_scaling),
        )

    def _count(self, weights: LinearWeights) -> None:
        count = weights.in_features * weights.out_features
        self._bytes += weights.num_bytes
        is_head = weights.key == self.spec.head.key
        if not (is_head and self.spec.tied):  # a tied head's weights are the embedding's
            self._num_parameters += count
        if isinstance(weights, PlainLinear):
            self._plain_dtype = str(weights.weight.dtype).removeprefix("torch.")
        elif not is_head:  # by custom a model's bitrate leaves out its head and its scales
            self._quantized_weights += count
            self._quantized_bits += weights.bits * count
