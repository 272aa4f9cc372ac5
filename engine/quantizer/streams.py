"""Runs a model's blocks over calibration rows in plain torch, stage by stage, one block's weights at a time.

A stage ends where the inputs of the next linears are known: inputs of q, k, v; of o; of gate and up; of down. Weights
are float32 [in, out] of true size. Knows nothing of files, of quantization or of a cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch.nn import functional

from engine.models.parts import block_linears as block_linears
from engine.models.parts import block_norms as block_norms
from engine.models.rope_tables import query_factors, rope_tables
from engine.models.spec import AttentionSpec, BlockSpec, LinearSpec, MlpSpec, NormSpec, RopeSpec
from engine.quantizer.products import times


@dataclass
class BlockWeights:
    """One block's tensors by key: `matrices` [in, out], `biases` [out], `norms` [size], all float32.

    Norms are what they multiply by: where files hold the difference from 1, that is added already.
    """

    matrices: dict[str, torch.Tensor] = field(default_factory=dict)
    biases: dict[str, torch.Tensor] = field(default_factory=dict)
    norms: dict[str, torch.Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> BlockWeights:
        """The same on another device."""
        parts = (self.matrices, self.biases, self.norms)
        return BlockWeights(*({key: each.to(device) for key, each in part.items()} for part in parts))

    def apply(self, spec: LinearSpec, x: torch.Tensor) -> torch.Tensor:
        """x W + bias."""
        out = times(x, self.matrices[spec.key])
        bias = self.biases.get(spec.key)
        return out if bias is None else out + bias

    def norm(self, spec: NormSpec, x: torch.Tensor) -> torch.Tensor:
        """x / rms(x) * weight."""
        return rms_norm(x, self.norms[spec.key], spec.eps)


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def softcapped(logits: torch.Tensor, cap: float | None) -> torch.Tensor:
    """cap * tanh(logits / cap), or the logits themselves."""
    return logits if cap is None else cap * torch.tanh(logits / cap)


def activated(spec: MlpSpec, gate: torch.Tensor) -> torch.Tensor:
    return functional.silu(gate) if spec.activation == "silu" else functional.gelu(gate, approximate="tanh")


class Ropes:
    """Rotary tables by their spec, for rows of one length."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._tables: dict[RopeSpec, tuple[torch.Tensor, torch.Tensor]] = {}

    def rotate(self, x: torch.Tensor, spec: RopeSpec, start: int = 0) -> torch.Tensor:
        """Rotates heads [rows, heads, T, D] by their positions, which begin at `start`."""
        if spec not in self._tables:
            cosines, sines = rope_tables(spec, self._length)
            self._tables[spec] = cosines.to(x.device), sines.to(x.device)
        at = slice(start, start + x.shape[-2])
        cosines, sines = (table[at].to(x.device) for table in self._tables[spec])
        half = spec.rotary_dim // 2
        first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        return torch.cat((first * cosines - second * sines, second * cosines + first * sines, rest), -1)


def attention_mix(spec: AttentionSpec, weights: BlockWeights, normed: torch.Tensor, ropes: Ropes) -> torch.Tensor:
    """What o_proj is given, [rows, T, H*D], of normed inputs [rows, T, E]."""
    count, length, _ = normed.shape

    def heads(linear: LinearSpec, number: int) -> torch.Tensor:
        return weights.apply(linear, normed).view(count, length, number, spec.head_dim).transpose(1, 2)

    q, k = heads(spec.q_proj, spec.num_heads), heads(spec.k_proj, spec.num_kv_heads)
    v = heads(spec.v_proj, spec.num_kv_heads)
    if spec.q_norm is not None and spec.k_norm is not None:
        q, k = weights.norm(spec.q_norm, q), weights.norm(spec.k_norm, k)
    q, k = ropes.rotate(q, spec.rope), ropes.rotate(k, spec.rope)
    if spec.query_scaling is not None:
        q = q * query_factors(spec.query_scaling, length)[:, None].to(q)
    repeats = spec.num_heads // spec.num_kv_heads
    k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    mask = None
    if spec.window is not None and spec.window < length:
        place = torch.arange(length, device=q.device)
        distance = place[:, None] - place
        mask = (distance >= 0) & (distance < spec.window)
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=spec.scale)
    return mixed.transpose(1, 2).reshape(count, length, -1)


class Stages:
    """One block over a batch of rows: the inputs of its linears, and the residual stream behind each half.

    Args:
        x: float32 [rows, T, E], the residual stream before the block.
    """

    def __init__(self, spec: BlockSpec, weights: BlockWeights, x: torch.Tensor, ropes: Ropes) -> None:
        self.spec, self.weights, self.x, self.ropes = spec, weights, x, ropes

    def attention_input(self) -> torch.Tensor:
        return self.weights.norm(self.spec.attention_norm, self.x)

    def mixed(self) -> torch.Tensor:
        return attention_mix(self.spec.attention, self.weights, self.attention_input(), self.ropes)

    def after_attention(self) -> torch.Tensor:
        return self.behind_attention(self.spec, self.weights, self.x, self.mixed())

    @staticmethod
    def behind_attention(spec: BlockSpec, weights: BlockWeights, x: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        """The stream with what o_proj makes of its inputs, normed where the family has a norm there."""
        return x + _normed(weights, spec.attention_post_norm, weights.apply(spec.attention.o_proj, mixed))

    @staticmethod
    def mlp_input(spec: BlockSpec, weights: BlockWeights, x: torch.Tensor) -> torch.Tensor:
        return weights.norm(spec.mlp_norm, x)

    @staticmethod
    def gated(spec: BlockSpec, weights: BlockWeights, x: torch.Tensor) -> torch.Tensor:
        normed = weights.norm(spec.mlp_norm, x)
        gate = activated(spec.mlp, weights.apply(spec.mlp.gate_proj, normed))
        return gate * weights.apply(spec.mlp.up_proj, normed)

    @staticmethod
    def after_mlp(spec: BlockSpec, weights: BlockWeights, x: torch.Tensor) -> torch.Tensor:
        return Stages.behind_mlp(spec, weights, x, Stages.gated(spec, weights, x))

    @staticmethod
    def behind_mlp(spec: BlockSpec, weights: BlockWeights, x: torch.Tensor, gated: torch.Tensor) -> torch.Tensor:
        """The stream with what down_proj makes of its inputs, normed where the family has a norm there."""
        return x + _normed(weights, spec.mlp_post_norm, weights.apply(spec.mlp.down_proj, gated))


def _normed(weights: BlockWeights, norm: NormSpec | None, x: torch.Tensor) -> torch.Tensor:
    return x if norm is None else weights.norm(norm, x)


def batches(rows: torch.Tensor, tokens_at_once: int) -> Iterator[slice]:
    """Slices of rows [R, T, ...] with about so many tokens."""
    size = max(1, tokens_at_once // rows.shape[1])
    for first in range(0, rows.shape[0], size):
        yield slice(first, min(first + size, rows.shape[0]))
