"""EXL3 products, decoding and rotations in plain torch: the oracles of `exl3_product`, `exl3_decode` and `hadamard`.

Written from the format's rules, word by word, and not from the kernels. Works on any device; sums are float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

TILE = 16
BLOCK = 128
MUL1_SCALE = 0.00676727294921875
MUL1_OFFSET = -3.453125  # of the sum of four bytes: 1024 * scale - 10.3828125
MUL1_ZERO = -MUL1_OFFSET / MUL1_SCALE  # the sum of bytes that stands for zero


def decode(words: torch.Tensor, codebook: str) -> torch.Tensor:
    """fp16 [16 * kt, 16 * nt] in the rotated basis, from a trellis int16 [kt, nt, 16 * bits]."""
    return untile(values_of(states(words), codebook).half())


def untile(values: torch.Tensor) -> torch.Tensor:
    """[16 * kt, 16 * nt] from values [kt, nt, 256] in the order of the stream."""
    rows, columns = values.shape[0], values.shape[1]
    row, column = torch.meshgrid(torch.arange(TILE), torch.arange(TILE), indexing="ij")
    stream = 32 * (column % 8) + 8 * (row % 8 // 2) + 4 * (column // 8) + 2 * (row // 8) + row % 2
    tiles = values[..., stream.to(values.device)]  # [kt, nt, 16, 16]
    return tiles.permute(0, 2, 1, 3).reshape(TILE * rows, TILE * columns)


def states(words: torch.Tensor) -> torch.Tensor:
    """int64 [kt, nt, 256]: the 16 bits that end with each weight's own, in the order of the stream."""
    bits = words.shape[-1] // TILE
    units = words.long() & 0xFFFF
    stream = units.view(*units.shape[:-1], -1, 2).flip(-1).flatten(-2)  # of each pair the second is read first
    shifts = torch.arange(15, -1, -1, device=words.device)
    each = ((stream[..., None] >> shifts) & 1).flatten(-2)  # [kt, nt, 256 * bits], one bit a value
    end = (torch.arange(256, device=words.device) + 1) * bits
    window = (end[:, None] - 16 + torch.arange(16, device=words.device)) % (256 * bits)
    return (each[..., window] << shifts).sum(-1)


def values_of(state: torch.Tensor, codebook: str) -> torch.Tensor:
    """float64 values of 16-bit states, before they are rounded to fp16."""
    if codebook == "mul1":
        # Exact in float64 and in float32: only the step to fp16 rounds, as the fused instruction does.
        return byte_sums(state).double() * MUL1_SCALE + MUL1_OFFSET
    product = state * 89226354 + 64248484 if codebook == "3inst" else state * 0xCBAC1FED
    pair = (product & 0x8FFF8FFF) ^ 0x3B603B60
    low, high = ((half & 0xFFFF).to(torch.int32).to(torch.int16).view(torch.float16) for half in (pair, pair >> 16))
    return low.double() + high.double()


def byte_sums(state: torch.Tensor) -> torch.Tensor:
    """The sum of the four bytes of a state's product, by which `mul1` names its values, int64."""
    product = (state * 0x83DCD12D) & 0xFFFFFFFF
    return (product & 0xFF) + (product >> 8 & 0xFF) + (product >> 16 & 0xFF) + (product >> 24)


def matmul(words: Sequence[torch.Tensor], x: torch.Tensor, codebook: str, *, is_rounded: bool) -> torch.Tensor:
    """float64 [rows, columns of all matrices]: x float64 [M, rows, in], one input for each matrix, times its matrix.

    Args:
        is_rounded: weights are rounded to fp16, as the format defines them.
    """
    products = []
    for i, matrix in enumerate(words):
        values = untile(values_of(states(matrix), codebook))
        products.append(x[i] @ (values.half().double() if is_rounded else values))
    return torch.cat(products, dim=1)


def matmul_int(words: Sequence[torch.Tensor], codes: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """The product of integer inputs and `mul1` weights without their rounding to fp16, float64 [rows, all columns].

    Args:
        codes: [M, rows, in].  scales: [M, rows, in / 128, 2], for each 128 inputs what their sum of codes times bytes
            is multiplied with and what is added to it.
    """
    products = []
    for i, matrix in enumerate(words):
        weights = untile(byte_sums(states(matrix))).double()
        weights = weights.view(-1, BLOCK, weights.shape[1])  # [units, 128, columns]
        sums = torch.einsum("ruk,ukn->run", codes[i].double().reshape(codes.shape[1], -1, BLOCK), weights)
        products.append((sums * scales[i, ..., :1].double() + scales[i, ..., 1:].double()).sum(1))
    return torch.cat(products, dim=1)


def limbs_of(codes: torch.Tensor) -> torch.Tensor:
    """int16 with a signed high and a signed low byte, that are 256 * high + low = code."""
    low = (codes + 128) % 256 - 128
    pair = ((codes - low) & 0xFF00) | (low & 0xFF)
    return torch.where(pair >= 32768, pair - 65536, pair).to(torch.int16)


def codes_of(limbs: torch.Tensor) -> torch.Tensor:
    """The codes of `limbs_of`, int64."""
    wide = limbs.long()
    low = (wide + 128) % 256 - 128
    return ((wide >> 8) * 256) + low  # an arithmetic shift: the high byte with its sign


def rotate(x: torch.Tensor) -> torch.Tensor:
    """Every run of 128 of the last dimension times the symmetric orthogonal Hadamard matrix, float64."""
    index = torch.arange(BLOCK, device=x.device)
    common = index[:, None] & index
    parity = torch.stack([common >> bit & 1 for bit in range(7)]).sum(0) % 2
    matrix = (1 - 2 * parity).double() / BLOCK**0.5
    return (x.double().reshape(-1, BLOCK) @ matrix).reshape(x.shape)


def rotate_input(x: torch.Tensor, suh: torch.Tensor) -> torch.Tensor:
    """float64 [M, rows, padded]: x [rows, in] times each of suh fp16 [M, padded], rotated; zero beyond `in`."""
    padded = torch.nn.functional.pad(x.double(), (0, suh.shape[1] - x.shape[1]))
    return rotate(padded * suh.double()[:, None])


def finish_output(partial: torch.Tensor, svh: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """float64 [rows, width]: the sum of partial [splits, rows, width], rotated, times svh, plus bias."""
    return rotate(partial.double().sum(0)) * svh.double() + bias.double()
