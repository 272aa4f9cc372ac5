"""Quantizes one transformer block, or the head, over two streams of hidden states.

The exact stream is what the original model computes, the rounded one what the quantized model computes up to here.
Hessians are of the rounded stream's inputs. Each weight is first moved to where it best makes up, on those inputs, for
what the streams already differ by, and rounded then; what o_proj and down_proj add to the residual stream also makes
up for the difference in the stream itself.
Knows nothing of files or of how bits were chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from engine.models.spec import BlockSpec, LinearSpec
from engine.quant.linear_request import padded
from engine.quant.tensors import Codebook
from engine.quantizer.hidden_states import Streams as Streams
from engine.quantizer.hidden_states import fetch, put, wait
from engine.quantizer.ldlq import LARGEST_EXACT, with_diagonal
from engine.quantizer.linear import LinearTask, QuantizedWeight, quantize_linears
from engine.quantizer.products import times
from engine.quantizer.search import TrellisSearch
from engine.quantizer.stream_targets import AddingLinear
from engine.quantizer.streams import BlockWeights, Ropes, Stages, batches

TOKENS_AT_ONCE = 4096
REPAIR = 0.7  # how far a weight is moved: all the way would fit what is particular to the calibration as well
REPAIR_DAMPING = 0.03  # of the mean of the Hessian's diagonal

OnWeights = Callable[[int], None]


@dataclass(frozen=True)
class BlockTask:
    """What to make of one block.

    Attributes:
        weights: the original block.
        bits: by linear key.
        search: of the trellis.
        on_weights: called with the number of weights done since the last call.
    """

    spec: BlockSpec
    weights: BlockWeights
    bits: Mapping[str, int]
    codebook: Codebook
    seed: int
    search: TrellisSearch
    on_weights: OnWeights


@dataclass(frozen=True)
class Statistics:
    """Means over all tokens: `hessian` [in, in] of the rounded inputs, `cross` [in, m] of them with what is wanted."""

    hessian: torch.Tensor
    cross: torch.Tensor

    def to(self, device: torch.device) -> Statistics:
        """The same on another device."""
        return Statistics(self.hessian.to(device), self.cross.to(device))


class _Sums:
    def __init__(self) -> None:
        self._hessian: torch.Tensor | None = None
        self._cross: torch.Tensor | None = None
        self._tokens: torch.Tensor | None = None

    def add(self, inputs: torch.Tensor, wanted: torch.Tensor) -> None:
        x, y = inputs.reshape(-1, inputs.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
        finite = (torch.isfinite(x).all(1) & torch.isfinite(y).all(1))[:, None]
        none = torch.zeros((), device=x.device)
        x, y = torch.where(finite, x, none), torch.where(finite, y, none)  # without asking whether: nobody waits
        hessian, cross = times(x.T, x), times(x.T, y)
        self._hessian = hessian if self._hessian is None else self._hessian.add_(hessian)
        self._cross = cross if self._cross is None else self._cross.add_(cross)
        count = finite.sum()
        self._tokens = count if self._tokens is None else self._tokens + count

    def mean(self) -> Statistics:
        assert self._hessian is not None
        assert self._cross is not None
        assert self._tokens is not None
        count = max(1, int(self._tokens))
        return Statistics(self._hessian.div_(count), self._cross.div_(count))


@torch.inference_mode()
def quantize_block(task: BlockTask, streams: Streams) -> dict[str, QuantizedWeight]:
    """Quantizes the seven linears of a block and moves both streams behind it."""
    device = task.search.device
    spec, exact = task.spec, task.weights.to(device)
    ropes = Ropes(streams.exact.shape[1])
    rounded = BlockWeights(dict(exact.matrices), exact.biases, exact.norms)
    results: dict[str, QuantizedWeight] = {}

    def settle(linears: Sequence[LinearSpec], statistics: Statistics, *, is_residual: bool) -> None:
        wanted = [_repaired(exact.matrices[each.key], statistics, is_residual=is_residual) for each in linears]
        for linear, found in zip(linears, _quantize(task, linears, wanted, statistics.hessian)):
            results[linear.key] = found
            rounded.matrices[linear.key] = found.weight[: linear.in_features, : linear.out_features]

    attention, mlp = spec.attention, spec.mlp
    pieces = list(batches(streams.exact, TOKENS_AT_ONCE))
    both = streams.rounded, streams.exact
    sums = _Sums()
    for at in pieces:
        inputs = [Stages(spec, exact, fetch(x, at, device), ropes).attention_input() for x in both]
        sums.add(*inputs)
    settle((attention.q_proj, attention.k_proj, attention.v_proj), sums.mean(), is_residual=False)

    # What o_proj is given is kept for its rounded weight's turn, or made again where it would have to go far.
    mixes: list[torch.Tensor] = []
    sums = _Sums()
    adding = AddingLinear(attention.o_proj, spec.attention_post_norm, exact)
    for at in pieces:
        before = fetch(streams.rounded, at, device)
        mixed = Stages(spec, rounded, before, ropes).mixed()
        stages = Stages(spec, exact, fetch(streams.exact, at, device), ropes)
        of_exact = stages.mixed()
        moved = Stages.behind_attention(spec, exact, stages.x, of_exact)
        sums.add(*adding.wanted(mixed, of_exact, moved - before))
        if streams.lie_on(device):
            mixes.append(mixed)
        put(streams.exact, at, moved)
    settle((attention.o_proj,), sums.mean(), is_residual=True)

    sums = _Sums()
    for i, at in enumerate(pieces):
        before = fetch(streams.rounded, at, device)
        mixed = mixes[i] if mixes else Stages(spec, rounded, before, ropes).mixed()
        moved = Stages.behind_attention(spec, rounded, before, mixed)
        put(streams.rounded, at, moved)
        inputs = [Stages.mlp_input(spec, exact, x) for x in (moved, fetch(streams.exact, at, device))]
        sums.add(*inputs)
    del mixes
    settle((mlp.gate_proj, mlp.up_proj), sums.mean(), is_residual=False)

    sums = _Sums()
    adding = AddingLinear(mlp.down_proj, spec.mlp_post_norm, exact)
    for at in pieces:
        before = fetch(streams.rounded, at, device)
        stream = fetch(streams.exact, at, device)
        gated, of_exact = Stages.gated(spec, rounded, before), Stages.gated(spec, exact, stream)
        moved = Stages.behind_mlp(spec, exact, stream, of_exact)
        sums.add(*adding.wanted(gated, of_exact, moved - before))
        put(streams.exact, at, moved)
    settle((mlp.down_proj,), sums.mean(), is_residual=True)
    for at in pieces:
        put(streams.rounded, at, Stages.after_mlp(spec, rounded, fetch(streams.rounded, at, device)))
    wait(device)
    return results


@torch.inference_mode()
def pass_block(spec: BlockSpec, exact: BlockWeights, rounded: BlockWeights, streams: Streams) -> None:
    """Moves both streams behind a block that was quantized before, to the same bits as then.

    Args:
        spec: the block.
        exact: its weights, where the work is done.
        rounded: the same with what its quantized linears decode to.
        streams: as they were before the block.
    """
    device = next(iter(exact.norms.values())).device
    ropes = Ropes(streams.exact.shape[1])
    for at in batches(streams.exact, TOKENS_AT_ONCE):
        for stream, weights in ((streams.exact, exact), (streams.rounded, rounded)):
            middle = Stages(spec, weights, fetch(stream, at, device), ropes).after_attention()
            put(stream, at, Stages.after_mlp(spec, weights, middle))
    wait(device)


def head_statistics(normed: Streams, device: torch.device) -> Statistics:
    """Statistics of the head's inputs."""
    sums = _Sums()
    for at in batches(normed.exact, TOKENS_AT_ONCE):
        sums.add(fetch(normed.rounded, at, device), fetch(normed.exact, at, device))
    return sums.mean()


def repaired_task(weight: torch.Tensor, statistics: Statistics, bits: int, codebook: Codebook, seed: int) -> LinearTask:
    """The task of one linear that stands alone, as the head does; weight float32 [in, out]."""
    wanted = _repaired(weight.to(statistics.hessian.device), statistics, is_residual=False)
    return LinearTask(pad_weight(wanted), pad_hessian(statistics.hessian), bits, codebook, seed)


def seed_of(seed: int, key: str) -> int:
    """A seed of its own for each linear."""
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:6], "big")


def pad_weight(weight: torch.Tensor) -> torch.Tensor:
    """[in, out] with both sizes rounded up to 128, filled with zeros."""
    rows, columns = weight.shape
    if (rows, columns) == (padded(rows), padded(columns)):
        return weight.contiguous()
    return torch.nn.functional.pad(weight, (0, padded(columns) - columns, 0, padded(rows) - rows)).contiguous()


def pad_hessian(hessian: torch.Tensor) -> torch.Tensor:
    more = padded(hessian.shape[0]) - hessian.shape[0]
    if more == 0:
        return hessian  # the largest matrix there is
    return torch.nn.functional.pad(hessian, (0, more, 0, more))


def _quantize(
    task: BlockTask, linears: Sequence[LinearSpec], wanted: Sequence[torch.Tensor], hessian: torch.Tensor
) -> list[QuantizedWeight]:
    """Linears of one input; those of the same width go side by side."""
    by_bits: dict[int, list[int]] = {}
    for i, linear in enumerate(linears):
        by_bits.setdefault(task.bits[linear.key], []).append(i)
    found: dict[int, QuantizedWeight] = {}
    for bits, members in by_bits.items():
        tasks = [
            LinearTask(
                pad_weight(wanted[i]), pad_hessian(hessian), bits, task.codebook, seed_of(task.seed, linears[i].key)
            )
            for i in members
        ]
        found.update(zip(members, quantize_linears(tasks, task.search, task.on_weights)))
    return [found[i] for i in range(len(linears))]


def _repaired(weight: torch.Tensor, statistics: Statistics, *, is_residual: bool) -> torch.Tensor:
    """The weight moved towards the least squares solution of "rounded inputs times weight is what is wanted".

    Args:
        weight: float32 [in, out].
        statistics: `cross` is with the exact inputs, or, for a linear that adds to the residual stream, with the
            outputs that would bring the rounded stream to the exact one.
    """
    # On cards, most of which are slow at float64, only a factorization that costs little is done in it.
    is_card = statistics.hessian.is_cuda
    dtype = torch.float32 if is_card else torch.float64
    hessian, cross, known = statistics.hessian.to(dtype), statistics.cross.to(dtype), weight.to(dtype)
    mean = hessian.diagonal().double().mean()
    if REPAIR == 0 or not bool(torch.isfinite(hessian).all()) or float(mean) < 1e-20:
        return weight
    missing = (cross if is_residual else cross @ known) - hessian @ known
    is_small = is_card and len(hessian) <= LARGEST_EXACT
    damped = with_diagonal(hessian.double() if is_small else hessian, float(REPAIR_DAMPING * mean))
    lower, info = torch.linalg.cholesky_ex(damped)
    if int(info) != 0:
        return weight
    return weight + REPAIR * torch.cholesky_solve(missing, lower.to(dtype)).float()
