"""Measured runs on a card: every run that may be chosen computes the product, and a second start only reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from engine.cuda.exl3 import CudaExl3Linear
from engine.cuda.few_rows import FEW_ROWS, Product, products_of, road_for, roads_of
from engine.cuda.linear import LinearGroup, Scratch
from engine.cuda.tuning import CardTimer, Tuner, store_beside
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw, poisoned
from gpu.reference import exl3 as reference

pytestmark = pytest.mark.gpu

IN_FEATURES, PADDED = 1500, 1536
WIDTHS = (520, 128)
ROUNDING = 1e-3  # of inputs to fp16
ROWS = (1, 3, 4, 5, 8, 11, 16)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> KernelCache:
    return KernelCache(tmp_path_factory.mktemp("kernels"), torch.cuda.get_device_capability())


def linear(width: int, codebook: str, draw: Draw) -> CudaExl3Linear:
    padded = -(-width // 128) * 128
    words = draw.integers(-32768, 32768, PADDED // 16, padded // 16, 64, dtype=torch.int16)
    suh, svh = (draw.normal(size, dtype=torch.float16) for size in (PADDED, padded))
    return CudaExl3Linear(codebook, 4, IN_FEATURES, width, words, suh, svh, draw.normal(padded, dtype=torch.float16))


def scratch_for(linears: Sequence[CudaExl3Linear]) -> Scratch:
    scratch = Scratch(torch.device("cuda"), is_exact=True)
    for each in linears:
        scratch.reserve_for(each, 512)
    return scratch


def error_of(group: LinearGroup, linears: Sequence[CudaExl3Linear], outs: Sequence[torch.Tensor], rows: int) -> float:
    """The worst relative error of a group's outputs."""
    x, worst = Draw(("x", rows), torch.device("cuda")).normal(rows, IN_FEATURES), 0.0
    for out in outs:
        out.fill_(float("nan"))
    group.multiply(x)
    for own, out in zip(linears, outs, strict=True):
        rotated = reference.rotate_input(x.double(), own.suh[None])[0]
        sums = rotated @ reference.decode(own.words, own.codebook).double()
        wanted = reference.finish_output(sums[None], own.svh, own.bias)[:, : own.out_features]
        error = float((out[:rows] - wanted).norm() / wanted.norm())
        worst = max(worst, error if error == error else float("inf"))
    return worst


def tuner(products: Sequence[Product], scratch: Scratch, kernels: KernelCache) -> Tuner:
    device = torch.device("cuda")
    timer = CardTimer(products, kernels, device, evict=scratch.many.product)
    return Tuner(products, scratch.few, store_beside(kernels, device), timer, budget_s=60.0)


@pytest.mark.parametrize("codebook", ["mul1", "mcg"])
def test_every_possible_run_computes_the_product(codebook: str, kernels: KernelCache) -> None:
    draw = Draw(("runs", codebook), torch.device("cuda"))
    linears = [linear(width, codebook, draw) for width in WIDTHS]
    scratch, outs = scratch_for(linears), [poisoned(FEW_ROWS, width, device=draw.device) for width in WIDTHS]
    group = LinearGroup(linears, outs, scratch, kernels)
    shape = products_of(linears, scratch.few, kernels)[0][0].shape
    for run in (2**i for i in range(8)):
        roads = [road for road in roads_of(codebook) if scratch.few.may_run(road, shape.width, PADDED, run)]
        scratch.few.runs = {(shape, road): run for road in roads}
        for rows in ROWS:
            if road_for(codebook, rows) in roads:
                assert error_of(group, linears, outs, rows) < ROUNDING, f"run {run}, rows {rows}"


@pytest.mark.parametrize("codebook", ["mul1", "mcg"])
def test_measured_products_agree_and_are_remembered(
    codebook: str, kernels: KernelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Draw(("tuned", codebook), torch.device("cuda"))
    layers = [[linear(width, codebook, draw) for width in WIDTHS] for _ in range(3)]
    everything = [each for layer in layers for each in layer]
    first = scratch_for(everything)
    products = [product for layer in layers for product in products_of(layer, first.few, kernels)[0]]
    for task in tuner(products, first, kernels).tasks():
        task()
    assert len(first.few.runs) == len(roads_of(codebook))
    outs = [poisoned(FEW_ROWS, width, device=draw.device) for width in WIDTHS]
    group = LinearGroup(layers[0], outs, first, kernels)
    for rows in ROWS:
        assert error_of(group, layers[0], outs, rows) < ROUNDING
        held = [out[:rows].clone() for out in outs]
        error_of(group, layers[0], outs, rows)
        assert all(torch.equal(out[:rows], before) for out, before in zip(outs, held, strict=True)), "other bits"

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("measured again")

    monkeypatch.setattr(CardTimer, "__call__", refuse)
    second = scratch_for(everything)
    products = [product for layer in layers for product in products_of(layer, second.few, kernels)[0]]
    for task in tuner(products, second, kernels).tasks():
        task()
    assert second.few.runs == first.few.runs


def test_a_second_load_of_a_model_measures_nothing(demo_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("jinja2", "platformdirs", "tokenizers"):
        pytest.importorskip(package, reason=f"without {package} no model can be loaded")
    from engine import SamplingSettings, load_model

    calls: list[int] = []
    measure = CardTimer.__call__

    def counted(self: CardTimer, products: Sequence[Product], rows: int, run: int) -> float:
        calls.append(run)
        return measure(self, products, rows, run)

    monkeypatch.setattr(CardTimer, "__call__", counted)
    settings = SamplingSettings(temperature=0.0, max_new_tokens=100, ignore_eos=True)
    texts = []
    for _ in range(2):
        calls.clear()
        session = load_model(demo_model, device="cuda:0")
        texts.append([getattr(event, "text", "") for event in session.generate("Once upon a time", settings)])
        session.unload()
    assert calls == []
    assert texts[0] == texts[1]
