"""Quantizes one linear: from a weight and the Hessian of its inputs to the tensors of the format.

Knows nothing of models, of files or of how the Hessian came about. Source of the method: sections 6.3 to 6.8 of the
format description, with these differences: the Hessian holds the sizes of the input scales; scales are rounded to
float16 before the search, not after; and both are fitted once more to the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from engine.quant.exl3_decode import codebook_table, decode_inner
from engine.quant.tensors import Codebook, Exl3Linear
from engine.quantizer.ldlq import Problem, Rounding, feedback_factor, round_with_feedback, with_diagonal
from engine.quantizer.rotation import Scales, first_scales, from_inner, inner_hessian, rounded, to_inner
from engine.quantizer.scale_fit import fit_scales
from engine.quantizer.scale_search import find_scale
from engine.quantizer.search import TrellisSearch
from engine.quantizer.tiles import pack_states

DAMPING = 0.01  # of the mean of the Hessian's diagonal


@dataclass(frozen=True)
class LinearTask:
    """One linear to quantize.

    Attributes:
        weight: float32 [in, out], padded to 128 with zeros.
        hessian: float32 [in, in], mean of the outer products of the inputs, without damping; None: nothing is known.
        seed: of the random signs.
    """

    weight: torch.Tensor
    hessian: torch.Tensor | None
    bits: int
    codebook: Codebook
    seed: int


@dataclass(frozen=True)
class QuantizedWeight:
    """What the search found.

    Attributes:
        trellis: int16 [in/16, out/16, 16*K], in main memory.  suh, svh: float16.
        weight: float32 [in, out], what the tensors decode to; `decoded_weight` gives the same bits.
        error: error over signal of the outputs, in the sense of the Hessian.
    """

    trellis: torch.Tensor
    suh: torch.Tensor
    svh: torch.Tensor
    weight: torch.Tensor
    error: float


def quantize_linears(
    tasks: Sequence[LinearTask], search: TrellisSearch, on_weights: Callable[[int], None]
) -> list[QuantizedWeight]:
    """Quantizes linears with the same number of inputs, of bits and of codebook, side by side.

    `on_weights` is called with the number of weights done since the last call.
    """
    first = tasks[0]
    rounding = Rounding(search, first.bits, codebook_table(first.codebook).to(search.device))
    prepared = [_prepare(task, rounding) for task in tasks]
    found = round_with_feedback([each.problem for each in prepared], rounding, on_weights)
    for each in prepared:
        each.problem.clear()  # the factor is as large as the Hessian
    return [_finish(*each, first.bits) for each in zip(tasks, prepared, found)]


@dataclass(frozen=True)
class _Prepared:
    scales: Scales
    hessian: torch.Tensor | None
    problem: Problem


def _prepare(task: LinearTask, rounding: Rounding) -> _Prepared:
    generator = torch.Generator().manual_seed(task.seed)
    signs_in, signs_out = (
        (torch.randint(0, 2, (size,), generator=generator) * 2.0 - 1.0).to(task.weight.device)
        for size in task.weight.shape
    )
    scales = first_scales(task.weight, signs_in, signs_out)
    scales = rounded(scales, find_scale(to_inner(task.weight, scales), rounding, generator))
    hessian = damped(task.hessian)
    factor = None if hessian is None else feedback_factor(inner_hessian(hessian, scales.suh))
    return _Prepared(scales, hessian, Problem(to_inner(task.weight, scales), factor))


def _finish(
    task: LinearTask, prepared: _Prepared, found: tuple[torch.Tensor, torch.Tensor], bits: int
) -> QuantizedWeight:
    states, values = found
    basis = from_inner(values)
    fitted = fit_scales(task.weight, basis, prepared.scales, prepared.hessian)
    return QuantizedWeight(
        trellis=pack_states(states, bits).cpu(),
        suh=fitted.scales.suh.half(),
        svh=fitted.scales.svh.half(),
        weight=fitted.scales.applied_to(basis),
        error=fitted.error,
    )


def decoded_weight(linear: Exl3Linear, device: torch.device) -> torch.Tensor:
    """The `weight` of a `QuantizedWeight` once more, from its tensors, bit for bit when on the same device."""
    basis = from_inner(decode_inner(linear).to(device).float())
    return Scales(linear.suh.to(device).float(), linear.svh.to(device).float()).applied_to(basis)


def damped(hessian: torch.Tensor | None) -> torch.Tensor | None:
    """The Hessian with a little on its diagonal; None where it says nothing."""
    if hessian is None or not bool(torch.isfinite(hessian).all()):
        return None
    mean = float(hessian.diagonal().mean())
    if mean < 1e-20:
        return None
    return with_diagonal(hessian, DAMPING * mean)
