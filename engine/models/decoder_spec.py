"""The common shape of the Llama-like families: names, sizes and biases shared by their files.

Each family's file says only what differs. Knows nothing of tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import UnsupportedModelError
from engine.models.rope_config import read_rope
from engine.models.spec import (
    Activation,
    AttentionSpec,
    BlockSpec,
    LinearSpec,
    MlpSpec,
    ModelSpec,
    NormSpec,
    QueryScaling,
    RopeSpec,
)
from engine.models.tensor_names import PLAIN_NAMES, TextNames
from engine.weights.config_reader import ConfigReader

MAX_LAYERS = 1024
MAX_SIZE = 1 << 22


@dataclass(frozen=True)
class FamilyTraits:
    """What a family decides.

    Attributes:
        qkv_bias, o_bias, mlp_bias: whether those linears have a bias.
        head_norms: RMS norms of each query and key head before the rotation.
        windows: per layer, the sliding window or None for full attention.
        head_dim: used when `config.json` has no `head_dim`; None derives it from the hidden size.
        ropes: one for each layer; empty: the one of the config for all.
        scale: of attention's scores; None: head_dim ** -0.5.
        activation: of the MLP; for others than silu the family has looked at the config.
        norm_offset: added to the weight of every norm.
        post_norms: the four norms of a Gemma block instead of two.
        query_scaling, embedding_scale, logit_softcap: as in the spec.
        tied: whether the embedding is the head where `config.json` does not say.
        names: where the tensors lie.
    """

    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    head_norms: bool = False
    windows: tuple[int | None, ...] = ()
    head_dim: int | None = None
    ropes: tuple[RopeSpec, ...] = ()
    scale: float | None = None
    activation: Activation = "silu"
    norm_offset: float = 0.0
    post_norms: bool = False
    query_scaling: QueryScaling | None = None
    embedding_scale: float = 1.0
    logit_softcap: float | None = None
    tied: bool = False
    names: TextNames = PLAIN_NAMES


def num_layers(config: ConfigReader) -> int:
    return config.int("num_hidden_layers", high=MAX_LAYERS)


def layer_windows(config: ConfigReader) -> tuple[int | None, ...]:
    """Windows of the Qwen families: off unless `use_sliding_window`, then by `layer_types` or `max_window_layers`."""
    count = num_layers(config)
    window = config.int("sliding_window", 4096) if config.bool("use_sliding_window", False) else None
    kinds = config.raw("layer_types")
    if kinds is None:
        first = config.int("max_window_layers", 28, low=0)
        return tuple(window if window is not None and i >= first else None for i in range(count))
    if not isinstance(kinds, list) or len(kinds) != count:
        config.fail("layer_types", f"not a list of {count} layers")
    return tuple(_window_of(config, kind, window) for kind in kinds)


def _window_of(config: ConfigReader, kind: object, window: int | None) -> int | None:
    if kind == "full_attention":
        return None
    if kind == "sliding_attention":
        if window is None:
            config.fail("layer_types", "with sliding_attention although no sliding window is in use")
        return window
    raise UnsupportedModelError(
        f"{config.path}: the layer type “{kind}” is not supported.", "Choose a model of another family."
    )


def decoder_spec(config: ConfigReader, architecture: str, traits: FamilyTraits) -> ModelSpec:
    """Builds the spec of a Llama-shaped decoder. Raises `ModelFormatError` or `UnsupportedModelError`."""
    hidden = config.int("hidden_size", high=MAX_SIZE)
    heads = config.int("num_attention_heads", high=65536)
    kv_heads = config.optional_int("num_key_value_heads", high=65536) or heads
    head_dim = config.optional_int("head_dim", high=1024) or traits.head_dim or _head_dim(config, hidden, heads)
    if heads % kv_heads:
        config.fail("num_key_value_heads", f"which does not divide the {heads} attention heads")
    activation = config.str("hidden_act", "silu")
    if traits.activation == "silu" and activation not in ("silu", "swish"):
        raise UnsupportedModelError(
            f"{config.path}: hidden_act “{activation}” is not supported for {architecture}.",
            "Choose a model whose activation is silu.",
        )
    longest = config.int("max_position_embeddings")
    vocab_size = config.int("vocab_size", high=MAX_SIZE)
    builder = _BlockBuilder(config, traits, hidden, heads, kv_heads, head_dim, longest)
    count = num_layers(config)
    windows: Sequence[int | None] = traits.windows or (None,) * count
    return ModelSpec(
        architecture=architecture,
        vocab_size=vocab_size,
        hidden_size=hidden,
        max_position_embeddings=longest,
        embedding_key=traits.names.embedding,
        blocks=tuple(builder.block(i, windows[i]) for i in range(count)),
        final_norm=builder.norm(traits.names.prefix + "norm", hidden),
        head=LinearSpec(traits.names.head, hidden, vocab_size, has_bias=None),
        tied=config.bool("tie_word_embeddings", traits.tied),
        embedding_scale=traits.embedding_scale,
        logit_softcap=traits.logit_softcap,
    )


def _head_dim(config: ConfigReader, hidden: int, heads: int) -> int:
    if hidden % heads:
        config.fail("hidden_size", f"not a multiple of {heads} heads, and head_dim is missing")
    return hidden // heads


class _BlockBuilder:
    def __init__(
        self,
        config: ConfigReader,
        traits: FamilyTraits,
        hidden: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        longest: int,
    ) -> None:
        self.traits, self.hidden, self.heads, self.kv_heads, self.head_dim = traits, hidden, heads, kv_heads, head_dim
        self.intermediate = config.int("intermediate_size", high=MAX_SIZE)
        self.eps = config.float("rms_norm_eps", 1e-6, low=0.0, high=1.0)
        self.ropes = traits.ropes or (read_rope(config, head_dim, longest),) * num_layers(config)

    def norm(self, key: str, size: int) -> NormSpec:
        return NormSpec(key + ".weight", size, self.eps, self.traits.norm_offset)

    def block(self, index: int, window: int | None) -> BlockSpec:
        layer, has_four = f"{self.traits.names.prefix}layers.{index}.", self.traits.post_norms
        return BlockSpec(
            attention_norm=self.norm(layer + "input_layernorm", self.hidden),
            attention=self._attention(layer + "self_attn.", window, self.ropes[index]),
            mlp_norm=self.norm(
                layer + ("pre_feedforward_layernorm" if has_four else "post_attention_layernorm"), self.hidden
            ),
            mlp=self._mlp(layer + "mlp."),
            attention_post_norm=self.norm(layer + "post_attention_layernorm", self.hidden) if has_four else None,
            mlp_post_norm=self.norm(layer + "post_feedforward_layernorm", self.hidden) if has_four else None,
        )

    def _attention(self, prefix: str, window: int | None, rope: RopeSpec) -> AttentionSpec:
        traits, head_dim = self.traits, self.head_dim
        queries, keys = self.heads * head_dim, self.kv_heads * head_dim
        return AttentionSpec(
            q_proj=LinearSpec(prefix + "q_proj", self.hidden, queries, traits.qkv_bias),
            k_proj=LinearSpec(prefix + "k_proj", self.hidden, keys, traits.qkv_bias),
            v_proj=LinearSpec(prefix + "v_proj", self.hidden, keys, traits.qkv_bias),
            o_proj=LinearSpec(prefix + "o_proj", queries, self.hidden, traits.o_bias),
            num_heads=self.heads,
            num_kv_heads=self.kv_heads,
            head_dim=head_dim,
            scale=traits.scale or head_dim**-0.5,
            rope=rope,
            window=window,
            q_norm=self.norm(prefix + "q_norm", head_dim) if traits.head_norms else None,
            k_norm=self.norm(prefix + "k_norm", head_dim) if traits.head_norms else None,
            query_scaling=traits.query_scaling,
        )

    def _mlp(self, prefix: str) -> MlpSpec:
        bias = self.traits.mlp_bias
        return MlpSpec(
            gate_proj=LinearSpec(prefix + "gate_proj", self.hidden, self.intermediate, bias),
            up_proj=LinearSpec(prefix + "up_proj", self.hidden, self.intermediate, bias),
            down_proj=LinearSpec(prefix + "down_proj", self.intermediate, self.hidden, bias),
            activation=self.traits.activation,
        )
