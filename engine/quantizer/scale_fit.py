"""Fits the scales of a quantized linear to its weight by least squares under the Hessian, after the search.

With the decoded matrix A fixed, W ~ diag(suh) A diag(svh) is linear in either scale: each in turn is solved for
exactly. Costs nothing when the model runs. Knows nothing of how A was found.
"""

from __future__ import annotations

import torch

from engine.quantizer.rotation import LARGEST_SCALE, SMALLEST_SCALE, Scales

ROUNDS = 2
RIDGE = 1e-3  # keeps inputs that the calibration hardly saw near what they were


def fit_scales(weight: torch.Tensor, basis: torch.Tensor, scales: Scales, hessian: torch.Tensor | None) -> Scales:
    """The fitted scales, rounded to float16; the given ones where they were better.

    Args:
        weight: float32 [in, out].
        basis: float32 [in, out], the decoded matrix with both rotations undone.
        scales: those of the search.
        hessian: float32 [in, in], damped; None counts all inputs alike.
    """
    best, least = scales, weighted_error(weight, basis * scales.suh[:, None] * scales.svh, hessian)
    current = scales
    for _ in range(ROUNDS):
        current = _fit_inputs(weight, basis, current, hessian)
        current = _fit_outputs(weight, basis, current, hessian)
        kept = Scales(_storable(current.suh), _storable(current.svh, scales.svh == 0))
        error = weighted_error(weight, basis * kept.suh[:, None] * kept.svh, hessian)
        if error < least:
            best, least = kept, error
    return best


def weighted_error(weight: torch.Tensor, found: torch.Tensor, hessian: torch.Tensor | None) -> float:
    """tr(E' H E) / tr(W' H W)."""
    error = weight - found
    signal = (weight * _times(hessian, weight)).sum().double()
    return float((error * _times(hessian, error)).sum().double() / signal.clamp_min(1e-30))


def _fit_outputs(weight: torch.Tensor, basis: torch.Tensor, scales: Scales, hessian: torch.Tensor | None) -> Scales:
    shaped = basis * scales.suh[:, None]
    pulled = _times(hessian, shaped)
    size = (shaped * pulled).sum(0)
    fitted = (weight * pulled).sum(0) / size.clamp_min(1e-30)
    return Scales(scales.suh, torch.where((scales.svh == 0) | (size <= 1e-30), scales.svh, fitted))


def _fit_inputs(weight: torch.Tensor, basis: torch.Tensor, scales: Scales, hessian: torch.Tensor | None) -> Scales:
    shaped = basis * scales.svh
    size = weight.shape[0]
    rows = shaped @ shaped.T
    if hessian is None:
        normal, right = torch.diag(rows.diagonal()), (weight * shaped).sum(1)
    else:
        normal, right = hessian * rows, (_times(hessian, weight) * shaped).sum(1)
    ridge = RIDGE * normal.diagonal().mean()
    normal = (normal + ridge * torch.eye(size, device=normal.device)).double()
    right = (right + ridge * scales.suh).double()
    lower, info = torch.linalg.cholesky_ex(normal)
    if int(info) != 0:
        return scales
    return Scales(torch.cholesky_solve(right[:, None], lower)[:, 0].float(), scales.svh)


def _times(hessian: torch.Tensor | None, matrix: torch.Tensor) -> torch.Tensor:
    return matrix if hessian is None else hessian @ matrix


def _storable(scale: torch.Tensor, is_zero: torch.Tensor | None = None) -> torch.Tensor:
    sign = torch.where(scale < 0, -1.0, 1.0)
    cut = (sign * scale.abs().clamp(SMALLEST_SCALE, LARGEST_SCALE)).half().float()
    return cut if is_zero is None else torch.where(is_zero, torch.zeros(()), cut)
