"""Fits the scales of a quantized linear to its weight by least squares under the Hessian, after the search.

With the decoded matrix A fixed, W ~ diag(suh) A diag(svh) is linear in either scale: each in turn is solved for
exactly. Costs nothing when the model runs. Knows nothing of how A was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.quantizer.products import times
from engine.quantizer.rotation import LARGEST_SCALE, SMALLEST_SCALE, Scales

ROUNDS = 2
RIDGE = 1e-3  # keeps inputs that the calibration hardly saw near what they were


@dataclass(frozen=True)
class Fitted:
    """Scales holding float16 values, and the error over signal that is left with them."""

    scales: Scales
    error: float


@dataclass(frozen=True)
class _Target:
    """What is to be reached, with what is asked of it again and again.

    Attributes:
        pulled: the Hessian times the weight.
    """

    weight: torch.Tensor
    hessian: torch.Tensor | None
    pulled: torch.Tensor

    @classmethod
    def of(cls, weight: torch.Tensor, hessian: torch.Tensor | None) -> _Target:
        return cls(weight, hessian, _times(hessian, weight))

    def error(self, found: torch.Tensor) -> float:
        """tr(E' H E) / tr(W' H W)."""
        error = self.weight - found
        signal = (self.weight * self.pulled).sum().double()
        return float((error * _times(self.hessian, error)).sum().double() / signal.clamp_min(1e-30))


def fit_scales(weight: torch.Tensor, basis: torch.Tensor, scales: Scales, hessian: torch.Tensor | None) -> Fitted:
    """The fitted scales, rounded to float16; the given ones where they were better.

    Args:
        weight: float32 [in, out].
        basis: float32 [in, out], the decoded matrix with both rotations undone.
        scales: those of the search.
        hessian: float32 [in, in], damped; None counts all inputs alike.
    """
    target = _Target.of(weight, hessian)
    best = Fitted(scales, target.error(scales.applied_to(basis)))
    current = scales
    for _ in range(ROUNDS):
        current = _fit_outputs(target, basis, _fit_inputs(target, basis, current))
        kept = Scales(_storable(current.suh), _storable(current.svh, scales.svh == 0))
        error = target.error(kept.applied_to(basis))
        if error < best.error:
            best = Fitted(kept, error)
    return best


def _fit_outputs(target: _Target, basis: torch.Tensor, scales: Scales) -> Scales:
    shaped = basis * scales.suh[:, None]
    pulled = _times(target.hessian, shaped)
    size = (shaped * pulled).sum(0)
    fitted = (target.weight * pulled).sum(0) / size.clamp_min(1e-30)
    return Scales(scales.suh, torch.where((scales.svh == 0) | (size <= 1e-30), scales.svh, fitted))


def _fit_inputs(target: _Target, basis: torch.Tensor, scales: Scales) -> Scales:
    shaped = basis * scales.svh
    rows = times(shaped, shaped.T)
    normal = torch.diag(rows.diagonal()) if target.hessian is None else rows.mul_(target.hessian)
    right = (target.pulled * shaped).sum(1)
    ridge = RIDGE * normal.diagonal().mean()
    normal.diagonal().add_(ridge)
    right = (right + ridge * scales.suh).double()
    lower, info = torch.linalg.cholesky_ex(normal.double())
    if int(info) != 0:
        return scales
    return Scales(torch.cholesky_solve(right[:, None], lower)[:, 0].float(), scales.svh)


def _times(hessian: torch.Tensor | None, matrix: torch.Tensor) -> torch.Tensor:
    return matrix if hessian is None else times(hessian, matrix)


def _storable(scale: torch.Tensor, is_zero: torch.Tensor | None = None) -> torch.Tensor:
    sign = torch.where(scale < 0, -1.0, 1.0)
    cut = (sign * scale.abs().clamp(SMALLEST_SCALE, LARGEST_SCALE)).half().float()
    return cut if is_zero is None else torch.where(is_zero, torch.zeros(()), cut)
