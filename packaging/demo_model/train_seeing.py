"""Teaches the demo chat model to see, and to go on talking as it did.

Three losses: what it should say about drawn pictures; what the tower alone should tell of each square, which teaches
it shapes and letters many times sooner than answers do; and how far the predictions of the model's own earlier words
have moved. The schedule runs by the clock. Knows nothing of files.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch._dynamo
import torch.distributed
from picture_marks import CHARACTERS, KINDS
from picture_scenes import COLOURS
from picture_stream import PictureBatch, PictureStream
from seeing_network import SeeingModel, TextBlock, TextModel, VisionBlock
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        seconds: of training.
        tower_rate, text_rate: peak learning rates of AdamW.
        chat_weight: of the divergence from the chat model's own predictions.
        chat_rows: of its words in each step.
        squares_weight: of what the tower tells of squares, until `squares_until` of the time.
        peers: cards that train together, each on batches of its own.
    """

    seconds: float
    tower_rate: float = 2e-3
    text_rate: float = 6e-4
    chat_weight: float = 1.0
    chat_rows: int = 8
    squares_weight: float = 0.5
    squares_until: float = 0.85
    warmup_steps: int = 300
    decay_from: float = 0.35
    tell_every: int = 250
    peers: int = 1


class SquareReader(nn.Module):
    """Reads out of the tower's rows what stands in each square: kind, colour, left and right character."""

    def __init__(self, size: int) -> None:
        super().__init__()
        sizes = (len(KINDS), 1 + len(COLOURS), 1 + len(CHARACTERS), 1 + len(CHARACTERS))
        self.heads = nn.ModuleList(nn.Linear(size, each) for each in sizes)

    def forward(self, seen: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
        """The loss for rows [N, squares, E] and marks uint8 [N, 4, squares]; nothing counts a tenth of something."""
        total = seen.new_zeros((), dtype=torch.float32)
        for number, head in enumerate(self.heads):
            logits, wanted = head(seen).flatten(0, 1).float(), marks[:, number].flatten().long()
            weight = torch.where(wanted > 0, 1.0, 0.1)
            losses = functional.cross_entropy(logits, wanted, reduction="none")
            total = total + (losses * weight).sum() / weight.sum()
        return total / len(self.heads)


def train(model: SeeingModel, stream: PictureStream, texts: torch.Tensor, settings: TrainingSettings) -> None:
    """Trains in place; with peers, all begin with the same weights and end with the same.

    Args:
        model: on its device.
        stream: of pictures.
        texts: int64 [n, T] that the chat model wrote, on the device.
    """
    device = texts.device
    is_card = device.type == "cuda"
    torch.manual_seed(2)
    reader = SquareReader(model.model.sizes.hidden_size).to(device)
    teacher = copy.deepcopy(model.model).requires_grad_(False)
    if is_card:
        teacher.bfloat16()
        _compile_blocks()
    optimizer = _optimizer(model, reader, settings, is_fused=is_card)
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    clock = _Clock(settings)
    step, pictures, losses, waited = 0, 0, [], 0.0
    for share in clock:
        before = time.monotonic()
        batch = loaded(stream.next(), device)
        waited += time.monotonic() - before
        rows = texts[torch.randint(0, len(texts), (settings.chat_rows,)).to(device)]
        with torch.autocast(device.type, torch.bfloat16, enabled=is_card):
            seen = model.visual(batch.pictures.flatten(0, 1))
            seeing, talking = picture_loss(model, batch, seen), chat_loss(model.model, teacher, rows)
            squares = reader(seen, batch.marks.flatten(0, 1))
        weight = settings.squares_weight if share < settings.squares_until else 0.0
        (seeing + settings.chat_weight * talking + weight * squares).backward()
        _average(parameters, settings.peers)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        rate = min(1.0, (step + 1) / settings.warmup_steps) * min(1.0, (1 - share) / (1 - settings.decay_from))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["peak"]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        pictures += batch.places.numel() * settings.peers
        losses.append(torch.stack((seeing.detach(), squares.detach(), talking.detach())))
        if step % settings.tell_every == 0:
            means = torch.stack(losses).mean(0).tolist()
            losses = []
            clock.tell(
                f"step {step}: answers {means[0]:.4f}, squares {means[1]:.4f}, chat KL {means[2]:.4f}; "
                f"{pictures} pictures; waited {waited:.1f} s for them"
            )
    clock.tell(f"trained {step} steps on {pictures} pictures")


class _Clock:
    """Counts the share of the time that has passed, the same for all peers."""

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings, self._began = settings, time.monotonic()
        self._speaks = settings.peers == 1 or torch.distributed.get_rank() == 0

    def __iter__(self) -> Iterator[float]:
        while True:
            share = torch.tensor([(time.monotonic() - self._began) / self._settings.seconds])
            if self._settings.peers > 1:
                torch.distributed.all_reduce(share, torch.distributed.ReduceOp.MAX)  # in main memory: no card waits
            if float(share) >= 1:
                return
            yield float(share)

    def tell(self, words: str) -> None:
        if self._speaks:
            print(f"[{time.monotonic() - self._began:5.0f} s] {words}", flush=True)


def _average(parameters: list[nn.Parameter], peers: int) -> None:
    """The mean of all peers' gradients, in their place."""
    if peers == 1:
        return
    gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
    flat = torch.cat([each.flatten() for each in gradients])
    torch.distributed.all_reduce(flat)
    flat /= peers
    for parameter, part in zip(parameters, torch.split(flat, [each.numel() for each in gradients])):
        parameter.grad = part.view_as(parameter)


def _compile_blocks() -> None:
    """Blocks fused by torch's compiler, for any size; as they are where it fails."""
    torch._dynamo.config.suppress_errors = True
    for block in (VisionBlock, TextBlock):
        block.forward = torch.compile(block.forward, dynamic=True)  # type: ignore[method-assign, assignment]


@dataclass(frozen=True)
class LoadedBatch:
    """A batch on the device; `counted` are the places of what is to be predicted among all [B * (T - 1)]."""

    ids: torch.Tensor
    positions: torch.Tensor
    pictures: torch.Tensor
    places: torch.Tensor
    marks: torch.Tensor
    counted: torch.Tensor


def loaded(batch: PictureBatch, device: torch.device) -> LoadedBatch:
    """The batch on its way to a device; nothing waits for it to arrive."""
    counted = np.flatnonzero(batch.weights[:, 1:] > 0)
    arrays = (batch.ids, batch.positions, batch.pictures, batch.places, batch.marks, counted)
    tensors = [torch.from_numpy(each) for each in arrays]
    if device.type == "cuda":
        tensors = [each.pin_memory() for each in tensors]
    return LoadedBatch(*(each.to(device, non_blocking=True) for each in tensors))


def picture_loss(model: SeeingModel, batch: LoadedBatch, seen: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of the answers."""
    ids = batch.ids.long()
    hidden = model(ids, batch.positions, seen, batch.places.long())[:, :-1].flatten(0, 1)
    logits = model.model.logits(hidden[batch.counted])
    return functional.cross_entropy(logits.float(), ids[:, 1:].flatten()[batch.counted])


def chat_loss(text: TextModel, teacher: TextModel, rows: torch.Tensor) -> torch.Tensor:
    """Mean divergence of the predictions for a text from those of the teacher, in nats."""
    positions = torch.arange(rows.shape[1], device=rows.device).expand(3, *rows.shape)
    with torch.no_grad():
        truth = torch.log_softmax(teacher.logits(_hidden(teacher, rows, positions)).float(), -1)
    found = torch.log_softmax(text.logits(_hidden(text, rows, positions)).float(), -1)
    return functional.kl_div(found, truth, log_target=True, reduction="none").sum(-1).mean()


def _hidden(text: TextModel, rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    x = text.embed_tokens(rows)
    if torch.is_autocast_enabled(x.device.type):
        x = x.to(torch.get_autocast_dtype(x.device.type))
    return text(x, positions)


def _optimizer(
    model: SeeingModel, reader: SquareReader, settings: TrainingSettings, *, is_fused: bool
) -> torch.optim.Optimizer:
    groups = []
    parts = ((model.visual, settings.tower_rate), (reader, settings.tower_rate), (model.model, settings.text_rate))
    for part, peak in parts:
        matrices = [each for name, each in part.named_parameters() if each.dim() >= 2 and "embed_tokens" not in name]
        others = [each for name, each in part.named_parameters() if each.dim() < 2 or "embed_tokens" in name]
        groups.append({"params": matrices, "peak": peak, "weight_decay": 0.05})
        groups.append({"params": others, "peak": peak, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), eps=1e-9, fused=is_fused)
