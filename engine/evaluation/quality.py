"""Quality of a model over a text: perplexity and, against another model, how far their predictions differ.

Both models run side by side, block by block, in plain float32 on the processor, so that neither needs to fit in memory
and neither owes anything to a kernel. Knows nothing of kernels, of caches or of terminals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import InvalidRequestError
from engine.quantizer.source import SourceModel
from engine.quantizer.streams import Ropes, Stages, batches, rms_norm, softcapped
from engine.tokenizer.tokenizer import Tokenizer

WINDOW = 1024
LEAST_TOKENS = 16
ROWS_AT_ONCE = 512  # of logits
TOKENS_AT_ONCE = 4096

OnPart = Callable[[int, int], None]  # parts done, of all


@dataclass(frozen=True)
class Agreement:
    """How a model's predictions differ from another's, over all positions.

    Attributes:
        mean_kl, p99_kl: KL(other || model) in nats: the mean, and what 99 of 100 positions stay below.
        top1: share of positions with the same likeliest token.
    """

    mean_kl: float
    p99_kl: float
    top1: float


@dataclass(frozen=True)
class QualityResult:
    """Perplexity per token, and of which text."""

    perplexity: float
    bytes: int
    tokens: int
    window: int
    against: Agreement | None
    against_perplexity: float | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def text_rows(folder: Path, text: Path, max_tokens: int | None) -> torch.Tensor:
    """A text's tokens in windows [R, T]; what does not fill a window at the end is left out.

    Raises:
        InvalidRequestError: the text cannot be read or is too short.
    """
    try:
        content = text.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{text} cannot be read as UTF-8 text.", "Name a text file with --text.") from error
    ids = Tokenizer.open(folder).encode(content, parse_special=False)[:max_tokens]
    if len(ids) < LEAST_TOKENS:
        raise InvalidRequestError(f"{text} has only {len(ids)} tokens.", "Name a longer text with --text.")
    window = min(WINDOW, len(ids))
    return torch.tensor(ids[: len(ids) // window * window]).view(-1, window)


@torch.inference_mode()
def measure(folder: Path, against: Path | None, rows: torch.Tensor, on_part: OnPart) -> QualityResult:
    """Runs one or two models over rows of tokens.

    Args:
        folder: the model to judge.
        against: the model to compare with, such as the original; None for perplexity alone.
        rows: int64 [R, T].
        on_part: called as parts of the work are done.

    Raises:
        EngineError: a model cannot be read; the two have different vocabularies.
    """
    models = [SourceModel.open(each) for each in (folder, against) if each is not None]
    sizes = {model.spec.vocab_size for model in models}
    if len(sizes) > 1:
        raise InvalidRequestError(
            f"{folder} and {against} have vocabularies of different sizes.", "Compare conversions of one model."
        )
    total = sum(len(model.spec.blocks) for model in models) + rows.shape[0]
    done = [0]

    def advance() -> None:
        done[0] += 1
        on_part(done[0], total)

    states = [_final_states(model, rows, advance) for model in models]
    heads = [(model.head(), model.spec.logit_softcap) for model in models]
    losses, found = [0.0] * len(models), _Differences()
    for i in range(rows.shape[0]):
        for first in range(0, rows.shape[1], ROWS_AT_ONCE):
            at = slice(first, first + ROWS_AT_ONCE)
            logs = [
                torch.log_softmax(softcapped(state[i, at] @ head, cap), -1) for state, (head, cap) in zip(states, heads)
            ]
            following = rows[i, first + 1 : first + ROWS_AT_ONCE + 1, None]
            for number, log in enumerate(logs):
                losses[number] -= float(log[: following.shape[0]].gather(1, following).sum())
            if len(logs) == 2:
                found.add(logs[1], logs[0])
        advance()
    predicted = rows.shape[0] * (rows.shape[1] - 1)
    perplexities = [math.exp(loss / predicted) for loss in losses]
    return QualityResult(
        perplexity=perplexities[0],
        bytes=models[0].index.total_bytes,
        tokens=rows.numel(),
        window=rows.shape[1],
        against=found.agreement() if len(models) == 2 else None,
        against_perplexity=perplexities[1] if len(models) == 2 else None,
    )


class _Differences:
    def __init__(self) -> None:
        self._divergences: list[torch.Tensor] = []
        self._same = 0

    def add(self, wanted: torch.Tensor, log: torch.Tensor) -> None:
        """Log probabilities [N, V] of the model compared with and of the model judged."""
        self._divergences.append((wanted.exp() * (wanted - log)).sum(-1))
        self._same += int((wanted.argmax(-1) == log.argmax(-1)).sum())

    def agreement(self) -> Agreement:
        every = torch.cat(self._divergences).double().clamp_min(0)
        rank = min(len(every), math.ceil(0.99 * len(every)))
        return Agreement(float(every.mean()), float(every.kthvalue(rank).values), self._same / len(every))


def _final_states(model: SourceModel, rows: torch.Tensor, advance: Callable[[], None]) -> torch.Tensor:
    """What the head is given, float32 [R, T, E]."""
    ropes = Ropes(rows.shape[1])
    x = model.embedded(rows)
    for block in model.spec.blocks:
        weights = model.block(block)
        for at in batches(x, TOKENS_AT_ONCE):
            after = Stages(block, weights, x[at], ropes).after_attention()
            x[at] = Stages.after_mlp(block, weights, after)
        advance()
    norm = model.final_norm()
    for row in x:
        row.copy_(rms_norm(row, norm, model.spec.final_norm.eps))
    return x


def table(results: Sequence[tuple[str, QualityResult]]) -> list[str]:
    """Lines of a table: one for each model."""
    lines = [f"{'model':<32} {'GB':>7} {'perplexity':>11} {'mean KL':>10} {'p99 KL':>10} {'top 1':>7}"]
    for name, each in results:
        line = f"{name[-32:]:<32} {each.bytes / 1e9:>7.3f} {each.perplexity:>11.4f}"
        if each.against is not None:
            line += f" {each.against.mean_kl:>10.5f} {each.against.p99_kl:>10.5f} {100 * each.against.top1:>5.1f} %"
        lines.append(line)
    return lines
