"""Products of medium numbers of rows as layers call them, against float64 and against decoded matrices."""

from __future__ import annotations

import pytest
import torch

from engine.cuda.exl3 import NO_NORM, CudaExl3Linear, InputNorm
from engine.cuda.linear import LinearGroup, Scratch
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, poisoned
from gpu.reference import exl3 as reference
from gpu.reference.elementwise import rms_norm

pytestmark = pytest.mark.gpu

IN_FEATURES, PADDED = 1000, 1024
WIDTHS = (1234, 130, 256)
ROUNDING = 1e-3  # of inputs to fp16


@pytest.fixture(scope="module")
def kernels() -> KernelCache:
    return KernelCache(None, torch.cuda.get_device_capability())


def linear(width: int, draw: Draw) -> CudaExl3Linear:
    padded = -(-width // 128) * 128
    words = draw.integers(-32768, 32768, PADDED // 16, padded // 16, 64, dtype=torch.int16)
    suh, svh = (draw.normal(size, dtype=torch.float16) for size in (PADDED, padded))
    return CudaExl3Linear("mul1", 4, IN_FEATURES, width, words, suh, svh, draw.normal(padded, dtype=torch.float16))


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("rows", [17, 31, 33, 64, 100, 128, 129])
def test_a_group_of_linears(rows: int, accumulate: bool, kernels: KernelCache) -> None:
    device = torch.device("cuda")
    draw = Draw(("medium", rows), device)
    linears = [linear(width, draw) for width in WIDTHS]
    scratch = Scratch(device, is_exact=True)
    for each in linears:
        scratch.reserve_for(each, 512)
    held = [draw.normal(rows, width) for width in WIDTHS]
    outs = [draw.padded(each, each.shape[1] + 3) for each in held]
    if not accumulate:
        outs = [poisoned(*out.shape, device=device) for out in outs]
    x, weight = draw.normal(rows, IN_FEATURES), draw.normal(IN_FEATURES)
    norm = InputNorm(weight.data_ptr(), 1e-5) if accumulate else NO_NORM
    group = LinearGroup(linears, outs, scratch, kernels)
    assert group.medium.takes(rows) == (rows <= 128)
    group.multiply(x, norm, accumulate=accumulate)
    for own, out, before in zip(linears, outs, held, strict=True):
        normed = rms_norm(x, weight, 1e-5) if accumulate else x.double()
        rotated = reference.rotate_input(normed, own.suh[None])[0]
        sums = rotated @ reference.decode(own.words, own.codebook).double()
        wanted = reference.finish_output(sums[None], own.svh, own.bias)[:, : own.out_features]
        if accumulate:
            wanted = wanted + before.double()
        found = out[:, : own.out_features]
        assert float((found - wanted).norm() / wanted.norm()) < ROUNDING
        assert bool(out[:, own.out_features :].isnan().all())


def test_a_large_row_does_not_overflow(kernels: KernelCache) -> None:
    """Inputs beyond fp16 beside small ones: each row has its own scale."""
    device = torch.device("cuda")
    draw = Draw("large", device)
    own, scratch = linear(256, draw), Scratch(device, is_exact=True)
    scratch.reserve_for(own, 512)
    x = draw.normal(40, IN_FEATURES)
    x[3] *= 1e7
    x[4] *= 1e-7
    x[5] = 0
    out = poisoned(40, 256, device=device)
    LinearGroup([own], [out], scratch, kernels).multiply(x)
    rotated = reference.rotate_input(x, own.suh[None])[0]
    wanted = reference.finish_output((rotated @ reference.decode(own.words, "mul1").double())[None], own.svh, own.bias)
    error = (out - wanted).norm(dim=1) / wanted.norm(dim=1)
    assert float(error.max()) < ROUNDING
