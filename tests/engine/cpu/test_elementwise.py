"""Norms, activations, unquantized linears, the exponential and fp16 conversion against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numba import njit

from engine.cpu import elementwise_kernels
from engine.cpu.backend import CpuBackend, CpuPlainLinear
from engine.cpu.math_ir import exp_shifted, half_bits, half_value, soften, widen_halves
from engine.quant.tensors import PlainLinear

SIZES = [1, 15, 16, 17, 40, 129, 1030]


@pytest.fixture(scope="module")
def backend() -> CpuBackend:
    return CpuBackend()


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@njit  # type: ignore[untyped-decorator]
def exp_of(values, shift):  # type: ignore[no-untyped-def]
    return exp_shifted(values, 0, values.shape[0], shift)


@njit  # type: ignore[untyped-decorator]
def softened(values, first, count, cap):  # type: ignore[no-untyped-def]
    soften(values, first, count, cap)


@pytest.mark.parametrize("cap", [0.5, 3.0, 50.0, 1e4])
def test_soft_cap(cap: float) -> None:
    values = np.concatenate([cap * np.linspace(-20, 20, 4000), [0.0, np.inf, -np.inf, 1e30, -1e30]]).astype(np.float32)
    values = np.concatenate([values, np.full(-len(values) % 16, 7.0, np.float32)])
    wanted = cap * np.tanh(values.astype(np.float64) / cap)
    found = values.copy()
    softened(found, 16, len(values) - 32, np.float32(cap))
    assert np.array_equal(found[:16], values[:16])
    assert np.array_equal(found[-16:], values[-16:])
    assert np.abs(found - wanted)[16:-16].max() <= 3e-7 * cap


@njit  # type: ignore[untyped-decorator]
def to_halves(values, halves):  # type: ignore[no-untyped-def]
    for i in range(values.shape[0]):
        halves[i] = half_bits(values[i])


@njit  # type: ignore[untyped-decorator]
def from_halves(halves, one_by_one, in_vectors):  # type: ignore[no-untyped-def]
    for i in range(halves.shape[0]):
        one_by_one[i] = half_value(halves[i])
    widen_halves(halves, 0, in_vectors, 0, halves.shape[0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rows", [1, 7])
def test_rms_norm(backend: CpuBackend, size: int, rows: int) -> None:
    x, weight, out = random(rows, size) * 30, random(size, seed=1), torch.full((rows, size), torch.nan)
    norm = backend.prepare_norm(weight.half(), 1e-5)
    backend.rms_norm(x, norm, out)
    wide = x.double()
    truth = wide / (wide.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight.half().double()
    torch.testing.assert_close(out.double(), truth, rtol=1e-5, atol=1e-6)
    backend.rms_norm(x, norm, x)  # in place
    assert torch.equal(x, out)


@pytest.mark.parametrize("size", SIZES)
def test_gated_silu(backend: CpuBackend, size: int) -> None:
    gate, up = random(3, size) * 8, random(3, size, seed=1)
    truth = torch.nn.functional.silu(gate.double()) * up.double()
    backend.gated_silu(gate, up)
    torch.testing.assert_close(gate.double(), truth, rtol=3e-6, atol=1e-7)


def test_gated_silu_of_extreme_values(backend: CpuBackend) -> None:
    gate = torch.tensor([[-1e30, -1e4, -90.0, -88.0, -0.0, 0.0, 88.0, 90.0, 1e4, 1e30] + [1.0] * 22])
    truth = torch.nn.functional.silu(gate.double())
    backend.gated_silu(gate, torch.ones(1, 32))
    torch.testing.assert_close(gate.double(), truth, rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("place", [0, 20])  # in a vector of 16, and in the rest
def test_gated_silu_keeps_nan(backend: CpuBackend, place: int) -> None:
    gate = torch.ones(1, 21)
    gate[0, place] = torch.nan
    backend.gated_silu(gate, torch.ones(1, 21))
    assert torch.isnan(gate[0, place])
    assert int(torch.isnan(gate).sum()) == 1


@pytest.mark.parametrize("size", SIZES)
def test_add(backend: CpuBackend, size: int) -> None:
    x, y = random(4, size), random(4, size, seed=1)
    expected = x + y
    elementwise_kernels.add(x.numpy(), y.numpy())
    assert torch.equal(x, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("sizes", [(1, 1), (33, 7), (129, 1030)])
@pytest.mark.parametrize("rows", [1, 5, 16, 17])
def test_plain_linears(backend: CpuBackend, dtype: torch.dtype, sizes: tuple[int, int], rows: int) -> None:
    weight, bias = random(sizes[1], sizes[0]).to(dtype), random(sizes[1], seed=1).to(dtype)
    linear = backend.prepare_linear(PlainLinear("test", *sizes, weight, bias))
    assert isinstance(linear, CpuPlainLinear)
    x, out = random(rows, sizes[0], seed=2), torch.full((rows, sizes[1]), torch.nan)
    backend.linears(x, (linear,), (out,))
    truth = x.double() @ weight.double().T + bias.double()
    assert float((out - truth).norm() / truth.norm()) <= 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_plain_rows_do_not_depend_on_their_company(backend: CpuBackend, dtype: torch.dtype) -> None:
    linear = backend.prepare_linear(PlainLinear("test", 131, 77, random(77, 131).to(dtype), None))
    x, alone = random(16, 131, seed=2), torch.empty(16, 77)
    for row in range(16):
        backend.linears(x[row : row + 1], (linear,), (alone[row : row + 1],))
    for rows in (2, 5, 16):
        out = torch.full((rows, 77), torch.nan)
        backend.linears(x[:rows], (linear,), (out,))
        assert torch.equal(out, alone[:rows]), rows


def test_embedding_and_rows(backend: CpuBackend) -> None:
    table = random(10, 6).half()
    out = torch.full((3, 6), torch.nan)
    backend.embed(backend.prepare_embedding(table), torch.tensor([9, 0, 9]), out)
    assert torch.equal(out, table[[9, 0, 9]].float())
    picked = torch.full((2, 6), torch.nan)
    backend.gather_rows(out, torch.tensor([2, 1]), picked)
    assert torch.equal(picked, table[[9, 0]].float())


def test_exponential_is_accurate() -> None:
    values = np.linspace(-85.9, 87.9, 16 * 20_000, dtype=np.float32)
    truth = np.exp(values.astype(np.float64))
    got = values.copy()
    exp_of(got, np.float32(0.0))
    assert np.abs(got / truth - 1).max() <= 3e-7


def test_exponential_at_its_limits() -> None:
    values = np.array([-np.inf, -1e30, -86.5, 0.0, 1.0] + [-np.inf] * 11, dtype=np.float32)
    total = exp_of(values, np.float32(1.0))
    assert list(values[:3]) == [0.0, 0.0, 0.0]
    assert values[4] == 1.0
    np.testing.assert_allclose(total, 1.0 + np.exp(-1.0), rtol=1e-6)
    broken = np.full(16, np.nan, np.float32)
    exp_of(broken, np.float32(0.0))
    assert np.isnan(broken).all()


def test_every_half_widens_exactly() -> None:
    halves = np.arange(65536, dtype=np.uint16)
    one_by_one, in_vectors = np.full(65536, -1, np.float32), np.full(65536, -2, np.float32)
    from_halves(halves, one_by_one, in_vectors)
    with np.errstate(invalid="ignore"):
        truth = halves.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(one_by_one, truth)
    np.testing.assert_array_equal(in_vectors, truth)


def test_halves_round_to_nearest_even() -> None:
    random_bits = np.random.default_rng(0).integers(0, 1 << 32, 200_000, dtype=np.uint32)
    values = random_bits.view(np.float32)
    values = values[np.isfinite(values)]
    ties = (np.arange(1, 30000, dtype=np.uint16).view(np.float16).astype(np.float64)
            + np.arange(2, 30001, dtype=np.uint16).view(np.float16)) / 2  # fmt: skip
    edges = np.array([65504, 65519.996, 65520, 1e9, -1e9, 5.9e-8, 2.98e-8, 2.99e-8, 0.0, -0.0])
    values = np.concatenate([values, ties, edges]).astype(np.float32)
    halves = np.empty(len(values), np.uint16)
    to_halves(values, halves)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(halves, values.astype(np.float16).view(np.uint16))
