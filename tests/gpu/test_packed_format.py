"""The quantized cache's format: how exact it is, that it holds what it is given, and how much it takes."""

from __future__ import annotations

import pytest
import torch

from gpu.kernels.packed_layout import GROUP, WIDTHS, head_words, packed_parts, pieces
from gpu.kernels.page_layout import PAGE
from gpu.reference import packed

# Relative mean squared errors on Gaussian values that are known from another engine's cache of the same sizes.
KNOWN_ERRORS = {2: 0.126, 3: 0.032, 4: 0.0079, 5: 0.0020, 6: 4.9e-4, 7: 1.24e-4, 8: 3.1e-5}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def error_of(x: torch.Tensor, bits: int) -> float:
    found = packed.dequantize(*packed.quantize(x, bits), bits)
    return float((found - x.double()).square().mean() / x.double().square().mean())


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_error_on_gaussian_values_is_within_the_known_figures(bits: int) -> None:
    error = error_of(random(20000, 128), bits)
    assert 0.85 * KNOWN_ERRORS[bits] < error < KNOWN_ERRORS[bits]


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_error_does_not_depend_on_the_size_of_the_values(bits: int) -> None:
    errors = [error_of(scale * random(2000, 64), bits) for scale in (1e-3, 1.0, 1e3)]
    assert max(errors) < 1.02 * min(errors)


def test_an_outlier_is_spread_over_its_group() -> None:
    x = random(2000, 32)
    x[:, 5] = 50.0
    found = packed.dequantize(*packed.quantize(x, 4), 4)
    others = torch.arange(32) != 5
    assert (found - x)[:, others].square().mean() < 2.0  # a grid over the outlier would be 100 / 16 wide


def test_zeros_stay_zeros() -> None:
    codes, scales = packed.quantize(torch.zeros(3, 64), 3)
    assert not scales.any()
    assert not packed.dequantize(codes, scales, 3).any()


def test_huge_values_stay_finite() -> None:
    _, scales = packed.quantize(torch.full((1, 32), 60000.0), 2)
    assert scales.isfinite().all()


def test_the_rotation_is_its_own_inverse_and_keeps_lengths() -> None:
    x = random(7, 96).double()
    turned = packed.rotate_groups(x)
    torch.testing.assert_close(packed.rotate_groups(turned), x, rtol=1e-6, atol=1e-6)
    lengths = [each.view(7, 3, 32).norm(dim=-1) for each in (x, turned)]
    torch.testing.assert_close(*lengths, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("transposed", [False, True], ids=["K", "V"])
@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("padded", [32, 96])
def test_pages_give_back_every_code(bits: int, padded: int, transposed: bool) -> None:
    generator = torch.Generator().manual_seed(bits)
    codes = torch.randint(0, 2**bits, (2, 3, PAGE, padded // GROUP, GROUP), generator=generator)
    scales = torch.rand(2, 3, PAGE, padded // GROUP, generator=generator).half()
    words = packed.pack(codes, scales, bits, transposed=transposed)
    assert words.shape == (2, 3, head_words(padded, bits))
    assert words.numel() * 32 == codes.numel() * bits + scales.numel() * 16
    found_codes, found_scales = packed.unpack(words, padded, bits, transposed=transposed)
    assert torch.equal(found_codes, codes)
    assert torch.equal(found_scales, scales)


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_lane_reads_its_words_in_whole_pieces(bits: int) -> None:
    covered = [first + i for first, size in pieces(bits) for i in range(size)]
    assert covered == list(range(bits))
    assert all(first % size == 0 for first, size in pieces(bits))


def test_heads_are_divided_into_whole_groups() -> None:
    for padded in range(32, 257, 32):
        assert padded // packed_parts(padded) % GROUP == 0


def test_append_changes_its_own_tokens_only() -> None:
    k, v = random(2, 1, 32).half(), random(2, 1, 32, seed=1).half()
    pages = [torch.zeros(3, 1, head_words(32, bits), dtype=torch.int32) for bits in (5, 3)]
    positions, table = torch.tensor([255, 256]), torch.tensor([[2, 1]])
    packed.append(k, v, positions, torch.tensor([0, 0]), table, pages[0], pages[1], 5, 3)
    found = packed.values_of(pages[0], 32, 5, transposed=False)
    for token, (page, slot) in enumerate(((2, 255), (1, 0))):
        assert (found[page, 0, slot] - k[token, 0]).norm() < 0.1 * k[token, 0].norm()
        found[page, 0, slot] = 0.0
    assert not found.any()
    assert packed.values_of(pages[1], 32, 3, transposed=True)[1, 0, 0].any()
