"""The demo model as a trainable network: a small vision tower in front of the demo chat model, as Qwen2.5-VL has it.

Every block of the tower looks at the whole picture. Names of parameters are those of published checkpoints. Knows
nothing of data or of training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

PATCH, MERGE, FRAMES = 14, 2, 2
EARLY_BLOCKS = 3  # behind which the text model should know where in its picture each square lies
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class TextSizes:
    """Sizes of the text model, by the names of config.json."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rope_theta: float
    rms_norm_eps: float

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def sections(self) -> tuple[int, int, int]:
        """How many frequencies, from the fastest on, are turned by time, height and width.

        Pictures here stand still, so time gets the fastest alone; a quarter and three eighths twice, as larger models
        have them, would leave the width with frequencies so slow that fourteen columns are a turn by 0.04 radians at
        most, and the model could not tell left from right.
        """
        half = self.head_dim // 2
        time, height = max(1, half // 32), 7 * half // 32
        return time, height, half - time - height


@dataclass(frozen=True)
class TowerSizes:
    """Sizes of the tower."""

    hidden_size: int = 160
    intermediate_size: int = 416
    depth: int = 6
    num_heads: int = 5
    out_size: int = 512


class RmsNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x.float(), self.weight.shape, self.weight.float(), self.eps).to(x.dtype)


def rotated(x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Heads [B, H, T, D] turned by tables that go with [B or 1, 1, T, D]."""
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat((-second, first), -1) * sines


class VisionAttention(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(size, 3 * size), nn.Linear(size, size), heads

    def forward(self, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        count, length, size = x.shape
        q, k, v = self.qkv(x).view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(rotated(q, cosines, sines), rotated(k, cosines, sines), v)
        return self.proj(mixed.transpose(1, 2).reshape(count, length, size))


class VisionMlp(nn.Module):
    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = (
            nn.Linear(size, inner), nn.Linear(size, inner), nn.Linear(inner, size),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class VisionBlock(nn.Module):
    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.norm1, self.norm2 = RmsNorm(sizes.hidden_size, 1e-6), RmsNorm(sizes.hidden_size, 1e-6)
        self.attn = VisionAttention(sizes.hidden_size, sizes.num_heads)
        self.mlp = VisionMlp(sizes.hidden_size, sizes.intermediate_size)

    def forward(self, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x), cosines, sines)
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(3, size, (FRAMES, PATCH, PATCH), (FRAMES, PATCH, PATCH), bias=False)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Patches [B, N, 3, 14, 14] of a picture that stands still: both frames are the same."""
        return functional.linear(patches.flatten(2), self.proj.weight.sum(2).flatten(1))


class Merger(nn.Module):
    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        wide = size * MERGE**2
        self.ln_q = RmsNorm(size, 1e-6)
        self.mlp = nn.Sequential(nn.Linear(wide, wide), nn.GELU(), nn.Linear(wide, out))
        self.wide = wide

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mlp(self.ln_q(x).reshape(len(x), -1, self.wide))


def run_block(block: nn.Module, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """One block of the tower or of the text model; a training may put a compiled function in its place."""
    out: torch.Tensor = block(x, cosines, sines)
    return out


class Tower(nn.Module):
    """Pictures uint8 [B, H, W, 3] to rows of the text model [B, squares, out]."""

    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.patch_embed = PatchEmbed(sizes.hidden_size)
        self.blocks = nn.ModuleList(VisionBlock(sizes) for _ in range(sizes.depth))
        self.run_block = run_block
        self.merger = Merger(sizes.hidden_size, sizes.out_size)
        self.register_buffer("mean", torch.tensor(MEAN), persistent=False)
        self.register_buffer("std", torch.tensor(STD), persistent=False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        count, height, width, _ = pictures.shape
        rows, columns, device = height // PATCH, width // PATCH, pictures.device
        pixels = (pictures.float() / 255 - self.get_buffer("mean")) / self.get_buffer("std")
        patches = pixels.view(count, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH, 3)
        patches = patches.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(count, rows * columns, 3, PATCH, PATCH)
        x = self.patch_embed(patches)
        cosines, sines = self._turns(rows, columns, device)
        for block in self.blocks:
            x = self.run_block(block, x, cosines.to(x.dtype), sines.to(x.dtype))
        return self.merger(x)

    def _turns(self, rows: int, columns: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        half = self.sizes.hidden_size // self.sizes.num_heads // 2
        frequencies = 10000.0 ** -(torch.arange(0, half, 2, device=device).float() / half)
        grid = torch.arange(rows * columns, device=device).view(rows // MERGE, MERGE, columns // MERGE, MERGE)
        order = grid.transpose(1, 2).flatten()
        turns = torch.cat([torch.outer(each.float(), frequencies) for each in (order // columns, order % columns)], 1)
        turns = torch.cat((turns, turns), 1)
        return turns.cos(), turns.sin()


class TextAttention(nn.Module):
    def __init__(self, sizes: TextSizes) -> None:
        super().__init__()
        size, head = sizes.hidden_size, sizes.head_dim
        self.sizes = sizes
        self.q_proj = nn.Linear(size, sizes.num_attention_heads * head)
        self.k_proj = nn.Linear(size, sizes.num_key_value_heads * head)
        self.v_proj = nn.Linear(size, sizes.num_key_value_heads * head)
        self.o_proj = nn.Linear(sizes.num_attention_heads * head, size, bias=False)

    def forward(self, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        count, length, _ = x.shape
        repeats = self.sizes.num_attention_heads // self.sizes.num_key_value_heads
        q, k, v = (
            linear(x).view(count, length, -1, self.sizes.head_dim).transpose(1, 2)
            for linear in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotated(q, cosines, sines), rotated(k, cosines, sines)
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(count, length, -1))


class TextMlp(nn.Module):
    def __init__(self, sizes: TextSizes) -> None:
        super().__init__()
        size, inner = sizes.hidden_size, sizes.intermediate_size
        self.gate_proj, self.up_proj = nn.Linear(size, inner, bias=False), nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class TextBlock(nn.Module):
    def __init__(self, sizes: TextSizes) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(sizes.hidden_size, sizes.rms_norm_eps)
        self.post_attention_layernorm = RmsNorm(sizes.hidden_size, sizes.rms_norm_eps)
        self.self_attn, self.mlp = TextAttention(sizes), TextMlp(sizes)

    def forward(self, x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cosines, sines)
        return x + self.mlp(self.post_attention_layernorm(x))


class TextModel(nn.Module):
    """The chat model; its head is its embedding."""

    def __init__(self, sizes: TextSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embed_tokens = nn.Embedding(sizes.vocab_size, sizes.hidden_size)
        self.layers = nn.ModuleList(TextBlock(sizes) for _ in range(sizes.num_hidden_layers))
        self.run_block = run_block
        self.norm = RmsNorm(sizes.hidden_size, sizes.rms_norm_eps)
        stream = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes.sections))
        self.register_buffer("stream", stream, persistent=False)  # which of three positions turns each frequency

    def forward(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Hidden states [B, T, E] behind the last norm, of inputs [B, T, E] at positions int [3, B, T]."""
        return self.states(x, positions)[1]

    def states(self, x: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same behind `EARLY_BLOCKS` blocks, and behind the last norm."""
        cosines, sines = self.turns(positions, x.dtype)
        early = x
        for number, layer in enumerate(self.layers):
            x = self.run_block(layer, x, cosines, sines)
            if number < EARLY_BLOCKS:
                early = x
        return early, self.norm(x)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return functional.linear(hidden, self.embed_tokens.weight)

    def blocks(self) -> Iterator[TextBlock]:
        """The blocks in their order."""
        for layer in self.layers:
            assert isinstance(layer, TextBlock)
            yield layer

    def turns(self, positions: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines [B, 1, T, D] of positions [3, B, T]."""
        half = self.sizes.head_dim // 2
        steps = torch.arange(half, device=positions.device)
        frequencies = self.sizes.rope_theta ** -(steps.float() / half)
        turns = positions[self.get_buffer("stream")].permute(1, 2, 0).float() * frequencies
        turns = torch.cat((turns, turns), -1)[:, None]
        return turns.cos().to(dtype), turns.sin().to(dtype)


class SeeingModel(nn.Module):
    """Tower and chat model, by the names `visual` and `model`."""

    def __init__(self, text: TextSizes, tower: TowerSizes) -> None:
        super().__init__()
        self.visual, self.model = Tower(tower), TextModel(text)

    def forward(
        self, ids: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, places: torch.Tensor
    ) -> torch.Tensor:
        """Hidden states [B, T, E]; arguments as for `states`."""
        return self.states(ids, positions, seen, places)[1]

    def states(
        self, ids: torch.Tensor, positions: torch.Tensor, seen: torch.Tensor, places: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """States of the squares [B * K, squares, E] behind a few blocks, and hidden states [B, T, E].

        Args:
            ids: int64 [B, T].
            positions: int [3, B, T].
            seen: of the tower [B * K, squares, E].
            places: int64 [B, K], where the tokens of each picture begin.
        """
        x = self.model.embed_tokens(ids)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        columns = places.flatten()[:, None] + torch.arange(seen.shape[1], device=ids.device)
        rows = torch.arange(len(ids), device=ids.device).repeat_interleave(places.shape[1])[:, None]
        squares = rows.expand_as(columns), columns
        early, hidden = self.model.states(x.index_put(squares, seen.to(x.dtype)), positions)
        among = columns.view(len(ids), -1, 1).expand(-1, -1, early.shape[2])
        return early.gather(1, among).view(*columns.shape, -1), hidden


def begun(text: TextModel, tower: TowerSizes, seed: int) -> SeeingModel:
    """The chat model with a tower that has learned nothing yet, whose rows are as large as words are."""
    torch.manual_seed(seed)
    model = SeeingModel(text.sizes, tower)
    model.model = text
    for name, parameter in model.visual.named_parameters():
        if parameter.dim() >= 2:
            size = 0.3 if "down_proj" in name or "attn.proj" in name else 0.8
            nn.init.trunc_normal_(parameter, std=size * parameter[0].numel() ** -0.5)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    with torch.no_grad():
        model.visual.merger.mlp.get_parameter("2.weight").mul_(2.0 * float(text.embed_tokens.weight.std()))
    return model


def config_of(text: TextSizes, tower: TowerSizes, ids: dict[str, int], base: dict[str, Any]) -> dict[str, Any]:
    """config.json of the folder.

    Args:
        ids: of `image_token_id`, `vision_start_token_id`, `vision_end_token_id`.
        base: of the chat model, for what stays.
    """
    kept: dict[str, Any] = {key: base[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if key in base}
    return {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "vocab_size": text.vocab_size,
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.num_hidden_layers,
        "num_attention_heads": text.num_attention_heads,
        "num_key_value_heads": text.num_key_value_heads,
        "hidden_act": "silu",
        "max_position_embeddings": base["max_position_embeddings"],
        "rms_norm_eps": text.rms_norm_eps,
        "rope_theta": text.rope_theta,
        "rope_scaling": {"type": "mrope", "mrope_section": list(text.sections)},
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "torch_dtype": "float16",
        **kept,
        **ids,
        "vision_config": {
            "model_type": "qwen2_5_vl",
            "depth": tower.depth,
            "hidden_size": tower.hidden_size,
            "intermediate_size": tower.intermediate_size,
            "num_heads": tower.num_heads,
            "out_hidden_size": tower.out_size,
            "hidden_act": "silu",
            "in_channels": 3,
            "in_chans": 3,
            "patch_size": PATCH,
            "spatial_patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": FRAMES,
            "tokens_per_second": 2,
            "window_size": 8 * PATCH,
            "fullatt_block_indexes": list(range(tower.depth)),
        },
    }
