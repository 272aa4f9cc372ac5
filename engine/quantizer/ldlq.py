"""Rounds a matrix tile by tile with error feedback: block LDLQ.

Rows go from the last block of sixteen to the first; each is given what makes up for the errors of the rows behind it.
Source: sections 6.6 and 6.7 of the format description. Knows nothing of scales or of files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from engine.quantizer.search import TrellisSearch
from engine.quantizer.tiles import TILE, TILE_WEIGHTS, from_stream, to_stream

SPAN = 128  # rows whose corrections are summed one by one before a large product serves all rows above
LARGEST_EXACT = 4096  # inputs up to which the factorization is in float64
TRIES = 10


@dataclass(frozen=True)
class Rounding:
    """The trellis, its values table, and whoever searches it."""

    search: TrellisSearch
    bits: int
    table: torch.Tensor


def feedback_factor(hessian: torch.Tensor) -> torch.Tensor:
    """The unit block-lower-triangular factor of a Hessian, without its diagonal blocks, float32 [in, in].

    Raises:
        ArithmeticError: the Hessian is not finite, or stays indefinite however much is added to its diagonal.
    """
    if not bool(torch.isfinite(hessian).all()):
        raise ArithmeticError("the Hessian is not finite")
    size = hessian.shape[0]
    work = hessian.double() if size <= LARGEST_EXACT else hessian.float()
    step = 0.01 * work.diagonal().mean()
    for attempt in range(TRIES):
        lower, info = torch.linalg.cholesky_ex(with_diagonal(work, attempt * step) if attempt else work)
        if int(info) == 0:
            break
    else:
        raise ArithmeticError("the Hessian is not positive")
    for first in range(0, size, TILE):
        block = lower[first : first + TILE, first : first + TILE]
        below = lower[first + TILE :, first : first + TILE]
        lower[first + TILE :, first : first + TILE] = torch.linalg.solve_triangular(
            block, below, upper=False, left=False
        )
        block.zero_()
    return lower.float()


def with_diagonal(matrix: torch.Tensor, more: torch.Tensor | float) -> torch.Tensor:
    """A copy with something added to the diagonal."""
    copy = matrix.clone()
    copy.diagonal().add_(more)
    return copy


@dataclass
class Problem:
    """One matrix to round: `inner` float32 [in, out] and the factor of its Hessian, None to do without feedback."""

    inner: torch.Tensor
    factor: torch.Tensor | None

    def clear(self) -> None:
        """Lets go of both, once the matrix is rounded."""
        self.inner, self.factor = torch.empty(0), None


def round_with_feedback(
    problems: Sequence[Problem], rounding: Rounding, on_weights: Callable[[int], None]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Rounds matrices of equal height side by side, so that the search gets many tiles at once.

    Args:
        problems: what to round.
        rounding: the trellis.
        on_weights: called with the number of weights done, after each block of rows; a card may still be at them.

    Returns:
        For each matrix its states, int32 [in/16, out/16, 256], and exactly their values, float32 [in, out].
    """
    size = problems[0].inner.shape[0]
    states: list[list[torch.Tensor]] = [[] for _ in problems]
    errors = [torch.zeros_like(each.inner) for each in problems]
    results = [torch.empty_like(each.inner) for each in problems]
    for start in range(max(0, size - 1) // SPAN * SPAN, -1, -SPAN):
        span = slice(start, min(start + SPAN, size))
        behind = [_behind(*pair, span) for pair in zip(problems, errors)]
        for first in range(span.stop - TILE, start - 1, -TILE):
            rows = slice(first, first + TILE)
            tiles = [
                to_stream(_target(each, error, rows, span, correction))
                for each, error, correction in zip(problems, errors, behind)
            ]
            found, values = rounding.search.search(torch.cat(tiles), rounding.bits, rounding.table)
            counts = [tile.shape[0] for tile in tiles]
            for i, (own, rounded) in enumerate(zip(torch.split(found, counts), torch.split(values, counts))):
                states[i].append(own)
                results[i][rows] = from_stream(rounded)
                torch.sub(problems[i].inner[rows], results[i][rows], out=errors[i][rows])
            on_weights(TILE_WEIGHTS * found.shape[0])
    return [(torch.stack(own[::-1]), result) for own, result in zip(states, results)]


def _behind(problem: Problem, errors: torch.Tensor, span: slice) -> torch.Tensor | None:
    """What the errors of all rows behind a span ask of its rows."""
    if problem.factor is None or span.stop == errors.shape[0]:
        return None
    return problem.factor[span.stop :, span].T @ errors[span.stop :]


def _target(
    problem: Problem, errors: torch.Tensor, rows: slice, span: slice, behind: torch.Tensor | None
) -> torch.Tensor:
    target = problem.inner[rows]
    if behind is not None:
        target = target + behind[rows.start - span.start : rows.stop - span.start]
    if problem.factor is not None and rows.stop < span.stop:
        target = target + problem.factor[rows.stop : span.stop, rows].T @ errors[rows.stop : span.stop]
    return target
