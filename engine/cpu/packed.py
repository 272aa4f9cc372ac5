"""The quantized cache of the CPU backend: packed pages, and the fp16 pages through which they are written and read.

The kernel that rotates keys writes fp16 pages besides; a prefill chunk's keys and values are written out as fp16 before
attention. Both use staging pages that all layers share and that hold one sequence's context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.backend import AttentionShape, Batch, CacheShape
from engine.budget import LEAST_STAGING, PAGE_TOKENS
from engine.cpu import attention_kernels, packed_kernels
from engine.cpu.image_spans import SpanPages, attend_span
from engine.cpu.packed_ir import GROUP

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class CpuCache:
    """uint16 fp16 bits: k [P, KVH, Dpad, 256], v [P, KVH, 256, Dpad]."""

    k: Array
    v: Array


@dataclass(frozen=True)
class CpuPackedCache:
    """Codes uint32 [P, KVH, 256, groups * bits] and scales, fp16 bits [P, KVH, 256, groups], of K and of V."""

    k: Array
    k_scales: Array
    v: Array
    v_scales: Array
    bits: tuple[int, int]


@dataclass(frozen=True, eq=False)
class CpuSinks:
    logits: Array  # float32 [H]


NO_SINKS = np.empty(0, np.float32)


def weighing(shape: AttentionShape) -> tuple[np.float32, int, np.float32, Array]:
    """How scores become weights, as the kernels take it: scale, window, soft cap, sinks."""
    sinks = shape.sinks.logits if shape.sinks is not None else NO_SINKS
    return np.float32(shape.scale), shape.window or 0, np.float32(shape.softcap or 0.0), sinks


class CpuPackedPages:
    """The staging pages of a model."""

    def __init__(self) -> None:
        self._staging: dict[tuple[int, int], CpuCache] = {}
        self._in_order = self._by_sequence = np.zeros((LEAST_STAGING, 0), np.int32)

    def allocate(self, shape: CacheShape) -> CpuPackedCache:
        """A layer's packed pages; the staging pages it needs are made with the first layer of its sizes."""
        heads, groups = shape.num_kv_heads, -(-shape.head_dim // GROUP)
        padded, pages = groups * GROUP, max(shape.context_pages, LEAST_STAGING)
        have = self._staging.get((heads, padded))
        if have is None or have.k.shape[0] < pages:
            k, v = ((pages, heads, padded, PAGE_TOKENS), (pages, heads, PAGE_TOKENS, padded))
            self._staging[heads, padded] = CpuCache(np.zeros(k, np.uint16), np.zeros(v, np.uint16))
        if self._in_order.shape[1] < pages:
            self._in_order = np.broadcast_to(np.arange(pages, dtype=np.int32), (LEAST_STAGING, pages)).copy()
            numbers = np.arange(LEAST_STAGING, dtype=np.int32)[:, None]
            self._by_sequence = np.broadcast_to(numbers, (LEAST_STAGING, pages)).copy()
        size = (shape.num_pages, heads, PAGE_TOKENS)
        k_words, v_words = (np.zeros((*size, groups * bits), np.uint32) for bits in shape.bits)
        k_scales, v_scales = (np.zeros((*size, groups), np.uint16) for _ in shape.bits)
        return CpuPackedCache(k_words, k_scales, v_words, v_scales, shape.bits)

    def stage(self, cache: CpuCache | CpuPackedCache, batch: Batch) -> tuple[CpuCache, Array]:
        """Where the rotating kernel writes a batch's keys and values: fp16 pages and their page table."""
        if isinstance(cache, CpuCache):
            return cache, batch.page_table.numpy()
        count = batch.page_table.shape[0]
        assert count <= LEAST_STAGING
        table = self._in_order if batch.consecutive else self._by_sequence
        return self._of(cache), table[:count]

    def append(self, cache: CpuCache | CpuPackedCache, k: Array, v: Array, batch: Batch, head_dim: int) -> None:
        """Quantizes rotated keys and values float32 [T, KVH * D] into their places; nothing for fp16 pages."""
        if isinstance(cache, CpuCache):
            return
        where = (batch.positions.numpy(), batch.sequences.numpy(), batch.page_table.numpy())
        packed_kernels.append_packed(k, *where, cache.k, cache.k_scales, head_dim, cache.bits[0])
        packed_kernels.append_packed(v, *where, cache.v, cache.v_scales, head_dim, cache.bits[1])

    def attend(self, q: Array, shape: AttentionShape, batch: Batch, cache: CpuPackedCache, out: Array) -> None:
        """out float32 [T, H * D] = attention of q over packed pages."""
        head_dim, padded = shape.head_dim, cache.k_scales.shape[3] * GROUP
        rotated = np.empty((q.shape[0], q.shape[1] // head_dim * padded), np.float32)
        packed_kernels.rotate_heads(q, head_dim, rotated, padded)
        mixed = np.empty_like(rotated)
        if batch.consecutive and batch.num_rows > 1:
            self._attend_chunk(rotated, padded, shape, batch, cache, mixed)
        else:
            packed_kernels.attend_packed_rows(
                rotated, batch.positions.numpy(), batch.sequences.numpy(), batch.page_table.numpy(),
                cache.k, cache.k_scales, cache.bits[0], cache.v, cache.v_scales, cache.bits[1], *weighing(shape), mixed,
            )  # fmt: skip
        packed_kernels.rotate_heads(mixed, padded, out, head_dim)

    def _attend_chunk(
        self, q: Array, padded: int, shape: AttentionShape, batch: Batch, cache: CpuPackedCache, out: Array
    ) -> None:
        position, staging, window = int(batch.positions[0]), self._of(cache), shape.window or 0
        pages = batch.page_table[int(batch.sequences[0])].numpy()
        first, end = max(0, position + 1 - window) if window else 0, position + batch.num_rows
        packed_kernels.expand_packed(pages, first, end, cache.k, cache.k_scales, cache.bits[0], staging.k, True)
        packed_kernels.expand_packed(pages, first, end, cache.v, cache.v_scales, cache.bits[1], staging.v, False)
        order = self._in_order[0]
        attention_kernels.attend_chunk(q, position, order, staging.k, staging.v, padded, *weighing(shape), out)
        for span in batch.image_spans:
            attend_span(q, position, span, shape, SpanPages(staging.k, staging.v, order), out)

    def _of(self, cache: CpuPackedCache) -> CpuCache:
        return self._staging[cache.k.shape[1], cache.k_scales.shape[3] * GROUP]


def copy_page(cache: CpuCache | CpuPackedCache, source: int, target: int) -> None:
    """Copies one page's K and V."""
    arrays = [cache.k, cache.v]
    if isinstance(cache, CpuPackedCache):
        arrays += [cache.k_scales, cache.v_scales]
    for array in arrays:
        array[target] = array[source]
