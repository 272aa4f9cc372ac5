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
from engine.quantizer.linear import LinearTask, QuantizedWeight, quantize_linears
from engine.quantizer.search import TrellisSearch
from engine.quantizer.stream_targets import AddingLinear
from engine.quantizer.streams import BlockWeights, Ropes, Stages, batches

TOKENS_AT_ONCE = 4096
REPAIR = 0.7  # how far a weight is moved: all the way would fit what is particular to the calibration as well
REPAIR_DAMPING = 0.03  # of the mean of the Hessian's diagonal

OnWeights = Callable[[int], None]


@dataclass
class Streams:
    """Hidden states float32 [rows, T, E]; both are replaced in place by what follows a block."""

    exact: torch.Tensor
    rounded: torch.Tensor


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


class _Sums:
    def __init__(self) -> None:
        self._hessian: torch.Tensor | None = None
        self._cross: torch.Tensor | None = None
        self._tokens = 0

    def add(self, inputs: torch.Tensor, wanted: torch.Tensor) -> None:
        x, y = inputs.reshape(-1, inputs.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
        finite = torch.isfinite(x).all(1) & torch.isfinite(y).all(1)
        if not bool(finite.all()):
            x, y = x[finite], y[finite]
        hessian, cross = x.T @ x, x.T @ y
        self._hessian = hessian if self._hessian is None else self._hessian.add_(hessian)
        self._cross = cross if self._cross is None else self._cross.add_(cross)
        self._tokens += x.shape[0]

    def mean(self) -> Statistics:
        assert self._hessian is not None
        assert self._cross is not None
        count = max(1, self._tokens)
        return Statistics(self._hessian / count, self._cross / count)


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
        inputs = [Stages(spec, exact, x[at].to(device), ropes).attention_input() for x in both]
        sums.add(*inputs)
    settle((attention.q_proj, attention.k_proj, attention.v_proj), sums.mean(), is_residual=False)

    sums, mixes = _Sums(), []
    adding = AddingLinear(attention.o_proj, spec.attention_post_norm, exact)
    for at in pieces:
        before = streams.rounded[at].to(device)
        mixed = Stages(spec, rounded, before, ropes).mixed()
        stages = Stages(spec, exact, streams.exact[at].to(device), ropes)
        of_exact = stages.mixed()
        moved = Stages.behind_attention(spec, exact, stages.x, of_exact)
        sums.add(*adding.wanted(mixed, of_exact, moved - before))
        mixes.append(mixed.cpu())
        streams.exact[at] = moved
    settle((attention.o_proj,), sums.mean(), is_residual=True)

    sums = _Sums()
    for at, mixed in zip(pieces, mixes):
        before = streams.rounded[at].to(device)
        streams.rounded[at] = Stages.behind_attention(spec, rounded, before, mixed.to(device))
        inputs = [Stages.mlp_input(spec, exact, x[at].to(device)) for x in both]
        sums.add(*inputs)
    del mixes
    settle((mlp.gate_proj, mlp.up_proj), sums.mean(), is_residual=False)

    sums = _Sums()
    adding = AddingLinear(mlp.down_proj, spec.mlp_post_norm, exact)
    for at in pieces:
        before = streams.rounded[at].to(device)
        stream = streams.exact[at].to(device)
        gated, of_exact = Stages.gated(spec, rounded, before), Stages.gated(spec, exact, stream)
        moved = Stages.behind_mlp(spec, exact, stream, of_exact)
        sums.add(*adding.wanted(gated, of_exact, moved - before))
        streams.exact[at] = moved
    settle((mlp.down_proj,), sums.mean(), is_residual=True)
    for at in pieces:
        streams.rounded[at] = Stages.after_mlp(spec, rounded, streams.rounded[at].to(device))
    return results


def head_statistics(normed: Streams, device: torch.device) -> Statistics:
    """Statistics of the head's inputs."""
    sums = _Sums()
    for at in batches(normed.exact, TOKENS_AT_ONCE):
        sums.add(normed.rounded[at].to(device), normed.exact[at].to(device))
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
    return torch.nn.functional.pad(weight, (0, padded(columns) - columns, 0, padded(rows) - rows)).contiguous()


def pad_hessian(hessian: torch.Tensor) -> torch.Tensor:
    more = padded(hessian.shape[0]) - hessian.shape[0]
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
    hessian = statistics.hessian.double()
    mean = hessian.diagonal().mean()
    if REPAIR == 0 or not bool(torch.isfinite(hessian).all()) or float(mean) < 1e-20:
        return weight
    wanted = statistics.cross.double() if is_residual else statistics.cross.double() @ weight.double()
    missing = wanted - hessian @ weight.double()
    lower, info = torch.linalg.cholesky_ex(
        hessian + REPAIR_DAMPING * mean * torch.eye(len(hessian), device=hessian.device).double()
    )
    if int(info) != 0:
        return weight
    return weight + REPAIR * torch.cholesky_solve(missing, lower).float()
