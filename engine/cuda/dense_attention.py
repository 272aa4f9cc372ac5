"""Attention of whole prefill chunks by cuDNN, on the cards where it outruns the kernels that every card has.

On Hopper and on Blackwell's data centre cards its kernels use instructions that are out of our kernels' reach: on an
H200 398 against 182 TFLOPS for 2048 tokens, and half that again against torch's flash attention. Pages are made
dense first, V turned back; the chunk's own keys (causal) and every stretch of earlier keys are a call each, merged by
their log-sum-exp. cuDNN makes a plan for every shape, which takes some tenths of a second, so that only a few shapes
are used: whole chunks, shorter ones that nearly fill one, and stretches as long as the largest chunk. The rehearsal at
load makes the plans. Everything else (short prompts, windows, soft caps, sinks, images whose tokens all see each other,
other heads, other cards) is left to `gpu`'s kernels.

Bytes a layer besides cuDNN, T rows, S keys: gathering 8 S KVH D, merging 6 T H D for one part, 12 for two.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.backend import AttentionShape, Batch
from gpu.kernels import catalogue
from gpu.launch import KernelCache, KernelSource

CAPABILITIES = (9, 10)  # majors
CUDNN_VERSION = 90100
HEAD_DIMS = (64, 128)
LEAST_CHUNK = 2048  # rows of the smallest shape
THREADS = 256
TILE = 64  # keys that a block gathers

SOURCES: tuple[KernelSource, ...] = (catalogue.GATHER_PAGES, catalogue.MERGE_PARTS)


@dataclass(frozen=True)
class Part:
    """Attention over some of the keys: fp16 [H, pitch, D] and float32 [H, pitch]."""

    out: torch.Tensor
    lse: torch.Tensor


class DenseAttention:
    """Attention of prefill chunks through cuDNN.

    Args:
        chunk_rows: rows of the largest chunk.
        capability: of the card.
    """

    def __init__(
        self, kernels: KernelCache, device: torch.device, chunk_rows: int, capability: tuple[int, int]
    ) -> None:
        self.is_there = capability[0] in CAPABILITIES and _cudnn_version() >= CUDNN_VERSION
        self._kernels, self._chunk, self._device = kernels, chunk_rows, device
        self._pitches = sorted({min(LEAST_CHUNK, chunk_rows), chunk_rows})
        self._planned: set[AttentionShape] = set()
        self._halves: dict[str, torch.Tensor] = {}
        self._lse = torch.empty(0, dtype=torch.float32, device=device)

    def pitch_for(self, shape: AttentionShape, batch: Batch, padded: int) -> int:
        """Rows of the shape that a chunk is given, padding included; 0: it is not for this road.

        Args:
            padded: values of a head in the cache.
        """
        first, rows = batch.first_position, batch.num_rows
        if not self.is_there or first is None or shape.head_dim not in HEAD_DIMS or padded != shape.head_dim:
            return 0
        if shape.window is not None and first + rows > shape.window:
            return 0
        if shape.softcap is not None or shape.sinks is not None or batch.image_spans:
            return 0
        pitch = next((pitch for pitch in self._pitches if 3 * pitch // 4 < rows <= pitch), 0)
        if first > 0 and (first % self._chunk or pitch != self._chunk):
            return 0
        return pitch

    def queries(self, shape: AttentionShape, pitch: int) -> torch.Tensor:
        """Where the rotated queries of the next chunk belong: fp16 [H, pitch, D]."""
        return self._space("q", shape.num_heads, pitch, shape.head_dim)

    def attend(
        self,
        q: torch.Tensor,
        shape: AttentionShape,
        batch: Batch,
        caches: tuple[torch.Tensor, torch.Tensor],
        out: torch.Tensor,
    ) -> bool:
        """Writes attention of the queries in `queries` to out float32 [T, H * D].

        Args:
            q: float32 [T, H * D], gets the queries if cuDNN refuses.
            batch: a chunk for which `pitch_for` is not 0; its keys are in the cache.
            caches: K and V.

        Returns:
            False if cuDNN refused: then out is as it was, and `pitch_for` is 0 from now on.
        """
        first, rows = batch.first_position or 0, batch.num_rows
        pitch = self.pitch_for(shape, batch, shape.head_dim)
        queries = self.queries(shape, pitch)
        if not self._has_plans(shape):
            q.view(rows, shape.num_heads, shape.head_dim).copy_(queries[:, :rows].transpose(0, 1))
            return False
        part = self._part(queries, self._gather(shape, batch, caches, first, rows, pitch), shape, is_causal=True)
        if first == 0:
            self._merge(part, None, shape, out, None, None)
            return True
        totals = self._totals(2, shape.num_heads, pitch)
        held: Part | None = part
        lse = part.lse
        for number, start in enumerate(range(0, first, self._chunk)):
            earlier = self._gather(shape, batch, caches, start, self._chunk, self._chunk)
            total = totals[number % 2]
            self._merge(held, self._part(queries, earlier, shape, is_causal=False), shape, out, total, lse)
            held, lse = None, total
        return True

    def _gather(
        self,
        shape: AttentionShape,
        batch: Batch,
        caches: tuple[torch.Tensor, torch.Tensor],
        first: int,
        count: int,
        pitch: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """K and V [KVH, pitch, D] of the keys from `first` on; behind them is what was there, always finite."""
        k, v = (self._space(name, shape.num_kv_heads, pitch, shape.head_dim) for name in ("k", "v"))
        self._kernels.get(catalogue.GATHER_PAGES)(
            (-(-count // TILE), shape.num_kv_heads, 2), THREADS, caches[0].data_ptr(), caches[1].data_ptr(),
            batch.sequences.data_ptr(), batch.page_table.data_ptr(), batch.page_table.shape[1], first,
            shape.head_dim, caches[0].shape[3], pitch, k.data_ptr(), v.data_ptr(),
        )  # fmt: skip
        return k, v

    def _part(
        self, q: torch.Tensor, keys: tuple[torch.Tensor, torch.Tensor], shape: AttentionShape, *, is_causal: bool
    ) -> Part:
        groups, pitch = shape.num_kv_heads, q.shape[1]
        size = shape.num_heads // groups
        k, v = (each[:, None].expand(-1, size, -1, -1) for each in keys)
        found = torch.ops.aten._scaled_dot_product_cudnn_attention(
            q.view(groups, size, pitch, shape.head_dim), k, v, None, True, 0.0, is_causal, False, scale=shape.scale
        )
        out, lse = found[0], found[1]
        assert out.is_contiguous()
        return Part(out, lse.reshape(shape.num_heads, pitch))

    def _merge(
        self,
        part: Part | None,
        other: Part | None,
        shape: AttentionShape,
        out: torch.Tensor,
        out_lse: torch.Tensor | None,
        lse: torch.Tensor | None,
    ) -> None:
        """out = the part, whose sums are `lse` (None: what out holds), with the other part; out_lse: sums of both."""
        rows, either = out.shape[0], part or other
        assert either is not None
        self._kernels.get(catalogue.MERGE_PARTS)(
            (-(-rows * shape.num_heads * shape.head_dim // (4 * THREADS)), 1, 1), THREADS,
            part.out.data_ptr() if part else 0, lse.data_ptr() if lse is not None else 0,
            other.out.data_ptr() if other else 0, other.lse.data_ptr() if other else 0, either.lse.shape[1],
            rows, shape.num_heads, shape.head_dim, out.data_ptr(), out_lse.data_ptr() if out_lse is not None else 0,
        )  # fmt: skip

    def _space(self, name: str, *shape: int) -> torch.Tensor:
        """Scratch of a shape. Zeros at first: no weight times a NaN left in memory would still be NaN."""
        count = shape[0] * shape[1] * shape[2]
        if name not in self._halves or count > self._halves[name].numel():
            largest = shape[0] * max(self._chunk, shape[1]) * shape[2]
            self._halves[name] = torch.zeros(largest, dtype=torch.float16, device=self._device)
        return self._halves[name][:count].view(shape)

    def _totals(self, *shape: int) -> torch.Tensor:
        count = shape[0] * shape[1] * shape[2]
        if count > self._lse.numel():
            self._lse = torch.empty(count, dtype=torch.float32, device=self._device)
        return self._lse[:count].view(shape)

    def _has_plans(self, shape: AttentionShape) -> bool:
        """Makes all plans that this shape will need, and their memory, when it is first met: in the rehearsal."""
        if shape in self._planned:
            return True
        try:
            for pitch in self._pitches:
                keys = [self._space(name, shape.num_kv_heads, pitch, shape.head_dim) for name in ("k", "v")]
                parts = [self._part(self.queries(shape, pitch), (keys[0], keys[1]), shape, is_causal=True)]
            parts.append(self._part(self.queries(shape, pitch), (keys[0], keys[1]), shape, is_causal=False))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # no kernel for this shape or card: this road is closed, the other is open
            self.is_there = False
            return False
        assert len(parts) == 2  # both alive at once: the memory that two parts take stays with torch's allocator
        self._totals(2, shape.num_heads, self._chunk)
        self._planned.add(shape)
        return True

    def trim(self) -> None:
        """Gives the scratch back."""
        self._halves = {}
        self._lse = torch.empty(0, dtype=torch.float32, device=self._device)


def _cudnn_version() -> int:
    """0 where there is none."""
    cudnn = torch.backends.cudnn
    return int(cudnn.version() or 0) if cudnn.is_available() else 0  # type: ignore[no-untyped-call]
