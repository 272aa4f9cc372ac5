"""The quantized cache in plain torch: the oracle of `packed_pages` and `attention_packed`.

The format is told in `gpu.kernels.packed_layout`. Every float32 operation here is one of the kernel's, in its order, so
that codes and scales agree bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch

from gpu.kernels.packed_layout import (
    GROUP,
    PAGE_STEPS,
    REACH,
    STEP,
    cell_words,
    code_words,
    head_words,
    pieces,
)
from gpu.kernels.page_layout import PAGE

ROOT = 32**-0.5
LARGEST = 65504.0
FINE = 256.0  # parts of a grid step in which the scale's fit counts


def rotate_groups(x: torch.Tensor) -> torch.Tensor:
    """x [..., n * 32] with every group rotated; its own inverse. Keeps the dtype."""
    h = x.reshape(*x.shape[:-1], x.shape[-1] // GROUP, GROUP)
    for stride in (1, 2, 4, 8, 16):
        pairs = h.reshape(*h.shape[:-1], GROUP // (2 * stride), 2, stride)
        a, b = pairs[..., 0, :], pairs[..., 1, :]
        h = torch.stack((a + b, a - b), dim=-2).reshape(*h.shape)
    return (h * torch.tensor(ROOT, dtype=torch.float32).to(h)).reshape(x.shape)


def quantize(x: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes int64 [..., n, 32] and scales fp16 [..., n] of x float32 [..., n * 32].

    The grid spans the largest magnitude; then the scale is fitted to the codes by least squares, in whole numbers.
    """
    half, reach = 2 ** (bits - 1), REACH[bits]
    h = rotate_groups(x.float()).reshape(*x.shape[:-1], -1, GROUP)
    peak = h.abs().amax(-1, keepdim=True)
    steps = torch.where(peak > 0, h * (torch.tensor(half / reach, dtype=torch.float32).to(h) / peak), 0.0)
    codes = (steps.floor() + half).clamp(0, 2 * half - 1).long()
    odd = 2 * codes + 1 - 2 * half
    fit = ((steps * FINE).round().long() * odd).sum(-1).float() / (odd * odd).sum(-1).float()
    scale = (peak[..., 0] * torch.tensor(2 * reach / FINE, dtype=torch.float32).to(h)) * fit
    return codes, scale.clamp(max=LARGEST).half()


def levels(codes: torch.Tensor, scales: torch.Tensor, bits: int) -> torch.Tensor:
    """What codes [..., n, 32] stand for, still rotated: float64 [..., n * 32]."""
    odd = (2 * codes + 1 - 2**bits).double()
    return (odd * scales.double()[..., None] / 2**bits).flatten(-2)


def dequantize(codes: torch.Tensor, scales: torch.Tensor, bits: int) -> torch.Tensor:
    """The values, float64 [..., n * 32]."""
    return rotate_groups(levels(codes, scales, bits))


@dataclass(frozen=True)
class Places:
    """Where the code of each token and value of a page's head lies, int64 [256, padded] each.

    Its lowest `count` bits are in word `word` from bit `shift` on, the others in word `following` from bit `back` on.
    """

    word: torch.Tensor
    shift: torch.Tensor
    count: torch.Tensor
    following: torch.Tensor
    back: torch.Tensor


@cache
def places(padded: int, bits: int, transposed: bool) -> Places:
    """The layout of K, or of V (`transposed`), whose pairs are of two tokens."""
    token, value = torch.arange(PAGE)[:, None], torch.arange(padded)[None, :]
    t, v = token % STEP, value % GROUP
    if transposed:
        lane, pair, second = 4 * (v % 8) + t // 8, 4 * (t % 8 // 2) + v // 8, t % 2
    else:
        lane, pair, second = 4 * (2 * (t // 8) + t % 2) + v // 8, 4 * (t % 8 // 2) + v % 8 // 2, v % 2
    cell = (token // STEP * (padded // GROUP) + value // GROUP) * cell_words(bits)
    size = (PAGE, padded)
    lane, pair, second, cell = (each.expand(size) for each in (lane, pair, second, cell))
    number, offset = pair * bits // 16, pair * bits % 16
    count = (16 - offset).clamp(max=bits)
    following = (number + 1).clamp(max=bits - 1)
    word, after = (_word(cell, lane, each, bits) for each in (number, following))
    return Places(word, offset + 16 * second, count, after, 16 * second)


def _word(cell: torch.Tensor, lane: torch.Tensor, number: torch.Tensor, bits: int) -> torch.Tensor:
    """The word of a page's head that is word `number` of a lane in a cell."""
    out = torch.zeros_like(cell)
    for first, size in pieces(bits):
        inside = (number >= first) & (number < first + size)
        out = torch.where(inside, cell + 32 * first + lane * size + number - first, out)
    return out


def unpack(words: torch.Tensor, padded: int, bits: int, *, transposed: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes int64 [..., 256, groups, 32] and scales fp16 [..., 256, groups] of page heads int32 [..., head_words]."""
    at = places(padded, bits, transposed)
    known = words.long() & 0xFFFFFFFF
    device = words.device
    low = known[..., at.word.to(device)] >> at.shift.to(device) & (1 << at.count.to(device)) - 1
    high = known[..., at.following.to(device)] >> at.back.to(device) & (1 << (bits - at.count.to(device))) - 1
    codes = low | high << at.count.to(device)
    groups, first = padded // GROUP, code_words(padded, bits)
    scales = words[..., first:].contiguous().view(torch.float16).reshape(*words.shape[:-1], PAGE_STEPS, groups, STEP)
    scales = scales.transpose(-1, -2).reshape(*words.shape[:-1], PAGE, groups)
    return codes.reshape(*codes.shape[:-1], groups, GROUP), scales


def pack(codes: torch.Tensor, scales: torch.Tensor, bits: int, *, transposed: bool) -> torch.Tensor:
    """Page heads int32 [..., head_words] of codes [..., 256, groups, 32] and scales fp16 [..., 256, groups]."""
    groups, device = codes.shape[-2], codes.device
    padded, outer = groups * GROUP, codes.shape[:-3]
    at = places(padded, bits, transposed)
    flat = codes.reshape(-1, PAGE * padded).long()
    words = torch.zeros(flat.shape[0], code_words(padded, bits), dtype=torch.int64, device=device)
    count = at.count.to(device).flatten()
    low = (flat & (1 << count) - 1) << at.shift.to(device).flatten()
    high = flat >> count << at.back.to(device).flatten()
    words.index_add_(1, at.word.to(device).flatten(), low)
    words.index_add_(1, at.following.to(device).flatten(), high)
    signed = torch.where(words >= 2**31, words - 2**32, words).int()
    by_step = scales.reshape(-1, PAGE_STEPS, STEP, groups).transpose(-1, -2).contiguous()
    tail = by_step.reshape(flat.shape[0], -1).view(torch.int32)
    return torch.cat((signed, tail), dim=1).reshape(*outer, head_words(padded, bits))


def values_of(words: torch.Tensor, padded: int, bits: int, *, transposed: bool) -> torch.Tensor:
    """What page heads hold, float64 [..., 256, padded]."""
    return dequantize(*unpack(words, padded, bits, transposed=transposed), bits)


def append(
    k: torch.Tensor,
    v: torch.Tensor,
    positions: torch.Tensor,
    sequences: torch.Tensor,
    table: torch.Tensor,
    k_pages: torch.Tensor,
    v_pages: torch.Tensor,
    k_bits: int,
    v_bits: int,
) -> None:
    """Quantizes the keys and values of tokens into their places.

    Args:
        k, v: fp16 [T, KVH, Dp], zeros from the head's end on.
        positions, sequences: [T].  table: [B, pages of a sequence].
        k_pages, v_pages: int32 [P, KVH, head_words].
    """
    for x, pages, bits, transposed in ((k, k_pages, k_bits, False), (v, v_pages, v_bits, True)):
        codes, scales = quantize(x.float(), bits)
        pages_of = table[sequences.long(), positions.long() // PAGE].long()
        for page in sorted(set(pages_of.tolist())):
            old_codes, old_scales = unpack(pages[page], x.shape[2], bits, transposed=transposed)
            for token in (pages_of == page).nonzero().flatten().tolist():
                slot = int(positions[token]) % PAGE
                old_codes[:, slot], old_scales[:, slot] = codes[token], scales[token]
            pages[page] = pack(old_codes, old_scales, bits, transposed=transposed)
