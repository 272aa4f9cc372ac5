"""A model as data: what its blocks are and under which keys their tensors lie in a checkpoint.

A family's file turns a `config.json` into a `ModelSpec`; `transformer.py` runs any spec. Holds no tensors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.vision.towers.spec import TowerSpec

RopeKind = Literal["default", "linear", "llama3", "yarn"]
Activation = Literal["silu", "gelu_tanh"]


@dataclass(frozen=True)
class LinearSpec:
    """`has_bias` None means: use a bias if the file has one."""

    key: str
    in_features: int
    out_features: int
    has_bias: bool | None = False


@dataclass(frozen=True)
class NormSpec:
    """An RMS norm; `offset` is added to the stored weight, 1 where files hold the difference from 1."""

    key: str
    size: int
    eps: float
    offset: float = 0.0


@dataclass(frozen=True)
class RopeSpec:
    """Rotary embedding of the first `rotary_dim` values of a head, NeoX pairing.

    The fields of `llama3` and `yarn` are named as in `config.json`; `attention_factor` multiplies sines and cosines.

    Attributes:
        sections: where tokens have three positions, of time, height and width: how many frequencies each of them turns;
            empty where tokens have one.
        interleaved: the three take turns; else each has a stretch of its own.
    """

    kind: RopeKind
    theta: float
    rotary_dim: int
    factor: float = 1.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 1.0
    original_max_position_embeddings: int = 1
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    attention_factor: float = 1.0
    sections: tuple[int, ...] = ()
    interleaved: bool = False


@dataclass(frozen=True)
class QueryScaling:
    """Queries grow with their position p: times 1 + beta * ln(1 + floor(p / original_max_position_embeddings))."""

    beta: float
    original_max_position_embeddings: int


@dataclass(frozen=True)
class AttentionSpec:
    q_proj: LinearSpec
    k_proj: LinearSpec
    v_proj: LinearSpec
    o_proj: LinearSpec
    num_heads: int
    num_kv_heads: int
    head_dim: int
    scale: float
    rope: RopeSpec
    window: int | None = None  # keys a query sees, itself included
    q_norm: NormSpec | None = None
    k_norm: NormSpec | None = None
    query_scaling: QueryScaling | None = None


@dataclass(frozen=True)
class MlpSpec:
    gate_proj: LinearSpec
    up_proj: LinearSpec
    down_proj: LinearSpec
    activation: Activation = "silu"


@dataclass(frozen=True)
class BlockSpec:
    """A pre-norm transformer block: attention, then a gated MLP, each added to the residual stream.

    Attributes:
        attention_post_norm, mlp_post_norm: norms of what is added to the stream, where a family has them.
    """

    attention_norm: NormSpec
    attention: AttentionSpec
    mlp_norm: NormSpec
    mlp: MlpSpec
    attention_post_norm: NormSpec | None = None
    mlp_post_norm: NormSpec | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A decoder.

    Attributes:
        head: its key is tried first; when absent, the embedding serves if `tied`.
        embedding_scale: multiplies the embeddings of tokens, not of images.
        logit_softcap: logits become softcap * tanh(logit / softcap); None: they stay.
        vision: the tower, where config and files have one.
        sees_both_ways: tokens of one image see each other, later ones too.
    """

    architecture: str
    vocab_size: int
    hidden_size: int
    max_position_embeddings: int
    embedding_key: str
    blocks: tuple[BlockSpec, ...]
    final_norm: NormSpec
    head: LinearSpec
    tied: bool
    embedding_scale: float = 1.0
    logit_softcap: float | None = None
    vision: TowerSpec | None = None
    sees_both_ways: bool = False

    @property
    def blind(self) -> ModelSpec:
        """The same without a tower."""
        return replace(self, vision=None)
