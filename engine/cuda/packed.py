"""The quantized cache of the CUDA backend: packed pages, the fp16 pages through which they are written and read.

Kernels that write keys and values write fp16 staging pages, from which one launch quantizes them. Attention of few rows
reads the packed pages; for attention of many rows the sequence's pages are written out as fp16 first, to the same
staging pages, which all layers share and which hold one sequence's context. Knows nothing of the kernels in between:
to them staging pages with their own page table are a cache like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from engine.backend import Batch, CacheShape
from engine.budget import LEAST_STAGING, PAGE_TOKENS
from gpu.kernels import catalogue
from gpu.kernels.attention_layout import PLAIN, AttendPlan, Scoring, group_slices, plan_attention, tile_tokens
from gpu.kernels.packed_layout import THREADS, head_words, packed_parts
from gpu.launch import KernelCache, KernelSource

EXPANDING_BLOCKS = 8  # of a multiprocessor


@dataclass(frozen=True)
class CudaCache:
    """fp16: k [P, KVH, 256, Dp], v [P, KVH, Dp, 256], Dp a multiple of 32."""

    k: torch.Tensor
    v: torch.Tensor

    @property
    def padded(self) -> int:
        return int(self.k.shape[3])


@dataclass(frozen=True)
class PackedCache:
    """Quantized: k and v int32 [P, KVH, words of a head], whose layout is that of `gpu.kernels.packed_layout`."""

    k: torch.Tensor
    v: torch.Tensor
    padded: int
    head_dim: int
    bits: tuple[int, int]


class PackedPages:
    """Staging pages of a model, and the launches that move keys and values between them and packed pages.

    Args:
        multiprocessors: of the card.
    """

    def __init__(self, kernels: KernelCache, device: torch.device, multiprocessors: int) -> None:
        self._kernels, self._device, self._multiprocessors = kernels, device, multiprocessors
        self.trim()

    def trim(self) -> None:
        """Gives the staging pages back."""
        self._staging: dict[tuple[int, int], CudaCache] = {}
        self._in_order = self._by_sequence = torch.empty(0, 0, dtype=torch.int32, device=self._device)

    def allocate(self, shape: CacheShape, padded: int) -> PackedCache:
        """A layer's packed pages; the staging pages it needs are made with the first layer of its sizes."""
        pages, heads = max(shape.context_pages, LEAST_STAGING), shape.num_kv_heads
        have = self._staging.get((heads, padded))
        if have is None or have.k.shape[0] < pages:
            k, v = ((pages, heads, PAGE_TOKENS, padded), (pages, heads, padded, PAGE_TOKENS))
            self._staging[heads, padded] = CudaCache(
                *(torch.zeros(size, dtype=torch.float16, device=self._device) for size in (k, v))
            )
        if self._in_order.shape[1] < pages:
            numbers = torch.arange(pages, dtype=torch.int32, device=self._device)
            self._in_order = numbers.expand(LEAST_STAGING, pages).contiguous()
            self._by_sequence = numbers[:LEAST_STAGING, None].expand(LEAST_STAGING, pages).contiguous()
        # Zeros: masked keys have no weight, but no weight times an infinity left in memory would be NaN.
        packed = [
            torch.zeros(shape.num_pages, heads, head_words(padded, bits), dtype=torch.int32, device=self._device)
            for bits in shape.bits
        ]
        return PackedCache(packed[0], packed[1], padded, shape.head_dim, shape.bits)

    def stage(self, cache: CudaCache | PackedCache, batch: Batch) -> tuple[CudaCache, Batch]:
        """Where kernels for fp16 pages find a batch's keys and values: a cache, and the batch with its page table.

        Tokens of one sequence have staging pages in their order. Tokens of several have one page a sequence.
        """
        if not isinstance(cache, PackedCache):
            return cache, batch
        count = batch.page_table.shape[0]
        assert count <= LEAST_STAGING
        table = self._in_order if batch.consecutive else self._by_sequence
        return self._staging[cache.k.shape[1], cache.padded], replace(batch, page_table=table[:count])

    def append(self, cache: CudaCache | PackedCache, batch: Batch) -> None:
        """Quantizes what a kernel has written to the places that `stage` named; nothing for fp16 pages."""
        if not isinstance(cache, PackedCache):
            return
        staging, staged = self.stage(cache, batch)
        self._kernels.get(catalogue.append_packed(cache.padded, *cache.bits))(
            (batch.num_rows, cache.k.shape[1], 2), THREADS, staging.k.data_ptr(), staging.v.data_ptr(),
            staged.page_table.data_ptr(), staged.page_table.shape[1],
            batch.positions.data_ptr(), batch.sequences.data_ptr(), batch.page_table.data_ptr(),
            batch.page_table.shape[1], cache.k.data_ptr(), cache.v.data_ptr(), cache.head_dim,
        )  # fmt: skip

    def expand(self, cache: PackedCache, batch: Batch, window: int) -> None:
        """Writes the keys and values that a batch of one sequence sees to the staging pages."""
        staging, _ = self.stage(cache, batch)
        heads = cache.k.shape[1]
        blocks = max(1, EXPANDING_BLOCKS * self._multiprocessors // (2 * heads))
        self._kernels.get(catalogue.expand_packed(cache.padded, *cache.bits))(
            (blocks, heads, 2), THREADS, cache.k.data_ptr(), cache.v.data_ptr(), batch.positions.data_ptr(),
            batch.num_rows, batch.sequences.data_ptr(), batch.page_table.data_ptr(), batch.page_table.shape[1],
            window, staging.k.data_ptr(), staging.v.data_ptr(),
        )  # fmt: skip


def sources(cache: PackedCache, scoring: Scoring = PLAIN) -> list[KernelSource]:
    """Every kernel that this cache needs besides those for fp16 pages."""
    movers = (catalogue.append_packed, catalogue.expand_packed)
    attend = catalogue.attend_packed(cache.padded, *cache.bits, scoring)
    return [attend, *(maker(cache.padded, *cache.bits) for maker in movers)]


def plan_for(rows: int, group: int, cache: PackedCache, multiprocessors: int, *, consecutive: bool) -> AttendPlan:
    """The launch of attention over packed pages: `many` where the pages are better written out first."""
    return plan_attention(
        rows, group, cache.k.shape[1], cache.padded, multiprocessors, consecutive=consecutive,
        parts=packed_parts(cache.padded),
    )  # fmt: skip


def few_plan(plan: AttendPlan, rows: int, group: int, cache: PackedCache) -> AttendPlan:
    """The plan, or where it asks for the kernel for many rows one for few rows without splits."""
    if not plan.many:
        return plan
    tokens, columns = tile_tokens(group), cache.k.shape[1] * group_slices(group) * packed_parts(cache.padded)
    return AttendPlan(False, tokens, (-(-rows // tokens), columns, 1), 0)
