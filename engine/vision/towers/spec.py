"""A vision tower as data: its sizes out of a `config.json`, and under which names its tensors lie.

Towers of all families are stacks of pre-norm blocks; what differs is how patches are placed, who sees whom, and how the
result becomes rows as wide as the text model. Holds no tensors and knows no torch, so that a memory estimate may ask.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.errors import UnsupportedModelError
from engine.vision.settings import MAX_EDGE, MAX_MERGE_SIZE, MAX_PATCH_SIZE
from engine.weights.config_reader import ConfigReader

Family = Literal["qwen2_5_vl", "qwen3_vl", "gemma3", "mistral3"]
Activation = Literal["silu", "gelu", "gelu_tanh"]

MAX_LAYERS = 256
MAX_SIZE = 1 << 18
CHANNELS = 3
ACTIVATIONS: Mapping[str, Activation] = {
    "silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh",
}  # fmt: skip
VISUAL = ("model.visual.", "visual.", "model.language_model.visual.")
VISION_TOWER = ("model.vision_tower.", "vision_tower.", "model.vision_model.")
PROJECTOR = ("model.multi_modal_projector.", "multi_modal_projector.")


@dataclass(frozen=True)
class TowerSpec:
    """One tower.

    Attributes:
        prefix: of its tensors, ending in a dot.
        projector: prefix of what joins it to the text model; '' where that is the tower's own.
        hidden_size, intermediate_size, num_heads, num_layers: of its blocks.
        activation: of the MLP of its blocks.
        eps: of its norms.
        patch_size: pixels of one side of a patch.
        out_size: width of the text model.
        merge_size: patches of one side of the square that becomes one embedding.
        temporal_patch_size: how often the image is repeated in a patch.
        window_size: Qwen2.5-VL: pixels of one side of the windows in which most blocks attend.
        full_layers: Qwen2.5-VL: the blocks that see the whole image.
        deepstack_layers: Qwen3-VL: the blocks whose output is also added to early layers of the text model.
        grid_side: patches of one side that have learned positions; 0 where no positions are learned.
        theta: of the rotary embedding of rows and columns.
        projector_eps: of the projector's norm.
    """

    family: Family
    prefix: str
    projector: str
    hidden_size: int
    intermediate_size: int
    num_heads: int
    num_layers: int
    activation: Activation
    eps: float
    patch_size: int
    out_size: int
    merge_size: int
    temporal_patch_size: int = 1
    window_size: int = 0
    full_layers: tuple[int, ...] = ()
    deepstack_layers: tuple[int, ...] = ()
    grid_side: int = 0
    theta: float = 10_000.0
    projector_eps: float = 1e-6

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def patch_values(self) -> int:
        """Numbers of one patch."""
        return CHANNELS * self.temporal_patch_size * self.patch_size**2

    @property
    def num_deepstack(self) -> int:
        """Layers of the text model that rows of an image are added to, from the first on."""
        return len(self.deepstack_layers)

    def holds(self, name: str) -> bool:
        """Whether a tensor is the tower's or its projector's."""
        return name.startswith(self.prefix) or (self.projector != "" and name.startswith(self.projector))

    def image_bytes(self, num_patches: int, bytes_per_value: int = 4) -> int:
        """What encoding an image of so many patches takes besides the weights, at most.

        The stream of the blocks in fp32, its norm, queries, keys and values and what becomes of them, and a slice of
        the MLP.
        """
        own = self.hidden_size * (2 * 4 + 8 * bytes_per_value)
        mlp = min(num_patches, MLP_ROWS) * self.intermediate_size * 3 * bytes_per_value
        return num_patches * (own + self.patch_values * 4) + mlp


MLP_ROWS = 4096  # rows that go through an MLP at a time
KEPT_IMAGE_BYTES = 128 * 2**20  # of what was seen lately: about six images of 1024 x 1024 for a 7B model


def read_qwen2_5_vl(config: ConfigReader, out_size: int, names: Collection[str]) -> TowerSpec | None:
    """The tower of a Qwen2.5-VL folder; None where config or files have none. Raises `ModelFormatError`."""
    vision, prefix = config.section("vision_config"), find_prefix(names, VISUAL)
    if vision is None or prefix is None:
        return None
    blocks = _blocks(vision, "depth", "num_heads")
    merge, patch = vision.int("spatial_merge_size", 2, high=MAX_MERGE_SIZE), _patch(vision, 14)
    window = vision.int("window_size", 112, high=MAX_EDGE)
    if window < merge * patch:
        vision.fail("window_size", f"less than the {merge * patch} pixels of one embedding")
    return TowerSpec(
        "qwen2_5_vl", prefix, "", *blocks, _activation(vision, "silu"), 1e-6, patch,
        _same_width(vision, out_size), merge,
        temporal_patch_size=vision.int("temporal_patch_size", 2, high=MAX_MERGE_SIZE),
        window_size=window,
        full_layers=vision.int_list("fullatt_block_indexes", (7, 15, 23, 31), high=MAX_LAYERS),
        theta=_theta(vision),
    )  # fmt: skip


def read_qwen3_vl(config: ConfigReader, out_size: int, names: Collection[str]) -> TowerSpec | None:
    """The tower of a Qwen3-VL folder; None where config or files have none. Raises `ModelFormatError`."""
    vision, prefix = config.section("vision_config"), find_prefix(names, VISUAL)
    if vision is None or prefix is None:
        return None
    blocks = _blocks(vision, "depth", "num_heads")
    positions = vision.int("num_position_embeddings", 2304, high=MAX_SIZE)
    side = math.isqrt(positions)
    if side * side != positions:
        vision.fail("num_position_embeddings", "not a square")
    deepstack = vision.int_list("deepstack_visual_indexes", (8, 16, 24), high=blocks[3] - 1)
    if list(deepstack) != sorted(set(deepstack)):
        vision.fail("deepstack_visual_indexes", "not in ascending order")
    return TowerSpec(
        "qwen3_vl", prefix, "", *blocks, _activation(vision, "gelu_pytorch_tanh"), 1e-6, _patch(vision, 16),
        _same_width(vision, out_size), vision.int("spatial_merge_size", 2, high=MAX_MERGE_SIZE),
        temporal_patch_size=vision.int("temporal_patch_size", 2, high=MAX_MERGE_SIZE),
        deepstack_layers=deepstack, grid_side=side, theta=_theta(vision),
    )  # fmt: skip


def read_gemma3(config: ConfigReader, out_size: int, names: Collection[str]) -> TowerSpec | None:
    """SigLIP and the projector of a Gemma 3 folder; None where there is none. Raises `ModelFormatError`."""
    vision = config.section("vision_config")
    prefix = find_prefix(names, tuple(each + "vision_model." for each in VISION_TOWER) + VISION_TOWER)
    projector = find_prefix(names, PROJECTOR)
    if vision is None or prefix is None or projector is None:
        return None
    blocks = _blocks(vision, "num_hidden_layers", "num_attention_heads")
    patch = _patch(vision, 16)
    side = vision.int("image_size", 224, high=MAX_EDGE) // patch
    tokens = config.int("mm_tokens_per_image", 256, high=MAX_SIZE)
    wanted = math.isqrt(tokens)
    if wanted * wanted != tokens or side < wanted or side % wanted:
        config.fail("mm_tokens_per_image", f"which {side} patches a side cannot be pooled to")
    eps = vision.float("layer_norm_eps", 1e-6, low=0.0, high=1.0)
    return TowerSpec(
        "gemma3", prefix, projector, *blocks, _activation(vision, "gelu_pytorch_tanh"), eps, patch, out_size,
        side // wanted, grid_side=side, projector_eps=eps,
    )  # fmt: skip


def read_mistral3(config: ConfigReader, out_size: int, text_eps: float, names: Collection[str]) -> TowerSpec | None:
    """Pixtral's tower and Mistral 3's projector; None where there is none. Raises `ModelFormatError`.

    Args:
        text_eps: of the text model's norms, which the projector's norm takes.
    """
    vision = config.section("vision_config")
    prefix, projector = find_prefix(names, VISION_TOWER), find_prefix(names, PROJECTOR)
    if vision is None or prefix is None or projector is None:
        return None
    hidden, inner, heads, layers = _blocks(vision, "num_hidden_layers", "num_attention_heads")
    layers = _feature_layer(config, layers)
    projecting = config.str("projector_hidden_act", "gelu")
    if projecting != "gelu":
        raise UnsupportedModelError(
            f"{config.path}: projector_hidden_act “{projecting}” is not supported.",
            "Choose a model of another family.",
        )
    return TowerSpec(
        "mistral3", prefix, projector, hidden, inner, heads, layers, _activation(vision, "gelu"), 1e-5,
        _patch(vision, 16), out_size, config.int("spatial_merge_size", 2, high=MAX_MERGE_SIZE),
        theta=_theta(vision), projector_eps=text_eps,
    )  # fmt: skip


def find_prefix(names: Collection[str], prefixes: tuple[str, ...]) -> str | None:
    """The first prefix that some tensor has; None where none has it, the first where no names are known."""
    if not names:
        return prefixes[0]
    return next((prefix for prefix in prefixes if any(name.startswith(prefix) for name in names)), None)


def _blocks(vision: ConfigReader, layers_key: str, heads_key: str) -> tuple[int, int, int, int]:
    """Hidden and intermediate size, heads, layers."""
    hidden, heads = vision.int("hidden_size", high=MAX_SIZE), vision.int(heads_key, 16, high=4096)
    if hidden % heads or hidden // heads % 4:
        vision.fail("hidden_size", f"not {heads} heads of a multiple of four values")
    inner = vision.int("intermediate_size", 3420, high=MAX_SIZE)
    return hidden, inner, heads, vision.int(layers_key, high=MAX_LAYERS)


def _feature_layer(config: ConfigReader, layers: int) -> int:
    """How many blocks are run: the projector may read an earlier one than the last."""
    which = config.int("vision_feature_layer", -1, low=-layers - 1, high=layers)
    return which if which >= 0 else layers + 1 + which


def _activation(vision: ConfigReader, default: str) -> Activation:
    name = vision.str("hidden_act", default)
    if name not in ACTIVATIONS:
        raise UnsupportedModelError(
            f"{vision.path}: the vision tower's hidden_act “{name}” is not supported.",
            "Choose a model of another family.",
        )
    return ACTIVATIONS[name]


def _patch(vision: ConfigReader, default: int) -> int:
    return vision.int("patch_size", default, high=MAX_PATCH_SIZE)


def _theta(vision: ConfigReader) -> float:
    section = vision.section("rope_parameters")
    theta = vision.float("rope_theta", 10_000.0, low=1.0001)
    return theta if section is None else section.float("rope_theta", theta, low=1.0001)


def _same_width(vision: ConfigReader, out_size: int) -> int:
    if vision.int("out_hidden_size", out_size) != out_size:
        vision.fail("out_hidden_size", f"but the text model is {out_size} wide")
    return out_size
