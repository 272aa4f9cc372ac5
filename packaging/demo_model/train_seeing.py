"""Teaches the demo chat model to see, and to go on talking as it did.

Four losses: what it should say about drawn pictures; what the tower alone should tell of each square, which teaches it
shapes and letters many times sooner than answers do; in which row and column the text model should know each square to
lie; and how far the predictions of the model's own earlier words have moved. The tower begins alone with its squares,
where a step costs a small part of a whole one. On a card each size of batch is a graph of its own, of compiled blocks:
a step has thousands of small operations, and launching them one by one took four times as long as the card needs. The
schedule runs by the clock. Knows nothing of files.
"""

from __future__ import annotations

import copy
import time
from collections import deque
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from picture_marks import LABELS
from picture_stream import ANSWER_ROOM, MOST_ACROSS, PictureBatch, PictureStream
from seeing_network import MERGE, PATCH, SeeingModel, TextModel, run_block
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
        squares_weight, places_weight: of what the tower tells of squares and the text model of their places, until
            `squares_until` of the time.
        tower_until: of the time the tower learns alone.
        warmup_steps: of the tower, and then of the text model.
    """

    seconds: float
    tower_rate: float
    text_rate: float
    chat_weight: float = 2.0
    chat_rows: int = 16
    squares_weight: float = 0.5
    places_weight: float = 0.1
    squares_until: float = 0.85
    tower_until: float = 0.12
    warmup_steps: int = 300
    decay_from: float = 0.35
    tell_every: int = 250


class SquareReader(nn.Module):
    """Reads out of the tower's rows what stands in each square, by `picture_marks.LABELS`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(size, each) for each in LABELS)

    def forward(self, seen: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
        """The loss for rows [N, squares, E] and marks uint8 [N, labels, squares]; nothing counts a tenth of a thing."""
        total = seen.new_zeros((), dtype=torch.float32)
        for number, head in enumerate(self.heads):
            logits, wanted = head(seen).flatten(0, 1).float(), marks[:, number].flatten().long()
            weight = torch.where(wanted > 0, 1.0, 0.1)
            losses = functional.cross_entropy(logits, wanted, reduction="none")
            total = total + (losses * weight).sum() / weight.sum()
        return total / len(self.heads)


class PlaceReader(nn.Module):
    """Reads out of the text model's early states in which row and column each square lies."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.row, self.column = nn.Linear(size, MOST_ACROSS), nn.Linear(size, MOST_ACROSS)

    def forward(self, early: torch.Tensor, columns: int) -> torch.Tensor:
        """The loss for states [N, squares, E] of pictures so many squares wide."""
        places = torch.arange(early.shape[1], device=early.device).expand(early.shape[:2]).flatten()
        rows, across = self.row(early).flatten(0, 1).float(), self.column(early).flatten(0, 1).float()
        return functional.cross_entropy(rows, places // columns) + functional.cross_entropy(across, places % columns)


@dataclass(frozen=True)
class LoadedBatch:
    """A batch as tensors.

    Attributes:
        counted: int64 [M], the places of what is to be predicted among all [B * (T - 1)], filled up with zeros.
        counts: float32 [M], 1, and 0 where it is filled up.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    pictures: torch.Tensor
    places: torch.Tensor
    marks: torch.Tensor
    counted: torch.Tensor
    counts: torch.Tensor

    @property
    def tensors(self) -> list[torch.Tensor]:
        return [getattr(self, each.name) for each in fields(self)]

    def take(self, other: LoadedBatch) -> None:
        """Takes over the values of another batch of the same sizes."""
        for own, values in zip(self.tensors, other.tensors):
            own.copy_(values, non_blocking=True)


def loaded(batch: PictureBatch, *, is_pinned: bool = False) -> LoadedBatch:
    """The batch in main memory, page-locked if a card is to fetch it without being waited for."""
    room = ANSWER_ROOM * len(batch.ids)
    found = np.flatnonzero(batch.weights[:, 1:] > 0)[:room]
    counted, counts = np.zeros(room, np.int64), np.zeros(room, np.float32)
    counted[: len(found)], counts[: len(found)] = found, 1
    arrays = (batch.ids, batch.positions, batch.pictures, batch.places, batch.marks, counted, counts)
    return LoadedBatch(*(_copied(each, is_pinned=is_pinned) for each in arrays))


def _copied(array: np.ndarray, *, is_pinned: bool) -> torch.Tensor:
    made = torch.empty(array.shape, dtype=getattr(torch, array.dtype.name), pin_memory=is_pinned)
    np.copyto(made.numpy(), array)
    return made


class Trainer:
    """Model, optimizer and losses: one step on a batch.

    Attributes:
        sums: float32 [5], losses of answers, squares, places and chat and the steps left out, added up.
    """

    def __init__(self, model: SeeingModel, texts: torch.Tensor, settings: TrainingSettings, teacher: TextModel) -> None:
        self._model, self._texts, self._settings = model, texts, settings
        self._device = texts.device
        torch.manual_seed(2)
        self._reader = SquareReader(model.model.sizes.hidden_size).to(self._device)
        self._place_reader = PlaceReader(model.model.sizes.hidden_size).to(self._device)
        if self.is_card:
            model.visual.run_block = model.model.run_block = torch.compile(run_block, dynamic=True)
        self._teacher = copy.deepcopy(teacher).requires_grad_(False)
        if self.is_card:
            self._teacher.bfloat16()
            self._teacher.run_block = model.model.run_block
        self._optimizer = self._made_optimizer()
        self._parameters = [each for group in self._optimizer.param_groups for each in group["params"]]
        self._rows = texts[: settings.chat_rows].clone()
        self._is_taught = torch.zeros((), device=self._device)  # 1 while squares and places count
        self.sums = torch.zeros(5, device=self._device)
        self._together = 0  # steps of tower and text
        self._graphs: dict[tuple[torch.Size, bool], tuple[LoadedBatch, torch.cuda.CUDAGraph]] = {}
        self._pool: Any = None  # of the memory of all graphs, which never run at once
        self._ahead: deque[torch.cuda.Event] = deque()

    @property
    def is_card(self) -> bool:
        return self._device.type == "cuda"

    def step(self, batch: LoadedBatch, share: float, number: int) -> None:
        """One step, `share` of the time being over."""
        settings, is_alone = self._settings, share < self._settings.tower_until
        self._rows.copy_(self._texts[torch.randint(len(self._texts), (settings.chat_rows,), device=self._device)])
        self._is_taught.fill_(float(share < settings.squares_until))
        self._together += not is_alone
        decay = min(1.0, (1 - share) / (1 - settings.decay_from))
        for group in self._optimizer.param_groups:
            steps = self._together if group["is_text"] else number + 1
            rate = group["peak"] * decay * min(1.0, steps / settings.warmup_steps)
            if self.is_card:
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        if not self.is_card:
            self._learn(batch, is_alone=is_alone)
            return
        key = batch.pictures.shape, is_alone
        if key not in self._graphs:
            self._graphs[key] = self._captured(batch, is_alone=is_alone)
        held, graph = self._graphs[key]
        held.take(batch)
        graph.replay()
        self._wait_a_little()

    def _wait_a_little(self) -> None:
        """Runs at most three steps ahead of the card, so that the clock of the schedule is that of the training."""
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        self._ahead.append(done)
        if len(self._ahead) > 3:
            self._ahead.popleft().synchronize()

    def _captured(self, batch: LoadedBatch, *, is_alone: bool) -> tuple[LoadedBatch, torch.cuda.CUDAGraph]:
        """A graph of a step, after two steps that make ready what steps of this size need."""
        held = LoadedBatch(*(each.to(self._device) for each in batch.tensors))
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(2):
                self._learn(held, is_alone=is_alone)
        torch.cuda.current_stream().wait_stream(beside)
        self._optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            self._learn(held, is_alone=is_alone)
        self._pool = self._pool or graph.pool()
        return held, graph

    def _learn(self, batch: LoadedBatch, *, is_alone: bool) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        settings = self._settings
        answers = places = chat = torch.zeros((), device=self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.is_card, cache_enabled=False):
            seen = self._model.visual(batch.pictures.flatten(0, 1))
            squares = self._reader(seen, batch.marks.flatten(0, 1))
            if not is_alone:
                early, answers = picture_loss(self._model, batch, seen)
                places = self._place_reader(early, batch.pictures.shape[3] // (PATCH * MERGE))
                chat = chat_loss(self._model.model, self._teacher, self._rows)
        taught = settings.squares_weight * squares + settings.places_weight * places
        (answers + self._is_taught * taught + settings.chat_weight * chat).backward()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        is_bad = (~torch.isfinite(norm)).float()
        if self.is_card:
            self._optimizer.found_inf = is_bad  # type: ignore[attr-defined]  # the step is left out where it is 1
        self._optimizer.step()
        told = torch.stack([each.detach() for each in (answers, squares, places, chat)])
        self.sums += torch.cat((torch.nan_to_num(told), is_bad[None]))

    def _made_optimizer(self) -> torch.optim.Optimizer:
        settings, groups = self._settings, []
        for part, is_text in (
            (self._model.visual, False), (self._reader, False), (self._model.model, True), (self._place_reader, True),
        ):  # fmt: skip
            peak = settings.text_rate if is_text else settings.tower_rate
            named = list(part.named_parameters())
            for is_matrix in (True, False):
                chosen = [each for name, each in named if (each.dim() >= 2 and "embed_tokens" not in name) == is_matrix]
                rate = torch.zeros((), device=self._device) if self.is_card else 0.0
                decay = 0.05 if is_matrix else 0.0
                groups.append({"params": chosen, "peak": peak, "is_text": is_text, "weight_decay": decay, "lr": rate})
        return torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-9, fused=self.is_card, capturable=self.is_card)


def train(
    model: SeeingModel, stream: PictureStream, texts: torch.Tensor, settings: TrainingSettings, teacher: TextModel
) -> None:
    """Trains in place.

    Args:
        model: on its device.
        stream: of pictures.
        texts: int64 [n, T] that the chat model wrote, on the device.
        teacher: the chat model, on the device.
    """
    trainer = Trainer(model, texts, settings, teacher)
    began, step, pictures, waited = time.monotonic(), 0, 0, 0.0
    while (share := (time.monotonic() - began) / settings.seconds) < 1:
        before = time.monotonic()
        batch = loaded(stream.next(), is_pinned=trainer.is_card)
        waited += time.monotonic() - before
        trainer.step(batch, share, step)
        step += 1
        pictures += batch.places.numel()
        if step % settings.tell_every == 0:
            answers, squares, places, chat, bad = (trainer.sums / settings.tell_every).tolist()
            trainer.sums.zero_()
            passed = time.monotonic() - began
            print(
                f"[{passed:5.0f} s] step {step}: answers {answers:.4f}, squares {squares:.4f}, places {places:.4f}, "
                f"chat KL {chat:.4f}, left out {100 * bad:.1f} %; {pictures} pictures; waited {waited:.1f} s for them",
                flush=True,
            )
    print(f"trained {step} steps on {pictures} pictures", flush=True)


def picture_loss(model: SeeingModel, batch: LoadedBatch, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Early states of the squares [N, squares, E], and the mean cross entropy of the answers."""
    ids = batch.ids.long()
    early, hidden = model.states(ids, batch.positions, seen, batch.places.long())
    logits = model.model.logits(hidden[:, :-1].flatten(0, 1).index_select(0, batch.counted))
    wanted = ids[:, 1:].flatten().index_select(0, batch.counted)
    losses = functional.cross_entropy(logits.float(), wanted, reduction="none")
    return early, (losses * batch.counts).sum() / batch.counts.sum()


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
