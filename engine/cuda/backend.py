"""The CUDA backend: the kernels of `gpu` behind the backend protocol.

Activations are float32, weights stay packed, K and V are fp16. Everything a step needs is allocated while loading, so
that a step allocates nothing and can be captured in a graph. Knows nothing of graphs or sampling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine.backend import AttentionShape, Batch, CacheShape, MlpBuffers
from engine.budget import FP16_CACHE, PAGE_TOKENS, card_budget
from engine.cuda.dense_attention import SOURCES as DENSE_SOURCES
from engine.cuda.dense_attention import DenseAttention
from engine.cuda.exl3 import NO_NORM, CudaExl3Linear, InputNorm
from engine.cuda.few_rows import FEW_ROWS, Product
from engine.cuda.fused import FusedBlocks, Tools, can_fuse, codebooks_of
from engine.cuda.fused import sources as fused_sources
from engine.cuda.image_spans import attend_spans
from engine.cuda.linear import LinearGroup, Scratch, kernels_of
from engine.cuda.packed import CudaCache, PackedCache, PackedPages, few_plan, plan_for
from engine.cuda.packed import sources as packed_sources
from engine.cuda.sampler import CardSampler
from engine.cuda.tuning import CardTimer, Tuner, store_beside
from engine.cuda.turns import CudaRope, StepTurns
from engine.cuda.upload import Upload, release_pinned
from engine.errors import UnsupportedModelError
from engine.features import MISSING_ON_CARDS, Feature
from engine.quant.tensors import Exl3Linear, LinearWeights, PlainLinear
from engine.weights.safetensors_header import FileStamp, TensorEntry
from gpu.kernels import catalogue, rope_layout
from gpu.kernels.attention_layout import (
    COMBINE_THREADS,
    AttendPlan,
    Scoring,
    partial_values,
    plan_attention,
    softcap_factors,
)
from gpu.launch import KernelCache, KernelSource
from gpu.sampler import SOURCES

MAX_HEAD_DIM = 256  # of attention's kernels, in fours
EMBEDDING_KINDS = {torch.float16: 0, torch.bfloat16: 1, torch.float32: 2}


@dataclass(frozen=True)
class CudaPlainLinear:
    weight: torch.Tensor  # [out, in] fp16
    bias: torch.Tensor  # float32 [out]


@dataclass(frozen=True)
class CudaNorm:
    weight: torch.Tensor  # float32
    eps: float


@dataclass(frozen=True, eq=False)
class CudaSinks:
    logits: torch.Tensor  # float32 [H]


class CudaBackend:
    """Fulfils `engine.backend.Backend` on one card.

    Args:
        index: the card's number in torch's order.
        cache_folder: where compiled kernels are kept; None keeps none.
        is_exact: a single row's activations are not rounded to 8 bits.
    """

    missing: frozenset[Feature] = MISSING_ON_CARDS

    def __init__(self, index: int, cache_folder: Path | None, *, is_exact: bool = True) -> None:
        self.device = torch.device("cuda", index)
        torch.cuda.set_device(self.device)
        about = torch.cuda.get_device_properties(self.device)
        self.device_name = about.name
        self.budget = card_budget(self.free_bytes())
        self.prefill_rows = self.budget.prefill_rows
        self._multiprocessors = about.multi_processor_count
        self._is_exact = is_exact
        self._kernels = KernelCache(cache_folder, (about.major, about.minor))
        self._scratch = Scratch(self.device, is_exact=self._is_exact)
        self._dense = DenseAttention(self._kernels, self.device, self.prefill_rows, (about.major, about.minor))
        self._groups: dict[tuple[int, ...], list[LinearGroup]] = {}
        self._needed: dict[str, KernelSource] = {}
        self._untuned: list[Product] = []
        self._in_range: list[tuple[str, torch.Tensor]] = []  # of unquantized linears: whether fp16 holds them
        self._attention_partial = torch.empty(0, dtype=torch.float32, device=self.device)
        self._packed = PackedPages(self._kernels, self.device, self._multiprocessors)
        self._turns = StepTurns()
        for source in (
            catalogue.finish_output(True), catalogue.finish_output(False),
            catalogue.RMS_NORM, catalogue.GATED_SILU, catalogue.GATED_GELU, catalogue.EMBED,
            catalogue.ROTATE_AND_APPEND, catalogue.ROTATE_AND_APPEND_MANY, *SOURCES,
            *(DENSE_SOURCES if self._dense.is_there else ()),
        ):  # fmt: skip
            self._needed[source.name] = source

    def open_upload(self, plan: Sequence[TensorEntry], stamps: Mapping[Path, FileStamp]) -> Upload:
        return Upload(self.device, plan, stamps)

    def check_weights(self) -> None:
        checks, self._in_range = self._in_range, []
        if not checks:
            return
        for (key, _), good in zip(checks, torch.stack([flag for _, flag in checks]).tolist(), strict=True):
            if not good:
                raise UnsupportedModelError(
                    f"{key} has weights beyond the range of fp16.", "Load the model on the CPU (device cpu)."
                )

    def prepare_linear(self, weights: LinearWeights) -> CudaExl3Linear | CudaPlainLinear:
        if isinstance(weights, PlainLinear):
            return self._prepare_plain(weights)
        return self._prepare_exl3(weights)

    def _prepare_exl3(self, weights: Exl3Linear) -> CudaExl3Linear:
        half = torch.float16
        bias = weights.bias if weights.bias is not None else self.empty(weights.padded_out, dtype=half)
        linear = CudaExl3Linear(
            weights.codebook, weights.bits, weights.in_features, weights.out_features,
            weights.trellis.to(self.device), weights.suh.to(self.device), weights.svh.to(self.device),
            bias.to(self.device, half),
        )  # fmt: skip
        self._scratch.reserve_for(linear, self.prefill_rows)
        self._needed |= {source.name: source for source in kernels_of(linear, is_exact=self._is_exact)}
        return linear

    def _prepare_plain(self, weights: PlainLinear) -> CudaPlainLinear:
        weight = weights.weight.to(self.device, torch.float16)
        self._in_range.append((weights.key, torch.isfinite(weight).all()))
        bias = weights.bias if weights.bias is not None else self.empty(weights.out_features)
        return CudaPlainLinear(weight, bias.to(self.device, torch.float32))

    def prepare_norm(self, weight: torch.Tensor, eps: float) -> CudaNorm:
        return CudaNorm(weight.to(self.device, torch.float32), eps)

    def prepare_sinks(self, logits: torch.Tensor) -> CudaSinks:
        return CudaSinks(logits.to(self.device, torch.float32).contiguous())

    def prepare_embedding(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.to(self.device)

    def prepare_rope(self, cosines: torch.Tensor, sines: torch.Tensor, streams: torch.Tensor | None = None) -> CudaRope:
        tables = cosines.to(self.device).contiguous(), sines.to(self.device).contiguous()
        return CudaRope(*tables, streams.to(self.device) if streams is not None else None)

    def allocate_cache(self, shape: CacheShape) -> CudaCache | PackedCache:
        if shape.head_dim > MAX_HEAD_DIM or shape.head_dim % 4:
            raise UnsupportedModelError(
                f"Heads have {shape.head_dim} values; the card's kernel takes multiples of 4 up to {MAX_HEAD_DIM}.",
                "Load the model on the CPU (device cpu).",
            )
        padded = -(-shape.head_dim // 32) * 32
        scoring = Scoring(shape.has_softcap, shape.has_sinks)
        sums = catalogue.combine(shape.has_sinks)
        for source in (catalogue.attend_few(padded, scoring), catalogue.attend_many(padded, scoring), sums):
            self._needed[source.name] = source
        count = partial_values(padded, self._multiprocessors)
        if count > self._attention_partial.numel():
            self._attention_partial = torch.empty(count, dtype=torch.float32, device=self.device)
        if shape.bits != FP16_CACHE:
            packed = self._packed.allocate(shape, padded)
            self._needed |= {source.name: source for source in packed_sources(packed, scoring)}
            return packed
        pages, heads, half = shape.num_pages, shape.num_kv_heads, torch.float16
        return CudaCache(
            # Zeros: masked keys have no weight, but no weight times a NaN left in memory would still be NaN.
            k=torch.zeros(pages, heads, PAGE_TOKENS, padded, dtype=half, device=self.device),
            v=torch.zeros(pages, heads, padded, PAGE_TOKENS, dtype=half, device=self.device),
        )

    def copy_page(self, cache: CudaCache | PackedCache, source: int, target: int) -> None:
        cache.k[target].copy_(cache.k[source])
        cache.v[target].copy_(cache.v[source])

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype, device=self.device)

    def embed(self, table: torch.Tensor, token_ids: torch.Tensor, out: torch.Tensor) -> None:
        kind = EMBEDDING_KINDS[table.dtype]
        grid = (token_ids.shape[0], -(-table.shape[1] // 256), 1)
        self._kernels.get(catalogue.EMBED)(
            grid, 256, table.data_ptr(), kind, token_ids.data_ptr(), table.shape[1], out.data_ptr()
        )

    def rms_norm(self, x: torch.Tensor, norm: CudaNorm, out: torch.Tensor) -> None:
        grid = (x.shape[0], 1, 1)
        self._kernels.get(catalogue.RMS_NORM)(
            grid, 256, x.data_ptr(), norm.weight.data_ptr(), norm.eps, x.shape[1], out.data_ptr()
        )

    def linears(
        self, x: torch.Tensor, linears: Sequence[CudaExl3Linear | CudaPlainLinear], outs: Sequence[torch.Tensor]
    ) -> None:
        for group in self._groups_of(linears, outs):
            group.multiply(x)
        self._plain(x, linears, outs)

    def norm_linears(
        self,
        x: torch.Tensor,
        norm: CudaNorm,
        linears: Sequence[CudaExl3Linear | CudaPlainLinear],
        outs: Sequence[torch.Tensor],
        normed: torch.Tensor,
    ) -> None:
        for group in self._groups_of(linears, outs):
            group.multiply(x, InputNorm(norm.weight.data_ptr(), norm.eps))
        if any(isinstance(linear, CudaPlainLinear) for linear in linears):  # last, for normed may be x
            self.rms_norm(x, norm, normed)
            self._plain(normed, linears, outs)

    def add_linear(
        self,
        x: torch.Tensor,
        linear: CudaExl3Linear | CudaPlainLinear,
        residual: torch.Tensor,
        product: torch.Tensor,
    ) -> None:
        for group in self._groups_of((linear,), (residual,)):
            group.multiply(x, NO_NORM, accumulate=True)
        if isinstance(linear, CudaPlainLinear):
            self._plain(x, (linear,), (product,))
            residual += product

    def _plain(
        self, x: torch.Tensor, linears: Sequence[CudaExl3Linear | CudaPlainLinear], outs: Sequence[torch.Tensor]
    ) -> None:
        for linear, out in zip(linears, outs, strict=True):
            if isinstance(linear, CudaPlainLinear):
                torch.mm(x.half(), linear.weight.t(), out_dtype=torch.float32, out=out)
                out += linear.bias

    def _groups_of(
        self, linears: Sequence[CudaExl3Linear | CudaPlainLinear], outs: Sequence[torch.Tensor]
    ) -> list[LinearGroup]:
        """The launches that the packed ones of these linears need; made once, for all live as long as the model."""
        pairs = zip(linears, outs, strict=True)
        key = tuple(number for linear, out in pairs for number in (id(linear), out.data_ptr()))
        found = self._groups.get(key)
        if found is None:
            kinds: dict[tuple[int, str], list[tuple[CudaExl3Linear, torch.Tensor]]] = {}
            for linear, out in zip(linears, outs, strict=True):
                if isinstance(linear, CudaExl3Linear):
                    kinds.setdefault((linear.bits, linear.codebook), []).append((linear, out))
            found = self._groups[key] = [
                LinearGroup([linear for linear, _ in kind], [out for _, out in kind], self._scratch, self._kernels)
                for kind in kinds.values()
            ]
        return found

    def rotate_and_append(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        norms: tuple[CudaNorm, CudaNorm] | None,
        rope: CudaRope,
        shape: AttentionShape,
        batch: Batch,
        cache: CudaCache | PackedCache,
    ) -> None:
        pages, staged = self._packed.stage(cache, batch)
        q_weight, k_weight = (norm.weight.data_ptr() for norm in norms) if norms else (0, 0)
        is_many = staged.consecutive and q.shape[0] > FEW_ROWS
        pitch = self._dense.pitch_for(shape, staged, pages.padded)
        turning = self._turns.of(rope, staged)
        if is_many and not turning.offsets and rope_layout.takes_heads(shape.head_dim, rope.cosines.shape[1]):
            self._kernels.get(catalogue.ROTATE_AND_APPEND_MANY)(
                (rope_layout.num_blocks(q.shape[0], shape.num_heads, shape.num_kv_heads, shape.head_dim), 1, 1),
                rope_layout.THREADS, q.data_ptr(), k.data_ptr(), v.data_ptr(), q.shape[0],
                shape.num_heads, shape.num_kv_heads, shape.head_dim, pages.padded,
                q_weight, k_weight, norms[0].eps if norms else 0.0, turning.cosines, turning.sines,
                staged.positions.data_ptr(), staged.sequences.data_ptr(), staged.page_table.data_ptr(),
                staged.page_table.shape[1], pages.k.data_ptr(), pages.v.data_ptr(),
                self._dense.queries(shape, pitch).data_ptr() if pitch else 0, pitch,
            )  # fmt: skip
        else:
            self._kernels.get(catalogue.ROTATE_AND_APPEND)(
                (q.shape[0], shape.num_heads + 2 * shape.num_kv_heads, 1), 32, q.data_ptr(), k.data_ptr(), v.data_ptr(),
                shape.num_heads, shape.num_kv_heads, shape.head_dim, pages.padded,
                q_weight, k_weight, norms[0].eps if norms else 0.0,
                turning.cosines, turning.sines, rope.cosines.shape[1],
                staged.positions.data_ptr(), staged.sequences.data_ptr(), staged.page_table.data_ptr(),
                staged.page_table.shape[1], pages.k.data_ptr(), pages.v.data_ptr(), turning.offsets,
            )  # fmt: skip
            if pitch:
                heads = q.view(q.shape[0], shape.num_heads, shape.head_dim).transpose(0, 1)
                self._dense.queries(shape, pitch)[:, : q.shape[0]].copy_(heads)
        self._packed.append(cache, batch)

    def attention(
        self, q: torch.Tensor, shape: AttentionShape, batch: Batch, cache: CudaCache | PackedCache, out: torch.Tensor
    ) -> None:
        if isinstance(cache, PackedCache):
            pages, staged = self._packed.stage(cache, batch)
            group = shape.num_heads // shape.num_kv_heads
            plan = plan_for(q.shape[0], group, cache, self._multiprocessors, consecutive=batch.consecutive)
            if plan.many or batch.image_spans or self._dense.pitch_for(shape, staged, cache.padded) > 0:
                self._packed.expand(cache, batch, shape.window or 0)
                self.attention(q, shape, staged, pages, out)
                return
        elif self._dense.pitch_for(shape, batch, cache.padded) > 0 and self._dense.attend(
            q, shape, batch, (cache.k, cache.v), out
        ):
            return
        plan = self._attend(q, shape, batch, cache, out)
        if plan.needs_combine:
            self._kernels.get(catalogue.combine(shape.sinks is not None))(
                (q.shape[0], shape.num_heads, 1), COMBINE_THREADS, self._attention_partial.data_ptr(),
                batch.positions.data_ptr(), plan.grid[2], q.shape[0], shape.window or 0, plan.pool, cache.padded,
                shape.head_dim, out.data_ptr(), out.stride(0), _sinks_of(shape),
            )  # fmt: skip
        if batch.image_spans:
            assert isinstance(cache, CudaCache), "their pages are written out above"
            attend_spans(q, shape, batch, cache, out)

    def _attend(
        self, q: torch.Tensor, shape: AttentionShape, batch: Batch, cache: CudaCache | PackedCache, out: torch.Tensor
    ) -> AttendPlan:
        """Launches attention, whose splits are still to be combined if the plan says so."""
        rows, group = q.shape[0], shape.num_heads // shape.num_kv_heads
        scoring = Scoring(shape.softcap is not None, shape.sinks is not None)
        if isinstance(cache, PackedCache):
            plan = plan_for(rows, group, cache, self._multiprocessors, consecutive=batch.consecutive)
            plan = few_plan(plan, rows, group, cache)
            source = catalogue.attend_packed(cache.padded, *cache.bits, scoring)
        else:
            plan = plan_attention(
                rows, group, shape.num_kv_heads, cache.padded, self._multiprocessors, consecutive=batch.consecutive
            )
            source = (catalogue.attend_many if plan.many else catalogue.attend_few)(cache.padded, scoring)
        self._kernels.get(source)(
            plan.grid, 128, q.data_ptr(), q.stride(0), batch.positions.data_ptr(), batch.sequences.data_ptr(),
            batch.page_table.data_ptr(), batch.page_table.shape[1], cache.k.data_ptr(), cache.v.data_ptr(),
            out.data_ptr(), self._attention_partial.data_ptr(), rows, shape.head_dim, group, plan.tokens,
            shape.window or 0, plan.pool, shape.scale, *softcap_factors(shape.softcap), _sinks_of(shape),
        )  # fmt: skip
        return plan

    def fuse(self, blocks: Sequence[Any]) -> FusedBlocks | None:
        if not all(can_fuse(block) for block in blocks):
            return None
        features = blocks[0].attention.q_proj.padded_in
        tools = Tools(
            self._kernels, self._scratch.few, self._packed, self._attend, self._attention_partial.data_ptr(),
            self.empty(FEW_ROWS, features // 128), self._turns,
        )  # fmt: skip
        kinds = sorted({block.attention.shape.sinks is not None for block in blocks})
        self._needed |= {source.name: source for source in fused_sources(sorted(codebooks_of(blocks)), kinds)}
        fused = FusedBlocks(blocks, tools)
        self._untuned = fused.products
        return fused

    def gated_silu(self, gate: torch.Tensor, up: torch.Tensor) -> None:
        """gate [T, I] = silu(gate) * up, in place."""
        self._gate(catalogue.GATED_SILU, gate, up)

    def gated_gelu(self, gate: torch.Tensor, up: torch.Tensor) -> None:
        """gate [T, I] = gelu(gate) * up, in place."""
        self._gate(catalogue.GATED_GELU, gate, up)

    def _gate(self, source: KernelSource, gate: torch.Tensor, up: torch.Tensor) -> None:
        blocks = min(-(-gate.numel() // 1024), 16 * self._multiprocessors)
        self._kernels.get(source)((blocks, 1, 1), 256, gate.data_ptr(), up.data_ptr(), gate.numel())

    def add_gated_mlp(
        self,
        residual: torch.Tensor,
        norm: CudaNorm,
        gate_proj: CudaExl3Linear | CudaPlainLinear,
        up_proj: CudaExl3Linear | CudaPlainLinear,
        down_proj: CudaExl3Linear | CudaPlainLinear,
        buffers: MlpBuffers,
    ) -> None:
        rows = residual.shape[0]
        gate, up, hidden = buffers.gate[:rows], buffers.up[:rows], buffers.hidden[:rows]
        pair, down = self._groups_of((gate_proj, up_proj), (gate, up)), self._groups_of((down_proj,), (residual,))
        is_many = rows > FEW_ROWS and not any(group.medium.takes(rows) for group in (*pair, *down))
        if len(pair) == len(down) == 1 and is_many and pair[0].many.can_feed(down[0].many, rows):
            after = InputNorm(norm.weight.data_ptr(), norm.eps)
            pair[0].many.multiply_gated(residual, after, down[0].many, gate, up)
            return
        self.norm_linears(residual, norm, (gate_proj, up_proj), (gate, up), hidden)
        self.gated_silu(gate, up)
        self.add_linear(gate, down_proj, residual, hidden)

    def gather_rows(self, x: torch.Tensor, rows: torch.Tensor, out: torch.Tensor) -> None:
        torch.index_select(x, 0, rows, out=out)

    def make_sampler(self, max_rows: int, vocab_size: int, num_positions: int) -> CardSampler:
        """A sampler that chooses tokens on the card, inside a captured step."""
        return CardSampler(self._kernels, max_rows, vocab_size, num_positions, self.device)

    def warm_up_tasks(self) -> list[Callable[[], None]]:
        sources = sorted(self._needed.values(), key=lambda source: source.name)
        return [*(partial(_load_kernel, self._kernels, source) for source in sources), *self._tuning_tasks()]

    def _tuning_tasks(self) -> list[Callable[[], None]]:
        """Chooses the runs of the fused step's products, if there is one; for that its kernels must be loaded."""
        products, self._untuned = self._untuned, []
        if not products:
            return []
        timer = CardTimer(products, self._kernels, self.device, evict=self._scratch.many.product)
        return Tuner(products, self._scratch.few, store_beside(self._kernels, self.device), timer).tasks()

    def free_bytes(self) -> int:
        return int(torch.cuda.mem_get_info(self.device)[0])

    def trim(self) -> None:
        self._groups.clear()
        self._untuned = []
        self._scratch = Scratch(self.device, is_exact=self._is_exact)
        self._dense.trim()
        self._packed.trim()
        self._turns.trim()
        self._attention_partial = torch.empty(0, dtype=torch.float32, device=self.device)
        torch.cuda.empty_cache()
        release_pinned()

    def memory_bytes(self) -> tuple[int, int]:
        free, total = torch.cuda.mem_get_info(self.device)
        return int(total - free), int(total)


def _sinks_of(shape: AttentionShape) -> int:
    """The address of a layer's sinks, 0 for none."""
    return shape.sinks.logits.data_ptr() if shape.sinks is not None else 0


def _load_kernel(kernels: KernelCache, source: KernelSource) -> Any:
    kernels.get(source)
