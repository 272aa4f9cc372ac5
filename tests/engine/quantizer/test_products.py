"""Half-precision products: what is scaled, by what, and what becomes of zeros, of huge numbers and of NaN."""

from __future__ import annotations

import pytest
import torch

from engine.quantizer.products import in_half, times


def matrix() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    sizes = torch.tensor([1.0, 1e-30, 1e30, 0.0, 65504.0, 3e38, 1e-40, 2.0**-14])
    return (torch.rand(8, 40, generator=generator) * 2 - 1) * sizes[:, None]


@pytest.mark.parametrize("along", [0, 1])
def test_every_line_is_as_exact_as_the_others(along: int) -> None:
    rows = matrix()
    scaled, factors = in_half(rows if along else rows.T, along)
    if not along:
        scaled, factors = scaled.T, factors.T
    assert factors.shape == (8, 1)
    assert bool(torch.isfinite(scaled).all())
    largest = rows.abs().amax(1, keepdim=True)
    wrong = (scaled.double() * factors.double() - rows.double()).abs()
    is_normal = largest[:, 0] > 1e-37
    assert bool((wrong <= 2.0**-11 * largest)[is_normal].all())
    assert torch.count_nonzero(scaled[3]) == 0
    powers = torch.frexp(factors)[0]
    assert bool((powers == 0.5).all())  # powers of two: scaling loses nothing
    assert bool((scaled.abs().amax(1)[is_normal & (largest[:, 0] > 0)] >= 2.0**11).all())


def test_what_is_not_finite_spoils_its_own_row() -> None:
    rows = torch.ones(3, 4)
    rows[1, 2], rows[2, 0] = torch.nan, torch.inf
    scaled, factors = in_half(rows, 1)
    assert torch.equal(scaled[0].float() * factors[0], rows[0])
    assert bool(scaled[1, 2].isnan())
    assert bool(scaled[2, 0].isinf())
    assert bool(torch.isfinite(factors).all())


def test_processors_multiply_in_float32() -> None:
    x, w = torch.randn(2, 3, 5), torch.randn(5, 7)
    assert torch.equal(times(x, w), x @ w)


@pytest.mark.gpu
@pytest.mark.parametrize("size", [(1, 3, 5), (2, 130, 257), (7, 64, 1024)])
def test_a_card_is_as_exact_as_half_precision(size: tuple[int, int, int]) -> None:
    generator = torch.Generator("cuda").manual_seed(5)
    x = torch.randn(3, *size[1:], generator=generator, device="cuda") * 1e6
    w = torch.randn(size[2], 96, generator=generator, device="cuda") * 1e-7
    x[0, 0], w[:, 3] = 0.0, 0.0
    x[1, 1] *= 1e12
    x[2, 2] = torch.nan
    found, wanted = times(x, w), x.double() @ w.double()
    scale = (x.double().square().sum(-1, keepdim=True) * w.double().square().sum(0)).sqrt()
    assert found.shape == wanted.shape
    assert found.dtype == torch.float32
    assert torch.equal(found.isnan(), wanted.isnan())
    assert float(((found - wanted).abs() / scale.clamp_min(1e-30)).nan_to_num().max()) < 1e-3
    assert torch.equal(times(x[2, 2:].T, x[2, 2:]).isnan(), (x[2, 2:].T @ x[2, 2:]).isnan())
