"""Everything the steps of a model need besides its weights, allocated before the first weight is read.

So a step allocates nothing, and a device that is too full is noticed in the first second of a load. Knows nothing of
files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import Backend, CacheShape, LayerCache, MlpBuffers, RopeTable
from engine.budget import FP16_CACHE, MAX_LOGIT_ROWS, PAGE_TOKENS
from engine.layers.attention import AttentionBuffers
from engine.models.rope_tables import query_factors, rope_streams, rope_tables
from engine.models.spec import AttentionSpec, ModelSpec, QueryScaling, RopeSpec


@dataclass(frozen=True)
class StepBuffers:
    """Static buffers of the largest step (R rows), shared by all layers."""

    residual: torch.Tensor  # [R, E]
    scratch: torch.Tensor  # [R, E]
    logit_rows: torch.Tensor  # [MAX_LOGIT_ROWS, E]
    logits: torch.Tensor  # [MAX_LOGIT_ROWS, V]


class Reservation:
    """Cache, rotary tables and buffers of one model.

    Args:
        num_pages: pages of K/V cache for sequences; one more, the last, is for rows of a step that nothing fills.
        num_positions: length of the rotary tables, and of the longest sequence.
        cache_bits: of K and V.

    Attributes:
        caches: one for each block.
        step: the buffers that all layers share.
    """

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        num_pages: int,
        num_positions: int,
        cache_bits: tuple[int, int] = FP16_CACHE,
    ) -> None:
        self.num_pages, self.num_positions = num_pages, num_positions
        self._backend, self._rows, self._hidden_size = backend, backend.prefill_rows, spec.hidden_size
        self._ropes: dict[RopeSpec, RopeTable] = {}
        self._factors: dict[QueryScaling, torch.Tensor] = {}
        self._attention: dict[tuple[int, int], AttentionBuffers] = {}
        self._mlp: dict[int, MlpBuffers] = {}
        empty, rows = backend.empty, self._rows
        self.step = StepBuffers(
            residual=empty(rows, spec.hidden_size),
            scratch=empty(rows, spec.hidden_size),
            logit_rows=empty(MAX_LOGIT_ROWS, spec.hidden_size),
            logits=empty(MAX_LOGIT_ROWS, spec.vocab_size),
        )
        self.caches: list[LayerCache] = []
        context_pages = -(-num_positions // PAGE_TOKENS)
        for block in spec.blocks:
            attention = block.attention
            shape = CacheShape(num_pages + 1, attention.num_kv_heads, attention.head_dim, cache_bits, context_pages)
            self.caches.append(backend.allocate_cache(shape))
            self.rope(attention.rope)
            self.query_factors(attention.query_scaling)
            self.attention(attention)
            self.mlp(block.mlp.gate_proj.out_features)

    def rope(self, spec: RopeSpec) -> RopeTable:
        """The table of one rotary embedding."""
        if spec not in self._ropes:
            self._ropes[spec] = self._backend.prepare_rope(*rope_tables(spec, self.num_positions), rope_streams(spec))
        return self._ropes[spec]

    def query_factors(self, scaling: QueryScaling | None) -> torch.Tensor | None:
        """By what the queries of each position are multiplied, float32 [positions]; None where they are not."""
        if scaling is None:
            return None
        if scaling not in self._factors:
            factors = self._factors[scaling] = self._backend.empty(self.num_positions)
            factors.copy_(query_factors(scaling, self.num_positions))
        return self._factors[scaling]

    def attention(self, spec: AttentionSpec) -> AttentionBuffers:
        """The buffers of every attention layer with these sizes."""
        queries, keys = spec.num_heads * spec.head_dim, spec.num_kv_heads * spec.head_dim
        if (queries, keys) not in self._attention:
            rows, empty = self._rows, self._backend.empty
            self._attention[queries, keys] = AttentionBuffers(
                q=empty(rows, queries), k=empty(rows, keys), v=empty(rows, keys), out=empty(rows, queries)
            )
        return self._attention[queries, keys]

    def mlp(self, intermediate: int) -> MlpBuffers:
        """The buffers of every MLP of this width."""
        if intermediate not in self._mlp:
            rows, empty = self._rows, self._backend.empty
            self._mlp[intermediate] = MlpBuffers(
                gate=empty(rows, intermediate), up=empty(rows, intermediate), hidden=empty(rows, self._hidden_size)
            )
        return self._mlp[intermediate]
