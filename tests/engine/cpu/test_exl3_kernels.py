"""The EXL3 kernels against the format's definition in float64, for every K and codebook, at sizes that need padding.

Outputs start as NaN, so that a value which a kernel forgets shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.cpu.backend import CpuBackend, CpuExl3Linear
from engine.quant.tensors import Codebook, Exl3Linear
from tests.oracles.exl3_numpy import dequantize, make_exl3_linear
from tests.oracles.tiny_models import SOME_KINDS

# The integer road of mul1 multiplies by the codes before their rounding to fp16.
TOLERANCE = {"3inst": 2e-6, "mcg": 2e-6, "mul1": 4e-4}
KINDS = [(bits, codebook) for codebook in TOLERANCE for bits in range(1, 9)]
SIZES = (200, 330)  # padded to 256 x 384


def prepared(
    backend: CpuBackend, bits: int, codebook: Codebook, sizes: tuple[int, int] = SIZES, bias: bool = True
) -> tuple[CpuExl3Linear, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A random linear on the backend, with its matrix [in, out] and bias [out] in float64."""
    parts = make_exl3_linear(*sizes, bits, codebook, seed=bits, bias=bias)
    weights = Exl3Linear(
        "test", *sizes, bits, codebook,
        *(torch.from_numpy(parts[name]) for name in ("trellis", "suh", "svh")),
        torch.from_numpy(parts["bias"]) if bias else None,
    )  # fmt: skip
    linear = backend.prepare_linear(weights)
    assert isinstance(linear, CpuExl3Linear)
    offset = parts["bias"][: sizes[1]].astype(np.float64) if bias else np.zeros(sizes[1])
    return linear, dequantize(parts, *sizes), offset


def product(backend: CpuBackend, linear: CpuExl3Linear, x: torch.Tensor) -> torch.Tensor:
    out = torch.full((x.shape[0], linear.out_features), torch.nan)
    backend.linears(x, (linear,), (out,))
    return out


def random_rows(rows: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed))


def error_of(got: torch.Tensor, truth: np.ndarray[Any, Any]) -> float:
    assert torch.isfinite(got).all()
    return float(np.linalg.norm(got.numpy() - truth) / np.linalg.norm(truth))


@pytest.fixture(scope="module")
def backend() -> CpuBackend:
    return CpuBackend()


@pytest.mark.parametrize(("bits", "codebook"), KINDS)
@pytest.mark.parametrize("rows", [1, 23])
def test_every_kind(backend: CpuBackend, bits: int, codebook: Codebook, rows: int) -> None:
    linear, matrix, bias = prepared(backend, bits, codebook)
    x = random_rows(rows, SIZES[0])
    truth = x.double().numpy() @ matrix + bias
    assert error_of(product(backend, linear, x), truth) <= TOLERANCE[codebook]


@pytest.mark.parametrize(("bits", "codebook"), SOME_KINDS)
def test_rows_in_groups_equal_rows_alone(backend: CpuBackend, bits: int, codebook: Codebook) -> None:
    linear, matrix, bias = prepared(backend, bits, codebook)
    x = random_rows(16, SIZES[0])
    alone = torch.cat([product(backend, linear, x[row : row + 1]) for row in range(16)])
    assert error_of(alone, x.double().numpy() @ matrix + bias) <= TOLERANCE[codebook]
    for rows in (2, 3, 4, 5, 7, 16):
        assert torch.equal(product(backend, linear, x[:rows]), alone[:rows]), rows


@pytest.mark.parametrize("sizes", [(1, 1), (128, 128), (129, 127), (640, 100), (96, 700)])
@pytest.mark.parametrize("codebook", ["mul1", "mcg"])
@pytest.mark.parametrize("rows", [1, 3, 17, 40])
def test_sizes(backend: CpuBackend, sizes: tuple[int, int], codebook: Codebook, rows: int) -> None:
    bits = 5 if codebook == "mul1" else 4
    linear, matrix, _ = prepared(backend, bits, codebook, sizes, bias=False)
    x = random_rows(rows, sizes[0])
    got = product(backend, linear, x)
    truth = x.double().numpy() @ matrix
    # One input alone has a relative rounding error of its own, so small products are measured against typical ones.
    scale = np.sqrt(truth.size) if truth.size < 100 else np.linalg.norm(truth)
    assert torch.isfinite(got).all()
    assert np.linalg.norm(got.numpy() - truth) / scale <= 4 * TOLERANCE[codebook]


@pytest.mark.parametrize("codebook", ["mul1", "mcg"])
@pytest.mark.parametrize("rows", [1, 4, 20])
def test_rows_of_very_different_size_do_not_disturb_each_other(
    backend: CpuBackend, codebook: Codebook, rows: int
) -> None:
    bits = 5 if codebook == "mul1" else 4
    linear, matrix, _ = prepared(backend, bits, codebook, bias=False)
    x = random_rows(rows, SIZES[0]) * torch.logspace(-6, 4, rows)[:, None]
    x[:, 128:] *= 100.0  # blocks of the rotation differ too
    got = product(backend, linear, x)
    for row in range(rows):
        assert error_of(got[row], x[row].double().numpy() @ matrix) <= TOLERANCE[codebook]


@pytest.mark.parametrize("codebook", ["mul1", "mcg"])
@pytest.mark.parametrize("rows", [1, 4, 20])
def test_zeros_give_the_bias_and_nan_spreads(backend: CpuBackend, codebook: Codebook, rows: int) -> None:
    linear, _, bias = prepared(backend, 5 if codebook == "mul1" else 4, codebook)
    x = torch.zeros(rows, SIZES[0])
    assert np.array_equal(product(backend, linear, x).numpy(), np.tile(bias.astype(np.float32), (rows, 1)))
    for bad in (torch.nan, torch.inf):
        x[0, 3] = bad
        got = product(backend, linear, x)
        assert not torch.isfinite(got[0]).any()
        assert torch.isfinite(got[1:]).all()


@pytest.mark.parametrize(("bits", "codebook"), SOME_KINDS)
def test_the_reference_implementations_products(
    shared: Path, backend: CpuBackend, bits: int, codebook: Codebook
) -> None:
    golden = load_file(shared / "golden" / "linears.safetensors")
    name = f"{codebook}.k{bits}"
    parts = {part: golden[f"{name}.{part}"] for part in ("trellis", "suh", "svh")}
    weights = Exl3Linear("golden", 256, 384, bits, codebook, parts["trellis"], parts["suh"], parts["svh"], None)
    linear = backend.prepare_linear(weights)
    assert isinstance(linear, CpuExl3Linear)
    for rows in (1, 5, 33):
        x, y = golden[f"{name}.x{rows}"].float(), golden[f"{name}.y{rows}"].double().numpy()
        assert error_of(product(backend, linear, x), y) <= 1e-3  # y was rounded to fp16 along the way
