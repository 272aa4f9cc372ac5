"""How much memory a model needs, by its spec alone: which tensors count, the cache, the buffers of its steps.

The loader reserves by these functions and the estimate before a download shows them. Holds no tensors.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.budget import (
    DECODED_VALUES,
    FP16_CACHE,
    LEAST_STAGING,
    MAX_LOGIT_ROWS,
    PAGE_TOKENS,
    PRODUCT_COLUMNS,
    DeviceBudget,
)
from engine.models.spec import AttentionSpec, LinearSpec, ModelSpec
from engine.vision.towers.spec import KEPT_IMAGE_BYTES

IMAGE_PIXELS = 1024 * 1024  # of the image whose encoding is counted
VISION_PARTS = frozenset(
    {
        "visual", "vision_tower", "vision_model", "vision_encoder", "vision_embed_tokens", "vision_embedder", "vpm",
        "resampler", "multi_modal_projector", "mm_projector", "vision_projector", "vision_adapter",
        "vision_language_adapter", "patch_merger", "embed_vision", "image_newline",
    }
)  # fmt: skip


def tensor_keys(spec: ModelSpec) -> list[str]:
    """The parts of a model, in the order in which they are read: names of tensors, or of linears without the last part.

    Tensors of a part that turn out not to be needed, and heads that are not there, do no harm.
    """
    keys = [spec.embedding_key]
    for block in spec.blocks:
        attention, mlp = block.attention, block.mlp
        norms = [norm.key for norm in (attention.q_norm, attention.k_norm) if norm is not None]
        linears = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
        keys += [block.attention_norm.key, *norms, *(linear.key for linear in linears), block.mlp_norm.key]
        keys += [linear.key for linear in (mlp.gate_proj, mlp.up_proj, mlp.down_proj)]
        keys += [norm.key for norm in (block.attention_post_norm, block.mlp_post_norm) if norm is not None]
    return [*keys, spec.final_norm.key, spec.head.key]


def weights_bytes(spec: ModelSpec, tensors: Mapping[str, int]) -> int:
    """Bytes of the tensors that are loaded, out of all that a checkpoint has; with a vision tower if the spec has one.

    Args:
        tensors: bytes by full name.
    """
    keys, tower = set(tensor_keys(spec)), spec.vision
    return sum(
        size
        for name, size in tensors.items()
        if name in keys or name.rpartition(".")[0] in keys or (tower is not None and tower.holds(name))
    )


def vision_bytes(tensors: Mapping[str, int]) -> int:
    """Bytes of the tensors of a vision tower and of what joins it to the text model, by their names in known families.

    Args:
        tensors: bytes by full name.
    """
    return sum(size for name, size in tensors.items() if not VISION_PARTS.isdisjoint(name.split(".")[:3]))


def cache_bytes_per_token(spec: ModelSpec, bits: tuple[int, int] = FP16_CACHE) -> int:
    """Bytes of K and V that one token takes over all layers; quantized, with half a bit a value for the scales."""
    if bits == FP16_CACHE:
        return sum(4 * block.attention.num_kv_heads * block.attention.head_dim for block in spec.blocks)
    values = sum(block.attention.num_kv_heads * _whole_groups(block.attention.head_dim) for block in spec.blocks)
    return values * (2 * sum(bits) + 2) // 16


def staging_bytes(spec: ModelSpec, context_pages: int, bits: tuple[int, int] = FP16_CACHE) -> int:
    """Bytes of the fp16 pages through which a quantized cache is written and read, which layers of a size share."""
    if bits == FP16_CACHE:
        return 0
    sizes = {(block.attention.num_kv_heads, _whole_groups(block.attention.head_dim)) for block in spec.blocks}
    return sum(4 * heads * values * PAGE_TOKENS * max(context_pages, LEAST_STAGING) for heads, values in sizes)


def working_bytes(spec: ModelSpec, budget: DeviceBudget, num_positions: int) -> int:
    """Bytes of all that is neither weights nor cache nor staging, at most.

    Args:
        num_positions: of the rotary tables: the longest sequence.
    """
    needed = step_bytes(spec, budget.prefill_rows, num_positions) + budget.other_bytes
    if budget.decodes_slices:
        needed += _slice_bytes(spec, budget.prefill_rows)
    if budget.has_dense_attention:
        needed += _dense_attention_bytes(spec, budget.prefill_rows)
    return max(needed + images_bytes(spec), budget.least_bytes)


def images_bytes(spec: ModelSpec) -> int:
    """Of the working memory, what looking at an image of `IMAGE_PIXELS` takes and what keeps the images seen lately."""
    if spec.vision is None:
        return 0
    return spec.vision.image_bytes(-(-IMAGE_PIXELS // spec.vision.patch_size**2)) + KEPT_IMAGE_BYTES


def step_bytes(spec: ModelSpec, rows: int, num_positions: int) -> int:
    """Bytes of the float32 buffers and rotary tables that `Reservation` makes for steps of `rows` rows."""
    attentions = {(_queries(block.attention), _keys(block.attention)) for block in spec.blocks}
    widths = {block.mlp.gate_proj.out_features for block in spec.blocks}
    values = 2 * spec.hidden_size
    values += sum(2 * queries + 2 * keys for queries, keys in attentions)
    values += sum(2 * width + spec.hidden_size for width in widths)
    ropes = {block.attention.rope for block in spec.blocks}
    tables = num_positions * sum(rope.rotary_dim for rope in ropes)
    streams = sum(rope.rotary_dim for rope in ropes if rope.sections)  # which of three positions turns each pair
    return 4 * (rows * values + MAX_LOGIT_ROWS * (spec.hidden_size + spec.vocab_size) + tables + streams)


def longest_context(spec: ModelSpec) -> int:
    """The most positions the model's rotary embedding was made for."""
    rope = spec.blocks[0].attention.rope
    stretched = int(rope.factor * rope.original_max_position_embeddings) if rope.kind == "yarn" else 0
    return max(spec.max_position_embeddings, stretched)


def _linears(spec: ModelSpec) -> set[tuple[int, int]]:
    """Input and output sizes of all linears, padded as EXL3 pads them."""
    found: list[LinearSpec] = [spec.head]
    for block in spec.blocks:
        attention, mlp = block.attention, block.mlp
        found += [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
        found += [mlp.gate_proj, mlp.up_proj, mlp.down_proj]
    return {(_whole(each.in_features, 128), _whole(each.out_features, 128)) for each in found}


def _slice_bytes(spec: ModelSpec, rows: int) -> int:
    """Rotated inputs, products and a decoded slice, for the largest linear of each kind."""
    sizes = _linears(spec)
    rotated = 2 * rows * max(inputs for inputs, _ in sizes)
    product = 4 * rows * max(min(PRODUCT_COLUMNS, outputs) for _, outputs in sizes)
    return rotated + product + 2 * max(min(DECODED_VALUES, inputs * outputs) for inputs, outputs in sizes)


def _dense_attention_bytes(spec: ModelSpec, rows: int) -> int:
    """Queries, keys, values and two partial results of a chunk in fp16, with the sums of the results."""
    return max(
        rows * (2 * (3 * _queries(block.attention) + 2 * _keys(block.attention)) + 16 * block.attention.num_heads)
        for block in spec.blocks
    )


def _queries(attention: AttentionSpec) -> int:
    return attention.num_heads * attention.head_dim


def _keys(attention: AttentionSpec) -> int:
    return attention.num_kv_heads * attention.head_dim


def _whole_groups(head_dim: int) -> int:
    return _whole(head_dim, 32)


def _whole(size: int, unit: int) -> int:
    return -(-size // unit) * unit
