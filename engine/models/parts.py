"""The linears and norms of a block, in the one order in which a conversion goes through them. Holds no tensors."""

from __future__ import annotations

from engine.models.spec import BlockSpec, LinearSpec, NormSpec


def block_linears(spec: BlockSpec) -> tuple[LinearSpec, ...]:
    """The linears of a block, in the order in which they are quantized."""
    attention, mlp = spec.attention, spec.mlp
    return (
        attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj,
        mlp.gate_proj, mlp.up_proj, mlp.down_proj,
    )  # fmt: skip


def block_norms(spec: BlockSpec) -> tuple[NormSpec, ...]:
    attention = spec.attention
    heads = [norm for norm in (attention.q_norm, attention.k_norm) if norm is not None]
    posts = [norm for norm in (spec.attention_post_norm, spec.mlp_post_norm) if norm is not None]
    return (spec.attention_norm, *heads, spec.mlp_norm, *posts)
