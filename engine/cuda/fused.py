"""The blocks of a model as ten launches each for steps of few rows; see `gpu.kernels.fused` for how.

Made once after loading, for models whose sizes and formats allow it; other models and larger steps go through the
backend's single operations. Knows nothing of graphs or sampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine.backend import AttentionShape, Batch
from engine.cuda.exl3 import CudaExl3Linear
from engine.cuda.few_rows import FEW_ROWS, FewScratch, Product, Sums, products_of, road_for
from engine.cuda.packed import PackedPages
from engine.cuda.turns import StepTurns
from gpu.kernels import catalogue
from gpu.kernels.attention_layout import AttendPlan
from gpu.kernels.fused_layout import MAX_SPAN, THREADS
from gpu.launch import KernelCache, KernelSource

NO_SUMS = Sums(0, 0, 0)

Attend = Callable[[torch.Tensor, AttentionShape, Batch, Any, torch.Tensor], AttendPlan]


def sources(codebooks: Sequence[str], with_sinks: Sequence[bool] = (False,)) -> list[KernelSource]:
    """Every kernel that a fused step may need besides products and attention.

    with_sinks: whether attention has sinks, True and False where some layers do.
    """
    kinds = sorted({road_for(codebook, rows).is_bytes for codebook in codebooks for rows in range(1, FEW_ROWS + 1)})
    makers = (catalogue.absorb, catalogue.finish_gated)
    merges = (catalogue.merge_heads(is_bytes, has_sinks) for is_bytes in kinds for has_sinks in with_sinks)
    return [catalogue.FINISH_HEADS, *(maker(is_bytes) for maker in makers for is_bytes in kinds), *merges]


@dataclass(frozen=True)
class Tools:
    """What all blocks share.

    Attributes:
        pages: where keys and values are written.
        attend: launches attention and says how it was divided.
        partial: address of attention's partial outputs.
        squares: float32 [FEW_ROWS, blocks of the residual stream], sums of squares.
        turns: which cosines and sines turn the rows of a step.
    """

    kernels: KernelCache
    scratch: FewScratch
    pages: PackedPages
    attend: Attend
    partial: int
    squares: torch.Tensor
    turns: StepTurns


class _Inputs:
    """Linears that share an input: its norm and scales, and their launches."""

    def __init__(self, linears: Sequence[CudaExl3Linear], norm: Any, tools: Tools) -> None:
        self.count, self.codebook, self.norm = len(linears), linears[0].codebook, norm
        self.suh = torch.cat([linear.suh for linear in linears]) if len(linears) > 1 else linears[0].suh
        self.products, self._owners = products_of(linears, tools.scratch, tools.kernels)

    def multiply(self, rows: int) -> list[Sums]:
        """Multiplies the prepared inputs; where each linear's sums are."""
        for product in self.products:
            product.multiply(rows)
        return [product.sums(number, rows) for product, number in self._owners]


class _Output:
    """A linear whose product goes to the residual stream."""

    def __init__(self, linear: CudaExl3Linear, tools: Tools) -> None:
        self.linear, self.codebook = linear, linear.codebook
        products, _ = products_of([linear], tools.scratch, tools.kernels)
        self.product: Product = products[0]


class FusedBlocks:
    """All blocks of a model.

    Args:
        blocks: the model's `layers.block.Block`s, for which `can_fuse` is true.
    """

    def __init__(self, blocks: Sequence[Any], tools: Tools) -> None:
        self._tools = tools
        self._blocks = [_FusedBlock(block, tools) for block in blocks]

    @property
    def products(self) -> list[Product]:
        """All launches of matrices."""
        return [product for block in self._blocks for product in block.products]

    def takes(self, rows: int) -> bool:
        return rows <= FEW_ROWS

    def forward(self, residual: torch.Tensor, batch: Batch) -> None:
        """Updates residual float32 [T, E] in place and appends to the cache."""
        sums, output = NO_SUMS, None
        for block in self._blocks:
            sums, output = block.forward(residual, batch, sums, output)
        assert output is not None
        _absorb(self._tools, residual, sums, output, None)


def _absorb(
    tools: Tools, residual: torch.Tensor, sums: Sums, output: _Output | None, following: _Inputs | None
) -> None:
    """Adds an output's product to the residual stream and prepares the stream as the following linears' input."""
    rows, features = residual.shape
    is_bytes = road_for(following.codebook, rows).is_bytes if following is not None else False
    tools.kernels.get(catalogue.absorb(is_bytes))(
        (-(-features // 128), rows, 1), THREADS, sums.address, sums.splits, rows, sums.width,
        output.linear.svh.data_ptr() if output else 0, output.linear.bias.data_ptr() if output else 0,
        residual.data_ptr(), features,
        following.norm.weight.data_ptr() if following else 0, following.suh.data_ptr() if following else 0,
        following.count if following else 0, FEW_ROWS,
        tools.scratch.inputs.data_ptr(), tools.scratch.scales.data_ptr(), tools.squares.data_ptr(),
    )  # fmt: skip


class _FusedBlock:
    """One block's launches."""

    def __init__(self, block: Any, tools: Tools) -> None:
        attention, mlp = block.attention, block.mlp
        self._tools, self._attention = tools, attention
        qkv = (attention.q_proj, attention.k_proj, attention.v_proj)
        self._qkv, self._pair = (
            _Inputs(qkv, block.attention_norm, tools),
            _Inputs((mlp.gate_proj, mlp.up_proj), block.mlp_norm, tools),
        )
        self._o, self._down = _Output(attention.o_proj, tools), _Output(mlp.down_proj, tools)
        self._svh, self._bias = torch.cat([linear.svh for linear in qkv]), torch.cat([linear.bias for linear in qkv])
        self._span = math.lcm(attention.shape.head_dim, 128)
        self._gate, self._up = mlp.gate_proj, mlp.up_proj

    @property
    def products(self) -> list[Product]:
        return [*self._qkv.products, self._o.product, *self._pair.products, self._down.product]

    def forward(self, residual: torch.Tensor, batch: Batch, sums: Sums, output: _Output | None) -> tuple[Sums, _Output]:
        """Takes the product that the block before has left unfinished, and leaves its own."""
        rows, attention, tools = residual.shape[0], self._attention, self._tools
        _absorb(tools, residual, sums, output, self._qkv)
        q = attention.buffers.q[:rows]
        self._finish_heads(self._qkv.multiply(rows), q, batch, residual.shape[1])
        mixed = attention.buffers.out[:rows]
        plan = tools.attend(q, attention.shape, batch, attention.cache, mixed)
        self._merge_heads(plan, mixed, batch)
        self._o.product.multiply(rows)
        _absorb(tools, residual, self._o.product.sums(0, rows), self._o, self._pair)
        self._finish_gated(self._pair.multiply(rows), rows, residual.shape[1])
        self._down.product.multiply(rows)
        return self._down.product.sums(0, rows), self._down

    def _finish_heads(self, sums: Sequence[Sums], q: torch.Tensor, batch: Batch, features: int) -> None:
        attention, tools = self._attention, self._tools
        shape, rope, norms, factors = attention.shape, attention.rope, attention.head_norms, attention.query_factors
        turning = tools.turns.of(rope, batch)
        cache, staged = tools.pages.stage(attention.cache, batch)
        columns = (shape.num_heads + 2 * shape.num_kv_heads) * shape.head_dim
        tools.kernels.get(catalogue.FINISH_HEADS)(
            (columns // self._span, q.shape[0], 1), THREADS,
            *(number for each in sums for number in (each.address, each.splits, each.width)), q.shape[0],
            self._svh.data_ptr(), self._bias.data_ptr(), tools.squares.data_ptr(), -(-features // 128), features,
            self._qkv.norm.eps, shape.num_heads, shape.num_kv_heads, shape.head_dim, self._span, cache.padded,
            norms[0].weight.data_ptr() if norms else 0, norms[1].weight.data_ptr() if norms else 0,
            norms[0].eps if norms else 0.0, turning.cosines, turning.sines, rope.cosines.shape[1],
            batch.positions.data_ptr(), batch.sequences.data_ptr(), staged.page_table.data_ptr(),
            staged.page_table.shape[1], q.data_ptr(), cache.k.data_ptr(), cache.v.data_ptr(), turning.offsets,
            factors.data_ptr() if factors is not None else 0,
        )  # fmt: skip
        tools.pages.append(attention.cache, batch)

    def _merge_heads(self, plan: AttendPlan, mixed: torch.Tensor, batch: Batch) -> None:
        tools, shape, cache, o = self._tools, self._attention.shape, self._attention.cache, self._o.linear
        rows, sinks = mixed.shape[0], shape.sinks
        tools.kernels.get(catalogue.merge_heads(road_for(o.codebook, rows).is_bytes, sinks is not None))(
            (o.padded_in // 128, rows, 1), THREADS, tools.partial, batch.positions.data_ptr(), plan.grid[2], rows,
            shape.window or 0, plan.pool, cache.padded, shape.head_dim, shape.num_heads, mixed.data_ptr(),
            o.suh.data_ptr(), tools.scratch.inputs.data_ptr(), tools.scratch.scales.data_ptr(),
            sinks.logits.data_ptr() if sinks is not None else 0,
        )  # fmt: skip

    def _finish_gated(self, sums: Sequence[Sums], rows: int, features: int) -> None:
        tools, gate, up, down = self._tools, self._gate, self._up, self._down.linear
        tools.kernels.get(catalogue.finish_gated(road_for(down.codebook, rows).is_bytes))(
            (down.padded_in // 128, rows, 1), THREADS,
            *(number for each in sums for number in (each.address, each.splits, each.width)), rows, down.in_features,
            gate.svh.data_ptr(), gate.bias.data_ptr(), up.svh.data_ptr(), up.bias.data_ptr(), down.suh.data_ptr(),
            tools.squares.data_ptr(), -(-features // 128), features, self._pair.norm.eps,
            tools.scratch.inputs.data_ptr(), tools.scratch.scales.data_ptr(),
        )  # fmt: skip


def codebooks_of(blocks: Sequence[Any]) -> set[str]:
    """The codebooks of all linears of blocks that can be fused."""
    books: set[str] = set()
    for block in blocks:
        attention, mlp = block.attention, block.mlp
        books |= {linear.codebook for linear in (attention.q_proj, attention.o_proj, mlp.gate_proj, mlp.down_proj)}
    return books


def can_fuse(block: Any) -> bool:
    """Whether a block's formats and sizes suit the fused kernels."""
    if not block.is_plain:
        return False
    attention, mlp = block.attention, block.mlp
    groups = ((attention.q_proj, attention.k_proj, attention.v_proj), (mlp.gate_proj, mlp.up_proj))
    linears = [*groups[0], *groups[1], attention.o_proj, mlp.down_proj]
    if not all(isinstance(linear, CudaExl3Linear) for linear in linears):
        return False
    shape, features = attention.shape, attention.q_proj.in_features
    span = math.lcm(shape.head_dim, 128)
    return (
        features % 4 == 0
        and all(len({linear.codebook for linear in group}) == 1 for group in groups)
        and shape.head_dim % 32 == 0
        and span <= MAX_SPAN
        and all(linear.out_features % span == 0 for linear in groups[0])
        and {linear.out_features for linear in (attention.o_proj, mlp.down_proj)} == {features}
        and {linear.padded_out for linear in groups[1]} == {mlp.down_proj.padded_in}
        and attention.o_proj.in_features == shape.num_heads * shape.head_dim
    )
