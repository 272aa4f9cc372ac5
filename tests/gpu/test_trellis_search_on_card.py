"""The trellis search of a card as the quantizer calls it: its errors, its parts, and targets that nobody expects."""

from __future__ import annotations

import pytest
import torch

from engine.cuda.trellis_search import CudaTrellisSearch, chunk_tiles
from gpu.kernels.trellis_search_layout import PLANS
from gpu.launch import KernelCache
from gpu.launchers.draw import Draw
from gpu.reference import exl3

# Section 6.8 of the format description, with its own uncertainty of 5 %: mean squared error by K. It is of few tiles at
# their own best scale, which miss rare values that more tiles have; so it is compared with such samples.
GAUSSIAN_ERRORS = {2: 0.066, 3: 0.0174, 4: 0.0047, 5: 0.00121, 6: 0.00029, 8: 2.05e-5}
SAMPLES, SAMPLE_TILES = 32, 16
STEPS = (0.92, 0.96, 1.0, 1.04, 1.08)
SIZES = {2: 0.99, 3: 0.95, 4: 0.92, 5: 0.88, 6: 0.84, 8: 0.80}  # about the best deviation of targets


def mul1_table(device: torch.device) -> torch.Tensor:
    return exl3.values_of(torch.arange(65536), "mul1").half().float().to(device)


def is_closed(states: torch.Tensor, bits: int) -> bool:
    wide = states.long()
    return torch.equal(wide >> bits, wide.roll(1, 1) & ((1 << (16 - bits)) - 1))


@pytest.fixture(scope="module")
def kernels() -> KernelCache:
    return KernelCache(None, torch.cuda.get_device_capability())


@pytest.mark.parametrize(
    ("scratch", "tiles"), [(10 * 2**20, 5), (0, 1), (300 * 2**20, 132), (2**30, 396)], ids=lambda number: str(number)
)
def test_chunks_are_whole_rounds_of_the_card(scratch: int, tiles: int) -> None:
    assert chunk_tiles(scratch, 2 * 2**20, 132) == tiles


@pytest.mark.gpu
@pytest.mark.parametrize("bits", GAUSSIAN_ERRORS)
def test_error_on_gaussian_tiles_is_that_of_the_table(bits: int, kernels: KernelCache) -> None:
    device = torch.device("cuda")
    tiles = Draw(("gaussian", bits), device).normal(SAMPLES * SAMPLE_TILES, 256)
    search, table, found = CudaTrellisSearch(kernels, device), mul1_table(device), []
    for step in STEPS:
        size = SIZES[bits] * step
        states, values = search.search(tiles * size, bits, table)
        assert is_closed(states, bits)
        found.append((values / size - tiles).square().view(SAMPLES, -1).mean(1))
    best = torch.stack(found).amin(0)
    assert float(best.median()) < 1.05 * GAUSSIAN_ERRORS[bits]


@pytest.mark.gpu
@pytest.mark.parametrize("bits", [2, 5])
def test_parts_of_a_search_are_what_it_is_in_one_go(bits: int, kernels: KernelCache) -> None:
    device = torch.device("cuda")
    tiles, table = Draw(("parts", bits), device).normal(11, 256), mul1_table(device)
    whole = CudaTrellisSearch(kernels, device).search(tiles, bits, table)[0]
    parts = CudaTrellisSearch(kernels, device, 4 * PLANS[bits].tile_bytes).search(tiles, bits, table)[0]
    assert torch.equal(whole, parts)


@pytest.mark.gpu
@pytest.mark.parametrize("bits", PLANS)
@pytest.mark.parametrize("target", [float("nan"), float("inf"), -1e30, 0.0])
def test_paths_close_whatever_the_targets(bits: int, target: float, kernels: KernelCache) -> None:
    device = torch.device("cuda")
    tiles = Draw(("odd", bits), device).normal(3, 256)
    tiles[0] = target
    tiles[1, ::3] = target
    tiles[2, 255] = target
    for quick in (False, True):
        states = CudaTrellisSearch(kernels, device).search(tiles, bits, mul1_table(device), quick=quick)[0]
        assert is_closed(states, bits)
        assert 0 <= int(states.min()) <= int(states.max()) < 65536


@pytest.mark.gpu
@pytest.mark.parametrize("bits", PLANS)
def test_a_path_of_the_trellis_is_found_again(bits: int, kernels: KernelCache) -> None:
    device = torch.device("cuda")
    words = Draw(("own", bits), device).integers(-32768, 32768, 1, 7, 16 * bits, dtype=torch.int16)
    table, own = mul1_table(device), exl3.states(words)[0]
    values = CudaTrellisSearch(kernels, device).search(table[own].contiguous(), bits, table)[1]
    assert torch.equal(values, table[own])


@pytest.mark.gpu
def test_another_table_is_taken_at_once(kernels: KernelCache) -> None:
    device = torch.device("cuda")
    tiles, search = Draw("tables", device).normal(4, 256), CudaTrellisSearch(kernels, device)
    for codebook in ("mul1", "mcg", "mul1"):
        table = exl3.values_of(torch.arange(65536), codebook).half().float().to(device)
        states, values = search.search(tiles, 4, table)
        assert torch.equal(values, table[states.long()])
        assert float((values - tiles).square().mean()) < 0.01
