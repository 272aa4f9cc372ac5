"""Slices decoded ahead of their product are those decoded in line, whatever the order."""

from __future__ import annotations

import pytest
import torch

from engine.cuda.decoder import Decoder, Slice
from engine.cuda.exl3 import CudaExl3Linear
from gpu.launch import KernelCache

pytestmark = pytest.mark.gpu
WIDTHS = (1024, 128, 2048, 384)


def _linear(width: int, seed: int) -> CudaExl3Linear:
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(-32768, 32768, (2048 // 16, width // 16, 64), generator=generator).to(torch.int16).cuda()
    ones = [torch.ones(size, dtype=torch.float16, device="cuda") for size in (2048, width)]
    return CudaExl3Linear("mul1", 4, 2048, width, words, ones[0], ones[1], torch.zeros_like(ones[1]))


def _products(decoder: Decoder, parts: list[Slice], kernels: KernelCache, x: torch.Tensor) -> list[torch.Tensor]:
    """The products of a chunk that goes through these slices."""
    products = []
    for part in parts:
        products.append(x @ decoder.decode(part, kernels).t())
        decoder.was_multiplied(part, kernels)
    torch.cuda.synchronize()
    return products


def test_decoding_ahead_changes_nothing() -> None:
    device, kernels = torch.device("cuda"), KernelCache(None, torch.cuda.get_device_capability())
    parts = [Slice(_linear(width, seed), 0, width) for seed, width in enumerate(WIDTHS)]
    parts.append(Slice(parts[2].linear, 128, 256))
    x = torch.randn(512, 2048, generator=torch.Generator().manual_seed(0)).half().cuda()
    plain, ahead = Decoder(device), Decoder(device)
    ahead.allow_ahead()
    for decoder in (plain, ahead):
        decoder.reserve(2048 * max(WIDTHS))
    wanted = _products(plain, parts, kernels, x)
    other_way = [4, 0, 3, 3, 1, 2]
    for order in (range(5), range(5), other_way, range(5), other_way, other_way):
        found = _products(ahead, [parts[i] for i in order], kernels, x)
        assert all(torch.equal(product, wanted[i]) for product, i in zip(found, order, strict=True))


def test_without_a_second_buffer_nothing_is_ahead() -> None:
    kernels = KernelCache(None, torch.cuda.get_device_capability())
    decoder, part = Decoder(torch.device("cuda")), Slice(_linear(128, 9), 0, 128)
    decoder.reserve(2048 * 128)
    assert not decoder.is_ahead
    x = torch.ones(32, 2048, dtype=torch.float16, device="cuda")
    first, second = _products(decoder, [part, part], kernels, x)
    assert torch.equal(first, second)
