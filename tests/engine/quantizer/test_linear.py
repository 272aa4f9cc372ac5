"""One linear: feedback pays, scales pay, padding stays out, and the tensors decode to what was promised."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engine.cpu.trellis_search import CpuTrellisSearch
from engine.quant.exl3_decode import dequantize
from engine.quant.tensors import Exl3Linear
from engine.quantizer import linear as module
from engine.quantizer.block import pad_hessian, pad_weight
from engine.quantizer.ldlq import feedback_factor
from engine.quantizer.linear import LinearTask, QuantizedWeight, quantize_linears
from engine.quantizer.rotation import Scales, first_scales, from_inner, inner_hessian, to_inner
from engine.quantizer.scale_fit import fit_scales


@pytest.fixture(scope="module")
def search() -> CpuTrellisSearch:
    return CpuTrellisSearch()


def problem(inputs: int, outputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight with rows and columns of many sizes, and the Hessian of inputs that go together."""
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(inputs, outputs, generator=generator)
    weight *= torch.exp(0.7 * torch.randn(inputs, 1, generator=generator))
    weight *= 0.02 * torch.exp(0.4 * torch.randn(outputs, generator=generator))
    mixing = torch.randn(inputs, inputs, generator=generator) * torch.exp(-torch.arange(inputs) / 40)
    x = torch.randn(3000, inputs, generator=generator) @ mixing.T
    return weight, x.T @ x / len(x)


def quantize(task: LinearTask, search: CpuTrellisSearch) -> QuantizedWeight:
    return quantize_linears([task], search, lambda _: None)[0]


def weighted_error(weight: torch.Tensor, found: torch.Tensor, hessian: torch.Tensor | None) -> float:
    """tr(E' H E) / tr(W' H W)."""

    def power(matrix: torch.Tensor) -> torch.Tensor:
        return (matrix * (matrix if hessian is None else hessian @ matrix)).sum().double()

    return float(power(weight - found) / power(weight).clamp_min(1e-30))


def decoded(found: QuantizedWeight, bits: int, codebook: str, size: tuple[int, int]) -> torch.Tensor:
    linear = Exl3Linear("a", *size, bits, codebook, found.trellis, found.suh, found.svh, None)  # type: ignore[arg-type]
    return dequantize(linear)


@pytest.mark.parametrize(("bits", "codebook"), [(2, "mul1"), (3, "mcg"), (4, "3inst")])
def test_tensors_decode_to_the_weight_that_was_promised(bits: int, codebook: str, search: CpuTrellisSearch) -> None:
    weight, hessian = problem(256, 128)
    found = quantize(LinearTask(weight, hessian, bits, codebook, 1), search)  # type: ignore[arg-type]
    whole = decoded(found, bits, codebook, (256, 128))
    assert torch.allclose(whole, found.weight, atol=1e-5 * float(weight.abs().max()))
    linear = Exl3Linear("a", 256, 128, bits, codebook, found.trellis, found.suh, found.svh, None)  # type: ignore[arg-type]
    assert torch.equal(module.decoded_weight(linear, torch.device("cpu")), found.weight)
    assert found.error == pytest.approx(weighted_error(weight, whole, module.damped(hessian)), rel=1e-3)


def test_feedback_lowers_the_error_of_the_outputs(search: CpuTrellisSearch) -> None:
    weight, hessian = problem(256, 128)
    task = LinearTask(weight, hessian, 3, "mul1", 1)
    blind = quantize(replace(task, hessian=None), search)
    assert quantize(task, search).error < 0.5 * weighted_error(weight, blind.weight, module.damped(hessian))


def test_padding_stays_out(search: CpuTrellisSearch) -> None:
    weight, hessian = problem(200, 100)
    task = LinearTask(pad_weight(weight), pad_hessian(hessian), 4, "mul1", 1)
    found = quantize(task, search)
    assert found.trellis.shape == (16, 8, 64)
    assert torch.count_nonzero(found.svh[100:]) == 0
    assert torch.count_nonzero(found.weight[:, 100:]) == 0
    assert bool(torch.isfinite(found.suh).all())
    assert weighted_error(weight, found.weight[:200, :100], hessian) < 0.01


@pytest.mark.parametrize("weight", [torch.zeros(128, 128), torch.eye(128) * 1e-6, torch.full((128, 128), 300.0)])
def test_odd_weights_do_not_break_it(weight: torch.Tensor, search: CpuTrellisSearch) -> None:
    found = quantize(LinearTask(weight, torch.eye(128), 4, "mul1", 1), search)
    assert bool(torch.isfinite(found.weight).all())
    assert bool(torch.isfinite(found.suh).all())
    assert bool(torch.isfinite(found.svh).all())
    assert float((found.weight - weight).abs().mean()) <= max(0.2 * float(weight.abs().mean()), 1e-3)


def test_a_hessian_that_says_nothing_is_left_out() -> None:
    assert module.damped(torch.zeros(128, 128)) is None
    assert module.damped(torch.full((128, 128), float("nan"))) is None
    assert module.damped(None) is None


def test_the_factor_gives_the_hessian_back() -> None:
    hessian = problem(64, 16)[1] + 0.1 * torch.eye(64)
    lower = feedback_factor(hessian).double() + torch.eye(64).double()
    inverse = torch.linalg.inv(lower)
    blocks = inverse @ hessian.double() @ inverse.T
    outside = blocks.clone()
    for first in range(0, 64, 16):
        outside[first : first + 16, first : first + 16] = 0
    assert float(outside.abs().max()) < 1e-4 * float(blocks.abs().max())


def test_rotation_goes_there_and_back() -> None:
    weight, hessian = problem(256, 128)
    signs = [torch.ones(256), -torch.ones(128)]
    scales = first_scales(weight, *signs)
    inner = to_inner(weight, scales)
    assert float(inner.square().mean()) == pytest.approx(1.0, rel=0.02)
    back = from_inner(inner) * scales.suh[:, None] * scales.svh
    assert torch.allclose(back, weight, atol=1e-5)
    # Without its outputs' scales an error weighs the same in either basis.
    flat = Scales(scales.suh, torch.ones(128))
    error = torch.randn(256, 128, generator=torch.Generator().manual_seed(1))
    outer = from_inner(error) * flat.suh[:, None]
    inside = (error * (inner_hessian(hessian, flat.suh) @ error)).sum()
    assert float((outer * (hessian @ outer)).sum()) == pytest.approx(float(inside), rel=1e-3)


def test_fitted_scales_find_what_was_spoilt() -> None:
    weight, hessian = problem(128, 128)
    generator = torch.Generator().manual_seed(2)
    right = Scales(torch.rand(128, generator=generator) + 0.5, torch.rand(128, generator=generator) + 0.5)
    basis = weight / right.suh[:, None] / right.svh
    spoilt = Scales(right.suh * 1.1, right.svh * (1 + 0.2 * torch.rand(128, generator=generator)))
    fitted = fit_scales(weight, basis, spoilt, module.damped(hessian))
    assert fitted.error == weighted_error(weight, fitted.scales.applied_to(basis), module.damped(hessian))
    found = weighted_error(weight, fitted.scales.applied_to(basis), hessian)
    assert found < 0.01 * weighted_error(weight, basis * spoilt.suh[:, None] * spoilt.svh, hessian)
