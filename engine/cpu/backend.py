"""The CPU backend: numba kernels over torch tensors in system memory.

Multiplies straight from the packed trellis, so that a loaded model takes about its file size. Few rows are decoded in
registers; from five rows on each tile is decoded once for all rows. Works in float32 with fp16 K and V.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import psutil
import torch

from engine.backend import AttentionShape, Batch, CacheShape, MlpBuffers
from engine.budget import CPU_BUDGET, FP16_CACHE, PAGE_TOKENS
from engine.cpu import attention_kernels, elementwise_kernels
from engine.cpu.exl3_kernels import few_rows_kernel, many_rows_kernel
from engine.cpu.image_spans import SpanPages, attend_span
from engine.cpu.packed import CpuCache, CpuPackedCache, CpuPackedPages, CpuSinks, copy_page, weighing
from engine.cpu.threads import start_threads
from engine.features import Feature
from engine.quant.tensors import Exl3Linear, LinearWeights, PlainLinear
from engine.weights.safetensors_header import FileStamp, TensorEntry

SHARED_WORK = 1_000_000  # multiplications from which on an operation is shared between threads
ROW_GROUP = 4
# Up to here rows go in groups of four and one, whose results do not depend on their company, so that a reply in a
# batch equals the reply alone bit for bit; above, a tile is decoded once for all rows and sums are ordered otherwise.
MAX_GROUPED_ROWS = 16
MANY = MAX_GROUPED_ROWS + 1
PLAIN_SLICE = 1024  # output columns of an unquantized linear that are widened to float32 at a time


@dataclass(frozen=True)
class CpuNorm:
    weight: np.ndarray[Any, Any]
    eps: np.float32


@dataclass(frozen=True)
class CpuExl3Linear:
    """A prepared EXL3 linear: the packed words as they came, scales and bias as float32."""

    codebook: str
    bits: int
    out_features: int
    words: np.ndarray[Any, Any]
    suh: np.ndarray[Any, Any]
    svh: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any]


@dataclass(frozen=True)
class CpuPlainLinear:
    weight: torch.Tensor  # [out, in] as stored
    bits: np.ndarray[Any, Any] | None  # the same memory as uint16; None for float32
    kind: int
    bias: torch.Tensor


@dataclass(frozen=True)
class CpuRope:
    """Tables float32 [positions, rotary / 2]; `streams` as in `Backend.prepare_rope`."""

    cosines: np.ndarray[Any, Any]
    sines: np.ndarray[Any, Any]
    streams: np.ndarray[Any, Any] | None = None

    def of_rows(self, batch: Batch) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Cosines, sines, and which row of them each row of a batch takes."""
        if batch.turns is None or self.streams is None:
            return self.cosines, self.sines, batch.positions.numpy()
        which = batch.turns.numpy()[self.streams].T  # [T, rotary / 2]
        columns = np.arange(self.streams.size)
        return self.cosines[which, columns], self.sines[which, columns], np.arange(batch.num_rows, dtype=np.int32)


NO_WEIGHT = np.empty(0, np.float32)


class CpuBackend:
    """Fulfils `engine.backend.Backend` on the CPU."""

    missing: frozenset[Feature] = frozenset()

    def __init__(self) -> None:
        self.threads = start_threads()
        self.device = torch.device("cpu")
        self.device_name = f"CPU, {self.threads} cores" if self.threads > 1 else "CPU, 1 core"
        self.budget = CPU_BUDGET
        self.prefill_rows = self.budget.prefill_rows
        self._current_threads = self.threads
        self._process = psutil.Process()
        self._packed = CpuPackedPages()
        self._kinds: set[tuple[str, int, int]] = set()  # codebook, bits, rows: kernels that the weights need

    def _share(self, work: int) -> int:
        """Sets and returns the number of threads for an operation of so many multiplications.

        A parallel loop waits for its slowest thread. On a busy machine that can take a whole time slice, so work that
        one thread does in some 40 us is not shared: the demo model then keeps its speed beside other programs.
        """
        threads = self.threads if work >= SHARED_WORK else 1
        if threads != self._current_threads:
            numba.set_num_threads(threads)
            self._current_threads = threads
        return threads

    def open_upload(self, plan: Sequence[TensorEntry], stamps: Mapping[Path, FileStamp]) -> None:
        """Nothing: a tensor is read once, to where it stays."""

    def check_weights(self) -> None:
        """Nothing: every stored dtype is kept."""

    def prepare_linear(self, weights: LinearWeights) -> CpuExl3Linear | CpuPlainLinear:
        if isinstance(weights, PlainLinear):
            return self._prepare_plain(weights)
        return self._prepare_exl3(weights)

    def _prepare_exl3(self, weights: Exl3Linear) -> CpuExl3Linear:
        self._kinds |= {(weights.codebook, weights.bits, rows) for rows in (1, ROW_GROUP, MANY)}
        bias = weights.bias if weights.bias is not None else torch.zeros(weights.padded_out)
        return CpuExl3Linear(
            codebook=weights.codebook,
            bits=weights.bits,
            out_features=weights.out_features,
            words=weights.trellis.contiguous().numpy().reshape(-1).view(np.uint32),
            suh=weights.suh.float().numpy(),
            svh=weights.svh.float().numpy(),
            bias=bias.float().numpy(),
        )

    def _prepare_plain(self, weights: PlainLinear) -> CpuPlainLinear:
        weight = weights.weight.contiguous()
        bias = weights.bias.float() if weights.bias is not None else torch.zeros(weights.out_features)
        kinds = {torch.float16: elementwise_kernels.HALF, torch.bfloat16: elementwise_kernels.BFLOAT}
        kind = kinds.get(weight.dtype, elementwise_kernels.SINGLE)
        bits = weight.view(torch.int16).numpy().view(np.uint16) if weight.dtype in kinds else None
        return CpuPlainLinear(weight, bits, kind, bias)

    def prepare_norm(self, weight: torch.Tensor, eps: float) -> CpuNorm:
        return CpuNorm(weight.float().numpy(), np.float32(eps))

    def prepare_sinks(self, logits: torch.Tensor) -> CpuSinks:
        return CpuSinks(logits.float().contiguous().numpy())

    def prepare_embedding(self, weight: torch.Tensor) -> torch.Tensor:
        return weight

    def prepare_rope(self, cosines: torch.Tensor, sines: torch.Tensor, streams: torch.Tensor | None = None) -> CpuRope:
        tables = cosines.contiguous().numpy(), sines.contiguous().numpy()
        return CpuRope(*tables, streams.numpy() if streams is not None else None)

    def allocate_cache(self, shape: CacheShape) -> CpuCache | CpuPackedCache:
        if shape.bits != FP16_CACHE:
            return self._packed.allocate(shape)
        padded = -(-shape.head_dim // 16) * 16
        return CpuCache(
            k=np.zeros((shape.num_pages, shape.num_kv_heads, padded, PAGE_TOKENS), np.uint16),
            v=np.zeros((shape.num_pages, shape.num_kv_heads, PAGE_TOKENS, padded), np.uint16),
        )

    def copy_page(self, cache: CpuCache | CpuPackedCache, source: int, target: int) -> None:
        copy_page(cache, source, target)

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype)

    def embed(self, table: torch.Tensor, token_ids: torch.Tensor, out: torch.Tensor) -> None:
        out.copy_(table[token_ids])

    def rms_norm(self, x: torch.Tensor, norm: CpuNorm, out: torch.Tensor) -> None:
        self._share(x.numel())
        elementwise_kernels.rms_norm(x.numpy(), norm.weight, norm.eps, out.numpy())

    def linears(
        self, x: torch.Tensor, linears: Sequence[CpuExl3Linear | CpuPlainLinear], outs: Sequence[torch.Tensor]
    ) -> None:
        for linear, out in zip(linears, outs, strict=True):
            if isinstance(linear, CpuExl3Linear):
                self._exl3(x.numpy(), linear, out.numpy())
            else:
                self._share(linear.weight.numel())
                _plain(x, linear, out)

    def norm_linears(
        self,
        x: torch.Tensor,
        norm: CpuNorm,
        linears: Sequence[CpuExl3Linear | CpuPlainLinear],
        outs: Sequence[torch.Tensor],
        normed: torch.Tensor,
    ) -> None:
        self.rms_norm(x, norm, normed)
        self.linears(normed, linears, outs)

    def add_linear(
        self,
        x: torch.Tensor,
        linear: CpuExl3Linear | CpuPlainLinear,
        residual: torch.Tensor,
        product: torch.Tensor,
    ) -> None:
        self.linears(x, (linear,), (product,))
        self._share(residual.numel())
        elementwise_kernels.add(residual.numpy(), product.numpy())

    def _exl3(self, x: np.ndarray[Any, Any], linear: CpuExl3Linear, out: np.ndarray[Any, Any]) -> None:
        rows, weights = x.shape[0], (linear.words, linear.suh, linear.svh, linear.bias)
        threads = self._share(linear.suh.size * linear.svh.size * (1 if rows <= MAX_GROUPED_ROWS else rows))
        if rows > MAX_GROUPED_ROWS:
            many_rows_kernel(linear.codebook, linear.bits)(x, *weights, out, threads)
            return
        whole = rows // ROW_GROUP * ROW_GROUP
        few = few_rows_kernel(linear.codebook, linear.bits, ROW_GROUP)
        for first in range(0, whole, ROW_GROUP):
            few(x[first : first + ROW_GROUP], *weights, out[first : first + ROW_GROUP], threads)
        if rows - whole == 1:
            few_rows_kernel(linear.codebook, linear.bits, 1)(x[whole:], *weights, out[whole:], threads)
        elif rows > whole:
            filled = np.zeros((ROW_GROUP, x.shape[1]), np.float32)
            filled[: rows - whole] = x[whole:]
            result = np.empty((ROW_GROUP, linear.out_features), np.float32)
            few(filled, *weights, result, threads)
            out[whole:] = result[: rows - whole]

    def rotate_and_append(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        norms: tuple[CpuNorm, CpuNorm] | None,
        rope: CpuRope,
        shape: AttentionShape,
        batch: Batch,
        cache: CpuCache | CpuPackedCache,
    ) -> None:
        self._share(16 * q.numel())
        pages, table = self._packed.stage(cache, batch)
        q_weight, k_weight = (norms[0].weight, norms[1].weight) if norms else (NO_WEIGHT, NO_WEIGHT)
        attention_kernels.rotate_and_append(
            q.numpy(), k.numpy(), v.numpy(), q_weight, k_weight, norms[0].eps if norms else np.float32(0.0),
            *rope.of_rows(batch), batch.positions.numpy(), batch.sequences.numpy(), table,
            pages.k, pages.v, shape.head_dim,
        )  # fmt: skip
        self._packed.append(cache, k.numpy(), v.numpy(), batch, shape.head_dim)

    def attention(
        self, q: torch.Tensor, shape: AttentionShape, batch: Batch, cache: CpuCache | CpuPackedCache, out: torch.Tensor
    ) -> None:
        self._share(q.numel() * int(batch.positions.max()))
        if isinstance(cache, CpuPackedCache):
            self._packed.attend(q.numpy(), shape, batch, cache, out.numpy())
            return
        if batch.consecutive and batch.num_rows > 1:
            pages = batch.page_table[int(batch.sequences[0])].numpy()
            attention_kernels.attend_chunk(
                q.numpy(), int(batch.positions[0]), pages, cache.k, cache.v, shape.head_dim, *weighing(shape),
                out.numpy(),
            )  # fmt: skip
            for span in batch.image_spans:
                own = SpanPages(cache.k, cache.v, pages)
                attend_span(q.numpy(), int(batch.positions[0]), span, shape, own, out.numpy())
            return
        attention_kernels.attend_rows(
            q.numpy(), batch.positions.numpy(), batch.sequences.numpy(), batch.page_table.numpy(),
            cache.k, cache.v, shape.head_dim, *weighing(shape), out.numpy(),
        )  # fmt: skip

    def add_gated_mlp(
        self,
        residual: torch.Tensor,
        norm: CpuNorm,
        gate_proj: CpuExl3Linear | CpuPlainLinear,
        up_proj: CpuExl3Linear | CpuPlainLinear,
        down_proj: CpuExl3Linear | CpuPlainLinear,
        buffers: MlpBuffers,
    ) -> None:
        rows = residual.shape[0]
        gate, up, hidden = buffers.gate[:rows], buffers.up[:rows], buffers.hidden[:rows]
        self.norm_linears(residual, norm, (gate_proj, up_proj), (gate, up), hidden)
        self.gated_silu(gate, up)
        self.add_linear(gate, down_proj, residual, hidden)

    def gated_silu(self, gate: torch.Tensor, up: torch.Tensor) -> None:
        """gate [T, I] = silu(gate) * up, in place."""
        self._share(4 * gate.numel())
        elementwise_kernels.gated_silu(gate.numpy(), up.numpy())

    def gated_gelu(self, gate: torch.Tensor, up: torch.Tensor) -> None:
        """gate [T, I] = gelu(gate) * up, in place."""
        torch.ops.aten.gelu_(gate, approximate="tanh")
        gate.mul_(up)

    def fuse(self, blocks: Sequence[Any]) -> None:
        return None

    def gather_rows(self, x: torch.Tensor, rows: torch.Tensor, out: torch.Tensor) -> None:
        out.copy_(x[rows])

    def warm_up_tasks(self) -> list[Callable[[], None]]:
        return [partial(_warm_exl3, *kind, self.threads) for kind in sorted(self._kinds)] + [_warm_attention]

    def free_bytes(self) -> int:
        return int(psutil.virtual_memory().available)

    def trim(self) -> None:
        """Large tensors go back to the system by themselves; glibc keeps the small ones until it is asked."""
        if sys.platform == "linux":
            try:
                ctypes.CDLL("libc.so.6").malloc_trim(0)
            except (OSError, AttributeError):
                return  # another C library: nothing is owed

    def memory_bytes(self) -> tuple[int, int]:
        return int(self._process.memory_info().rss), int(psutil.virtual_memory().total)


def _plain(x: torch.Tensor, linear: CpuPlainLinear, out: torch.Tensor) -> None:
    if x.shape[0] <= MAX_GROUPED_ROWS:  # row by row: a product of several rows would sum in another order
        bias = linear.bias.numpy()
        for source, target in zip(x.numpy(), out.numpy(), strict=True):
            if linear.bits is None:
                elementwise_kernels.single_row(linear.weight.numpy(), source, bias, target)
            else:
                elementwise_kernels.plain_row(linear.bits, linear.kind, source, bias, target)
        return
    for first in range(0, linear.weight.shape[0], PLAIN_SLICE):
        part = slice(first, first + PLAIN_SLICE)
        torch.addmm(linear.bias[part], x, linear.weight[part].float().t(), out=out[:, part])


def _warm_exl3(codebook: str, bits: int, rows: int, threads: int) -> None:
    """Compiles (or reads from the disk cache) one kernel by running it on a 128 x 128 linear."""
    words = np.zeros(8 * 8 * 8 * bits, np.uint32)
    ones, zeros = np.ones(128, np.float32), np.zeros(128, np.float32)
    x, y = np.ones((rows, 128), np.float32), np.empty((rows, 128), np.float32)
    kernel = many_rows_kernel(codebook, bits) if rows == MANY else few_rows_kernel(codebook, bits, rows)
    kernel(x, words, ones, ones, zeros, y, threads)


def _warm_attention() -> None:
    """The same for everything else a step runs, on one page."""
    shape, backend = AttentionShape(1, 1, 16, 1.0, None), CpuBackend()
    cache, rope = (
        backend.allocate_cache(CacheShape(1, 1, 16)),
        backend.prepare_rope(torch.ones(2, 8), torch.zeros(2, 8)),
    )
    norm = backend.prepare_norm(torch.ones(16), 1e-6)
    for consecutive in (True, False):
        q, k, v, out = (torch.ones(2, 16) for _ in range(4))
        batch = Batch(
            token_ids=torch.zeros(2, dtype=torch.int64),
            positions=torch.arange(2, dtype=torch.int32),
            sequences=torch.zeros(2, dtype=torch.int32),
            page_table=torch.zeros(1, 1, dtype=torch.int32),
            consecutive=consecutive,
        )
        backend.rotate_and_append(q, k, v, (norm, norm), rope, shape, batch, cache)
        backend.attention(q, shape, batch, cache, out)
    backend.rms_norm(q, norm, out)
    backend.gated_silu(q, out)
    elementwise_kernels.add(q.numpy(), out.numpy())
    for dtype in (torch.float16, torch.float32):
        linear = backend.prepare_linear(PlainLinear("", 16, 16, torch.ones(16, 16, dtype=dtype), None))
        backend.linears(q, (linear,), (out,))
