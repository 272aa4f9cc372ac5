"""Counting a row's tokens within its penalty window, on tensors: inputs by size, the launch, the reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gpu.launch import KernelCache
from gpu.launchers.draw import Draw
from gpu.reference.sampling import window_counts
from gpu.sampler import SamplerBuffers

Tensors = tuple[torch.Tensor, ...]
MAX_WINDOW = 100


@dataclass(frozen=True)
class CountRow:
    """One row: its window (0: none), and how many tokens prompt and reply have before the first step."""

    window: int
    prompt: int
    reply: int
    active: bool = True


@dataclass(frozen=True)
class CountCase:
    """`steps` tokens are counted for each row."""

    vocab: int
    steps: int
    rows: tuple[CountRow, ...]


@dataclass(frozen=True)
class CountInputs:
    """prompts and replies hold some ids beyond the vocabulary; chosen: int64 [steps, rows]."""

    case: CountCase
    prompts: tuple[list[int], ...]
    replies: tuple[list[int], ...]
    chosen: torch.Tensor


def count_inputs(case: CountCase, draw: Draw) -> CountInputs:
    prompts = tuple(draw.integers(-1, case.vocab + 2, row.prompt).tolist() for row in case.rows)
    replies = tuple(draw.integers(0, case.vocab, row.reply).tolist() for row in case.rows)
    return CountInputs(case, prompts, replies, draw.integers(0, case.vocab, case.steps, len(case.rows)))


def launch_count(kernels: KernelCache, inputs: CountInputs) -> Tensors:
    """seen and replied [steps + 1, rows, V] before the first step and after each, and the last positions."""
    case = inputs.case
    buffers = SamplerBuffers(kernels, len(case.rows), case.vocab, MAX_WINDOW, inputs.chosen.device)
    for i, row in enumerate(case.rows):
        buffers.set_position(i, row.prompt + row.reply, active=row.active)
        buffers.set_history(i, inputs.prompts[i], inputs.replies[i], row.window)
    seen, replied = [buffers.seen.clone()], [buffers.replied.clone()]
    for tokens in inputs.chosen:
        buffers.tokens.copy_(tokens)
        buffers.count(len(case.rows))
        seen.append(buffers.seen.clone())
        replied.append(buffers.replied.clone())
    return torch.stack(seen), torch.stack(replied), buffers.positions


def count_reference(inputs: CountInputs) -> Tensors:
    case, device = inputs.case, inputs.chosen.device
    shape = (case.steps + 1, len(case.rows), case.vocab)
    seen, replied = (torch.empty(shape, dtype=torch.int32) for _ in range(2))
    for i, row in enumerate(case.rows):
        for step in range(case.steps + 1):
            said = inputs.chosen[:step, i].tolist() if row.active else []
            counts = window_counts(inputs.prompts[i], [*inputs.replies[i], *said], row.window, case.vocab)
            seen[step, i], replied[step, i] = torch.from_numpy(counts.seen), torch.from_numpy(counts.replied)
    positions = [row.prompt + row.reply + (case.steps if row.active else 0) for row in case.rows]
    return seen.to(device), replied.to(device), torch.tensor(positions, dtype=torch.int32, device=device)
