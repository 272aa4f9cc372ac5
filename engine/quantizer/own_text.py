"""Text that the model itself writes, to calibrate with: drawn from its own predictions, token by token.

What a model was trained on is unknown and often not free; what it writes by itself is like it, in every language and
manner that the model has. The texts begin with nothing but the token that begins a text, or with the words of the chat
template in front of a turn.
Needs the whole original model in memory at once, unlike all else here; `fits` tells beforehand. Knows nothing of
quantization or of files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.chat.template import ChatTemplate
from engine.errors import ChatTemplateError
from engine.models.rope_tables import query_factors
from engine.models.spec import ModelSpec
from engine.quantizer.source import SourceModel
from engine.quantizer.streams import BlockWeights, Ropes, Stages, block_linears, rms_norm, softcapped
from engine.requests import Message
from engine.tokenizer.tokenizer import Tokenizer

TEXT_TOKENS = 512
TEXTS_AT_ONCE = 64
MOST_TEXTS_AT_ONCE = 256  # on cards, for which a step with more texts takes hardly longer
DOCUMENTS_PER_TURN = 7  # documents are more varied than conversations
MEMORY_SHARE = 0.6  # of what is free
LEAST_VARIETY = 1 / 8  # different tokens of a text's second half; a text with fewer goes round in circles
_TURN = "espalier turn"

TELL_EVERY = 16  # tokens
# Not cuDNN's: it plans anew for every length, some 50 ms each, and here each token's is another.
ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]

OnStep = Callable[[int, int], None]  # tokens of each text done, of all


@dataclass(frozen=True)
class Writing:
    """What to write.

    Attributes:
        openings: tokens that texts begin with, each used in turn; none is empty.
        count: texts.
        length: tokens of each, openings included.
    """

    openings: tuple[tuple[int, ...], ...]
    count: int
    length: int
    seed: int


def openings_of(tokenizer: Tokenizer, template: ChatTemplate | None) -> tuple[tuple[int, ...], ...]:
    """How texts begin: most as a document does, some as the user's first turn does. Empty if the model has neither."""
    found: list[tuple[int, ...]] = []
    if tokenizer.bos_id is not None:
        found += [(tokenizer.bos_id,)] * DOCUMENTS_PER_TURN
    if template is not None:
        try:
            before, turn, _ = template.render([Message("user", _TURN)]).partition(_TURN)
        except ChatTemplateError:
            before, turn = "", ""
        ids = tuple(tokenizer.encode_rendered(before)) if turn else ()
        if ids:
            found.append(ids)
    return tuple(found)


def held_bytes(spec: ModelSpec, length: int, device: torch.device, texts: int = TEXTS_AT_ONCE) -> int:
    """Memory of the whole model with the keys and values of the texts that are written at once."""
    size = _dtype(device).itemsize
    weights = sum(each.in_features * each.out_features for block in spec.blocks for each in block_linears(block))
    weights += spec.vocab_size * spec.hidden_size * (1 if spec.tied else 2)
    kept = sum(2 * block.attention.num_kv_heads * block.attention.head_dim for block in spec.blocks)
    logits = 12 * texts * spec.vocab_size
    return size * (weights + kept * texts * length) + logits


def fits(spec: ModelSpec, device: torch.device) -> bool:
    """Whether the device has room for the whole model now."""
    return held_bytes(spec, TEXT_TOKENS, device) <= MEMORY_SHARE * _free_bytes(device)


def texts_at_once(spec: ModelSpec, writing: Writing, device: torch.device) -> int:
    """How many texts to write side by side: on a card as many as there is room for now, up to a number."""
    if device.type == "cpu":
        return TEXTS_AT_ONCE
    count, room = TEXTS_AT_ONCE, MEMORY_SHARE * _free_bytes(device)
    while count < MOST_TEXTS_AT_ONCE and held_bytes(spec, writing.length, device, 2 * count) <= room:
        count *= 2
    return count


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


@torch.inference_mode()
def write_texts(source: SourceModel, writing: Writing, device: torch.device, on_step: OnStep) -> torch.Tensor:
    """Draws every token from the model's predictions, as they are.

    Texts that run in circles are left out, so there may be fewer than were asked for.

    Returns:
        int64 [texts, length].
    """
    at_once = texts_at_once(source.spec, writing, device)
    writer = _Writer(source, writing.length, device)
    generator = torch.Generator(device).manual_seed(writing.seed)
    starts = [writing.openings[i % len(writing.openings)] for i in range(writing.count)]
    groups = [starts[first : first + at_once] for first in range(0, len(starts), at_once)]
    written = []
    for number, group in enumerate(groups):
        forced = _forced(group, writing.length).to(device)
        tokens = forced.clone()
        writer.restart(len(group))
        for step in range(writing.length - 1):
            drawn = _drawn(writer.predict(tokens[:, step]), generator)
            tokens[:, step + 1] = torch.where(forced[:, step + 1] < 0, drawn, forced[:, step + 1])
            if step % TELL_EVERY == 0:
                on_step(number * writing.length + step, len(groups) * writing.length)
        written.append(tokens.cpu())
    return _varied(torch.cat(written))


def _drawn(probabilities: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One token of each text, int64 [texts]: whose exponential clock rings first. Nobody waits for a card."""
    return (probabilities / torch.empty_like(probabilities).exponential_(generator=generator)).argmax(-1)


def _forced(starts: Sequence[Sequence[int]], length: int) -> torch.Tensor:
    """[texts, length] with the openings at their places and -1 where the model is to write."""
    forced = torch.full((len(starts), length), -1, dtype=torch.int64)
    for row, start in zip(forced, starts):
        row[: len(start)] = torch.tensor(start[:length])
    return forced


def _varied(texts: torch.Tensor) -> torch.Tensor:
    half = texts[:, texts.shape[1] // 2 :]
    is_varied = [len(row.unique()) >= LEAST_VARIETY * half.shape[1] for row in half]
    return texts[torch.tensor(is_varied)]


def _dtype(device: torch.device) -> torch.dtype:
    """Half the size on a card: what is drawn need not be exact. Processors are slow at it."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


class _Writer:
    """The whole model with the keys and values of some texts, one token of each at a time."""

    def __init__(self, source: SourceModel, length: int, device: torch.device) -> None:
        self._spec, self._length, self._device, self._dtype = source.spec, length, device, _dtype(device)
        self._blocks = [self._moved(source.block(block, device)) for block in source.spec.blocks]
        self._embedding = source.embedding().to(device, self._dtype)
        self._head = self._embedding.T if source.has_tied_head else source.head(device).to(self._dtype)
        self._norm = source.final_norm().to(device, self._dtype)
        self._ropes = Ropes(length)
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._at = 0

    def restart(self, count: int) -> None:
        """Makes room for so many new texts."""
        self._keys, self._values, self._at = [], [], 0
        for block in self._spec.blocks:
            shape = (count, block.attention.num_kv_heads, self._length, block.attention.head_dim)
            for kept in (self._keys, self._values):
                kept.append(torch.empty(shape, device=self._device, dtype=self._dtype))

    def predict(self, tokens: torch.Tensor) -> torch.Tensor:
        """Probabilities float32 [texts, V] of what follows; tokens [texts] are the next of each text."""
        x = self._embedding[tokens] * self._spec.embedding_scale
        for layer, (block, weights) in enumerate(zip(self._spec.blocks, self._blocks)):
            mixed = self._mixed(layer, weights, weights.norm(block.attention_norm, x))
            x = Stages.behind_attention(block, weights, x, mixed)
            x = Stages.after_mlp(block, weights, x)
        self._at += 1
        logits = rms_norm(x, self._norm, self._spec.final_norm.eps) @ self._head
        return torch.softmax(softcapped(logits.float(), self._spec.logit_softcap), -1)

    def _mixed(self, layer: int, weights: BlockWeights, normed: torch.Tensor) -> torch.Tensor:
        spec, count = self._spec.blocks[layer].attention, len(normed)
        q = weights.apply(spec.q_proj, normed).view(count, spec.num_heads, 1, spec.head_dim)
        k = weights.apply(spec.k_proj, normed).view(count, spec.num_kv_heads, 1, spec.head_dim)
        v = weights.apply(spec.v_proj, normed).view(count, spec.num_kv_heads, 1, spec.head_dim)
        if spec.q_norm is not None and spec.k_norm is not None:
            q, k = weights.norm(spec.q_norm, q), weights.norm(spec.k_norm, k)
        keys, values = self._keys[layer], self._values[layer]
        keys[:, :, self._at : self._at + 1] = self._ropes.rotate(k, spec.rope, self._at)
        values[:, :, self._at : self._at + 1] = v
        seen = slice(0 if spec.window is None else max(0, self._at + 1 - spec.window), self._at + 1)
        turned = self._ropes.rotate(q, spec.rope, self._at).to(self._dtype)
        if spec.query_scaling is not None:
            turned = turned * query_factors(spec.query_scaling, 1, self._at).to(turned)
        grouped = turned.view(count, spec.num_kv_heads, -1, spec.head_dim)  # query heads of one key head as rows
        with sdpa_kernel(ATTENTION):
            mixed = functional.scaled_dot_product_attention(
                grouped, keys[:, :, seen], values[:, :, seen], scale=spec.scale
            )
        return mixed.reshape(count, -1)

    def _moved(self, weights: BlockWeights) -> BlockWeights:
        parts = (weights.matrices, weights.biases, weights.norms)
        return BlockWeights(
            *({key: each.to(self._device, self._dtype) for key, each in part.items()} for part in parts)
        )
