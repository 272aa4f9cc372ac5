"""Brings a weight matrix into the basis in which it is quantized, and back: scales with signs, Hadamard on both sides.

W = diag(suh) B W_q B diag(svh), with B the rotation of every aligned run of 128. Source: sections 4.1 and 6.4 of the
format description; where it differs, the function says why. Knows nothing of trellises.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.quant.exl3_decode import hadamard_rotate

SMALLEST_SCALE = 2.0**-14  # the least normal float16: below it a scale would lose its digits
LARGEST_SCALE = 60000.0
OUTPUT_POWER = 0.5


@dataclass(frozen=True)
class Scales:
    """`suh` [in] and `svh` [out], float32 holding float16 values."""

    suh: torch.Tensor
    svh: torch.Tensor

    def applied_to(self, basis: torch.Tensor) -> torch.Tensor:
        """diag(suh) basis diag(svh)."""
        return basis * self.suh[:, None] * self.svh


def rotate_inputs(matrix: torch.Tensor) -> torch.Tensor:
    """B matrix."""
    return hadamard_rotate(matrix.T.contiguous()).T.contiguous()


def first_scales(weight: torch.Tensor, signs_in: torch.Tensor, signs_out: torch.Tensor) -> Scales:
    """Scales that give every row of the rotated weight a mean square of one.

    The noise of a column ends up multiplied by `svh`; the sum of squares of noise over signal is least where `svh`
    goes with the square root of the columns' sizes, not with the sizes. Inputs go with the rows' sizes: error
    feedback makes the noise there independent of the Hessian's diagonal.

    Args:
        weight: float32 [in, out]; columns of zeros (padding) get a scale of zero.
        signs_in, signs_out: +1 and -1, [in] and [out].
    """
    columns = weight.square().mean(0).sqrt()
    is_zero = columns <= 1e-30
    used = columns[~is_zero]
    mean = used.mean() if used.numel() else torch.tensor(1.0)
    shaped = (columns / mean).clamp_min(1e-3) ** OUTPUT_POWER
    svh = torch.where(is_zero, torch.ones(()), shaped) * signs_out
    rotated = hadamard_rotate(weight / svh)
    rows = rotated.square().mean(1).sqrt()
    typical = rows[rows > 1e-30]
    rows = torch.where(rows > 1e-30, rows, typical.median() if typical.numel() else torch.tensor(0.1))
    return Scales(rows * signs_in, torch.where(is_zero, torch.zeros(()), svh))


def rounded(scales: Scales, factor: float) -> Scales:
    """As they will be stored, with the inputs' divided by `factor`; sizes that float16 cannot hold are cut."""
    suh = scales.suh / factor
    suh = suh.sign() * suh.abs().clamp(SMALLEST_SCALE, LARGEST_SCALE)
    return Scales(suh.half().float(), scales.svh.half().float())


def to_inner(weight: torch.Tensor, scales: Scales) -> torch.Tensor:
    """The weight in the rotated basis, float32 [in, out]."""
    svh = torch.where(scales.svh == 0, torch.ones(()), scales.svh)
    scaled = weight / scales.suh[:, None] / svh
    return rotate_inputs(hadamard_rotate(scaled))


def from_inner(inner: torch.Tensor) -> torch.Tensor:
    """B inner B: what the scales are then multiplied to."""
    return rotate_inputs(hadamard_rotate(inner))


def inner_hessian(hessian: torch.Tensor, suh: torch.Tensor) -> torch.Tensor:
    """The Hessian of the rotated inputs: B diag(suh) H diag(suh) B, with the sizes of `suh`, not its signs alone."""
    scaled = hessian * suh[:, None] * suh
    return rotate_inputs(hadamard_rotate(scaled.contiguous()))
